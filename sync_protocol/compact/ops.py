"""The ops of a push, put together by what they are and of which kind their records are."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from sync_protocol.columns import Cells, pack_column, pack_ints, parted, read_column, read_ints
from sync_protocol.compact.maps import pack_maps, read_maps
from sync_protocol.compact.names import kind_numbers, kind_of
from sync_protocol.compact.places import Reader, cut, refusal_of
from sync_protocol.compact.sections import in_sections, pack_numbers, parted_sections
from sync_protocol.messages import (
    Create,
    DecodeError,
    Delete,
    Edit,
    Intent,
    Op,
    ReceivedOp,
    Unreadable,
)
from sync_protocol.schema import MAX_SAFE_INT

_EDIT, _CREATE, _DELETE, _INTENT = range(4)
_BY_HANDLE: Final = 4
"""Added to what an op is, where its record is named by a handle."""
_KIND: Final = 8
"""Times the number of the kind, added as well; a kind without a number follows by its name."""
_KNOWN_OPS: Final = frozenset(
    {_EDIT, _CREATE, _DELETE, _INTENT, _EDIT + _BY_HANDLE, _DELETE + _BY_HANDLE}
)


def pack_ops(ops: Sequence[Op], now_ms: int) -> list[Any]:
    """Answer the numbers, the sections, the times and the bases of ops."""
    if not ops:
        return [[], [], 0, 0]
    keys, order = parted(map(_section_key, ops))
    grouped: list[list[Op]] = [[] for _ in keys]
    for op, place in zip(ops, order, strict=True):
        grouped[place].append(op)
    sections = [_pack_section(key, group) for key, group in zip(keys, grouped, strict=True)]
    numbers = [op.number for op in ops]
    return [
        pack_numbers(numbers),
        in_sections(sections, order),
        pack_ints([op.at_ms - now_ms for op in ops]),
        pack_ints(_bases(ops)),
    ]


def _bases(ops: Sequence[Op]) -> list[int]:
    """Answer the bases; an intent, which has none, is given its neighbour's."""
    known = [None if isinstance(op, Intent) else op.base for op in ops]
    base = next((each for each in known if each is not None), 0)
    bases = []
    for each in known:
        base = base if each is None else each
        bases.append(base)
    return bases


def _section_key(op: Op) -> tuple[int, str]:
    match op:
        case Edit():
            return (_EDIT + _BY_HANDLE * (op.handle > 0), op.kind)
        case Create():
            return (_CREATE, op.kind)
        case Delete():
            return (_DELETE + _BY_HANDLE * (op.handle > 0), op.kind)
        case Intent():
            return (_INTENT, op.name)


def _pack_section(key: tuple[int, str], ops: Sequence[Any]) -> list[Any]:
    """Answer ops of one sort: what they are, of which kind, on which records, and their fields."""
    what, kind = key
    if what & _BY_HANDLE:
        targets: object = pack_ints([op.handle for op in ops])
    else:
        targets = pack_column([op.id for op in ops])
    number = 0 if what == _INTENT else kind_numbers().get(kind, 0)
    section: list[Any] = [what + _KIND * number, targets] if number else [what, kind, targets]
    match what & ~_BY_HANDLE:
        case 0:
            section.append(pack_maps(kind, [op.fields for op in ops]))
            section.append(_pack_set_changes(kind, ops))
            section.append(pack_maps(kind, [op.was for op in ops]))
            return cut(section, [], [], [])
        case 1:
            section.append(pack_maps(kind, [op.fields for op in ops]))
        case 3:
            section.append(pack_maps("", [op.args for op in ops]))
        case _:
            return section
    return cut(section, [])


def _pack_set_changes(kind: str, ops: Sequence[Edit]) -> list[Any]:
    """Answer what edits add to sets and remove: two maps, or nothing."""
    if not any(op.sets for op in ops):
        return []
    return [
        pack_maps(kind, [{name: list(each.add) for name, each in op.sets.items()} for op in ops]),
        pack_maps(
            kind, [{name: list(each.remove) for name, each in op.sets.items()} for op in ops]
        ),
    ]


