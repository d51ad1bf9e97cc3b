"""Bytes from a hostile world become messages or one kind of refusal."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import codec
from sync_protocol.messages import (
    MAX_OPS,
    Create,
    Delete,
    Edit,
    FrameInvalid,
    Intent,
    OpGap,
    PullRequest,
    PullResponse,
    PushRequest,
    RecordBatch,
    Unreadable,
    op_digest,
    split_frame,
)
from tests.sync_protocol.stories import LI, NOON, SHOP, VIP, edit, tag

MEDIA: tuple[codec.MediaType, ...] = (codec.JSON, codec.MSGPACK)


def a_push() -> PushRequest:
    return PushRequest(
        protocol=1,
        schema=1,
        device_time_ms=NOON,
        ops=[
            Create(
                number=1, kind="customer", id=SHOP, fields={"name": "福满楼"}, at_ms=NOON, base=0
            ),
            edit(2, city="杭州"),
            tag(3, add=(VIP,)),
            Delete(number=4, kind="customer", id=SHOP, at_ms=NOON, base=0),
            Intent(number=5, id=LI, name="request_benefit", args={"amount_minor": 5}, at_ms=NOON),
        ],
        pull=PullRequest(limit=10),
    )


@pytest.mark.parametrize("media", MEDIA)
def test_a_message_comes_back_as_it_was(media: codec.MediaType) -> None:
    push = a_push()

    received = codec.decode_push(codec.encode(push, media), media)

    assert codec.decode(codec.encode(push, media), PushRequest, media) == push
    assert received.ops == push.ops


def test_one_unreadable_op_does_not_take_the_others_with_it() -> None:
    body = codec.encode(
        {
            "protocol": 1,
            "schema": 1,
            "device_time_ms": NOON,
            "ops": [
                {"op": "edit", "number": 7, "kind": 5, "group": (7, 8)},
                {"op": "conjure", "number": 8},
                {"op": "delete", "number": "nine"},
                {
                    "op": "delete",
                    "number": 10,
                    "kind": "customer",
                    "id": SHOP,
                    "at_ms": 1,
                    "base": 1,
                },
            ],
        },
        codec.JSON,
    )

    ops = codec.decode_push(body, codec.JSON).ops

    assert [op.number for op in ops] == [7, 8, 9, 10]
    assert [type(op) for op in ops] == [Unreadable, Unreadable, Unreadable, Delete]
    first = ops[0]
    assert isinstance(first, Unreadable)
    assert (first.field, first.group) == ("kind", (7, 8))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"protocol":1', None),
        (b'{"protocol":1,"schema":1,"device_time_ms":1,"pull":{"cursor":"\x9c"}}', None),
        (b'{"protocol":"one"}', "protocol"),
        (b'{"protocol":99999999999999999999999}', "protocol"),
        (b'{"protocol":1e999}', "protocol"),
        (b'{"protocol":1,"schema":1,"device_time_ms":1,"ops":5}', "ops"),
        (b'{"protocol":1,"schema":1,"device_time_ms":1,"ops":[{"number":"x"}]}', "ops[0]"),
        (b'{"protocol":1,"schema":1,"device_time_ms":1,"pull":{"limit":0}}', "pull.limit"),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b'{"protocol":1,"schema":1,"device_time_ms":1,"ops":[' + b"{}," * 500 + b"{}]}", "ops"),
    ],
)
def test_a_broken_frame_is_refused_and_names_the_field(body: bytes, field: str | None) -> None:
    with pytest.raises(codec.DecodeError) as refusal:
        codec.decode_push(body, codec.JSON)

    assert refusal.value.field == field


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize("levels", [50, 900])
def test_a_value_that_nests_too_deep_spoils_only_its_op(
    media: codec.MediaType, levels: int
) -> None:
    deep: object = 1
    for _ in range(levels):
        deep = [deep]
    intent = Intent(number=1, id=LI, name="request_benefit", args={"why": deep}, at_ms=1)
    push = PushRequest(
        protocol=1, schema=1, device_time_ms=NOON, ops=[intent, edit(2, city="杭州")]
    )

    first, second = codec.decode_push(codec.encode(push, media), media).ops

    assert isinstance(first, Unreadable)
    assert isinstance(second, Edit)


@pytest.mark.parametrize("value", [b"1180591620717411303424", b'{"in":[1180591620717411303424]}'])
def test_a_value_that_has_no_digest_spoils_only_its_op(value: bytes) -> None:
    fields = {"name": msgspec.Raw(value)}
    create = {"op": "create", "number": 1, "kind": "customer", "id": LI, "at_ms": 1, "base": 0}
    ops = [{**create, "fields": fields}, edit(2, city="杭州")]
    push = {"protocol": 1, "schema": 1, "device_time_ms": NOON, "ops": ops}

    first, second = codec.decode_push(codec.encode(push, codec.JSON), codec.JSON).ops

    assert isinstance(first, Unreadable)
    assert isinstance(second, Edit)
    assert op_digest(first) != op_digest(second)


@pytest.mark.parametrize("bomb", [b"\x91" * 100_000, b"\x81\xa1a" * 100_000])
def test_messagepack_that_nests_for_ever_ends(bomb: bytes) -> None:
    with pytest.raises(codec.DecodeError):
        codec.decode_push(bomb, codec.MSGPACK)


@given(st.binary(max_size=300), st.sampled_from(MEDIA))
def test_random_bytes_are_refused(body: bytes, media: codec.MediaType) -> None:
    with pytest.raises(codec.DecodeError):
        codec.decode_push(body, media)


@given(st.data(), st.sampled_from(MEDIA))
def test_flipped_bytes_are_read_or_refused(data: st.DataObject, media: codec.MediaType) -> None:
    body = bytearray(codec.encode(a_push(), media))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    for bad in (bytes(body), bytes(body[:cut])):
        try:
            received = codec.decode_push(bad, media)
        except codec.DecodeError:
            continue
        assert len(received.ops) <= MAX_OPS


def test_a_long_message_is_not_even_read() -> None:
    with pytest.raises(codec.MessageTooLarge):
        codec.decode_push(b" " * 101, codec.JSON, max_bytes=100)


def test_zstd_is_read_up_to_the_limit_and_no_further() -> None:
    bomb = codec.compress(b"\0" * 10_000_000)

    assert len(bomb) < 2_000
    with pytest.raises(codec.MessageTooLarge):
        codec.decompress(bomb, max_bytes=1_000_000)
    with pytest.raises(codec.DecodeError):
        codec.decompress(b"no zstd at all")
    assert codec.decompress(codec.compress(b"hello")) == b"hello"


def test_zstd_that_was_cut_is_refused() -> None:
    whole = codec.compress(bytes(range(256)) * 40)

    with pytest.raises(codec.DecodeError):
        codec.decompress(whole[:-5])


def test_only_the_two_encodings_have_a_name() -> None:
    assert codec.media_type("application/json; charset=utf-8") == codec.JSON
    assert codec.media_type("Application/MsgPack") == codec.MSGPACK
    assert codec.media_type("text/html") is None
    assert codec.media_type(None) is None


def test_an_empty_pull_is_small() -> None:
    empty = PullResponse(from_cursor=None, cursor=None, seq=5, server_time_ms=NOON)

    assert len(codec.encode(empty)) <= 60


def test_columns_travel_without_names() -> None:
    batch = RecordBatch(
        kind="customer",
        fields=["name"],
        ids=[SHOP, VIP],
        seqs=[1, 2],
        columns=[["福满楼", "得月楼"]],
    )

    assert codec.decode(codec.encode(batch), RecordBatch) == batch


def test_a_push_is_parted_into_old_and_fresh() -> None:
    ops = [edit(number, city="杭州") for number in (4, 5, 6)]

    assert split_frame(ops, acknowledged=4) == (ops[:1], ops[1:])
    assert split_frame(ops, acknowledged=9) == (ops, [])
    assert split_frame(ops, acknowledged=0, forgotten=3) == ([], ops)
    with pytest.raises(OpGap):
        split_frame(ops, acknowledged=2)
    with pytest.raises(FrameInvalid):
        split_frame([ops[1], ops[0]], acknowledged=3)


def test_what_is_told_of_an_unreadable_op_can_be_kept() -> None:
    op = b'{"op": "\\u0000", "number": 1}'
    body = b'{"protocol": 2, "schema": 3, "device_time_ms": 1, "ops": [' + op + b"]}"

    (read,) = codec.decode_push(body, codec.JSON).ops

    assert isinstance(read, Unreadable)
    assert "\0" not in read.detail + read.field
