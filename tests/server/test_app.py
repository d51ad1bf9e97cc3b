"""The application as a whole: what every answer has, how it starts, what it does when it stops."""

import asyncio
import gzip
import importlib
import io
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast, get_type_hints
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest
import zstandard
from litestar import Litestar, Request, Response, Router, get, post
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import ServerSentEvent
from litestar.routes import HTTPRoute

import server
from billing.commissions.rules.payouts import PayeeMissing
from billing.errors import MakerIsChecker
from server.app import ROUTERS, create_app
from server.kit import db, live, logs
from server.kit.buckets import Buckets, Rate
from server.kit.errors import Conflict
from server.kit.text import Int, Str
from server.settings import Settings
from tests.conftest import living


class Note(msgspec.Struct):
    """What the routes of these stories take and give."""

    name: Str
    number: Int = 0
    children: list["Note"] = []


@post("/notes", exclude_from_auth=True)
async def echo(data: JSONBody[Note]) -> Note:
    """Give the same back."""
    return data


@post("/bytes", exclude_from_auth=True)
async def measure(request: Request[Any, Any, Any]) -> str:
    """Tell how many bytes came."""
    return str(len(await request.body()))


@get("/notes/{note_id:uuid}", exclude_from_auth=True)
async def show(note_id: FromPath[UUID], limit: FromQuery[int] = 1) -> dict[str, str]:
    """Give the id back."""
    return {"id": str(note_id), "limit": str(limit)}


@get("/large", exclude_from_auth=True)
async def large() -> list[str]:
    """Give something that is worth compressing."""
    return ["同路"] * 1000


@get("/cached", exclude_from_auth=True)
async def cached() -> Response[str]:
    """Give something with headers of its own."""
    headers = {"cache-control": "max-age=60", "content-security-policy": "default-src 'self'"}
    return Response("x", headers=headers)


@get("/conflict", exclude_from_auth=True)
async def conflict() -> None:
    """Refuse."""
    raise Conflict("Somebody was faster.", retry_after_s=3, seq=7)


@get("/barred", exclude_from_auth=True)
async def barred() -> None:
    """Decline as the books do, for who asks."""
    raise MakerIsChecker("Not you.")


@get("/unpayable", exclude_from_auth=True)
async def unpayable() -> None:
    """Decline as the books do, for what is asked."""
    raise PayeeMissing([UUID(int=7)])


@get("/fault", exclude_from_auth=True)
async def fault() -> None:
    """Fail."""
    raise LookupError("13812345678")


@get("/connection-broken", exclude_from_auth=True)
async def connection_broken() -> None:
    """Use a connection that broke while nobody used it, as asyncpg tells of it."""
    raise asyncpg.InternalClientError(
        'cannot switch to state 11; protocol is in the "failed" state'
    )


@get("/backend-ended", exclude_from_auth=True)
async def backend_ended() -> None:
    """Use a connection whose backend said that it ends, within a transaction."""
    raise asyncpg.InternalClientError(
        "cannot switch to state 12; another operation (2) is in progress"
    )


@get("/connection-in-use", exclude_from_auth=True)
async def connection_in_use() -> None:
    """Use a connection that somebody uses."""
    raise asyncpg.InternalClientError(
        "cannot switch to state 11; another operation (12) is in progress"
    )


@get("/slow", exclude_from_auth=True, opt={"time_limit_s": 0.05})
async def slow() -> None:
    """Hold a transaction for longer than a handler may."""
    async with db.tenant_transaction(uuid4()):
        await db.connection().execute("SELECT pg_sleep(4)")


class Gate:
    """Lets a story hold a request open."""

    entered = asyncio.Event()
    may_leave = asyncio.Event()


@get("/gate", exclude_from_auth=True)
async def gate() -> str:
    """Wait until the story goes on."""
    Gate.entered.set()
    await Gate.may_leave.wait()
    return "done"


@get("/feed/{tenant_id:uuid}", exclude_from_auth=True, opt={"time_limit_s": None})
async def feed(tenant_id: FromPath[UUID]) -> ServerSentEvent:
    """Stream hints."""
    subscription = live.subscribe(tenant_id)
    Gate.entered.set()

    async def events() -> AsyncIterator[str]:
        async for seq in subscription:
            yield str(seq)

    return ServerSentEvent(events())


