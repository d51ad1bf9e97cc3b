"""Columns of values for the compact form: whole columns at a time, as small as they go.

A column of ``n`` values is an array of them, or a map of one entry that says how it is packed. The
writer chooses, the reader takes any; nothing here needs a schema, so what a newer side sends is
read whole. Packed numbers lie in *planes*: first the lowest byte of each, then the next, so that
bytes which hardly change stand together for zstd.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, islice, pairwise
from operator import sub
from sys import byteorder
from typing import Any, Final, TypeVar
from uuid import UUID

from sync_protocol.messages import DecodeError

Column = list[Any] | dict[int, Any]
Ints = int | bytes | list[int]
"""Whole numbers: one for all that are equal, packed, or one by one."""

SAME: Final = 0
"""``{0: value}``: all are equal."""
DICTIONARY: Final = 1
"""``{1: [column of the distinct values, ints: the index of each]}``."""
IDS: Final = 2
"""``{2: bin}``: ids, 16 planes."""
NUMBERS: Final = 3
"""``{3: packed}``: whole numbers."""
OPTIONAL: Final = 4
"""``{4: [bits, column of the values that are there]}``: the lowest bit of the first byte first."""
LISTS: Final = 5
"""``{5: [ints: the length of each, column of all elements]}``."""

_WORTH_PACKING: Final = 4
_SAMPLE: Final = 256
_TEXTS: Final = frozenset({str, type(None)})
_NUMBERS: Final = frozenset({int, type(None)})
_ID_LENGTH: Final = 36
_DELTA: Final = 16
_TOO_WIDE: Final = 16
_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_HYPHENS: Final = (8, 13, 18, 23)
_DIGITS: Final = tuple(place for place in range(36) if place not in _HYPHENS)
_FEW_IDS: Final = 4
"""So many ids are spelled out sooner one by one than all at once."""
_MAX_NESTING: Final = 4
_INT64: Final = range(-(2**63), 2**63)
K = TypeVar("K")


class Cells:
    """How many values a message may still unfold into: a short one does not become a long one."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, count: int, field: str) -> None:
        """Count values.

        :raises DecodeError: if there are too many for the length of the message.
        """
        self.left -= count
        if self.left < 0:
            raise DecodeError("The message unfolds into too many values.", field)


# ------------------------------------------------------------------------------------- writing


def pack_column(values: Sequence[Any]) -> Column:
    """Answer a column as small as it goes."""
    count = len(values)
    if count > 1 and values[0] is None and values.count(None) == count:
        return {SAME: None}
    packed = _pack_repeated(values) if count > 1 else None
    if packed is not None:
        return packed
    types = set(map(type, values))
    optional = type(None) in types
    types.discard(type(None))
    if len(types) != 1:
        return list(values)
    return _pack_different(values, types.pop(), optional=optional)


def _pack_repeated(values: Sequence[Any]) -> Column | None:
    """Answer a column of texts or whole numbers that come again and again; none if they do not."""
    sample, count = values[:_SAMPLE], len(values)
    types = set(map(type, sample))
    is_scalar = types <= _TEXTS or types <= _NUMBERS
    if not is_scalar or (len(sample) == _SAMPLE and 2 * len(set(sample)) > _SAMPLE):
        return None
    try:
        places = dict.fromkeys(values)
    except TypeError:
        return None
    is_one, is_text = len(places) == 1, types <= _TEXTS
    is_few = count >= 2 * _WORTH_PACKING and 2 * len(places) <= count
    # Texts are equal to texts alone, but 1 is also 1.0 and true.
    kinds = set(map(type, places)) <= _TEXTS if is_text else set(map(type, values)) <= _NUMBERS
    if not kinds or not (is_one or is_few):
        return None
    if is_one and not (is_text and len(values[0] or "") == _ID_LENGTH):
        return {SAME: values[0]}
    index = dict(zip(places, range(count), strict=False))
    indexes: Ints = (
        0 if is_one else _pack_indexes(list(map(index.__getitem__, values)), len(places))
    )
    return {DICTIONARY: [pack_column(list(places)), indexes]}


