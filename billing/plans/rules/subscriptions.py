"""Which plan an agent has on each day: up, down, paused. Changes lie ahead of its clock."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.plans.rules.versions import FREE, PlanVersion, in_force


class ChangePast(BillingRefusal):
    """A change would change days that the agent's clock has passed."""

    code = "saas_change_past"
    sort = Sort.CLASH
    field = "begins_on"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's plan is from a day on."""

    id: UUID
    agent_id: UUID
    begins_on: date
    plan_id: UUID | None
    """None pauses: nothing is paid, nothing is deleted, and what is free goes on."""


class Stretch(msgspec.Struct, frozen=True):
    """Days with one version of a plan, the first one and the one after the last."""

    begins_on: date
    ends_before: date
    version: PlanVersion
    is_paused: bool = False


Plans = Mapping[UUID, Sequence[PlanVersion]]
"""Versions by plan."""


def ensure_ahead(changes: Sequence[Change], new: Change, clock: date) -> None:
    """Refuse a change of days that are over, or a second one of the same day.

    :raises ChangePast: it begins before the clock, or no later than another change.
    """
    if new.begins_on < clock:
        raise ChangePast(f"The agent's clock stands at {clock}; a change begins then or later.")
    if any(change.begins_on >= new.begins_on for change in changes):
        raise ChangePast("A change begins after all others.")


def plan_on(changes: Sequence[Change], plans: Plans, on: date) -> tuple[PlanVersion, bool]:
    """Give the version that an agent has on a day, and whether it is paused."""
    begun = [change for change in changes if change.begins_on <= on]
    if not begun:
        return FREE, False
    plan_id = max(begun, key=lambda change: change.begins_on).plan_id
    if plan_id is None:
        return FREE, True
    return (FREE if plan_id == FREE.plan_id else in_force(plans.get(plan_id, ()), on)), False


def stretches(
    changes: Sequence[Change], plans: Plans, begins_on: date, ends_before: date
) -> list[Stretch]:
    """Divide days by what the agent's plan was; together they are all of them, without a gap."""
    named = {change.plan_id for change in changes}
    edges = {change.begins_on for change in changes} | {
        version.begins_on
        for plan_id, versions in plans.items()
        if plan_id in named
        for version in versions
    }
    inner = sorted(edge for edge in edges if begins_on < edge < ends_before)
    bounds = [begins_on, *inner, ends_before]
    found: list[Stretch] = []
    for first, end in pairwise(bounds):
        version, is_paused = plan_on(changes, plans, first)
        if found and (found[-1].version, found[-1].is_paused) == (version, is_paused):
            found[-1] = Stretch(found[-1].begins_on, end, version, is_paused)
        else:
            found.append(Stretch(first, end, version, is_paused))
    return found


def days(begins_on: date, ends_before: date) -> int:
    """Count days."""
    return max(0, (ends_before - begins_on) // timedelta(days=1))
