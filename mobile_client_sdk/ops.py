"""What ops do and how they hang together, without any store."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sync_protocol.messages import (
    MAX_GROUP,
    MAX_REQUEST_BYTES,
    Create,
    Delete,
    Edit,
    Intent,
    Op,
    SetChange,
    Status,
)
from sync_protocol.schema import SCHEMA, FieldType

CREATED: Final = "+"
"""The overlay's mark of a record that was made here."""
DELETED: Final = "-"
"""The overlay's mark of a record that was deleted here."""
INTENT_KIND: Final = "intent"
_MAX_GROUP_BYTES: Final = MAX_REQUEST_BYTES * 3 // 4

_encode: Final = msgspec.msgpack.Encoder().encode


class GroupRefused(Exception):
    """An atomic group does not fit into one push, or asks for what the server decides alone."""


def kind_of(op: Op) -> str:
    """Name what an op is about: its kind of record, or that it is an intent."""
    return INTENT_KIND if isinstance(op, Intent) else op.kind


def has_effect(status: Status) -> bool:
    """Say whether something came of an op."""
    return status in (Status.APPLIED, Status.MERGED)


def effects(op: Create | Edit | Delete) -> Iterator[tuple[str, Any]]:
    """Answer what an op does to a record, field by field."""
    if isinstance(op, Delete):
        yield DELETED, True
        return
    if isinstance(op, Create):
        yield CREATED, True
        for name, value in op.fields.items():
            if SCHEMA.field(op.kind, name).type is FieldType.SET:
                yield name, SetChange(add=tuple(value or ()))
            else:
                yield name, value
        return
    yield from op.fields.items()
    yield from op.sets.items()


def joined(ops: list[Op]) -> list[Op]:
    """Mark ops as one atomic group.

    :raises GroupRefused: if they cannot be one.
    """
    if len(ops) < 2:  # noqa: PLR2004 - one op is atomic by itself
        return ops
    if len(ops) > MAX_GROUP or sum(len(_encode(op)) for op in ops) > _MAX_GROUP_BYTES:
        raise GroupRefused(f"An atomic group has at most {MAX_GROUP} changes of moderate size.")
    if any(isinstance(op, Intent) for op in ops):
        raise GroupRefused("What the server decides, such as a benefit, is not part of a group.")
    group = (ops[0].number, ops[-1].number)
    return [msgspec.structs.replace(op, group=group) for op in ops]


def shifted(op: Op, shift: int) -> Op:
    """Give an op, and its group, numbers so much higher."""
    changes: dict[str, Any] = {"number": op.number + shift}
    if not isinstance(op, Intent) and op.group is not None:
        changes["group"] = (op.group[0] + shift, op.group[1] + shift)
    return msgspec.structs.replace(op, **changes)


def renumbered(op: Op, numbers: dict[int, int]) -> Op:
    """Give an op, and its group, the numbers that these have now."""
    changes: dict[str, Any] = {"number": numbers[op.number]}
    if not isinstance(op, Intent) and op.group is not None:
        changes["group"] = (numbers[op.group[0]], numbers[op.group[1]])
    return msgspec.structs.replace(op, **changes)


def units(sized: list[tuple[Op, int]]) -> Iterator[list[tuple[Op, int]]]:
    """Part ops into atomic groups and single ops."""
    unit: list[tuple[Op, int]] = []
    last: tuple[int, int] | None = None
    for op, size in sized:
        group = None if isinstance(op, Intent) else op.group
        if unit and (group is None or group != last):
            yield unit
            unit = []
        unit.append((op, size))
        last = group
    if unit:
        yield unit