STORIES = [
    echo,
    measure,
    show,
    large,
    cached,
    conflict,
    barred,
    unpayable,
    fault,
    connection_broken,
    backend_ended,
    connection_in_use,
    slow,
    gate,
    feed,
]


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Litestar]:
    """Start the application in place of what is open."""
    Gate.entered, Gate.may_leave = asyncio.Event(), asyncio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.ENGINE, "pool", None)
        patch.setattr(live, "HUB", live.Hub())
        app = create_app(settings, more=STORIES)
        async with living(app):
            yield app


@pytest.fixture(scope="module")
async def story_app(database: Settings) -> AsyncIterator[Litestar]:
    """The application with the routes of these stories."""
    async with started(database) as app:
        yield app


def client_of(app: Litestar) -> httpx.AsyncClient:
    """A client without a session."""
    transport = httpx.ASGITransport(app=cast("Any", app), client=("127.0.0.1", 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://tonglu.test")


@pytest.fixture
async def http(story_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with client_of(story_app) as client:
        yield client


@contextmanager
def written_logs() -> Iterator[io.StringIO]:
    """What is logged from now on."""
    stream = io.StringIO()
    logs.configure(level="INFO", stream=stream)
    yield stream
    logs.configure(level="WARNING")


def test_every_room_with_routes_is_part_of_the_application() -> None:
    rooms = {
        module.name
        for module in pkgutil.iter_modules(server.__path__)
        if module.ispkg and importlib.util.find_spec(f"server.{module.name}.routes")
    }

    registered = {
        room for room in rooms if importlib.import_module(f"server.{room}.routes").router in ROUTERS
    }

    assert registered == rooms


def test_bounds_of_parameters_are_not_dropped() -> None:
    # Litestar takes no notice of msgspec's bounds in a parameter: use server.kit.parameters.
    dropped = [
        f"{handler.fn.__module__}.{handler.fn.__name__} {name}"
        for room in ROUTERS
        for route in Router("/", route_handlers=[room]).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"}
        for name, hint in get_type_hints(handler.fn, include_extras=True).items()
        if "QueryParameter(" in str(hint) and "msgspec.Meta(" in str(hint)
    ]

    assert dropped == []


async def test_every_answer_has_the_headers_of_safety(http: httpx.AsyncClient) -> None:
    for path in ("/livez", "/v1/nothing", "/fault", "/conflict", "/v1/openapi.json"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert len(headers["x-request-id"]) == 32
        assert "strict-transport-security" not in headers


async def test_a_page_keeps_its_own_headers(http: httpx.AsyncClient) -> None:
    headers = (await http.get("/cached")).headers

    assert headers.get_list("cache-control") == ["max-age=60"]
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_over_tls_browsers_are_told_to_stay_there(database: Settings) -> None:
    secure = msgspec.structs.replace(database, public_url="https://tonglu.example")
    async with client_of(create_app(secure)) as http:
        assert "max-age" in (await http.get("/livez")).headers["strict-transport-security"]


@pytest.mark.parametrize(
    "made",
    [
        "01JDT9W3GZ8Q4V7XK2M5N6P7R8",
        "018f3b5e-9c2d-7a41-8d3e-5f6a7b8c9d0e",
        "9f86d081884c7d659a2feaa0c55ad015",
        "9F86D081884C7D65",
    ],
)
async def test_a_proxys_request_id_is_kept(http: httpx.AsyncClient, made: str) -> None:
    kept = await http.get("/conflict", headers={"x-request-id": made})

    assert kept.headers["x-request-id"] == made
    assert kept.json()["request_id"] == made


@pytest.mark.parametrize(
    "harmful",
    [
        *("a b", "x" * 65, '"}{', "short", "proxy-0001-abc", "zhang-san-feng-13"),
        *("13912345678", "8613912345678", "00000000000000013912345678", "139-1234-5678"),
        *("13912345678abcdef", "abc13912345678def", "00000000-0000-0000-000a-13912345678a"),
    ],
)
async def test_a_request_id_that_may_be_a_person_is_replaced(
    http: httpx.AsyncClient, harmful: str
) -> None:
    made = await http.get("/conflict", headers={"x-request-id": harmful})

    assert made.headers["x-request-id"] != harmful


@pytest.mark.parametrize(
    ("accepted", "encoding", "read"),
    [
        ("zstd, gzip", "zstd", zstandard.ZstdDecompressor().decompress),
        ("gzip;q=0.5, zstd;q=0", "gzip", gzip.decompress),
        ("gzip", "gzip", gzip.decompress),
    ],
)
async def test_a_large_answer_is_compressed(
    http: httpx.AsyncClient, accepted: str, encoding: str, read: Callable[[bytes], bytes]
) -> None:
    request = http.build_request("GET", "/large", headers={"accept-encoding": accepted})
    answer = await http.send(request, stream=True)
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert int(answer.headers["content-length"]) == len(raw) < 500
    assert msgspec.json.decode(read(raw)) == ["同路"] * 1000


async def test_a_small_answer_and_a_plain_client_get_plain_bytes(http: httpx.AsyncClient) -> None:
    small = await http.get("/conflict", headers={"accept-encoding": "zstd"})
    plain = await http.get("/large", headers={"accept-encoding": "identity"})

    assert "content-encoding" not in small.headers
    assert "content-encoding" not in plain.headers
    assert len(plain.json()) == 1000


async def test_what_the_books_decline_is_a_problem_document(http: httpx.AsyncClient) -> None:
    barred, unsound = await http.get("/barred"), await http.get("/unpayable")

    assert (barred.status_code, barred.json()["code"]) == (403, "maker_is_checker")
    assert barred.headers["content-type"] == "application/problem+json"
    assert barred.json()["detail"] == "Not you."
    assert unsound.status_code == 422
    assert unsound.json()["errors"][0]["field"] == "payees"
    assert unsound.json()["agent_ids"] == [str(UUID(int=7))]


async def test_a_refusal_is_a_problem_document(http: httpx.AsyncClient) -> None:
    answer = await http.get("/conflict")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "3"
    problem = answer.json()
    assert problem["type"] == "urn:tonglu:problem:conflict"
    assert problem["title"] == "Conflict"
    assert problem["status"] == 409
    assert problem["code"] == "conflict"
    assert problem["detail"] == "Somebody was faster."
    assert problem["seq"] == 7


async def test_our_own_fault_says_nothing(http: httpx.AsyncClient) -> None:
    answer = await http.get("/fault")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "1381234" not in answer.text
    assert "LookupError" not in answer.text


async def test_a_connection_that_broke_in_the_pool_is_no_fault_of_ours(
    http: httpx.AsyncClient,
) -> None:
    for broken in ("/connection-broken", "/backend-ended"):
        lost = await http.get(broken)

        assert (lost.status_code, lost.json()["code"]) == (503, "unavailable")
        assert lost.headers["retry-after"] == "2"
    misused = await http.get("/connection-in-use")
    assert misused.status_code == 500


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"name": "\x9c"}', 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b'{"name": "x", "children": ' + b"[" * 33 + b"]" * 33 + b"}", 400, "body"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "body"),
        (b"{", 400, "body"),
        (b'{"name": "x"} trailing', 400, "body"),
        (b'{"name": "\\ud800"}', 400, "body"),
        (b'{"name": "x", "number": NaN}', 400, "body"),
        (b'{"name": "x", "number": 1e999}', 400, "body"),
        (b"", 422, "body"),
        (b"null", 422, "body"),
        (b"[]", 422, "body"),
        (b'"x"', 422, "body"),
        (b"{}", 422, "name"),
        (b'{"name": 1}', 422, "name"),
        (b'{"name": "a\\u0000b"}', 422, "name"),
        (b'{"name": "' + b"x" * 201 + b'"}', 422, "name"),
        (b'{"name": "x", "number": 9007199254740993}', 422, "number"),
        (b'{"name": "x", "number": ' + b"9" * 400 + b"}", 422, "number"),
        (b'{"name": "x", "number": 1.5}', 422, "number"),
        (b'{"name": "x", "children": [{"name": "y"}, {"name": 3}]}', 422, "children[1].name"),
        (b'{"name": "' + b"x" * 1_100_000 + b'"}', 413, "body"),
    ],
)
async def test_a_bad_body_is_refused_naming_the_field(
    http: httpx.AsyncClient, body: bytes, status: int, field: str
) -> None:
    answer = await http.post("/notes", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    (named,) = answer.json()["errors"]
    assert named["field"] == field
    assert named["detail"]
    assert "xxx" not in answer.text


async def test_deep_nesting_inside_a_text_is_no_nesting(http: httpx.AsyncClient) -> None:
    name = '[{"\\' * 40

    answer = await http.post("/notes", json={"name": name})

    assert answer.status_code == 201
    assert answer.json()["name"] == name


async def test_a_body_of_another_type_is_refused(http: httpx.AsyncClient) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "garbage;;;"):
        answer = await http.post(
            "/notes", content=b'{"name": "x"}', headers={"content-type": media_type}
        )
        assert answer.status_code == 415, media_type
        assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/notes/not-an-id", 404, None),
        ("/notes/%00", 404, None),
        ("/notes/%ff%fe", 404, None),
        ("/notes/0190a000-0000-7000-8000-000000000001?limit=x", 422, "limit"),
        ("/notes/0190a000-0000-7000-8000-000000000001?limit=%ff", 422, "limit"),
    ],
)
async def test_a_bad_address_is_refused(
    http: httpx.AsyncClient, path: str, status: int, field: str | None
) -> None:
    answer = await http.get(path)

    assert answer.status_code == status
    assert [error["field"] for error in answer.json().get("errors", [])] == [field] * bool(field)


