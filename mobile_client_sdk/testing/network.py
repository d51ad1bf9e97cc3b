"""Networks that are bad on demand, and one that is real: a loopback port."""

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import httpx

from mobile_client_sdk.testing.answers import Answer, problem


class Fault(StrEnum):
    """What can happen to a request."""

    LOSE_REQUEST = "lose_request"
    """It never arrives."""
    LOSE_REPLY = "lose_reply"
    """It is done, and the answer never arrives."""
    CUT_REPLY = "cut_reply"
    """It is done, and half of the answer arrives."""
    TWICE = "twice"
    """It arrives twice; the second answer comes back."""
    LATE_REPLY = "late_reply"
    """The answer of an earlier request to the same address comes back instead."""
    PORTAL = "portal"
    """A hotel's page answers 200."""
    TROUBLE = "trouble"
    """The server answers 503."""
    SIGNED_OUT = "signed_out"
    """The access token counts as expired."""


class Answering(Protocol):
    """Something that answers requests, and the plan of what happens to them."""

    faults: list[Fault | None]
    last_answers: dict[str, Answer]

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes, method: str = "POST"
    ) -> Answer:
        """Answer a request; the path has its query."""
        ...


class InMemory(httpx.BaseTransport):
    """Carries requests to a server in the same process, badly where it is told to."""

    def __init__(self, server: Answering) -> None:
        self._server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request as the plan of its server has it."""
        server, path = self._server, request.url.raw_path.decode()
        fault = server.faults.pop(0) if server.faults else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.read()
        if fault is Fault.LOSE_REQUEST:
            raise httpx.ConnectError("no network", request=request)
        instead = _instead(server, fault, path)
        if instead is not None:
            return _response(instead)
        answer = server.answer(path, headers, body, request.method)
        if fault is Fault.TWICE:
            answer = server.answer(path, headers, body, request.method)
        server.last_answers[path] = answer
        if fault is Fault.LOSE_REPLY:
            raise httpx.ReadError("connection lost", request=request)
        if fault is Fault.CUT_REPLY:
            answer = (answer[0], answer[1], answer[2][: len(answer[2]) // 2])
        return _response(answer)


def _instead(server: Answering, fault: Fault | None, path: str) -> Answer | None:
    """Answer what comes back without the server having been asked."""
    if fault is Fault.PORTAL:
        return 200, {"content-type": "text/html"}, b"<h1>Welcome to our Wi-Fi</h1>"
    if fault is Fault.TROUBLE:
        return problem(503, "unavailable", "Try again later.")
    if fault is Fault.SIGNED_OUT:
        return problem(401, "token_expired", "The token has expired.")
    if fault is Fault.LATE_REPLY:
        return server.last_answers.get(path)
    return None


def _response(answer: Answer) -> httpx.Response:
    status, headers, body = answer
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


class _Loopback(ThreadingHTTPServer):
    """Says nothing of clients that go away, which is what tests make them do."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what a handler raised, unless the client is gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Serves a fake server on a port."""

    fake: Answering
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answered, content = self.fake.answer(self.path, headers, body, self.command)
        self.send_response(status)
        for name, value in answered.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet."""


@contextmanager
def served(server: Answering) -> Iterator[str]:
    """Serve on a loopback port; answer the base URL."""
    handler = type("Handler", (_Handler,), {"fake": server})
    http = _Loopback(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
