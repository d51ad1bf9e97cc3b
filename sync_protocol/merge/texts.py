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
    if _collide(ours, theirs):
        return None
    merged: list[str] = []
    place = 0
    for start, end, instead in sorted({*ours, *theirs}):
        merged += [*clauses[place:start], *instead]
        place = end
    return "".join([*merged, *clauses[place:]])


def _collide(ours: list[_Hunk], theirs: list[_Hunk]) -> bool:
    """Answer whether any two changes are of the same clauses; both lists are in order."""
    first = 0
    for mine in ours:
        while first < len(theirs) and theirs[first][1] < mine[0]:
            first += 1
        at = first
        while at < len(theirs) and theirs[at][0] <= mine[1]:
            if _touch(mine, theirs[at]):
                return True
            at += 1
    return False


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
    """Answer the places of a longest common subsequence.

    A row of the table of lengths is one whole number, a bit for each clause of `new` from the last
    on: Hyyro, Bit-parallel LCS-length computation revisited (2004). A push may hold hundreds of
    texts, and a table clause by clause took seconds for them.
    """
    width = len(new)
    everywhere = (1 << width) - 1
    places: dict[str, int] = {}
    for column, clause in enumerate(new):
        places[clause] = places.get(clause, 0) | 1 << (width - 1 - column)
    rows = [everywhere]
    for clause in reversed(old):
        above = rows[-1]
        met = above & places.get(clause, 0)
        rows.append(((above + met) | (above - met)) & everywhere)
    rows.reverse()

    def length(row: int, column: int) -> int:
        """Count what the clauses from these two places on have in common."""
        rest = width - column
        return rest - (rows[row] & ((1 << rest) - 1)).bit_count()

    pairs, row, column = [], 0, 0
    while row < len(old) and column < width:
        if old[row] == new[column]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif length(row + 1, column) >= length(row, column + 1):
            row += 1
        else:
            column += 1
    return pairs
