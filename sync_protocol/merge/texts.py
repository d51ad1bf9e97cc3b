"""Two people wrote on in one text: what each changed goes into one, clause by clause. Pure."""

import re
from typing import Final

_CLAUSES: Final = re.compile(r"[^\n，。；！？,;!?]*[\n，。；！？,;!?]|[^\n，。；！？,;!?]+")
_MOST_CLAUSES: Final = 200
"""Texts that differ in more clauses are not merged: comparing costs their product."""

_Hunk = tuple[int, int, tuple[str, ...]]
"""From which clause to which, and what stands there instead; an insertion replaces none."""


def merge_texts(was: str, one: str, other: str) -> str | None:
    """Answer one text with both changes of another, or none where they touch the same clauses.

    The order of the two does not matter. What both add at the same place stands in the order of its
    words; what both changed in the same way is changed once.
    """
    if one in (was, other):
        return other
    if other == was:
        return one
    clauses = _CLAUSES.findall(was)
    ours, theirs = _hunks(clauses, _CLAUSES.findall(one)), _hunks(clauses, _CLAUSES.findall(other))
    if ours is None or theirs is None:
        return None
    if any(_touch(mine, yours) for mine in ours for yours in theirs):
        return None
    merged: list[str] = []
    place = 0
    for start, end, instead in sorted({*ours, *theirs}):
        merged += [*clauses[place:start], *instead]
        place = end
    return "".join([*merged, *clauses[place:]])


def _touch(one: _Hunk, other: _Hunk) -> bool:
    """Answer whether two changes are of the same clauses."""
    if one == other:
        return False
    (start, end, _), (begin, finish, _) = one, other
    if start == end or begin == finish:
        # An insertion is in the way of what is replaced around it, and of nothing beside it.
        return begin < start < finish or start < begin < end
    return max(start, begin) < min(end, finish)


def _hunks(before: list[str], after: list[str]) -> list[_Hunk] | None:
    """Answer what changed from one text to another; none where that is too much to compare."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    shorter = min(len(before), len(after)) - first
    while last < shorter and before[-1 - last] == after[-1 - last]:
        last += 1
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    if max(len(old), len(new)) > _MOST_CLAUSES:
        return None
    hunks: list[_Hunk] = []
    at = [0, 0]
    for row, column in [*_common(old, new), (len(old), len(new))]:
        if (row, column) != (at[0], at[1]):
            instead = tuple(new[at[1] : column])
            hunks.append((first + at[0], first + row, instead))
        at = [row + 1, column + 1]
    return hunks


def _common(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Answer the places of a longest common subsequence."""
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row in range(len(old) - 1, -1, -1):
        here, below = lengths[row], lengths[row + 1]
        for column in range(len(new) - 1, -1, -1):
            here[column] = (
                below[column + 1] + 1
                if old[row] == new[column]
                else max(below[column], here[column + 1])
            )
    pairs, row, column = [], 0, 0
    while row < len(old) and column < len(new):
        if old[row] == new[column]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1
    return pairs
