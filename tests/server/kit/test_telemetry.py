"""Reports of faults: a real receiver on loopback gets the type and the frames, and no customer."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
import sentry_sdk
import structlog
from litestar import Litestar, post
from litestar.params import JSONBody

from server.app import create_app
from server.kit import db, telemetry
from server.settings import Settings

PHONE = "13912345678"
NAME = "欧阳建国"
ID_NUMBER = "11010519491231002X"


class Receiver:
    """Takes envelopes as Sentry does, and keeps them."""

    def __init__(self) -> None:
        self.envelopes: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.envelopes.append(body)
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def dsn(self) -> str:
        """Where to send."""
        return f"http://key@127.0.0.1:{self._server.server_port}/1"

    def received(self) -> str:
        """Give everything that was sent, as text."""
        sentry_sdk.flush(5)
        return b"\n".join(self.envelopes).decode()

    def events(self) -> list[dict[str, Any]]:
        """Give the events that were sent."""
        sentry_sdk.flush(5)
        found = []
        for envelope in self.envelopes:
            lines = envelope.split(b"\n")
            for header, payload in zip(lines[1::2], lines[2::2], strict=False):
                if header and msgspec.json.decode(header).get("type") == "event":
                    found.append(msgspec.json.decode(payload))
        return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that the process reports to for one test."""
    with Receiver() as made:
        yield made
        sentry_sdk.get_client().close(timeout=5)
        sentry_sdk.get_global_scope().set_client(None)
        sentry_sdk.get_isolation_scope().clear()


class NewPerson(msgspec.Struct):
    """What the route of the story takes."""

    name: str
    phone: str


@post("/people", exclude_from_auth=True)
async def store_twice(data: JSONBody[NewPerson]) -> None:
    """Break a unique key with a customer's data in hand, and log about it."""
    secret_local = f"{data.name} {data.phone}"
    structlog.get_logger().error("person.stored", reason=secret_local, name=data.name)
    async with db.tenant_transaction(uuid4()):
        connection = db.connection()
        await connection.execute(
            "INSERT INTO team (tenant_id, id, name, created_at) VALUES "
            "(current_setting('app.tenant_id')::uuid, gen_random_uuid(), $1, now()), "
            "(current_setting('app.tenant_id')::uuid, gen_random_uuid(), $1, now())",
            secret_local,
        )


@pytest.fixture
def reporting_app(database: Settings, receiver: Receiver) -> Litestar:
    """The application with a broken route, reporting to the receiver."""
    settings = msgspec.structs.replace(database, sentry_dsn=receiver.dsn)
    return create_app(settings, more=[store_twice])


async def test_a_fault_is_reported_without_the_customer(
    reporting_app: Litestar, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    transport = httpx.ASGITransport(app=cast("Any", reporting_app))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as http:
        answer = await http.post(
            f"/people?phone={PHONE}",
            json={"name": NAME, "phone": PHONE},
            headers={"cookie": f"name={PHONE}", "x-person": PHONE, "user-agent": PHONE},
        )

    assert answer.status_code == 500
    assert PHONE not in answer.text
    assert NAME not in answer.text

    (event,) = receiver.events()
    kinds = [value["type"] for value in event["exception"]["values"]]
    assert kinds[-1] == "UniqueViolationError"
    assert event["tags"]["request_id"] == answer.headers["x-request-id"]
    assert event["tags"]["route"] == "/people"
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert any(frame["function"] == "store_twice" for frame in frames)

    sent = receiver.received()
    escaped = msgspec.json.encode(NAME).decode().strip('"')
    for canary in (PHONE, NAME, escaped, NAME.encode("unicode_escape").decode(), "secret_local"):
        assert canary not in sent
    logged = capsys.readouterr().out
    assert "request.failed" in logged
    assert PHONE not in logged
    assert NAME not in logged


async def test_nothing_else_is_ever_sent(reporting_app: Litestar, receiver: Receiver) -> None:
    sentry_sdk.add_breadcrumb(message=f"called {PHONE}", data={"name": NAME})
    sentry_sdk.set_user({"id": PHONE, "username": NAME})
    sentry_sdk.set_extra("customer", NAME)
    sentry_sdk.set_tag("name", NAME)
    sentry_sdk.set_context("customer", {"name": NAME})
    with sentry_sdk.start_transaction(name=NAME, op=PHONE):
        sentry_sdk.capture_message(f"{NAME} {PHONE} {ID_NUMBER}")
    error = LookupError(NAME)
    error.add_note(PHONE)
    error.__cause__ = asyncpg.DataError(PHONE)
    telemetry.report(error, request_id="r1", topic=f"call.{PHONE}")

    events = receiver.events()

    assert len(events) == 2
    for event in events:
        assert not event.get("breadcrumbs", {}).get("values")
        assert "user" not in event
        assert "extra" not in event
        assert "request" not in event
    sent = receiver.received()
    for canary in (PHONE, NAME, NAME.encode("unicode_escape").decode(), ID_NUMBER):
        assert canary not in sent
    assert '"type":"transaction"' not in sent.replace(" ", "")


async def test_without_an_address_nothing_is_sent(database: Settings) -> None:
    telemetry.configure(database)

    assert not sentry_sdk.get_client().is_active()
