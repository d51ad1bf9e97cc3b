"""Decide about public pools: who may pick, whom the recycling takes and when. Pure.

A customer lies in at most one pool, and only while nobody owns it. Recycling warns first: nobody
loses a customer of whom he was not told `warn_days` before.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from server.kit.errors import Conflict, Forbidden, TooManyRequests

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where a pool's days begin."""


class Trigger(StrEnum):
    """What a recycle rule counts its days from."""

    INACTIVITY = "inactivity"
    """The last thing that a person wrote about the customer."""
    CONTRACT_END = "contract_end"
    """The day to which an agreement keeps the customer."""


class Reason(StrEnum):
    """Why a customer lies in a pool."""

    RELEASED = "released"
    """Whoever had it gave it up."""
    INACTIVITY = "inactivity"
    """Recycled: nobody had done anything for too long."""
    CONTRACT_END = "contract_end"
    """Recycled: its agreement ended and was not renewed."""


class RecycleRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which customers come into the pool by themselves, and after how many days."""

    trigger: Trigger
    days: int
    levels: tuple[str, ...] = ()
    """Of which levels; none named means every customer."""
    statuses: tuple[str, ...] = ()
    """In which states; none named means all but signed, or signed alone for ``contract_end``."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a pool a person may take; None is no limit."""

    held_max: int | None = None
    """Customers picked from the pool that one may own at a time."""
    picks_per_day: int | None = None
    views_per_day: int | None = None
    """Customers of the pool that one may look at closely in a day."""
    cooling_days: int = 0
    """How long a former owner may not pick the customer again."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has taken of a pool so far."""

    held: int = 0
    picks_today: int = 0
    views_today: int = 0


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An owned customer as recycling sees it."""

    status: str | None
    level: str | None
    active_on: date
    """The day of the last thing that a person wrote about it."""
    kept_until: date | None = None
    """To which day an agreement keeps it."""


class NotInPool(Conflict):
    """The customer lies in no pool: somebody has picked it, or it never was there."""

    code = "not_in_pool"


class CoolingOff(Conflict):
    """A former owner may not pick the customer again yet."""

    code = "cooling_off"


class PickLimitReached(Conflict):
    """The person has taken as much of the pool as one may."""

    code = "pick_limit_reached"


class ViewQuotaReached(TooManyRequests):
    """The person has looked at as many customers of the pool today as one may."""

    code = "view_quota_reached"


class PoolOutOfReach(Forbidden):
    """The pool is for other teams."""

    code = "pool_out_of_reach"


_SIGNED: Final = "signed"


def day_of(moment: datetime) -> date:
    """Give the day of a moment where the company works."""
    return moment.astimezone(ZONE).date()


def free_on(entered_at: datetime, cooling_days: int) -> date:
    """Give the first day on which a former owner may pick a customer again."""
    return day_of(entered_at) + timedelta(days=cooling_days)


def ensure_may_pick(
    limits: Limits,
    standing: Standing,
    *,
    is_former_owner: bool,
    entered_at: datetime,
    now: datetime,
) -> None:
    """Refuse a pick beyond the pool's limits, saying what would help.

    :raises CoolingOff: a former owner comes back too early.
    :raises PickLimitReached: too many at a time, or today.
    """
    free = free_on(entered_at, limits.cooling_days)
    if is_former_owner and day_of(now) < free:
        raise CoolingOff(
            f"You had this customer before; you may pick it again from {free} on.",
            free_on=free.isoformat(),
        )
    if limits.picks_per_day is not None and standing.picks_today >= limits.picks_per_day:
        raise PickLimitReached(
            f"You have picked {standing.picks_today} today, as many as one may; come tomorrow.",
            limit=limits.picks_per_day,
        )
    if limits.held_max is not None and standing.held >= limits.held_max:
        raise PickLimitReached(
            f"You hold {standing.held} customers of this pool, as many as one may; "
            "sign or release one first.",
            limit=limits.held_max,
        )


def ensure_may_look(limits: Limits, standing: Standing) -> None:
    """Refuse to show one more customer of the pool today.

    :raises ViewQuotaReached: as many were shown as one may see.
    """
    if limits.views_per_day is not None and standing.views_today >= limits.views_per_day:
        raise ViewQuotaReached(
            f"You have looked at {standing.views_today} customers of this pool today, "
            "as many as one may; pick one, or come tomorrow.",
            limit=limits.views_per_day,
        )


def due_on(rules: Iterable[RecycleRule], held: Held) -> tuple[date, Reason] | None:
    """Say on which day a customer falls into the pool, and why; None when it never does.

    Of several rules the one that comes first holds; an agreement keeps a customer until its end.
    """
    found = [due for rule in rules if (due := _due_by(rule, held)) is not None]
    return min(found, default=None)


def _due_by(rule: RecycleRule, held: Held) -> tuple[date, Reason] | None:
    """Say on which day one rule takes a customer."""
    if rule.levels and held.level not in rule.levels:
        return None
    match rule.trigger:
        case Trigger.INACTIVITY:
            if not _is_meant(rule, held, is_signed_meant=False):
                return None
            quiet_on = _later(held.active_on, rule.days)
            kept = held.kept_until
            # The day after the last one on which an agreement keeps it.
            free_on = quiet_on if kept is None else max(quiet_on, _later(kept, 1))
            return free_on, Reason.INACTIVITY
        case Trigger.CONTRACT_END:
            if held.kept_until is None or not _is_meant(rule, held, is_signed_meant=True):
                return None
            return _later(held.kept_until, rule.days), Reason.CONTRACT_END


def _later(day: date, days: int) -> date:
    """Give a day so many days later; an agreement without an end is written to the last day."""
    return day + timedelta(days=min(days, (date.max - day).days))


def _is_meant(rule: RecycleRule, held: Held, *, is_signed_meant: bool) -> bool:
    """Say whether a rule is about customers in this state."""
    if rule.statuses:
        return held.status in rule.statuses
    return (held.status == _SIGNED) is is_signed_meant


class Step(StrEnum):
    """What recycling does with a customer today."""

    NOTHING = "nothing"
    WARN = "warn"
    """Tell the owner."""
    FORGET = "forget"
    """Something was done since the owner was told: the warning is void."""
    RECYCLE = "recycle"


def step(due: date | None, *, warned_for: date | None, warn_days: int, today: date) -> Step:
    """Decide what is done about a customer that falls into the pool on a day.

    :param due: the day by the rules; None when no rule takes the customer.
    :param warned_for: the day that its owner was told; None when he was told of none.
    """
    if warned_for is not None and (due is None or due > warned_for):
        return Step.FORGET
    if due is None:
        return Step.NOTHING
    if warn_days == 0:
        return Step.RECYCLE if due <= today else Step.NOTHING
    if warned_for is None:
        return Step.WARN if due <= today + timedelta(days=warn_days) else Step.NOTHING
    return Step.RECYCLE if warned_for <= today else Step.NOTHING


def announced(due: date, *, warn_days: int, today: date) -> date:
    """Give the day that an owner is told: never sooner than `warn_days` from now."""
    return max(due, today + timedelta(days=warn_days))


def ensure_ruled_by(teams: Iterable[UUID], *, team_id: UUID | None, sees_all: bool) -> None:
    """Refuse a pool that is not one's own team's alone to who does not see the whole company.

    What it recycles, and who picks from it, is other teams' business too.

    :raises PoolOutOfReach: naming the field.
    """
    if not sees_all and set(teams) != {team_id}:
        raise PoolOutOfReach(
            "Choose your own team alone; who sees the whole company decides about other pools.",
            field="team_ids",
        )


def is_within_reach(teams: Iterable[UUID], *, team_id: UUID | None, sees_all: bool) -> bool:
    """Say whether a pool is open to a person; one that names no team is open to everybody."""
    named = set(teams)
    return sees_all or not named or team_id in named
