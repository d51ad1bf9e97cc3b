"""What is put together by its sort: sections, their order, and the numbers of the items."""

from collections.abc import Sequence
from typing import Any

from sync_protocol.columns import Cells, pack_ints, read_ints
from sync_protocol.messages import DecodeError


def in_sections(sections: list[Any], order: Sequence[int]) -> list[Any]:
    """Answer sections, and before them the section of each item, if there are several."""
    return sections if len(sections) <= 1 else [pack_ints(order), *sections]


def parted_sections(
    packed: object, count: int, field: str, cells: Cells
) -> tuple[list[Any], Sequence[int]]:
    """Part sections from their order."""
    if not isinstance(packed, list):
        raise DecodeError("This should be an array.", field)
    if len(packed) <= 1:
        return packed, [0] * count
    order, *sections = packed
    indexes = read_ints(order, count, field, cells)
    if indexes and not 0 <= min(indexes) <= max(indexes) < len(sections):
        raise DecodeError("There is no such section.", field)
    return sections, indexes


def pack_numbers(numbers: list[int]) -> object:
    """Answer numbers as the one, the first and how many follow, or an array of them all."""
    if len(numbers) == 1:
        return numbers[0]
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return [numbers[0], len(numbers)]
    return [numbers]


def read_numbers(packed: object, most: int, field: str) -> Sequence[int]:
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
