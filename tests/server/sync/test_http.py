"""Push and pull over HTTP: two encodings, one meaning; broken bytes are refused by field."""

import json
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit import clock
from server.settings import Settings
from sync_protocol import codec
from sync_protocol.messages import (
    MAX_REQUEST_BYTES,
    Create,
    Edit,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    SetChange,
    Status,
)
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from tests.factories import Tenant, new_id
from tests.server.sync import hostile
from tests.server.sync.devices import make_phone_session


@pytest.fixture
async def phone(client: httpx.AsyncClient, database: Settings, tenant: Tenant) -> httpx.AsyncClient:
    """A client that carries an enrolled phone's token."""
    token = await make_phone_session(database, tenant)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def _push(name: str) -> PushRequest:
    """Write a push of one new customer."""
    now_ms = clock.to_ms(clock.now())
    op = Create(
        number=1, kind="customer", id=str(new_id()), fields={"name": name}, at_ms=now_ms, base=0
    )
    return PushRequest(
        protocol=PROTOCOL_VERSION,
        schema=SCHEMA_VERSION,
        device_time_ms=now_ms,
        ops=[op],
        pull=PullRequest(),
    )


@pytest.mark.parametrize("media", [codec.JSON, codec.MSGPACK])
@pytest.mark.parametrize("encoding", ["identity", "zstd"])
async def test_a_whole_sync_is_one_round_trip(
    phone: httpx.AsyncClient, media: codec.MediaType, encoding: str
) -> None:
    body = codec.encode(_push("江阴海澜配送"), media)
    headers = {"Content-Type": media, "Accept-Encoding": encoding}
    if encoding == "zstd":
        body, headers["Content-Encoding"] = codec.compress(body), "zstd"

    answer = await phone.post("/v1/sync/push", content=body, headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media
    response = codec.decode(answer.content, PushResponse, media)
    assert [outcome.status for outcome in response.outcomes] == [Status.APPLIED]
    assert isinstance(response.pull, PullResponse)
    (batch,) = response.pull.batches
    assert batch.columns[batch.fields.index("name")] == ["江阴海澜配送"]


async def test_every_answer_says_that_requests_may_be_compressed(phone: httpx.AsyncClient) -> None:
    answer = await phone.post("/v1/sync/pull", json={})

    assert answer.headers["accept-encoding"] == codec.ZSTD


async def test_who_refuses_zstd_by_its_weight_gets_none(phone: httpx.AsyncClient) -> None:
    body = codec.encode(_push("宜兴紫砂批发"), codec.JSON)
    headers = {"Content-Type": codec.JSON, "Accept-Encoding": "zstd;q=0"}

    answer = await phone.post("/v1/sync/push", content=body, headers=headers)

    assert len(answer.content) > 256
    assert "content-encoding" not in answer.headers
    assert answer.json()["acknowledged"] == 1


@pytest.mark.parametrize(
    ("path", "body", "media", "status", "field"),
    [
        ("push", b"{", codec.JSON, 400, "body"),
        ("push", b'{"protocol":"one"}', codec.JSON, 400, "protocol"),
        ("push", b"\xc1", codec.MSGPACK, 400, "body"),
        ("pull", b'{"limit":0}', codec.JSON, 400, "limit"),
        ("pull", b"[" * 100_000, codec.JSON, 400, "body"),
        ("pull", b"x", "text/plain", 400, None),
    ],
)
async def test_broken_messages_are_refused_by_field(
    phone: httpx.AsyncClient, path: str, body: bytes, media: str, status: int, field: str | None
) -> None:
    answer = await phone.post(f"/v1/sync/{path}", content=body, headers={"Content-Type": media})

    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])


