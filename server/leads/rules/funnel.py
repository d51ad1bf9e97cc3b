"""How leads of one cohort have come along (S40, S43). Pure.

A cohort is the month, by the platform's clocks, in which leads came in: whatever becomes of them
later is told there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from server.kit.schedule import ZONE
from server.leads.rules.states import STAGES, Stage

COLUMNS: Final = {
    Stage.LEAD: "received_at",
    Stage.PRE_OPPORTUNITY: "pre_opportunity_at",
    Stage.OPPORTUNITY: "opportunity_at",
    Stage.SIGNED: "signed_at",
}
"""Where the first entry into each stage stands."""


def cohort_of(moment: datetime) -> str:
    """Give the cohort of a lead that came in at a moment, as ``2026-03``."""
    return moment.astimezone(ZONE).strftime("%Y-%m")


def entries(
    held: Mapping[Stage, datetime | None], stage: Stage, at: datetime
) -> dict[Stage, datetime]:
    """Give the entries that are new when a lead has reached a stage.

    The stages before it are entered too, where they were not. What was entered stays as it is, and
    no stage is entered before one that comes before it: reaching one twice changes nothing.
    """
    new: dict[Stage, datetime] = {}
    latest: datetime | None = None
    for each in STAGES[: STAGES.index(stage) + 1]:
        entered = held.get(each)
        if entered is None:
            entered = new[each] = at if latest is None else max(at, latest)
        latest = entered if latest is None else max(entered, latest)
    return new


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How a cohort has come into one stage."""

    stage: Stage
    leads: int
    conversion: float | None
    """Of those in the stage before; None where there were none."""
    days: float | None
    """From the stage before, the median of those who came; None where nobody did."""


def rate(part: int, whole: int) -> float | None:
    """Give a share; None of nothing."""
    return part / whole if whole else None


def each(minor: int, count: int) -> int | None:
    """Give what one costs, in whole fen, rounded half up; None of nothing."""
    return (2 * minor + count) // (2 * count) if count else None