async def test_a_wrong_method_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/notes")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "POST" in answer.headers["allow"]


async def test_an_address_tells_its_methods(http: httpx.AsyncClient) -> None:
    note = "/notes/0190a000-0000-7000-8000-000000000001"
    for path, methods in (("/notes", "OPTIONS, POST"), (note, "GET, OPTIONS")):
        answer = await http.options(path)

        assert answer.status_code == 204
        assert answer.headers["allow"] == methods
        assert not answer.content
        # Pages of other origins are promised nothing.
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (await http.options("/nothing")).status_code == 404


async def test_a_handler_that_takes_too_long_is_cut(
    http: httpx.AsyncClient, story_app: Litestar
) -> None:
    answer = await http.get("/slow")

    assert answer.status_code == 503
    assert answer.json()["code"] == "too_slow"
    assert answer.headers["retry-after"] == "1"
    assert (await http.get("/readyz")).status_code == 200


async def test_the_access_line_has_the_route_and_no_query(http: httpx.AsyncClient) -> None:
    note = "0190a000-0000-7000-8000-000000000001"
    with written_logs() as written:
        await http.get(f"/notes/{note}?limit=13812345678")
        await http.get("/v1/nobody/王小明")
        await http.get("/livez")

    lines = [msgspec.json.decode(line) for line in written.getvalue().splitlines()]
    answered = [line for line in lines if line["event"] == "request.answered"]
    assert [(line["route"], line["status"]) for line in answered] == [
        ("/notes/{note_id}", 200),
        ("unrouted", 404),
    ]
    assert "1381234" not in str(lines)
    assert "王小明" not in str(lines)


