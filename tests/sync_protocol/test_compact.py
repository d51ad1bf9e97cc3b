"""The compact form says what the readable twin says, and is as small as was promised."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import codec
from sync_protocol.columns import Cells, pack_column, pack_ids, read_column
from sync_protocol.messages import (
    Code,
    DigestRequest,
    DigestResponse,
    Edit,
    FormatUnknown,
    Outcome,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    Status,
    Unreadable,
    op_digest,
)
from tests.sync_protocol import people, speech

KINDS = (PushRequest, PushResponse, PullRequest, PullResponse, DigestRequest, DigestResponse)


@given(speech.messages)
def test_both_forms_say_the_same(message: Any) -> None:
    readable = codec.encode(message, codec.JSON)
    compact = codec.encode(message, codec.MSGPACK)

    said = codec.decode(readable, type(message), codec.JSON, max_bytes=10**8)

    assert codec.decode(compact, type(message), codec.MSGPACK, max_bytes=10**8) == said
    assert said == message
    assert_same_types(codec.decode(compact, type(message), codec.MSGPACK), message)


def assert_same_types(one: Any, other: Any) -> None:
    """Tell 1, 1.0 and true apart, which are equal."""
    assert typed(one) == typed(other)


def typed(value: Any) -> Any:
    """Write a value with the type of everything in it; lists and tuples are one on the wire."""
    match value:
        case msgspec.Struct():
            return [(name, typed(getattr(value, name))) for name in value.__struct_fields__]
        case dict():
            return {key: typed(inside) for key, inside in value.items()}
        case list() | tuple():
            return [typed(inside) for inside in value]
        case _:
            return type(value), value


@given(st.integers(0, 40).flatmap(speech.columns))
def test_a_column_comes_back_as_it_was(column: list[Any]) -> None:
    travelled = msgspec.msgpack.decode(msgspec.msgpack.encode(pack_column(column)))

    assert msgspec.msgpack.encode(
        read_column(travelled, len(column), "x", Cells(10**6))
    ) == msgspec.msgpack.encode(column)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40))
def test_numbers_of_any_size_come_back(numbers: list[int]) -> None:
    travelled = msgspec.msgpack.decode(msgspec.msgpack.encode(pack_column(numbers)))

    assert read_column(travelled, len(numbers), "x", Cells(10**6)) == numbers


@given(st.lists(st.uuids().map(str) | st.text("0f-AZ ", min_size=36, max_size=36), max_size=5))
def test_only_ids_in_their_one_spelling_are_packed_as_ids(texts: list[str]) -> None:
    packed = pack_ids(texts) if texts else None

    if packed is not None:
        assert read_column({2: packed}, len(texts), "x", Cells(100)) == texts


# ---------------------------------------------------------------------------------- bad input


@given(speech.messages, st.data())
def test_a_broken_message_is_one_refusal(message: Any, data: st.DataObject) -> None:
    body = bytearray(codec.encode(message))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    bad = bytes(body[: data.draw(st.integers(0, len(body)))])

    for kind in KINDS:
        read_or_refuse(bad, kind)


_packed = st.recursive(
    st.none() | st.integers(-3, 70) | st.binary(max_size=20) | st.text(max_size=4) | st.floats(),
    lambda each: st.lists(each, max_size=6) | st.dictionaries(st.integers(0, 7), each, max_size=2),
    max_leaves=30,
)


@given(_packed)
def test_arrays_of_anything_are_one_refusal(values: Any) -> None:
    for head in ([2], [2, 3, 1_800_000_000_000, [1, 2]], [2, 3, 0, 5, [[0, 1, 7]], 0, 1]):
        rest = values if isinstance(values, list) else [values]
        for kind in KINDS:
            read_or_refuse(msgspec.msgpack.encode([*head, *rest]), kind)


def read_or_refuse(body: bytes, kind: type[Any]) -> None:
    """Read a message; the one thing that may go wrong is the one refusal."""
    try:
        codec.decode(body, kind)
        if kind is PushRequest:
            codec.decode_push(body)
    except codec.DecodeError as refusal:
        assert refusal.detail  # noqa: PT017 - what is refused says why


def test_every_truncation_is_refused() -> None:
    for message in (people.a_push(12), people.a_snapshot(20)):
        whole = codec.encode(message)
        for end in range(len(whole)):
            with pytest.raises(codec.DecodeError):
                codec.decode(whole[:end], type(message))


def test_a_refusal_names_the_field() -> None:
    push = people.a_push(3)
    laid_out = msgspec.msgpack.decode(codec.encode(push))
    laid_out += [1, None]
    for place, field in ((1, "schema"), (2, "device_time_ms"), (5, "ops.at_ms"), (8, "pull")):
        broken = [*laid_out[:place], "x", *laid_out[place + 1 :]]
        with pytest.raises(codec.DecodeError) as refusal:
            codec.decode_push(msgspec.msgpack.encode(broken))
        assert refusal.value.field == field


def test_a_handle_that_is_none_spoils_only_its_op() -> None:
    edits = [[12, [5, -7, 9], [8, ["need", "lost", "need"]]]]
    body = msgspec.msgpack.encode([2, 3, people.NOON, [41, 3], edits, -5, 100, 1])

    first, second, third = codec.decode_push(body).ops

    assert isinstance(first, Edit)
    assert first.handle == 5
    assert isinstance(second, Unreadable)
    assert (second.number, second.field) == (42, "handle")
    assert third == Edit(
        number=43, kind="customer", handle=9, fields={"status": "need"}, at_ms=people.NOON - 5,
        base=100,
    )  # fmt: skip


def test_an_op_that_nobody_knows_spoils_only_itself() -> None:
    sections = [[0, 1, 0], [12, [5, 6], [8, {0: "need"}]], [7, "conjure"]]
    body = msgspec.msgpack.encode([2, 3, people.NOON, [41, 3], sections, 0, 100, 1])

    first, unknown, third = codec.decode_push(body).ops

    assert isinstance(first, Edit)
    assert unknown == Unreadable(number=42, field="op", detail="There is no such op.")
    assert isinstance(third, Edit)
    assert (first.handle, third.handle) == (5, 6)


@pytest.mark.parametrize("value", [{1: "key"}, [{b"key": 1, "a": 2}], b"bytes", 2**63 * 2 - 1])
def test_a_value_that_does_not_travel_spoils_only_its_op(value: object) -> None:
    sections = [[12, [5, 6], [1, [value, "福满楼"]]]]
    body = msgspec.msgpack.encode([2, 3, people.NOON, [41, 2], sections, 0, 100, 1])

    first, second = codec.decode_push(body).ops

    assert isinstance(first, Unreadable) or value == 2**64 - 1
    assert isinstance(second, Edit)
    assert op_digest(first) != op_digest(second)


def test_numbers_that_nobody_knows_are_kept_as_such() -> None:
    page: list[Any] = [2, people.NOON, 5, None, b"abc", 1, None, None, 0]
    page.append([[99, bytes(16), 5, [1, 77], [["x"], ["y"]]]])

    (batch,) = codec.decode(msgspec.msgpack.encode(page), PullResponse).batches

    assert (batch.kind, batch.fields) == ("#99", ["#1", "#77"])
    assert codec.decode(codec.encode(batch, codec.JSON), type(batch), codec.JSON) == batch


def test_a_short_message_does_not_unfold_into_a_long_one() -> None:
    names = [each for number in range(400) for each in (number, {0: "x"})]
    bomb = [2, 3, people.NOON, [1, 500], [[12, 7, names]], 0, 0, 1]

    with pytest.raises(codec.DecodeError, match="too many"):
        codec.decode_push(msgspec.msgpack.encode(bomb))
    lists: list[Any] = [2, people.NOON, 5, None, None, 1, None, None, 0]
    lists.append([[1, bytes(160), 5, [15], [{5: [2**30, {0: "x"}]}]]])
    with pytest.raises(codec.DecodeError, match="too many"):
        codec.decode(msgspec.msgpack.encode(lists), PullResponse)


def test_the_messagepack_of_protocol_1_asks_for_an_update() -> None:
    old = msgspec.msgpack.encode({"protocol": 1, "schema": 1, "device_time_ms": 1, "ops": []})

    with pytest.raises(FormatUnknown) as refusal:
        codec.decode_push(old)

    assert refusal.value.code == "client_too_old"


def test_an_op_has_one_name_for_its_record() -> None:
    body = (
        b'{"protocol":2,"schema":3,"device_time_ms":1,"ops":[{"op":"delete","number":4,'
        b'"kind":"customer","id":"00000000-0000-7000-8000-000000000001","handle":5,'
        b'"at_ms":1,"base":1}]}'
    )

    (op,) = codec.decode_push(body, codec.JSON).ops

    assert isinstance(op, Unreadable)


# ------------------------------------------------------------------------------------- figures


def wire_bytes(message: object) -> int:
    """Count the bytes of a body as they travel."""
    body = codec.encode(message)
    return len(codec.compress(body) if len(body) > codec.WORTH_COMPRESSING else body)


def test_a_push_of_fifty_edits_has_at_most_16_bytes_for_each() -> None:
    size = max(wire_bytes(people.a_push(50, seed)) for seed in range(20))

    print(f"50 edits: {size} B, {size / 50:.1f} B a changed field")  # noqa: T201 - the figure is the test's report
    assert size <= 50 * 16


def test_a_push_of_one_edit_has_at_most_40_bytes() -> None:
    sizes = [wire_bytes(people.a_push(1, seed)) for seed in range(20)]

    print(f"one edit: {min(sizes)} to {max(sizes)} B")  # noqa: T201 - the figure is the test's report
    assert max(sizes) <= 40


def test_a_first_load_has_at_most_50_bytes_a_row() -> None:
    sizes = {rows: wire_bytes(people.a_snapshot(rows)) / rows for rows in (2_000, 5_000)}

    print(f"first load: {sizes} B a row")  # noqa: T201 - the figure is the test's report
    assert max(sizes.values()) <= 50


def test_a_page_with_nothing_new_has_at_most_60_bytes() -> None:
    page = msgspec.structs.replace(people.a_snapshot(0), batches=[])
    page = msgspec.structs.replace(page, from_cursor=page.cursor, seq=2**31, acknowledged=10**6)

    assert wire_bytes(page) <= 60


def test_the_answer_to_a_push_that_was_applied_does_not_grow_with_it() -> None:
    sizes = [
        wire_bytes(
            PushResponse(
                outcomes=[
                    Outcome(number=number, status=Status.APPLIED, code=Code.APPLIED, seq=9)
                    for number in range(7, 7 + count)
                ],
                acknowledged=7 + count,
                server_time_ms=people.NOON,
            )
        )
        for count in (50, 500)
    ]

    assert max(sizes) <= 40
