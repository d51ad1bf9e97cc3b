"""Push and pull over HTTP: two encodings, one meaning; broken bytes are refused by field."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit import clock
from server.settings import Settings
from sync_protocol import codec
from sync_protocol.messages import (
    Create,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    Status,
)
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from tests.factories import Tenant, new_id
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
        ("pull", b'{"cursor":"AAAA"}', codec.JSON, 422, "cursor"),
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


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from(["\x00", "\ud800", "x" * 36, str(new_id()), "9" * 400]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside),
    max_leaves=5,
)
_ops = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["create", "edit", "delete", "intent", "dance"]),
        "number": st.integers(1, 5) | _values,
        "kind": st.sampled_from(["customer", "contact", "note", "tag", "conflict"]) | _values,
        "id": st.just(str(new_id())) | _values,
        "at_ms": st.just(0) | _values,
        "base": st.just(0) | _values,
    },
    optional={
        "fields": st.dictionaries(
            st.sampled_from(
                ["name", "phone", "tags", "owner_id", "customer_id", "written_at", "body", "kept"]
            ),
            _values,
        )
        | _values,
        "sets": st.dictionaries(st.just("tags"), _values) | _values,
        "group": st.tuples(st.integers(1, 9), st.integers(1, 2**60)) | _values,
        "name": st.just("benefits.request") | _values,
        "args": _values,
    },
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(ops=st.lists(_ops, max_size=4), forgotten=st.just(0) | _values)
async def test_no_push_makes_the_server_fail(
    phone: httpx.AsyncClient, ops: list[Any], forgotten: object
) -> None:
    head = {"protocol": PROTOCOL_VERSION, "schema": SCHEMA_VERSION, "device_time_ms": 0}
    text = json.dumps({**head, "ops": ops, "forgotten": forgotten})

    answer = await phone.post(
        "/v1/sync/push",
        content=text.encode("utf-8", "surrogatepass"),
        headers={"Content-Type": codec.JSON},
    )

    assert answer.status_code < 500, answer.text
    assert "quarantined" not in answer.text
