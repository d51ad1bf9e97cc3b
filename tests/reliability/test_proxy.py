"""The bad network does what it says, to a server that counts."""

import http.server
import threading
from collections.abc import Iterator
from random import Random

import httpx
import pytest

from world.faults.proxy import FAULTS, Fault, Proxy

ARRIVES_TWICE = {Fault.TWICE, Fault.TWICE_AT_ONCE, Fault.AGAIN_LATER}
ANSWERED = {*ARRIVES_TWICE, Fault.LATENCY}
CUT = {Fault.CUT_REPLY, Fault.REPLY_EATEN, Fault.RESET, Fault.HALF_CLOSE}
ANSWER = b"x" * 10_000


class Counting(http.server.BaseHTTPRequestHandler):
    """Counts the bodies that arrive whole."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        """Note the body and answer."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def arrived() -> Iterator[tuple[int, list[bytes]]]:
    """A server's port, and what has arrived there."""
    bodies: list[bytes] = []
    handler = type("Handler", (Counting,), {"bodies": bodies})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], bodies
    server.shutdown()
    server.server_close()


def post(proxy: Proxy) -> bytes | None:
    """Send a body; give the answer, or none where there was none."""
    with httpx.Client(base_url=proxy.url) as client:
        try:
            return client.post("/", content=b"a body of some length").content
        except httpx.TransportError:
            return None


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_does_what_it_says(arrived: tuple[int, list[bytes]], fault: Fault) -> None:
    port, bodies = arrived
    with Proxy(port, Random(7), chance=0) as proxy:
        proxy.plan = [fault]
        answer = post(proxy)
        proxy.calm()

        assert proxy.faults == {fault: 1}
        assert len(bodies) == (
            2 if fault in ARRIVES_TWICE else 0 if fault is Fault.CUT_REQUEST else 1
        )
        assert answer in ([ANSWER] if fault in ANSWERED else [None, ANSWER])
        if fault in CUT or fault is Fault.CUT_REQUEST:
            assert answer is None
        assert post(proxy) == ANSWER, "the next one is carried as it is"


def test_nothing_gets_through_while_the_network_is_away(arrived: tuple[int, list[bytes]]) -> None:
    port, bodies = arrived
    with Proxy(port, Random(7), chance=1) as proxy:
        proxy.is_away = True
        assert post(proxy) is None
        assert bodies == []
        proxy.calm()
        assert post(proxy) == ANSWER


def test_the_same_seed_breaks_the_same_requests(arrived: tuple[int, list[bytes]]) -> None:
    port, _ = arrived
    seen = []
    for _ in range(2):
        with Proxy(port, Random(11), chance=0.5, only=(Fault.REPLY_EATEN,)) as proxy:
            seen.append([post(proxy) is None for _ in range(12)])
    assert seen[0] == seen[1]
    assert len({*seen[0]}) == 2