@pytest.mark.parametrize("media", [codec.JSON, codec.MSGPACK])
async def test_a_zero_in_what_is_no_value_fails_nothing(
    phone: httpx.AsyncClient, media: codec.MediaType
) -> None:
    headers = {"Content-Type": media}
    whole = _push("江阴海澜配送")
    (made,) = whole.ops
    assert isinstance(made, Create)
    named = msgspec.structs.replace(made, fields={"name": "x", "a\0b": 1})
    tagged = Edit(
        number=2, kind="customer", id=made.id, sets={"a\0b": SetChange()}, at_ms=0, base=0
    )

    told = msgspec.structs.replace(whole, app_version="1.0\0")
    refused = await phone.post("/v1/sync/push", content=codec.encode(told, media), headers=headers)
    odd = msgspec.structs.replace(whole, ops=[named, tagged])
    answer = await phone.post("/v1/sync/push", content=codec.encode(odd, media), headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (400, "message_invalid")
    outcomes = codec.decode(answer.content, PushResponse, media).outcomes
    assert [(each.code, each.field) for each in outcomes] == [("op_unreadable", "a\\0b")] * 2


async def test_an_unreadable_op_does_not_take_the_others_with_it(phone: httpx.AsyncClient) -> None:
    push = codec.encode(_push("太仓物流"), codec.JSON).replace(
        b'"ops":[{', b'"ops":[{"op":"edit","number":1,"kind":7},{'
    )
    push = push.replace(b'"op":"create","number":1', b'"op":"create","number":2')

    answer = await phone.post("/v1/sync/push", content=push, headers={"Content-Type": codec.JSON})

    statuses = [outcome["status"] for outcome in answer.json()["outcomes"]]
    assert statuses == ["rejected", "applied"]


async def test_nobody_syncs_without_a_device(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/sync/pull", content=b"{}", headers={"Content-Type": codec.JSON})

    assert answer.status_code == 401


class Wire:
    """A device that says anything at all, and knows which number the server waits for."""

    def __init__(self, phone: httpx.AsyncClient, tenant: Tenant) -> None:
        self._phone = phone
        self._words = {hostile.REP: str(tenant.rep.user_id), hostile.TEAM: str(tenant.team_id)}
        self.acknowledged = 0
        self.settled: Counter[str] = Counter()

    async def push(self, ops: list[Any], forgotten: object) -> httpx.Response:
        """Send ops under the numbers that are next."""
        body = {
            "protocol": PROTOCOL_VERSION,
            "schema": SCHEMA_VERSION,
            "device_time_ms": 0,
            "ops": hostile.fitted(ops, self.acknowledged, self._words),
            "forgotten": forgotten,
        }
        text = json.dumps(body).encode("utf-8", "surrogatepass")
        return await self.send(text, {"Content-Type": codec.JSON})

    async def send(self, content: bytes, headers: dict[str, str]) -> httpx.Response:
        """Send bytes, and note what became of the ops."""
        answer = await self._phone.post("/v1/sync/push", content=content, headers=headers)
        if answer.headers["content-type"] == codec.JSON:
            said = answer.json()
            self.acknowledged = said["acknowledged"]
            self.settled.update(outcome["code"] for outcome in said["outcomes"])
        elif answer.status_code == 409:
            self.acknowledged = answer.json()["acknowledged"]
        return answer


@pytest.fixture
async def wire(phone: httpx.AsyncClient, tenant: Tenant) -> AsyncIterator[Wire]:
    """A hostile phone, whose pushes must get as far as the merge, or they tell nothing."""
    wire = Wire(phone, tenant)
    await wire.push(hostile.first_ops(), 0)
    yield wire
    assert wire.settled.total() > 200, wire.settled
    assert {"applied", "not_found", "id_reused", "op_unreadable"} <= set(wire.settled)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(ops=hostile.ops, forgotten=hostile.forgotten)
async def test_no_push_makes_the_server_fail(wire: Wire, ops: list[Any], forgotten: object) -> None:
    before = wire.acknowledged
    # A number that was forgotten is gone for good; the property goes on with the ones behind it.
    forgotten = 0 if isinstance(forgotten, int) and forgotten > 10**6 else forgotten

    answer = await wire.push(ops, forgotten)

    assert answer.status_code < 500, answer.text
    assert "quarantined" not in answer.text
    assert wire.acknowledged >= before
    if answer.status_code == 200:
        assert len(answer.json()["outcomes"]) == len(ops)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_no_broken_bytes_make_the_server_fail(phone: httpx.AsyncClient, data: Any) -> None:
    media = data.draw(st.sampled_from([codec.JSON, codec.MSGPACK]))
    body = bytearray(codec.encode(_push("太仓物流"), media))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    is_packed = data.draw(st.booleans())
    content = codec.compress(bytes(body)) if is_packed else bytes(body)
    cut = data.draw(st.integers(0, 12))
    headers = {"Content-Type": media} | ({"Content-Encoding": codec.ZSTD} if is_packed else {})

    answer = await phone.post(
        "/v1/sync/push", content=content[: len(content) - cut], headers=headers
    )

    assert answer.status_code < 500, answer.text
    assert "quarantined" not in answer.text


_HEAD = {"protocol": PROTOCOL_VERSION, "schema": SCHEMA_VERSION, "device_time_ms": 0}
_INTENT = {"op": "intent", "number": 1, "id": str(new_id()), "name": "x", "at_ms": 0}
_MB = MAX_REQUEST_BYTES - 300


def _filled(piece: bytes) -> bytes:
    """Write an op that is as long as a request may be, full of one piece."""
    head, tail = json.dumps({**_HEAD, "ops": [{**_INTENT, "args": {"a": "@"}}]}).split('"@"')
    return b"%s[%s]%s" % (
        head.encode(),
        b",".join([piece] * (_MB // (len(piece) + 1))),
        tail.encode(),
    )


@pytest.mark.parametrize(
    ("body", "is_packed"),
    [
        (_filled(b"[]"), False),
        (_filled(b'{"":{}}'), False),
        (_filled(b"1e9"), False),
        (json.dumps({**_HEAD, "ops": [0] * (_MB // 3)}).encode(), False),
        (b" " * (64 * MAX_REQUEST_BYTES), True),
        (b'{"ops":' + b"[" * _MB, True),
    ],
)
async def test_no_push_takes_memory_beyond_its_bounds(
    phone: httpx.AsyncClient, body: bytes, *, is_packed: bool
) -> None:
    content = codec.compress(body) if is_packed else body
    headers = {"Content-Type": codec.JSON} | ({"Content-Encoding": "zstd"} if is_packed else {})
    assert len(content) <= MAX_REQUEST_BYTES
    tracemalloc.start()
    try:
        answer = await phone.post("/v1/sync/push", content=content, headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # Measured like this it may take too long, which is said as well.
    assert answer.status_code < 500 or answer.json()["code"] == "too_slow"
    assert peak < 64 * MAX_REQUEST_BYTES
