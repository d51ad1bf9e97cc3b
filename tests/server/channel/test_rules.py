"""What leaves an agent: no small count, and nothing that one follows from."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.channel import rules
from server.channel.rules import TOTAL, Grid

STATUSES = ["potential", "need", "intent", "signed", "dormant", "lost"]

Counts = dict[tuple[str, str], int]


def grids(
    *, rows: int = 5, columns: int = 5, largest: int = 40
) -> st.SearchStrategy[tuple[Counts, list[str], list[str]]]:
    """Make small grids in which few, some or most cells are small."""

    @st.composite
    def made(draw: st.DrawFn) -> tuple[Counts, list[str], list[str]]:
        agents = [f"agent {number}" for number in range(draw(st.integers(1, rows)))]
        heads = STATUSES[: draw(st.integers(2, columns))]
        count = st.one_of(st.integers(0, 3), st.integers(0, 12), st.integers(0, largest))
        return {cell: draw(count) for cell in product(agents, heads)}, agents, heads

    return made()


def totals(counts: Counts, agents: list[str], heads: list[str]) -> dict[tuple[object, object], int]:
    """Add the totals up, as anybody would."""
    lines: dict[tuple[object, object], list[tuple[str, str]]] = {
        (agent, head): [(agent, head)] for agent, head in product(agents, heads)
    }
    lines |= {(agent, TOTAL): [(agent, head) for head in heads] for agent in agents}
    lines |= {(TOTAL, head): [(agent, head) for agent in agents] for head in heads}
    lines[TOTAL, TOTAL] = list(product(agents, heads))
    return {name: sum(counts[cell] for cell in cells) for name, cells in lines.items()}


def equations(
    grid: Grid, agents: list[str], heads: list[str]
) -> tuple[list[list[Fraction]], list[tuple[object, object]]]:
    """Write what every reader knows as linear equations in the hidden cells."""
    hidden = [cell for cell, count in grid.cells.items() if count is None]
    place = {cell: number for number, cell in enumerate(hidden)}
    lines: list[dict[tuple[object, object], int]] = []
    lines += [
        {(agent, head): 1 for head in heads} | {(agent, TOTAL): -1} for agent in [*agents, TOTAL]
    ]
    lines += [
        {(agent, head): 1 for agent in agents} | {(TOTAL, head): -1} for head in [*heads, TOTAL]
    ]
    return [
        [Fraction(line.get(cell, 0)) for cell in sorted(place, key=lambda one: place[one])]
        for line in lines
    ], hidden


def rank(matrix: list[list[Fraction]]) -> int:
    """Count the independent rows."""
    rows = [row[:] for row in matrix if any(row)]
    found = 0
    width = len(rows[0]) if rows else 0
    for column in range(width):
        pivot = next((row for row in rows[found:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        for number in range(found + 1, len(rows)):
            factor = rows[number][column] / pivot[column]
            if factor:
                rows[number] = [a - factor * b for a, b in zip(rows[number], pivot, strict=True)]
        found += 1
    return found


@settings(max_examples=300, deadline=None)
@given(grids())
def test_no_hidden_cell_can_be_computed(made: tuple[Counts, list[str], list[str]]) -> None:
    counts, agents, heads = made
    grid = rules.release_grid(counts, agents, heads)

    matrix, hidden = equations(grid, agents, heads)
    known = rank(matrix)

    for number in range(len(hidden)):
        asked = [Fraction(int(number == other)) for other in range(len(hidden))]
        assert rank([*matrix, asked]) == known + 1, hidden[number]


@settings(max_examples=300, deadline=None)
@given(grids())
def test_what_is_published_is_true_and_not_small(
    made: tuple[Counts, list[str], list[str]],
) -> None:
    counts, agents, heads = made
    truth = totals(counts, agents, heads)
    grid = rules.release_grid(counts, agents, heads)

    for cell, count in grid.cells.items():
        assert count is None or (count == truth[cell] and count >= rules.PERSONS_MIN)
    assert grid.at(TOTAL, TOTAL) == (
        truth[TOTAL, TOTAL] if truth[TOTAL, TOTAL] >= rules.PERSONS_MIN else None
    )


def consistent(
    grid: Grid, agents: list[str], heads: list[str], total: int
) -> Iterator[dict[tuple[object, object], int]]:
    """Give every grid that a reader must think possible."""
    cells = list(product(agents, heads))

    def fill(place: int, left: int, counts: Counts) -> Iterator[Counts]:
        if place == len(cells) - 1:
            yield counts | {cells[place]: left}
            return
        published = grid.at(*cells[place])
        for count in range(left + 1) if published is None else [published]:
            if count <= left:
                yield from fill(place + 1, left - count, counts | {cells[place]: count})

    for counts in fill(0, total, {}):
        possible = totals(counts, agents, heads)
        if all(count is None or possible[cell] == count for cell, count in grid.cells.items()):
            yield possible


@settings(max_examples=120, deadline=None)
@given(grids(rows=3, columns=2, largest=6).filter(lambda made: sum(made[0].values()) <= 12))
@example(({("a", "x"): 1, ("a", "y"): 3, ("b", "x"): 3, ("b", "y"): 1}, ["a", "b"], ["x", "y"]))
def test_each_hidden_cell_may_have_many_values(
    made: tuple[Counts, list[str], list[str]],
) -> None:
    counts, agents, heads = made
    grid = rules.release_grid(counts, agents, heads, k=3)
    if grid.at(TOTAL, TOTAL) is None:
        return

    possible = list(consistent(grid, agents, heads, sum(counts.values())))

    for cell, count in grid.cells.items():
        seen = {one[cell] for one in possible}
        assert len(seen) == 1 if count is not None else max(seen) - min(seen) >= 3, cell


def test_a_ring_of_small_cells_is_not_enough() -> None:
    """Small cells that hide each other in a ring are known within two."""
    counts = dict.fromkeys(product("abc", ["x", "y", "z"]), 50)
    ring = [("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("c", "z"), ("c", "x")]
    counts |= dict(zip(ring, [1, 9, 9, 1, 9, 9], strict=True))

    grid = rules.release_grid(counts, ["a", "b", "c"], ["x", "y", "z"])

    hidden = {cell for cell, count in grid.cells.items() if count is None}
    assert hidden > set(ring)


def test_two_releases_tell_what_neither_does_alone() -> None:
    """The limit that docs/decisions/0007 writes down; who closes it changes this test."""
    agents, statuses = ["A", "B", "C"], ["potential", "signed"]
    figures = {("A", 0): 40, ("A", 1): 10, ("B", 0): 50, ("B", 1): 30, ("C", 0): 60, ("C", 1): 25}
    counts = {(agent, statuses[place]): count for (agent, place), count in figures.items()}

    before = rules.release_grid(counts, agents, statuses)
    after = rules.release_grid(counts | {("A", "signed"): 9}, agents, statuses)

    assert before.at("A", "signed") == 10
    assert [after.at(agent, "signed") for agent in agents] == [None, None, 25]
    assert (before.at("A", TOTAL), after.at("A", TOTAL)) == (50, 49)
    assert (before.at(TOTAL, "signed"), after.at(TOTAL, "signed")) == (65, 64)


def test_one_small_cell_hides_three_more_and_no_total() -> None:
    counts = dict.fromkeys(product("abcd", STATUSES), 30) | {("a", "lost"): 4}

    grid = rules.release_grid(counts, list("abcd"), STATUSES)

    hidden = [cell for cell, count in grid.cells.items() if count is None]
    assert len(hidden) == 4
    assert not any(TOTAL in cell for cell in hidden)


def test_a_channel_of_fewer_than_ten_persons_is_not_shown_at_all() -> None:
    grid = rules.release_grid({("a", "lost"): 4, ("a", "need"): 5}, ["a"], ["lost", "need"])

    assert grid == Grid({})
    assert grid.at("a", "lost") is None


def test_many_agents_are_released_in_time() -> None:
    counts = {
        (f"agent {number}", head): (number * 7 + place * 13) % 60
        for number in range(200)
        for place, head in enumerate(STATUSES)
    }

    grid = rules.release_grid(counts, [f"agent {number}" for number in range(200)], STATUSES)

    shown = sum(count is not None for count in grid.cells.values())
    assert shown > len(grid.cells) / 2


NAMES = st.dictionaries(st.text(max_size=4), st.integers(1, 40), max_size=8)


@given(NAMES)
def test_a_line_adds_up_and_folds_what_is_small(counts: dict[str, int]) -> None:
    line = rules.release_line(counts)
    total = sum(counts.values())
    if total < rules.PERSONS_MIN:
        assert (line.counts, line.rest, line.total) == ({}, None, None)
        return

    assert line.total == total == sum(line.counts.values()) + (line.rest or 0)
    assert all(counts[name] == count >= 10 for name, count in line.counts.items())
    assert line.rest == 0 or (line.rest or 0) >= 10
    assert len(counts) - len(line.counts) != 1 or len(counts) == 1


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        ({"杭州": 50, "宁波": 30}, {"杭州", "宁波"}),
        ({"杭州": 50, "宁波": 30, "舟山": 3}, {"杭州"}),
        ({"杭州": 50, "宁波": 30, "舟山": 6, "丽水": 7}, {"杭州", "宁波"}),
        ({"张三 13800138000": 1, "餐饮": 90, "零售": 20}, {"餐饮"}),
    ],
)
def test_rare_values_have_no_name(counts: dict[str, int], named: set[str]) -> None:
    assert set(rules.release_line(counts).counts) == named
