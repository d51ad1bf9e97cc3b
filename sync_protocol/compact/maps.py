"""The fields of several records by column, and which record has which."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sync_protocol.columns import Cells, pack_column, pack_ints, parted, read_column, read_ints
from sync_protocol.compact.names import field_numbers, field_of
from sync_protocol.compact.places import Reader
from sync_protocol.messages import DecodeError


def pack_maps(kind: str, maps: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Answer maps by column: each field, then its values; at the end, who has which, if not all."""
    numbers = field_numbers(kind)
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


def read_maps(
    kind: str, packed: object, count: int, field: str, cells: Cells
) -> list[dict[str, Any]]:
    """Answer the maps that stand by column.

    :raises DecodeError: if they are not so many.
    """
    if not isinstance(packed, list):
        raise DecodeError("Fields are an array.", field)
    names = [field_of(kind, key, field) for key in packed[: len(packed) // 2 * 2 : 2]]
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
    reader = Reader(packed, field)
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