def read_ops(packed: object, count: int, cells: Cells) -> list[dict[str, Any]]:
    """Answer what each op says beside number, time, base and group.

    :raises DecodeError: if the sections do not hold so many ops.
    """
    sections, order = parted_sections(packed, count, "ops", cells)
    if len(sections) > count or (count and not sections):
        raise DecodeError("Each section has an op, and each op a section.", "ops")
    sizes = Counter(order)
    taken = [
        iter(_read_section(section, sizes[place], f"ops[{place}]", cells))
        for place, section in enumerate(sections)
    ]
    return [next(taken[place]) for place in order]


def _read_section(packed: object, count: int, field: str, cells: Cells) -> list[dict[str, Any]]:
    """Answer what the ops of a section say beside number, time, base and group."""
    reader = Reader(packed, field)
    number, what = divmod(reader.take(0, "op", int), _KIND)
    if number:
        # The name stands in the number; what follows stands where it would behind a name.
        reader = Reader([what, kind_of(number, field), *cast("list[Any]", packed)[1:]], field)
    if number < 0 or what not in _KNOWN_OPS:
        return [{"op": what}] * count
    sort = what & ~_BY_HANDLE
    name = reader.take(1, "kind", str)
    target = reader.take(2, "id", object)
    said: list[dict[str, Any]]
    if what & _BY_HANDLE:
        handles = read_ints(target, count, f"{field}.handle", cells)
        said = [{"op": sort, "kind": name, "handle": each} for each in handles]
    else:
        ids = read_column(target, count, f"{field}.id", cells)
        label = "name" if sort == _INTENT else "kind"
        said = [{"op": sort, label: name, "id": each} for each in ids]
    if sort == _DELETE:
        return said
    schema_kind = "" if sort == _INTENT else name
    values = reader.take(3, "fields", object, [])
    inside = "args" if sort == _INTENT else "fields"
    maps = read_maps(schema_kind, values, count, f"{field}.{inside}", cells)
    for each, one in zip(said, maps, strict=True):
        each[inside] = one
    if sort == _EDIT:
        _read_edits(said, name, reader, field, cells)
    return said


def _read_edits(
    said: list[dict[str, Any]], kind: str, reader: Reader, field: str, cells: Cells
) -> None:
    """Add what edits do to sets, and what texts said before."""
    sets, count = reader.take(4, "sets", list, []), len(said)
    if sets:
        pair = Reader(sets, f"{field}.sets")
        adds, removes = (
            read_maps(kind, pair.take(place, "sets", object), count, f"{field}.sets", cells)
            for place in range(2)
        )
        for each, add, remove in zip(said, adds, removes, strict=True):
            if add.keys() != remove.keys():
                raise DecodeError("A set has additions and removals.", f"{field}.sets")
            each["sets"] = {name: {"add": add[name], "remove": remove[name]} for name in add}
    was = reader.take(5, "was", object, [])
    if was:
        maps = read_maps(kind, was, count, f"{field}.was", cells)
        for each, one in zip(said, maps, strict=True):
            each["was"] = one


_OPS: Final[tuple[type[Op], ...]] = (Edit, Create, Delete, Intent)


def as_op(
    said: dict[str, Any], number: int, at_ms: int, base: int, group: tuple[int, int] | None
) -> ReceivedOp:
    """Answer an op, or that it cannot be read."""
    sort = said.pop("op") if "op" in said and len(said) > 1 else None
    if sort is None:
        return Unreadable(number=number, field="op", detail="There is no such op.", group=group)
    about: dict[str, Any] = {**said, "number": number, "at_ms": at_ms}
    if sort != _INTENT:
        about["base"] = base
        if group is not None:
            about["group"] = group
    try:
        return cast("Op", msgspec.convert(about, _OPS[sort]))
    except msgspec.ValidationError as error:
        refusal = refusal_of(error)
        group = None if sort == _INTENT else group
        if group is not None and not 1 <= min(group) <= max(group) <= MAX_SAFE_INT:
            group = None
        return Unreadable(
            number=number, field=refusal.field or "op", detail=refusal.detail, group=group
        )
