"""What was measured: medians of several runs, each beside the floor of the same run."""

import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

ALLOWANCE: Final = 1.5
"""A goal is met within this multiple of its ratio to the floor: machines differ, ratios less."""
_TWENTY: Final = 20


class Spent(msgspec.Struct, frozen=True):
    """CPU milliseconds of one request, by who spent them; the load generator shares the cores."""

    client: float
    web: float
    worker: float
    database: float
    requests: int
    busy: float
    """Cores that were busy with all of it, on average."""

    @property
    def total(self) -> float:
        """Give the whole cost of one request."""
        return self.client + self.web + self.worker + self.database

    def __str__(self) -> str:
        """Write it for a person."""
        return (
            f"{self.total:.2f} ms: web {self.web:.2f}, database {self.database:.2f},"
            f" worker {self.worker:.2f}, load generator {self.client:.2f};"
            f" {self.busy:.1f} cores busy"
        )


class Spread(msgspec.Struct, frozen=True):
    """Several runs of one thing."""

    median: float
    low: float
    high: float
    runs: int
    p95: float | None = None
    """What one of twenty takes longer than; where there were as many."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up the values of the runs."""
        known = len(values) >= _TWENTY
        p95 = statistics.quantiles(values, n=_TWENTY)[-1] if known else None
        return cls(statistics.median(values), min(values), max(values), len(values), p95)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure and how it stands to its goal."""

    goal: str
    """Id of the goal, e.g. ``P7``."""
    what: str
    unit: str
    ours: Spread
    floor: Spread | None = None
    """The bare stack on the same work in the same run."""
    goal_ratio: float | None = None
    """What the goal allows over the floor: goal and floor of the design's machine, divided."""
    allowance: float = ALLOWANCE
    """1 where the goal is itself a ratio to the bound of the same run."""
    limit: float | None = None
    """An absolute bound, for bytes, counts and memory."""
    at_least: float | None = None
    """An absolute bound from below, for rates."""
    lower_is_better: bool = True
    spent: Spent | None = None
    """The CPU of one request on our side."""
    notes: list[str] = []
    """How it was answered, a line each."""
    floor_spent: Spent | None = None

    @property
    def ratio(self) -> float | None:
        """Give how many times the floor this takes; rates are turned over."""
        if self.floor is None or 0 in (self.ours.median, self.floor.median):
            return None
        ours, floor = self.ours.median, self.floor.median
        return ours / floor if self.lower_is_better else floor / ours

    @property
    def is_met(self) -> bool | None:
        """Say whether the goal is met; None where there is nothing to compare with."""
        if self.limit is not None:
            return self.ours.median <= self.limit
        if self.at_least is not None:
            return self.ours.median >= self.at_least
        if self.ratio is None or self.goal_ratio is None:
            return None
        return self.ratio <= self.goal_ratio * self.allowance

    @property
    def allowed(self) -> str:
        """Write what the goal allows."""
        if self.limit is not None:
            return f"<={self.limit:,g}"
        if self.at_least is not None:
            return f">={self.at_least:,g}"
        return f"<={self.goal_ratio * self.allowance:.2f}" if self.goal_ratio else ""


class Report(msgspec.Struct, frozen=True):
    """A whole run."""

    machine: dict[str, str]
    figures: list[Figure]
    bounds: dict[str, Spread]
    """Raw rates of the same machine in the same run, per second."""


def as_table(report: Report) -> str:
    """Write a report for a terminal."""
    lines = [f"{'goal':<5}{'what':<50}{'ours':>16}{'floor':>12}{'ratio':>8}{'allowed':>11}  met"]
    for figure in report.figures:
        floor = _number(figure.floor.median) if figure.floor else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio else ""
        met = {True: "yes", False: "NO", None: ""}[figure.is_met]
        ours = f"{_number(figure.ours.median)} {figure.unit}"
        lines.append(
            f"{figure.goal:<5}{figure.what:<50}{ours:>16}{floor:>12}{ratio:>8}"
            f"{figure.allowed:>11}  {met}"
        )
    lines += ["", "CPU of one request"]
    for figure in report.figures:
        for side, spent in (("ours", figure.spent), ("floor", figure.floor_spent)):
            if spent is not None:
                lines.append(f"  {figure.what}, {side}: {spent}")
    noted = [figure for figure in report.figures if figure.notes]
    lines += ["", "how it was answered"] if noted else []
    for figure in noted:
        lines += [f"  {figure.what}", *(f"    {note}" for note in figure.notes)]
    lines += ["", "raw bounds of this run (per second)"]
    lines += [f"  {name:<58}{bound.median:>12,.0f}" for name, bound in report.bounds.items()]
    return "\n".join(lines)


def _number(value: float) -> str:
    """Write a number as short as it is still exact enough."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - four digits