async def test_a_word_that_is_no_method_is_kept_nowhere(
    http: httpx.AsyncClient,
) -> None:
    with written_logs() as written:
        await http.request("PHONE-13912345608", "/conflict")

    counted = (await http.get("/metrics")).text
    assert 'method="other"' in counted
    assert '"method":"other"' in written.getvalue()
    assert "13912345608" not in counted + written.getvalue()


async def test_metrics_count_by_route_and_are_for_the_inside(
    http: httpx.AsyncClient, story_app: Litestar
) -> None:
    await http.get("/conflict")

    answer = await http.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'tonglu_requests_total{method="GET",route="/conflict",status="409"}' in answer.text
    assert "tonglu_pool_connections_open" in answer.text
    assert "tonglu_outbox_waiting" in answer.text
    through_proxy = await http.get("/metrics", headers={"x-forwarded-for": "8.8.8.8"})
    assert through_proxy.status_code == 404
    transport = httpx.ASGITransport(app=cast("Any", story_app), client=("8.8.8.8", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as outside:
        assert (await outside.get("/metrics")).status_code == 404


async def test_not_ready_while_the_database_is_away(http: httpx.AsyncClient) -> None:
    assert (await http.get("/readyz")).status_code == 200
    await db.close_database()

    away = await http.get("/readyz")

    assert away.status_code == 503
    assert away.json()["code"] == "not_ready"
    assert (await http.get("/livez")).status_code == 200


async def _begin(http: httpx.AsyncClient, path: str) -> Awaitable[httpx.Response]:
    """Send a request and wait until its handler runs."""
    request = asyncio.create_task(http.get(path))
    async with asyncio.timeout(5):
        await Gate.entered.wait()
    return request


async def test_a_stopping_process_finishes_what_it_has_begun(database: Settings) -> None:
    settings = msgspec.structs.replace(database, drain_s=5.0)
    async with started(settings) as app, client_of(app) as http:
        request = await _begin(http, "/gate")
        app.state.drain.begin()
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/conflict")).status_code == 409
        # Goes on only once the application waits for it.
        asyncio.get_running_loop().call_later(0.05, Gate.may_leave.set)

    answer = await request
    assert (answer.status_code, answer.text) == (200, "done")


async def test_a_stopping_process_does_not_wait_forever(database: Settings) -> None:
    settings = msgspec.structs.replace(database, drain_s=0.05)
    written = io.StringIO()
    async with started(settings) as app, client_of(app) as http:
        logs.configure(level="INFO", stream=written)
        request = await _begin(http, "/gate")
    logs.configure(level="WARNING")

    lines = [msgspec.json.decode(line) for line in written.getvalue().splitlines()]
    assert [line["in_flight"] for line in lines if line["event"] == "server.drain-cut"] == [1]
    Gate.may_leave.set()
    await request


async def test_live_feeds_end_when_the_process_stops(database: Settings) -> None:
    settings = msgspec.structs.replace(database, drain_s=5.0)
    loop = asyncio.get_running_loop()
    async with started(settings) as app, client_of(app) as http:
        tenant_id = uuid4()
        request = await _begin(http, f"/feed/{tenant_id}")
        live.HUB.publish(tenant_id, 12)
        begun_s = loop.time()

    answer = await request
    assert answer.status_code == 200
    assert loop.time() - begun_s < 4


async def test_the_document_describes_refusals_and_the_bearer_scheme(
    http: httpx.AsyncClient,
) -> None:
    document = (await http.get("/v1/openapi.json")).json()

    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["security"] == [{"bearer": []}]
    assert {"type", "title", "status", "code", "detail", "errors", "request_id"} == set(
        document["components"]["schemas"]["Problem"]["properties"]
    )
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) > 20
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}
        assert {"400", "401", "403", "422", "503"} <= set(operation["responses"])
    assert "/livez" not in document["paths"]
    assert all(path.startswith("/v1/") for path in document["paths"] if path not in _paths(STORIES))


