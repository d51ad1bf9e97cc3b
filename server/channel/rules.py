"""Decide which counts may leave an agent. Pure.

A count of fewer than ten persons is never published, and neither is anything from which one
follows. Totals are published beside their parts, so leaving out the small counts alone would
protect nothing: further counts are left out until no hidden one can be narrowed down to fewer
than ten possible values, by any arithmetic over what is published and the knowledge that no count
is negative. This holds for each release by itself; what two in succession tell together is written
down in docs/decisions/0007.

The funnel is a grid of agents x statuses with the totals of both and of all. Its hidden cells are
the edges of a graph whose nodes are the grid's lines: each line's cells add up to something
known. What is known of a hidden cell follows from how much can flow through the others
(`_width`): the cell may grow as far as cells on a way round can shrink, and the reverse. A cell
on no such way is known exactly.

Cities and industries are single lines with the same total. Their small values are folded into one
rest without names, because even the name of a rare value may say who it is.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

PERSONS_MIN: Final = 10
"""No published count is of fewer persons, and no hidden one is known more closely than this."""

R = TypeVar("R")
C = TypeVar("C")

TOTAL: Final = None
"""The line that holds the totals of the others."""

Cell = tuple[int, int]
"""Row and column by number; the last of each is the totals."""


class Grid(msgspec.Struct, frozen=True):
    """A published grid: null where a count is hidden. The key `None` stands for the total."""

    cells: dict[tuple[object, object], int | None]

    def at(self, row: object, column: object) -> int | None:
        """Give a published count, or null; what was never counted is hidden as well."""
        return self.cells.get((row, column))


class Line(msgspec.Struct, frozen=True):
    """A published line: the counts that have names, and the rest that has none."""

    counts: dict[str, int]
    rest: int | None
    """Persons under all other values: none, or ten and more; null when nothing is shown."""
    total: int | None


def release_line(counts: Mapping[str, int], *, k: int = PERSONS_MIN) -> Line:
    """Publish counts by one value, the small ones folded into a rest of none or at least `k`."""
    total = sum(counts.values())
    if total < k:
        return Line({}, None, None)
    by_size = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    folded = [name for name, count in by_size if count < k]
    rest = sum(counts[name] for name in folded)
    # A rest of one value is that value; a rest of few persons is a count of few persons.
    for name, _ in by_size[len(folded) :]:
        if not folded or (rest >= k and len(folded) > 1):
            break
        folded.append(name)
        rest += counts[name]
    hidden = set(folded)
    return Line({name: counts[name] for name in counts if name not in hidden}, rest, total)


def release_grid(
    counts: Mapping[tuple[R, C], int],
    rows: Sequence[R],
    columns: Sequence[C],
    *,
    k: int = PERSONS_MIN,
) -> Grid:
    """Publish a grid with its totals, leaving out what is small and what would give it away."""
    values = _with_totals(counts, rows, columns)
    if values[len(rows)][len(columns)] < k:
        return Grid({})
    hidden = _Hidden(values, k)
    hidden.protect()
    names: list[R | None] = [*rows, TOTAL]
    heads: list[C | None] = [*columns, TOTAL]
    return Grid(
        {
            (name, head): None if (row, column) in hidden.cells else values[row][column]
            for row, name in enumerate(names)
            for column, head in enumerate(heads)
        }
    )


def _with_totals(
    counts: Mapping[tuple[R, C], int], rows: Sequence[R], columns: Sequence[C]
) -> list[list[int]]:
    """Lay the counts out with a column and a row of totals at the end."""
    values = [[counts.get((row, column), 0) for column in columns] for row in rows]
    for line in values:
        line.append(sum(line))
    values.append([sum(line[column] for line in values) for column in range(len(columns) + 1)])
    return values


class _Hidden:
    """The hidden cells of one grid, and how closely each is known."""

    def __init__(self, values: list[list[int]], k: int) -> None:
        self.values, self.k = values, k
        self.last_row, self.last_column = len(values) - 1, len(values[0]) - 1
        self.cells: set[Cell] = set()
        self.in_row: list[set[int]] = [set() for _ in values]
        self.in_column: list[set[int]] = [set() for _ in values[0]]
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                if value < k:
                    self._hide((row, column))

    def _hide(self, cell: Cell) -> None:
        """Leave a cell out."""
        self.cells.add(cell)
        self.in_row[cell[0]].add(cell[1])
        self.in_column[cell[1]].add(cell[0])

    def protect(self) -> None:
        """Hide more until no hidden cell is known too closely: a fixed point."""
        weak = sorted(self.cells)
        while weak:
            for cell in weak:
                if not self._is_safe(cell):
                    self._help(cell)
            weak = [cell for cell in sorted(self.cells) if not self._is_safe(cell)]

    def _is_margin(self, cell: Cell) -> bool:
        """Say whether a cell is the total of a row or of a column."""
        return (cell[0] == self.last_row) != (cell[1] == self.last_column)

    def _is_safe(self, cell: Cell) -> bool:
        """Say whether at least `k` further values are possible for a hidden cell."""
        return self._has_square(cell) or self._width(cell) >= self.k

    def _has_square(self, cell: Cell) -> bool:
        """Say whether one hidden square alone gives room enough; saves the search in most cases."""
        row, column = cell
        for other_column in self.in_row[row] - {column}:
            smaller = sorted((self.in_column[column], self.in_column[other_column]), key=len)
            for other_row in smaller[0]:
                if other_row == row or other_row not in smaller[1]:
                    continue
                if self._room(cell, (other_row, other_column)) >= self.k:
                    return True
        return False

    def _room(self, cell: Cell, opposite: Cell) -> int:
        """Give the number of values that a cell may take while only one square moves."""
        (row, column), (other_row, other_column) = cell, opposite
        sides = [(row, other_column), (other_row, column)]
        return self._give([cell, opposite], sides) + self._give(sides, [cell, opposite])

    def _give(self, up: Iterable[Cell], down: Iterable[Cell]) -> int:
        """Give how far `up` may move up and `down` move down, in the grid's own signs.

        A total counts against its line, so for it up is down.
        """
        shrinking = [cell for cell in up if self._is_margin(cell)]
        shrinking += [cell for cell in down if not self._is_margin(cell)]
        return min((self.values[row][column] for row, column in shrinking), default=self.k)

    def _width(self, cell: Cell) -> int:
        """Count, up to `k`, the further values that a hidden cell may take."""
        row, column = cell
        rows = len(self.values)
        up = self._flow(rows + column, row, cell, self.k)
        if self._is_margin(cell):
            up = min(up, self.values[row][column])
        if up >= self.k:
            return up
        down = self._flow(row, rows + column, cell, self.k - up)
        if not self._is_margin(cell):
            down = min(down, self.values[row][column])
        return up + down

    def _flow(self, source: int, sink: int, without: Cell, enough: int) -> int:
        """Push up to `enough` from one line to another through the hidden cells but one.

        From a row to a column a cell moves up, back it moves down.
        """
        pushed: dict[Cell, int] = {}
        total = 0
        while total < enough:
            path = self._path(source, sink, without, pushed)
            if path is None:
                break
            amount = min(enough - total, *(self._left(*step, pushed) for step in path))
            for row, column, sign in path:
                pushed[row, column] = pushed.get((row, column), 0) + sign * amount
            total += amount
        return total

    def _left(self, row: int, column: int, sign: int, pushed: Mapping[Cell, int]) -> int:
        """Give how far a cell may still move in a direction."""
        moved = pushed.get((row, column), 0)
        shrinks = sign > 0 if self._is_margin((row, column)) else sign < 0
        return self.values[row][column] - sign * moved if shrinks else self.k

    def _path(
        self, source: int, sink: int, without: Cell, pushed: Mapping[Cell, int]
    ) -> list[tuple[int, int, int]] | None:
        """Find a shortest way along which something can still move."""
        rows = len(self.values)
        came: dict[int, tuple[int, tuple[int, int, int]]] = {}
        waiting, seen = deque([source]), {source}
        while waiting:
            node = waiting.popleft()
            steps = (
                [(rows + column, (node, column, 1)) for column in self.in_row[node]]
                if node < rows
                else [(row, (row, node - rows, -1)) for row in self.in_column[node - rows]]
            )
            for other, step in steps:
                if other in seen or step[:2] == without or self._left(*step, pushed) <= 0:
                    continue
                came[other] = (node, step)
                if other == sink:
                    return _walked(came, source, sink)
                seen.add(other)
                waiting.append(other)
        return None

    def _help(self, cell: Cell) -> None:
        """Hide cells that give a weak one room: the cheapest square, else the smallest."""
        square = self._cheapest_square(cell)
        if square:
            for corner in square:
                self._hide(corner)
            return
        row, column = cell
        in_lines = [(row, other) for other in range(self.last_column + 1)]
        in_lines += [(other, column) for other in range(self.last_row + 1)]
        everywhere = (
            (one, other)
            for one in range(self.last_row + 1)
            for other in range(self.last_column + 1)
        )
        for candidates in (in_lines, everywhere):
            shown = [one for one in candidates if one not in self.cells and not self._is_all(one)]
            if shown:
                self._hide(min(shown, key=self._cost))
                return
        raise AssertionError("with everything but the total hidden, every cell has room enough")

    def _cheapest_square(self, cell: Cell) -> list[Cell]:
        """Find the three corners that give room enough and take the least away."""
        row, column = cell
        best: tuple[int, int] | None = None
        corners: list[Cell] = []
        for other_row in range(self.last_row + 1):
            for other_column in range(self.last_column + 1):
                if other_row == row or other_column == column:
                    continue
                three = [(row, other_column), (other_row, column), (other_row, other_column)]
                fresh = [one for one in three if one not in self.cells]
                if any(map(self._is_all, three)) or self._room(cell, three[2]) < self.k:
                    continue
                costs = [self._cost(one) for one in fresh]
                cost = (
                    sum(margin for margin, _ in costs) * 4 + len(costs),
                    sum(v for _, v in costs),
                )
                if fresh and (best is None or cost < best):
                    best, corners = cost, fresh
        return corners

    def _cost(self, cell: Cell) -> tuple[int, int]:
        """Say what hiding a cell costs: totals are worth more than parts, large more than small."""
        return (int(self._is_margin(cell)), self.values[cell[0]][cell[1]])

    def _is_all(self, cell: Cell) -> bool:
        """Say whether a cell is the total of all, which the other tables show as well."""
        return cell == (self.last_row, self.last_column)


def _walked(
    came: Mapping[int, tuple[int, tuple[int, int, int]]], source: int, sink: int
) -> list[tuple[int, int, int]]:
    """Read a way back from its end."""
    steps, node = [], sink
    while node != source:
        node, step = came[node]
        steps.append(step)
    return steps
