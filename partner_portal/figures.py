"""Lay out drawings: what bars measure on paper. Pure arithmetic; templates draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

WIDTH = 600
HEIGHT = 270
GROUND = 240
_TOP = 44
_BAR_MIN = 4.0
_GAP_SHARE = 0.3125
"""The room between two bars, as a share of a bar's and its gap's width."""
_RAMP_STEPS = 5


class Step(msgspec.Struct, frozen=True):
    """One step of a funnel; no count when it is too small to be shown."""

    label: str
    count: int | None
    said: str
    note: str = ""
    """What stands below the bar."""


class Bar(msgspec.Struct, frozen=True):
    """One bar and what stands above it."""

    x: float
    y: float
    width: float
    height: float
    ramp: int
    label: str
    said: str
    note: str


class Rate(msgspec.Struct, frozen=True):
    """The share that went on from one step to the next, between two bars."""

    x: float
    said: str


class Funnel(msgspec.Struct, frozen=True):
    """A funnel ready to be drawn."""

    bars: list[Bar]
    flows: list[str]
    rates: list[Rate]
    width: int = WIDTH
    height: int = HEIGHT
    ground: int = GROUND


def funnel(steps: Sequence[Step]) -> Funnel:
    """Lay out the steps from left to right, each as tall as its count."""
    if not steps:
        return Funnel([], [], [])
    slot = WIDTH / (len(steps) - _GAP_SHARE)
    width = slot * (1 - _GAP_SHARE)
    most = max((step.count or 0 for step in steps), default=0) or 1
    bars = []
    for index, step in enumerate(steps):
        height = max(_BAR_MIN, (GROUND - _TOP) * (step.count or 0) / most)
        ramp = 1 + round(index * (_RAMP_STEPS - 1) / max(1, len(steps) - 1))
        bars.append(
            Bar(
                round(index * slot, 1),
                round(GROUND - height, 1),
                round(width, 1),
                round(height, 1),
                ramp,
                step.label,
                step.said,
                step.note,
            )
        )
    counts = [step.count for step in steps]
    pairs = list(pairwise(bars))
    rates = [
        Rate(round((one.x + one.width + other.x) / 2, 1), f"{round(100 * after / before)}%")
        for (one, other), (before, after) in zip(pairs, pairwise(counts), strict=True)
        if before and after is not None
    ]
    return Funnel(bars, [_flow(one, other) for one, other in pairs], rates)


def _flow(one: Bar, other: Bar) -> str:
    """Draw the slope from one bar's top to the next."""
    left, right = one.x + one.width, other.x
    middle = (left + right) / 2
    return (
        f"M{left} {one.y} C{middle} {one.y} {middle} {other.y} {right} {other.y} "
        f"L{right} {GROUND} L{left} {GROUND}Z"
    )


# ------------------------------------------------------------------------------------- spreads


class Spread(msgspec.Struct, frozen=True):
    """Where a low, middle and high value lie on a line of 100 that several of them share."""

    low: float
    middle: float
    high: float
    zero: float


def spreads(values: Sequence[tuple[int, int, int]]) -> list[Spread]:
    """Lay out low, middle and high values; the line holds all of them, and nothing."""
    least = min([0, *(low for low, _, _ in values)])
    most = max([0, *(high for _, _, high in values)])
    span = most - least or 1

    def at(value: int) -> float:
        return round(100 * (value - least) / span, 1)

    return [Spread(at(low), at(middle), at(high), at(0)) for low, middle, high in values]