def _paths(handlers: list[HTTPRouteHandler]) -> set[str]:
    """Write the addresses of handlers as the document does."""
    return {path.replace(":uuid", "") for handler in handlers for path in handler.paths}


def test_a_bucket_lets_a_burst_through_and_then_a_rate() -> None:
    buckets = Buckets(Rate(burst=3, per_s=2))

    assert [buckets.take("a", now_s=100.0) for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("b", now_s=100.0) == 0
    assert buckets.take("a", now_s=100.5) == 0
    assert buckets.take("a", now_s=100.5) == 1
    assert [buckets.take("a", now_s=200.0) for _ in range(4)] == [0, 0, 0, 1]
    # A clock that goes back fills nothing and takes nothing away.
    assert buckets.take("a", now_s=0.0) == 1


async def test_a_compressed_body_is_looked_at_by_whoever_unpacks_it(
    http: httpx.AsyncClient,
) -> None:
    packed = zstandard.ZstdCompressor().compress(msgspec.json.encode({"name": "x" * 90}))
    brackets = packed + b"[{" * 40

    answer = await http.post(
        "/bytes",
        content=brackets,
        headers={"content-type": "application/json", "content-encoding": "zstd"},
    )

    assert answer.status_code == 201
    assert answer.text == str(len(brackets))


async def test_the_document_is_the_same_for_all_and_made_elsewhere(
    http: httpx.AsyncClient, story_app: Litestar
) -> None:
    first, again = await asyncio.gather(*(http.get("/v1/openapi.json") for _ in range(2)))

    assert first.content == again.content
    assert first.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert len(first.json()["paths"]) > 100
    assert story_app.plugins.get(OpenAPIPlugin)._openapi is None