def _pack_different(values: Sequence[Any], kind: type, *, optional: bool) -> Column:
    """Answer a column of one type, where some values may be missing."""
    if kind not in (str, int, list, tuple):
        return list(values)
    if optional:
        return _pack_optional(values)
    if kind is int:
        return _pack_numbers(values)
    if kind is not str:
        return _pack_lists(values)
    packed = pack_ids(values) if len(values[0]) == len(values[-1]) == _ID_LENGTH else None
    return list(values) if packed is None else {IDS: packed}


def _pack_indexes(indexes: list[int], size: int) -> Ints:
    """Answer the places of values in a dictionary: few, or in no order."""
    if size > 256 or len(indexes) < _WORTH_PACKING:  # noqa: PLR2004 - what a byte can tell
        return pack_ints(indexes)
    return b"\x01\x00" + bytes(indexes)


def _pack_numbers(values: Sequence[int]) -> Column:
    packed = _pack(values) if len(values) >= _WORTH_PACKING else None
    return list(values) if packed is None else {NUMBERS: packed}


def _pack_optional(values: Sequence[Any]) -> Column:
    there = [value for value in values if value is not None]
    if len(values) < 2 * _WORTH_PACKING:
        return list(values)
    flags = "".join(["0" if value is None else "1" for value in values])
    bits = int(flags[::-1], 2).to_bytes((len(values) + 7) // 8, "little")
    return {OPTIONAL: [bits, pack_column(there)]}


def _pack_lists(values: Sequence[Sequence[Any]]) -> Column:
    inside = list(chain.from_iterable(values))
    lengths = list(map(len, values))
    packed = _pack_indexes(lengths, max(lengths) + 1)
    return {LISTS: [packed, _pack_inside(inside)]}


def _pack_inside(inside: list[Any]) -> Column:
    """Answer the elements of lists, which are packed no further when they are lists themselves."""
    packed = _pack_repeated(inside) if len(inside) > 1 else None
    if packed is not None:
        return packed
    is_text = set(map(type, inside)) == {str}
    return _pack_different(inside, str, optional=False) if is_text else inside


def pack_ints(values: Sequence[int]) -> Ints:
    """Answer whole numbers as small as they go."""
    count = len(values)
    if not count:
        return []
    first = values[0]
    if count == 1 or (values[-1] == first and values.count(first) == count):
        return first
    packed = _pack(values) if count >= _WORTH_PACKING else None
    return list(values) if packed is None else packed


def _pack(values: Sequence[int]) -> bytes | None:
    """Pack numbers as what they add to the least of them, or as steps from one to the next."""
    count, first = len(values), values[0]
    # Handles of new records follow each other: that is seen faster than it is worked out.
    is_range = first in _INT64 and values[-1] - first == count - 1
    if is_range and list(values) == list(range(first, first + count)):
        return bytes([_DELTA]) + varint(first) + varint(1)
    low, high = min(values), max(values)
    if low not in _INT64 or high not in _INT64:
        return None
    sample = values[:_SAMPLE]
    steps = list(map(sub, islice(sample, 1, None), sample))
    if _width(max(steps) - min(steps)) < _width(high - low):
        if len(sample) < len(values):
            steps = list(map(sub, islice(values, 1, None), values))
        least, span = min(steps), max(steps) - min(steps)
        if _width(span) < _width(high - low):
            head = bytes([_DELTA | _width(span)]) + varint(values[0]) + varint(least)
            return head + _planes(steps, least, _width(span))
    if low > 0 and _width(high) == _width(high - low):
        low = 0
    return bytes([_width(high - low)]) + varint(low) + _planes(values, low, _width(high - low))


def _width(span: int) -> int:
    """Answer how many bytes numbers from 0 to this need: 0, 1, 2, 4 or 8, or too many."""
    if span == 0:
        return 0
    return next((width for width in _CODES if span < 1 << 8 * width), _TOO_WIDE)


def _planes(values: Sequence[int], low: int, width: int) -> bytes:
    """Answer what numbers add to the least of them, plane by plane."""
    if width == 0:
        return b""
    rest = [value - low for value in values] if low else values
    if width == 1:
        return bytes(rest)
    numbers = array(_CODES[width], rest)
    if byteorder == "big":
        numbers.byteswap()
    raw = numbers.tobytes()
    return b"".join([raw[place::width] for place in range(width)])


def varint(value: int) -> bytes:
    """Answer a signed number in groups of 7 bits, the lowest first, the sign in the lowest bit."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest >= 128:  # noqa: PLR2004 - a group has 7 bits
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def pack_ids(texts: Sequence[str]) -> bytes | None:
    """Answer ids as 16 planes of bytes; none where one is not an id in its one spelling."""
    count = len(texts)
    joined = "".join(texts)
    digits = joined.replace("-", "")
    if len(joined) != 36 * count or len(digits) != 32 * count:
        return None
    if any(joined[place::36] != "-" * count for place in _HYPHENS):
        return None
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    # Each text must be an id by itself: the hyphens of all together do not show where one ends.
    if raw.hex() != digits or set(map(len, texts)) != {_ID_LENGTH}:
        return None
    return b"".join([raw[place::16] for place in range(16)])


# ------------------------------------------------------------------------------------- reading


def read_column(
    column: object, count: int, field: str, cells: Cells, nesting: int = 0
) -> list[Any]:
    """Answer the values of a column.

    :raises DecodeError: if it is not a column of so many.
    """
    cells.take(count, field)
    if isinstance(column, list):
        if len(column) != count:
            raise DecodeError(f"The column has {len(column)} values for {count}.", field)
        return column
    if not isinstance(column, dict) or len(column) != 1 or nesting > _MAX_NESTING:
        raise DecodeError("This is not a column.", field)
    ((how, content),) = column.items()
    reader = _READERS.get(how) if isinstance(how, int) else None
    if reader is None:
        raise DecodeError("The column is packed in an unknown way.", field)
    return reader(content, count, field, cells, nesting)


def _read_same(content: object, count: int, *_: object) -> list[Any]:
    return [content] * count


def _read_dictionary(
    content: object, count: int, field: str, cells: Cells, nesting: int
) -> list[Any]:
    column, places = _pair(content, field)
    indexes = read_ints(places, count, field, cells)
    if count == 0:
        return []
    size = max(indexes) + 1
    if min(indexes) < 0 or size > count:
        raise DecodeError("The column names a value that it does not have.", field)
    distinct = read_column(column, size, field, cells, nesting + 1)
    return list(map(distinct.__getitem__, indexes))


def _read_ids(content: object, count: int, field: str, *_: object) -> list[Any]:
    return read_ids(content, count, field)


def _read_numbers(content: object, count: int, field: str, *_: object) -> list[Any]:
    if not isinstance(content, bytes):
        raise DecodeError("Packed numbers are bytes.", field)
    return list(_unpack(content, count, field))


def _read_optional(
    content: object, count: int, field: str, cells: Cells, nesting: int
) -> list[Any]:
    bits, column = _pair(content, field)
    if not isinstance(bits, bytes) or len(bits) != (count + 7) // 8:
        raise DecodeError("The bits of the column are of another length.", field)
    number = int.from_bytes(bits, "little")
    if number >> count:
        raise DecodeError("The bits of the column are of another length.", field)
    there = iter(read_column(column, number.bit_count(), field, cells, nesting + 1))
    flags = format(number, f"0{count}b")[::-1] if count else ""
    return [next(there) if flag == "1" else None for flag in flags]


def _read_lists(content: object, count: int, field: str, cells: Cells, nesting: int) -> list[Any]:
    lengths, column = _pair(content, field)
    sizes = _sizes(lengths, count, field, cells)
    inside = read_column(column, sum(sizes), field, cells, nesting + 1)
    return [inside[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]


_READERS: Final[dict[int, Callable[[Any, int, str, Cells, int], list[Any]]]] = {
    SAME: _read_same,
    DICTIONARY: _read_dictionary,
    IDS: _read_ids,
    NUMBERS: _read_numbers,
    OPTIONAL: _read_optional,
    LISTS: _read_lists,
}


def _pair(content: object, field: str) -> tuple[Any, Any]:
    if not isinstance(content, list) or len(content) != 2:  # noqa: PLR2004 - a pair
        raise DecodeError("The column is cut short.", field)
    return content[0], content[1]


def _sizes(lengths: object, count: int, field: str, cells: Cells) -> Sequence[int]:
    """Read lengths, none of which is below nothing or above what the message may unfold into."""
    sizes = read_ints(lengths, count, field, cells)
    if sizes and (min(sizes) < 0 or max(sizes) >= 2**31):
        raise DecodeError("A length is out of bounds.", field)
    return sizes


def read_ints(ints: object, count: int, field: str, cells: Cells) -> Sequence[int]:
    """Answer whole numbers.

    :raises DecodeError: if they are not so many.
    """
    cells.take(count, field)
    if isinstance(ints, bytes):
        return _unpack(ints, count, field)
    if isinstance(ints, list):
        if len(ints) != count or any(type(value) is not int for value in ints):
            raise DecodeError(f"These are not {count} whole numbers.", field)
        return ints
    if type(ints) is not int:
        raise DecodeError("These are not whole numbers.", field)
    return [ints] * count


def _unpack(packed: bytes, count: int, field: str) -> list[int]:
    try:
        flags = packed[0]
        width, is_delta = flags & ~_DELTA, bool(flags & _DELTA)
        if width and width not in _CODES:
            raise DecodeError("Packed numbers have 0, 1, 2, 4 or 8 bytes each.", field)
        low, place = read_varint(packed, 1)
        first = low
        if is_delta:
            low, place = read_varint(packed, place)
    except IndexError as error:
        raise DecodeError("Packed numbers are cut short.", field) from error
    items = count - 1 if is_delta else count
    if items < 0 or len(packed) - place != items * width:
        raise DecodeError("Packed numbers are of another count.", field)
    rest = _from_planes(packed[place:], items, width)
    if is_delta:
        return list(accumulate([low + value for value in rest] if low else rest, initial=first))
    return [low + value for value in rest] if low else list(rest)


def _from_planes(raw: bytes, count: int, width: int) -> Sequence[int]:
    if width == 0:
        return [0] * count
    if width == 1:
        return raw
    ordered = bytearray(len(raw))
    for place in range(width):
        ordered[place::width] = raw[place * count : (place + 1) * count]
    numbers = array(_CODES[width], bytes(ordered))
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def read_varint(packed: bytes, place: int) -> tuple[int, int]:
    """Answer the number at a place, and the place behind it.

    :raises IndexError: if there is none.
    """
    value = shift = 0
    while True:
        byte = packed[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004 - the highest bit says that there is more
            return (value >> 1 if not value & 1 else -((value + 1) >> 1)), place
        if shift > 63:  # noqa: PLR2004 - no number has more than 64 bits
            raise IndexError(place)


def read_ids(raw: object, count: int, field: str) -> list[str]:
    """Answer ids as text.

    :raises DecodeError: if the bytes are not those of so many.
    """
    if not isinstance(raw, bytes) or len(raw) != 16 * count:
        raise DecodeError("An id has 16 bytes.", field)
    if count <= _FEW_IDS:
        return [str(UUID(bytes=raw[start::count])) for start in range(count)]
    digits = raw.hex().encode()
    spelled = bytearray(b"-" * (36 * count))
    for index, place in enumerate(_DIGITS):
        start = 2 * (index // 2) * count + index % 2
        spelled[place::36] = digits[start : 2 * (index // 2 + 1) * count : 2]
    text = spelled.decode()
    return [text[start : start + 36] for start in range(0, 36 * count, 36)]


def parted(items: Iterable[K]) -> tuple[list[K], list[int]]:
    """Answer the distinct items in the order in which they come, and the place of each item."""
    places: dict[K, int] = {}
    order = [places.setdefault(item, len(places)) for item in items]
    return list(places), order
