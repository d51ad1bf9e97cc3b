"""What a device sends: a push, its ops and their atomic groups."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sync_protocol.columns import Cells, pack_ints, parted, read_ints
from sync_protocol.compact.ops import as_op, pack_ops, read_ops
from sync_protocol.compact.pages import pack_request, read_request
from sync_protocol.compact.places import EPOCH, FORMAT, Reader, cut, opened
from sync_protocol.compact.sections import read_numbers
from sync_protocol.messages import MAX_OPS, DecodeError, Intent, Op, PushRequest, ReceivedOp
from sync_protocol.schema import MAX_SAFE_INT


def lay_out(push: PushRequest) -> list[Any]:
    """Answer a push as an array."""
    ops = push.ops
    return cut(
        [
            FORMAT,
            push.schema,
            push.device_time_ms,
            *pack_ops(ops, push.device_time_ms),
            push.epoch,
            None if push.pull is None else pack_request(push.pull),
            _pack_groups(ops),
            push.forgotten,
            push.pending,
            push.app_version,
            push.protocol,
            None if push.lost is None else list(push.lost),
        ],
        EPOCH,
        None,
        None,
        0,
        0,
        "",
        FORMAT,
        None,
    )


def _pack_groups(ops: Sequence[Op]) -> list[Any] | None:
    """Answer the atomic groups, and of each op which it is in, counted from 1."""
    groups = [None if isinstance(op, Intent) else op.group for op in ops]
    distinct, index = parted(group for group in groups if group is not None)
    if not distinct:
        return None
    places = iter(index)
    first = ops[0].number
    return [
        [number - first for group in distinct for number in group],
        pack_ints([0 if group is None else next(places) + 1 for group in groups]),
    ]


class PushTaken(msgspec.Struct):
    """A push as it was read: its head, and its ops, each of which may be unreadable by itself."""

    head: dict[str, Any]
    ops: list[ReceivedOp]


def take_in_push(values: object) -> PushTaken:
    """Read a push.

    :raises DecodeError: if the frame itself is broken.
    """
    reader = opened(values)
    cells = Cells(MAX_OPS * 100)
    head: dict[str, Any] = {
        "protocol": reader.take(13, "protocol", int, FORMAT),
        "schema": reader.take(1, "schema", int),
        "device_time_ms": reader.take(2, "device_time_ms", int),
        "epoch": reader.take(7, "epoch", int, EPOCH),
        "pull": read_request(reader.take(8, "pull", object, None), "pull"),
        "forgotten": reader.take(10, "forgotten", int, 0),
        "pending": reader.take(11, "pending", int, 0),
        "app_version": reader.take(12, "app_version", str, ""),
        "lost": reader.take(14, "lost", object, None),
    }
    numbers = read_numbers(reader.take(3, "number", object), MAX_OPS, "ops")
    count = len(numbers)
    if count and not 1 <= min(numbers) <= max(numbers) <= MAX_SAFE_INT:
        raise DecodeError("Op numbers go from 1 to 2**53 - 1.", "ops[0].number")
    groups = _read_groups(reader.take(9, "group", object, None), numbers, cells)
    at_ms = read_ints(reader.take(5, "at_ms", object), count, "ops.at_ms", cells) if count else []
    bases = read_ints(reader.take(6, "base", object), count, "ops.base", cells) if count else []
    said = read_ops(reader.take(4, "ops", object), count, cells)
    now_ms = head["device_time_ms"]
    ops = [
        as_op(each, number, at + now_ms, base, group)
        for each, number, at, base, group in zip(said, numbers, at_ms, bases, groups, strict=True)
    ]
    return PushTaken(head, ops)


def _read_groups(
    packed: object, numbers: Sequence[int], cells: Cells
) -> list[tuple[int, int] | None]:
    if packed is None:
        return [None] * len(numbers)
    reader = Reader(packed, "ops.group")
    ends = reader.take(0, "ends", list)
    if len(ends) % 2 or any(type(each) is not int for each in ends):
        raise DecodeError("A group has a first and a last number.", "ops.group")
    shifted = [number + numbers[0] for number in ends] if numbers else []
    groups: list[tuple[int, int] | None] = [
        None,
        *zip(shifted[::2], shifted[1::2], strict=True),
    ]
    index = read_ints(reader.take(1, "index", object), len(numbers), "ops.group", cells)
    if index and not 0 <= min(index) <= max(index) < len(groups):
        raise DecodeError("There is no such group.", "ops.group")
    return [groups[each] for each in index]
