"""A figure says whether its goal is met, and the table shows it beside its bound."""

from typing import Any

import pytest

from benchmarks.figures import Figure, Report, Spread, as_table


def figure(ours: float, **more: Any) -> Figure:
    """Make a figure of one run."""
    return Figure(goal="S1", what="rows a second", unit="rows/s", ours=Spread.of([ours]), **more)


@pytest.mark.parametrize(
    ("made", "is_met"),
    [
        (figure(60, limit=60), True),
        (figure(61, limit=60), False),
        (figure(0, limit=0), True),
        (figure(1_000, at_least=1_000), True),
        (figure(999, at_least=1_000), False),
        (figure(50, floor=Spread.of([100]), goal_ratio=2, lower_is_better=False), True),
        (
            figure(49, floor=Spread.of([100]), goal_ratio=2, allowance=1, lower_is_better=False),
            False,
        ),
        (figure(49, floor=Spread.of([100]), goal_ratio=2, lower_is_better=False), True),
        (figure(5), None),
        (figure(0, floor=Spread.of([3])), None),
    ],
)
def test_a_goal_is_met_by_its_own_measure(*, made: Figure, is_met: bool | None) -> None:
    assert made.is_met is is_met


def test_the_table_shows_the_bound_and_what_is_allowed() -> None:
    missed = figure(49, floor=Spread.of([100]), goal_ratio=2, allowance=1, lower_is_better=False)

    table = as_table(Report({}, [missed], {"COPY": Spread.of([181_000.4])}))

    line = table.splitlines()[1].split()
    assert line == ["S1", "rows", "a", "second", "49", "rows/s", "100", "2.04", "<=2.00", "NO"]
    assert "181,000" in table
