"""What commissions keep to at the edge; what is paid, and to whom, are the books' own rules."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from billing.commissions.rules.plans import PlanVersion, paid_for
from billing.money import MINOR_MAX
from server.kit.calendars import ZONE, ensure_day
from server.kit.errors import Invalid

_EXAMPLE_MINOR: Final = 100_000_00
"""What is sold in the example of a plan that counts money and has one tier."""
_EXAMPLE_COUNT: Final = 10


class SaleAhead(Invalid):
    """A sale is said to be of a day that has not come."""

    code = "commission_sale_ahead"


def ensure_sold(on: date, field: str, now: datetime) -> None:
    """Refuse a day on which nothing was sold yet, as days are counted in China.

    :raises SaleAhead: it lies behind today.
    :raises Invalid: it lies outside of this century.
    """
    ensure_day(on, field)
    if on > now.astimezone(ZONE).date():
        raise SaleAhead("This day has not come; give the day on which it was sold.", field=field)


def first_day(month: str) -> date:
    """Give the first day of a month that is written as in 2026-11."""
    return date.fromisoformat(f"{month}-01")


def months_before(day: date, months: int) -> date:
    """Give the first day of the month that is so many before a day's."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def line_above(pairs: Sequence[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    """Give who stands directly above each agent.

    :param pairs: an agent, and who stands above it.
    :raises Invalid: one agent would have two of them.
    """
    above = dict(pairs)
    if len(above) != len(set(pairs)):
        raise Invalid("One agent at most stands directly above another.", field="above")
    return above


def examples(version: PlanVersion) -> list[tuple[int, int]]:
    """Give what a month pays for what was sold in it: at each tier, and beyond the last one."""
    starts = [tier.at_least for tier in version.tiers[1:]]
    usual = _EXAMPLE_MINOR if version.measure.is_money else _EXAMPLE_COUNT
    beyond = min(starts[-1] * 2, MINOR_MAX) if starts else usual
    return [(sold, paid_for(version, sold)) for sold in (*starts, beyond)]
