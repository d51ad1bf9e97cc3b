"""The compact form of the messages: arrays by place, ops and rows by column, fields by number.

``lay_out`` turns a message into arrays for MessagePack, ``take_in`` turns them back. What the form
leaves out (defaults at the end of an array, numbers that follow each other) comes back as it was:
the compact form and JSON say the same. A kind or a field goes by its number where every side of
this protocol knows it, else by its name, so that what a newer side sends is kept as it is.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, TypeVar, cast

import msgspec

from sync_protocol.columns import (
    Cells,
    pack_column,
    pack_ids,
    pack_ints,
    parted,
    read_column,
    read_ids,
    read_ints,
)
from sync_protocol.messages import (
    MAX_OPS,
    BranchDigests,
    Create,
    DecodeError,
    Delete,
    DigestRequest,
    DigestResponse,
    Edit,
    FormatUnknown,
    Intent,
    Op,
    Outcome,
    Patch,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    ReceivedOp,
    RecordBatch,
    Status,
    Unreadable,
)
from sync_protocol.schema import MAX_SAFE_INT, SCHEMA

FORMAT: Final = 2
"""The first value of every message; the protocol whose compact form this is."""
NUMBERED_SCHEMA: Final = 3
"""Kinds and fields up to this schema version go by number; it is raised with the protocol alone."""

_EDIT, _CREATE, _DELETE, _INTENT = range(4)
_BY_HANDLE: Final = 4
"""Added to what an op is, where its record is named by a handle."""
_KIND: Final = 8
"""Times the number of the kind, added as well; a kind without a number follows by its name."""
_IS_GONE: Final = 1
_SAME_CURSOR: Final = True
_KNOWN_OPS: Final = frozenset(
    {_EDIT, _CREATE, _DELETE, _INTENT, _EDIT + _BY_HANDLE, _DELETE + _BY_HANDLE}
)
_EPOCH: Final = 1
"""The epoch of a tenant that was never restored goes without saying."""
_STATUSES: Final = tuple(Status)
_HASH_BYTES: Final = 8
_MORE, _RESET = 1, 2
MAX_OUTCOMES: Final = 100_000
"""An answer has no more outcomes."""
T = TypeVar("T")


# ---------------------------------------------------------------------------- kinds and fields


@cache
def _kind_numbers() -> Mapping[str, int]:
    return {
        record.kind: record.number for record in SCHEMA.records if record.since <= NUMBERED_SCHEMA
    }


@cache
def _kind_names() -> Mapping[int, str]:
    return {number: kind for kind, number in _kind_numbers().items()}


@cache
def _field_numbers(kind: str) -> Mapping[str, int]:
    if kind not in _kind_numbers():
        return {}
    return {
        field.name: field.number
        for field in SCHEMA.fields(kind).values()
        if field.since <= NUMBERED_SCHEMA
    }


@cache
def _field_names(kind: str) -> Mapping[int, str]:
    return {number: name for name, number in _field_numbers(kind).items()}


def _kind_key(kind: str) -> int | str:
    return _kind_numbers().get(kind, kind)


def _kind_of(key: object, field: str) -> str:
    """Answer a kind; a number that nobody knows stays one that nobody knows."""
    if isinstance(key, str):
        return key
    if type(key) is not int:
        raise DecodeError("A kind is a number or a name.", field)
    return _kind_names().get(key, f"#{key}")


def _field_of(kind: str, key: object, field: str) -> str:
    if isinstance(key, str):
        return key
    if type(key) is not int:
        raise DecodeError("A field is a number or a name.", field)
    return _field_names(kind).get(key, f"#{key}")


# --------------------------------------------------------------------------------------- parts


def _cut(values: list[Any], *defaults: object) -> list[Any]:
    """Leave out what stands at the end as its default."""
    for default in reversed(defaults):
        if values[-1] != default or type(values[-1]) is not type(default):
            break
        values.pop()
    return values


class _Reader:
    """An array that is read place by place; what is not there has its default."""

    def __init__(self, values: object, field: str) -> None:
        if not isinstance(values, list):
            raise DecodeError("This should be an array.", field)
        self._values = values
        self._field = field

    def take(self, place: int, name: str, kind: type[T], default: object = ...) -> T:
        """Answer the value at a place.

        :raises DecodeError: if it is not there, or of another type.
        """
        value = self._values[place] if place < len(self._values) else default
        if value is default and default is not ...:
            return cast("T", default)
        if value is ...:
            raise DecodeError("The message is cut short.", self.name(name))
        if type(value) is not kind and kind is not object:
            raise DecodeError(
                f"This should be {_WORDS.get(kind, 'something else')}.", self.name(name)
            )
        return cast("T", value)

    def name(self, name: str) -> str:
        """Answer how a place is called in a refusal."""
        return f"{self._field}.{name}" if self._field else name


_WORDS: Final = {int: "a whole number", str: "text", list: "an array", bytes: "bytes"}


def refusal_of(error: msgspec.ValidationError, within: str = "") -> DecodeError:
    """Answer a refusal that names the field."""
    words, _, place = str(error).partition(" - at `")
    field = place.removeprefix("key in `").strip("`").removeprefix("$").removeprefix(".")
    name = ".".join(part for part in (within, field) if part)
    return DecodeError(f"{words}.", name or None)


def _pack_cursor(cursor: str | None) -> object:
    """Answer a cursor as the bytes that its text spells."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except ValueError:
        return cursor
    return raw if _spelled(raw) == cursor else cursor


def _spelled(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _read_cursor(packed: object, field: str) -> str | None:
    if packed is None or isinstance(packed, str):
        return packed
    if isinstance(packed, bytes):
        return _spelled(packed)
    raise DecodeError("A cursor is text or bytes.", field)


def _pack_counted_ids(ids: Sequence[str]) -> object:
    """Answer ids whose count follows from their length."""
    packed = pack_ids(ids) if ids else b""
    return list(ids) if packed is None else packed


def _read_counted_ids(packed: object, field: str, cells: Cells) -> list[str]:
    if isinstance(packed, bytes):
        count, rest = divmod(len(packed), 16)
        if rest:
            raise DecodeError("An id has 16 bytes.", field)
        cells.take(count, field)
        return read_ids(packed, count, field)
    if not isinstance(packed, list) or any(type(each) is not str for each in packed):
        raise DecodeError("These are not ids.", field)
    cells.take(len(packed), field)
    return packed


def _pack_maps(kind: str, maps: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Answer maps by column: each field, then its values; at the end, who has which, if not all."""
    numbers = _field_numbers(kind)
    names = list(dict.fromkeys(name for each in maps for name in each))
    packed: list[Any] = []
    for name in names:
        values = [each[name] for each in maps if name in each]
        packed += [numbers.get(name, name), pack_column(values)]
    if any(len(each) != len(names) for each in maps):
        places = {name: place for place, name in enumerate(names)}
        shapes, shape_of = parted(tuple(sorted(places[name] for name in each)) for each in maps)
        packed.append([list(map(list, shapes)), pack_ints(shape_of)])
    return packed


def _read_maps(
    kind: str, packed: object, count: int, field: str, cells: Cells
) -> list[dict[str, Any]]:
    if not isinstance(packed, list):
        raise DecodeError("Fields are an array.", field)
    names = [_field_of(kind, key, field) for key in packed[: len(packed) // 2 * 2 : 2]]
    if len(set(names)) != len(names):
        raise DecodeError("A field stands there twice.", field)
    columns = packed[1::2]
    if len(packed) % 2 == 0:
        read = [
            read_column(column, count, f"{field}.{name[:40]}", cells)
            for name, column in zip(names, columns, strict=True)
        ]
        if not read:
            return [{} for _ in range(count)]
        return [dict(zip(names, row, strict=True)) for row in zip(*read, strict=True)]
    shapes = _read_shapes(packed[-1], len(names), count, field, cells)
    sizes = Counter(chain.from_iterable(shapes))
    taken = [
        iter(read_column(column, sizes[place], f"{field}.{name[:40]}", cells))
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
    ]
    return [{names[place]: next(taken[place]) for place in shape} for shape in shapes]


def _read_shapes(
    packed: object, width: int, count: int, field: str, cells: Cells
) -> list[list[int]]:
    reader = _Reader(packed, field)
    shapes = reader.take(0, "shapes", list)
    for shape in shapes:
        is_list = isinstance(shape, list) and all(type(each) is int for each in shape)
        if not is_list or (shape and not 0 <= min(shape) <= max(shape) < width):
            raise DecodeError("A shape names a field that is not there.", field)
        if len(set(shape)) != len(shape):
            raise DecodeError("A shape names a field twice.", field)
    shape_of = read_ints(reader.take(1, "shapes", object), count, field, cells)
    if shape_of and not 0 <= min(shape_of) <= max(shape_of) < len(shapes):
        raise DecodeError("There is no such shape.", field)
    chosen = [shapes[index] for index in shape_of]
    cells.take(sum(map(len, chosen)), field)
    return chosen


def _in_sections(sections: list[Any], order: Sequence[int]) -> list[Any]:
    """Answer sections, and before them the section of each item, if there are several."""
    return sections if len(sections) <= 1 else [pack_ints(order), *sections]


def _counts(
    packed: object, count: int | None, field: str, cells: Cells
) -> tuple[list[Any], Sequence[int]]:
    """Part sections from their order."""
    if not isinstance(packed, list):
        raise DecodeError("This should be an array.", field)
    if len(packed) <= 1:
        return packed, [0] * (count if count is not None else 0)
    order = packed[0]
    if count is None:
        raise DecodeError("This should be an array.", field)
    sections = packed[1:]
    indexes = read_ints(order, count, field, cells)
    if indexes and not 0 <= min(indexes) <= max(indexes) < len(sections):
        raise DecodeError("There is no such section.", field)
    return sections, indexes


# -------------------------------------------------------------------------------- push requests


def _lay_out_push(push: PushRequest) -> list[Any]:
    ops = push.ops
    return _cut(
        [
            FORMAT,
            push.schema,
            push.device_time_ms,
            *_pack_ops(ops, push.device_time_ms),
            push.epoch,
            None if push.pull is None else _lay_out_pull_request(push.pull),
            _pack_groups(ops),
            push.forgotten,
            push.pending,
            push.app_version,
            push.protocol,
        ],
        _EPOCH,
        None,
        None,
        0,
        0,
        "",
        FORMAT,
    )


def _pack_ops(ops: Sequence[Op], now_ms: int) -> list[Any]:
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
        _pack_numbers(numbers),
        _in_sections(sections, order),
        pack_ints([op.at_ms - now_ms for op in ops]),
        pack_ints(_bases(ops)),
    ]


def _pack_numbers(numbers: list[int]) -> object:
    """Answer numbers as the one, the first and how many follow, or an array of them all."""
    if len(numbers) == 1:
        return numbers[0]
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return [numbers[0], len(numbers)]
    return [numbers]


def _read_numbers(packed: object, most: int, field: str) -> Sequence[int]:
    """Answer numbers, no more than so many."""
    if type(packed) is int:
        return [packed]
    if not isinstance(packed, list):
        raise DecodeError("Numbers are an array.", field)
    if not packed:
        return []
    explicit = packed[0]
    if len(packed) == 1 and isinstance(explicit, list):
        if len(explicit) > most or any(type(each) is not int for each in explicit):
            raise DecodeError(f"There are at most {most} whole numbers.", field)
        return explicit
    if len(packed) != 2 or any(type(each) is not int for each in packed):  # noqa: PLR2004 - first and count
        raise DecodeError("Numbers are a first and a count.", field)
    first, count = packed
    if not 0 < count <= most:
        raise DecodeError(f"There are at most {most} of them.", field)
    return range(first, first + count)


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
    number = 0 if what == _INTENT else _kind_numbers().get(kind, 0)
    section: list[Any] = [what + _KIND * number, targets] if number else [what, kind, targets]
    match what & ~_BY_HANDLE:
        case 0:
            section.append(_pack_maps(kind, [op.fields for op in ops]))
            section.append(_pack_set_changes(kind, ops))
            section.append(_pack_maps(kind, [op.was for op in ops]))
            return _cut(section, [], [], [])
        case 1:
            section.append(_pack_maps(kind, [op.fields for op in ops]))
        case 3:
            section.append(_pack_maps("", [op.args for op in ops]))
        case _:
            return section
    return _cut(section, [])


def _pack_set_changes(kind: str, ops: Sequence[Edit]) -> list[Any]:
    """Answer what edits add to sets and remove: two maps, or nothing."""
    if not any(op.sets for op in ops):
        return []
    return [
        _pack_maps(kind, [{name: list(each.add) for name, each in op.sets.items()} for op in ops]),
        _pack_maps(
            kind, [{name: list(each.remove) for name, each in op.sets.items()} for op in ops]
        ),
    ]


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
    reader = _opened(values)
    cells = Cells(MAX_OPS * 100)
    head: dict[str, Any] = {
        "protocol": reader.take(13, "protocol", int, FORMAT),
        "schema": reader.take(1, "schema", int),
        "device_time_ms": reader.take(2, "device_time_ms", int),
        "epoch": reader.take(7, "epoch", int, _EPOCH),
        "pull": _read_pull_request(reader.take(8, "pull", object, None), "pull"),
        "forgotten": reader.take(10, "forgotten", int, 0),
        "pending": reader.take(11, "pending", int, 0),
        "app_version": reader.take(12, "app_version", str, ""),
    }
    numbers = _read_numbers(reader.take(3, "number", object), MAX_OPS, "ops")
    count = len(numbers)
    if count and not 1 <= min(numbers) <= max(numbers) <= MAX_SAFE_INT:
        raise DecodeError("Op numbers go from 1 to 2**53 - 1.", "ops[0].number")
    groups = _read_groups(reader.take(9, "group", object, None), numbers, cells)
    at_ms = read_ints(reader.take(5, "at_ms", object), count, "ops.at_ms", cells) if count else []
    bases = read_ints(reader.take(6, "base", object), count, "ops.base", cells) if count else []
    sections, order = _counts(reader.take(4, "ops", object), count, "ops", cells)
    if len(sections) > count or (count and not sections):
        raise DecodeError("Each section has an op, and each op a section.", "ops")
    sizes = Counter(order)
    taken = [
        iter(_read_section(section, sizes[place], f"ops[{place}]", cells))
        for place, section in enumerate(sections)
    ]
    now_ms = head["device_time_ms"]
    ops = [
        _op(next(taken[place]), number, at + now_ms, base, group)
        for place, number, at, base, group in zip(order, numbers, at_ms, bases, groups, strict=True)
    ]
    return PushTaken(head, ops)


def _opened(values: object) -> _Reader:
    """Answer the places of a message.

    :raises FormatUnknown: if it is of another form than this.
    """
    if isinstance(values, dict):
        raise FormatUnknown("This is the MessagePack of an earlier protocol.", None)
    if not isinstance(values, list) or not values or type(values[0]) is not int:
        raise DecodeError("This is not a message.")
    if values[0] != FORMAT:
        raise FormatUnknown(f"This form of message is not known: {values[0]}.", None)
    return _Reader(values, "")


def _read_groups(
    packed: object, numbers: Sequence[int], cells: Cells
) -> list[tuple[int, int] | None]:
    if packed is None:
        return [None] * len(numbers)
    reader = _Reader(packed, "ops.group")
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


def _read_section(packed: object, count: int, field: str, cells: Cells) -> list[dict[str, Any]]:
    """Answer what the ops of a section say beside number, time, base and group."""
    reader = _Reader(packed, field)
    number, what = divmod(reader.take(0, "op", int), _KIND)
    if number:
        # The name stands in the number; what follows stands where it would behind a name.
        reader = _Reader([what, _kind_of(number, field), *cast("list[Any]", packed)[1:]], field)
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
    maps = _read_maps(schema_kind, values, count, f"{field}.{inside}", cells)
    for each, one in zip(said, maps, strict=True):
        each[inside] = one
    if sort == _EDIT:
        _read_edits(said, name, reader, field, cells)
    return said


def _read_edits(
    said: list[dict[str, Any]], kind: str, reader: _Reader, field: str, cells: Cells
) -> None:
    """Add what edits do to sets, and what texts said before."""
    sets, count = reader.take(4, "sets", list, []), len(said)
    if sets:
        pair = _Reader(sets, f"{field}.sets")
        adds, removes = (
            _read_maps(kind, pair.take(place, "sets", object), count, f"{field}.sets", cells)
            for place in range(2)
        )
        for each, add, remove in zip(said, adds, removes, strict=True):
            if add.keys() != remove.keys():
                raise DecodeError("A set has additions and removals.", f"{field}.sets")
            each["sets"] = {name: {"add": add[name], "remove": remove[name]} for name in add}
    was = reader.take(5, "was", object, [])
    if was:
        maps = _read_maps(kind, was, count, f"{field}.was", cells)
        for each, one in zip(said, maps, strict=True):
            each["was"] = one


_OPS: Final[tuple[type[Op], ...]] = (Edit, Create, Delete, Intent)


def _op(
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


# ------------------------------------------------------------------------------- push responses


def _lay_out_push_response(answer: PushResponse) -> list[Any]:
    outcomes = answer.outcomes
    head = [
        FORMAT,
        answer.acknowledged,
        answer.server_time_ms,
        None if answer.pull is None else _pack_page(answer.pull),
    ]
    if not outcomes:
        return _cut(head, None)
    return _cut(
        [
            *head,
            _pack_numbers([each.number for each in outcomes]),
            pack_ints([_STATUSES.index(each.status) for each in outcomes]),
            pack_column([str(each.code) for each in outcomes]),
            *(
                _pack_default([getattr(each, name) for each in outcomes], default)
                for name, default in _OUTCOME_REST
            ),
        ],
        None,
        None,
        None,
        None,
    )


_OUTCOME_REST: Final[tuple[tuple[str, object], ...]] = (
    ("seq", None),
    ("conflicts", ()),
    ("detail", ""),
    ("field", None),
)


def _pack_default(values: list[Any], default: object) -> object:
    """Answer a column, or nothing where all have the default."""
    return None if all(value == default for value in values) else pack_column(values)


def _take_in_push_response(values: object, cells: Cells) -> PushResponse:
    reader = _opened(values)
    pull = reader.take(3, "pull", object, None)
    numbers = _read_numbers(reader.take(4, "outcomes", object, []), MAX_OUTCOMES, "outcomes")
    return PushResponse(
        outcomes=_read_outcomes(reader, numbers, cells) if numbers else [],
        acknowledged=reader.take(1, "acknowledged", int),
        server_time_ms=_time(reader.take(2, "server_time_ms", int), "server_time_ms"),
        pull=None if pull is None else _read_page(pull, "pull", cells),
    )


def _time(value: int, field: str) -> int:
    if abs(value) > MAX_SAFE_INT:
        raise DecodeError("The number is out of bounds.", field)
    return value


def _read_outcomes(reader: _Reader, numbers: Sequence[int], cells: Cells) -> list[Outcome]:
    count = len(numbers)
    statuses = read_ints(reader.take(5, "status", object), count, "outcomes.status", cells)
    if not 0 <= min(statuses) <= max(statuses) < len(_STATUSES):
        raise DecodeError("There is no such status.", "outcomes.status")
    codes = read_column(reader.take(6, "code", object), count, "outcomes.code", cells)
    rest = []
    for place, (name, default) in enumerate(_OUTCOME_REST, 7):
        packed = reader.take(place, name, object, None)
        rest.append(
            [default] * count
            if packed is None
            else read_column(packed, count, f"outcomes.{name}", cells)
        )
    rows = zip(numbers, statuses, codes, *rest, strict=True)
    try:
        return [
            msgspec.convert(
                {
                    "number": number,
                    "status": _STATUSES[status],
                    "code": code,
                    "seq": seq,
                    "conflicts": conflicts,
                    "detail": detail,
                    "field": field,
                },
                Outcome,
            )
            for number, status, code, seq, conflicts, detail, field in rows
        ]
    except msgspec.ValidationError as error:
        raise refusal_of(error, "outcomes") from error


# ---------------------------------------------------------------------------------------- pulls

_LIMIT: Final = PullRequest().limit


def _lay_out_pull_request(pull: PullRequest) -> list[Any]:
    return _cut([_pack_cursor(pull.cursor), pull.limit], None, _LIMIT)


def _read_pull_request(packed: object, field: str) -> PullRequest | None:
    if packed is None:
        return None
    reader = _Reader(packed, field)
    cursor = _read_cursor(reader.take(0, "cursor", object, None), reader.name("cursor"))
    limit = reader.take(1, "limit", int, _LIMIT)
    try:
        return msgspec.convert({"cursor": cursor, "limit": limit}, PullRequest)
    except msgspec.ValidationError as error:
        raise refusal_of(error, field) from error


def _take_in_pull_request(values: object, _: Cells) -> PullRequest:
    _opened(values)
    assert isinstance(values, list), "an opened message is an array"
    pull = _read_pull_request(values[1:], "")
    assert pull is not None, "an array is a pull"
    return pull


def _pack_page(page: PullResponse) -> list[Any]:
    """Answer a page as an array."""
    cursor: object = _pack_cursor(page.cursor)
    if page.cursor is not None and page.cursor == page.from_cursor:
        cursor = _SAME_CURSOR
    return _cut(
        [
            page.server_time_ms,
            page.seq,
            _pack_cursor(page.from_cursor),
            cursor,
            page.epoch,
            page.acknowledged,
            page.lease_ms,
            _MORE * page.more + _RESET * page.reset,
            [_pack_batch(batch) for batch in page.batches],
            _pack_patches(page.patches),
            _pack_counted_ids(page.drops),
        ],
        _EPOCH,
        None,
        None,
        0,
        [],
        [],
        b"",
    )


def _take_in_page(values: object, cells: Cells) -> PullResponse:
    _opened(values)
    assert isinstance(values, list), "an opened message is an array"
    return _read_page(values[1:], "", cells)


def _read_page(packed: object, field: str, cells: Cells) -> PullResponse:
    """Answer a page."""
    reader = _Reader(packed, field)
    from_cursor = _read_cursor(reader.take(2, "from_cursor", object), reader.name("from_cursor"))
    cursor = reader.take(3, "cursor", object)
    flags = reader.take(7, "more", int, 0)
    batches = reader.take(8, "batches", list, [])
    seq = reader.take(1, "seq", int)
    if not 0 <= seq <= MAX_SAFE_INT:
        raise DecodeError("The number is out of bounds.", reader.name("seq"))
    return PullResponse(
        server_time_ms=_time(reader.take(0, "server_time_ms", int), reader.name("server_time_ms")),
        seq=seq,
        from_cursor=from_cursor,
        cursor=(
            from_cursor if cursor is _SAME_CURSOR else _read_cursor(cursor, reader.name("cursor"))
        ),
        epoch=reader.take(4, "epoch", int, _EPOCH),
        acknowledged=reader.take(5, "acknowledged", int, None),
        lease_ms=reader.take(6, "lease_ms", int, None),
        more=bool(flags & _MORE),
        reset=bool(flags & _RESET),
        batches=[
            _read_batch(batch, reader.name(f"batches[{place}]"), cells)
            for place, batch in enumerate(batches)
        ],
        patches=_read_patches(reader.take(9, "patches", list, []), reader.name("patches"), cells),
        drops=_read_counted_ids(reader.take(10, "drops", object, b""), reader.name("drops"), cells),
    )


def _pack_batch(batch: RecordBatch) -> list[Any]:
    numbers = _field_numbers(batch.kind)
    return _cut(
        [
            _kind_key(batch.kind),
            _pack_counted_ids(batch.ids),
            pack_ints(batch.seqs),
            [numbers.get(name, name) for name in batch.fields],
            [pack_column(column) for column in batch.columns],
            pack_ints(batch.handles) if batch.handles else None,
        ],
        None,
    )


def _read_batch(packed: object, field: str, cells: Cells) -> RecordBatch:
    reader = _Reader(packed, field)
    kind = _kind_of(reader.take(0, "kind", object), reader.name("kind"))
    ids = _read_counted_ids(reader.take(1, "ids", object), reader.name("ids"), cells)
    keys = reader.take(3, "fields", list)
    columns = reader.take(4, "columns", list)
    if len(keys) != len(columns):
        raise DecodeError("Each field has a column.", reader.name("columns"))
    names = [_field_of(kind, key, reader.name("fields")) for key in keys]
    handles = reader.take(5, "handles", object, None)
    return RecordBatch(
        kind=kind,
        fields=names,
        ids=ids,
        seqs=list(read_ints(reader.take(2, "seqs", object), len(ids), reader.name("seqs"), cells)),
        columns=[
            read_column(column, len(ids), reader.name(name), cells)
            for name, column in zip(names, columns, strict=True)
        ],
        handles=(
            []
            if handles is None
            else list(read_ints(handles, len(ids), reader.name("handles"), cells))
        ),
    )


def _pack_patches(patches: Sequence[Patch]) -> list[Any]:
    """Answer patches by kind; a record that has ended has no fields."""
    if not patches:
        return []
    keys, order = parted((patch.kind, patch.deleted) for patch in patches)
    groups: list[list[Patch]] = [[] for _ in keys]
    for patch, place in zip(patches, order, strict=True):
        groups[place].append(patch)
    sections = []
    for (kind, deleted), group in zip(keys, groups, strict=True):
        sections.append(
            _cut(
                [
                    _kind_key(kind),
                    _pack_counted_ids([patch.id for patch in group]),
                    pack_ints([patch.seq for patch in group]),
                    _pack_maps(kind, [patch.fields for patch in group]),
                    _IS_GONE * deleted,
                ],
                [],
                0,
            )
        )
    return _in_sections(sections, order)


def _read_patches(packed: list[Any], field: str, cells: Cells) -> list[Patch]:
    if not packed:
        return []
    sections = packed if len(packed) == 1 else packed[1:]
    taken = [
        _read_patch_section(section, f"{field}[{place}]", cells)
        for place, section in enumerate(sections)
    ]
    if len(taken) == 1:
        return taken[0]
    _, order = _counts(packed, sum(map(len, taken)), field, cells)
    sizes = Counter(order)
    if any(sizes[place] != len(group) for place, group in enumerate(taken)):
        raise DecodeError("The order does not fit the sections.", field)
    groups = [iter(group) for group in taken]
    return [next(groups[place]) for place in order]


def _read_patch_section(packed: object, field: str, cells: Cells) -> list[Patch]:
    reader = _Reader(packed, field)
    kind = _kind_of(reader.take(0, "kind", object), reader.name("kind"))
    ids = _read_counted_ids(reader.take(1, "ids", object), reader.name("ids"), cells)
    seqs = read_ints(reader.take(2, "seqs", object), len(ids), reader.name("seqs"), cells)
    maps = _read_maps(
        kind, reader.take(3, "fields", object, []), len(ids), reader.name("fields"), cells
    )
    deleted = bool(reader.take(4, "deleted", int, 0))
    return [
        Patch(kind=kind, id=each, seq=seq, fields=fields, deleted=deleted)
        for each, seq, fields in zip(ids, seqs, maps, strict=True)
    ]


# -------------------------------------------------------------------------------------- digests


def _pack_hashes(hashes: Iterable[str]) -> object:
    """Answer hashes as bytes, one behind the other."""
    texts = list(hashes)
    joined = "".join(texts)
    try:
        raw = bytes.fromhex(joined)
    except ValueError:
        return texts
    is_plain = set(map(len, texts)) <= {2 * _HASH_BYTES} and raw.hex() == joined
    return raw if is_plain else texts


def _read_hashes(packed: object, field: str) -> list[str]:
    if isinstance(packed, bytes) and len(packed) % _HASH_BYTES == 0:
        text = packed.hex()
        return [text[at : at + 2 * _HASH_BYTES] for at in range(0, len(text), 2 * _HASH_BYTES)]
    if isinstance(packed, list) and all(type(each) is str for each in packed):
        return packed
    raise DecodeError("These are not hashes.", field)


def _lay_out_digest_request(request: DigestRequest) -> list[Any]:
    return _cut(
        [
            FORMAT,
            _lay_out_pull_request(request.pull),
            [_cut([_kind_key(each.kind), each.suffix], "") for each in request.branches],
            [
                _cut([_kind_key(each.kind), each.suffix, _pack_hashes(each.hashes)], b"")
                for each in request.leaves
            ],
        ],
        [],
        [],
    )


def _take_in_digest_request(values: object, _: Cells) -> DigestRequest:
    reader = _opened(values)
    pull = _read_pull_request(reader.take(1, "pull", list), "pull")
    branches = [
        {"kind": kind, "suffix": suffix}
        for kind, suffix, _ in _ranges(reader.take(2, "branches", list, []), "branches")
    ]
    leaves = [
        {"kind": kind, "suffix": suffix, "hashes": hashes}
        for kind, suffix, hashes in _ranges(reader.take(3, "leaves", list, []), "leaves")
    ]
    about = {"pull": pull, "branches": branches, "leaves": leaves}
    try:
        return msgspec.convert(about, DigestRequest)
    except msgspec.ValidationError as error:
        raise refusal_of(error) from error


def _ranges(packed: list[Any], field: str) -> list[tuple[str, str, list[str]]]:
    ranges = []
    for place, each in enumerate(packed):
        reader = _Reader(each, f"{field}[{place}]")
        ranges.append(
            (
                _kind_of(reader.take(0, "kind", object), reader.name("kind")),
                reader.take(1, "suffix", str, ""),
                _read_hashes(reader.take(2, "hashes", object, b""), reader.name("hashes")),
            )
        )
    return ranges


def _lay_out_digest_response(answer: DigestResponse) -> list[Any]:
    return _cut(
        [
            FORMAT,
            _pack_page(answer.pull),
            [
                [_kind_key(each.kind), each.suffix, _pack_hashes(each.digests)]
                for each in answer.branches
            ],
            [_pack_batch(batch) for batch in answer.batches],
            _pack_hashes(answer.strange),
        ],
        [],
        [],
        b"",
    )


def _take_in_digest_response(values: object, cells: Cells) -> DigestResponse:
    reader = _opened(values)
    return DigestResponse(
        pull=_read_page(reader.take(1, "pull", list), "pull", cells),
        branches=[
            BranchDigests(kind=kind, suffix=suffix, digests=hashes)
            for kind, suffix, hashes in _ranges(reader.take(2, "branches", list, []), "branches")
        ],
        batches=[
            _read_batch(batch, f"batches[{place}]", cells)
            for place, batch in enumerate(reader.take(3, "batches", list, []))
        ],
        strange=_read_hashes(reader.take(4, "strange", object, b""), "strange"),
    )


LAY_OUT: Final[Mapping[type, Callable[[Any], list[Any]]]] = {
    PushRequest: _lay_out_push,
    PushResponse: _lay_out_push_response,
    PullRequest: lambda pull: [FORMAT, *_lay_out_pull_request(pull)],
    PullResponse: lambda page: [FORMAT, *_pack_page(page)],
    DigestRequest: _lay_out_digest_request,
    DigestResponse: _lay_out_digest_response,
}
"""How each message is turned into arrays."""
TAKE_IN: Final[Mapping[type, Callable[[object, Cells], Any]]] = {
    PushResponse: _take_in_push_response,
    PullRequest: _take_in_pull_request,
    PullResponse: _take_in_page,
    DigestRequest: _take_in_digest_request,
    DigestResponse: _take_in_digest_response,
}
"""How arrays are turned into each message; a push has ``take_in_push``."""
