"""What an agent's plan costs for a month: lines, tax, and who bears them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

import msgspec

from billing.invoices.rules.proration import prorated_minor
from billing.money import Currency, Money
from billing.plans.rules.clock import next_month
from billing.plans.rules.grants import Grant, Source
from billing.plans.rules.subscriptions import Stretch, stretches
from billing.plans.rules.versions import PPM, Meter
from billing.plans.schemas import Subscription


class Bearer(StrEnum):
    """Who bears an invoice."""

    AGENT = "agent"
    PLATFORM = "platform"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What some days of a plan, or of units beyond it, cost."""

    version_id: UUID
    grant_id: UUID | None = None
    """None for the plan itself."""
    meter: Meter | None = None
    units: int = 1
    begins_on: date
    ends_before: date
    net_minor: int
    tax_ppm: int
    tax_minor: int = 0


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice to be: what one bearer owes for a month in one currency."""

    id: UUID
    agent_id: UUID
    bearer: Bearer
    currency: Currency
    month: date
    issued_on: date
    due_on: date
    lines: list[Line]

    @property
    def net_minor(self) -> int:
        """Give it without tax."""
        return sum(line.net_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """Give the tax."""
        return sum(line.tax_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """Give what is to be paid."""
        return self.net_minor + self.tax_minor


_BEARERS: Final = {Source.AGENT: Bearer.AGENT, Source.PLATFORM: Bearer.PLATFORM}
"""Who bears units beyond a plan; what a benefit gave costs nothing here."""


def drafts(held: Subscription, month: date, *, payable_days: int) -> list[Draft]:
    """Write the invoices of a month that is over; one of nothing is not written.

    :param month: its first day.
    :param payable_days: so long after the month it is due.
    """
    issued_on = next_month(month)
    found: dict[tuple[Bearer, str], list[Line]] = {}
    for stretch in stretches(held.changes, held.plans, month, issued_on):
        if stretch.is_paused:
            continue
        for bearer, line in _lines(stretch, held.grants):
            if line.net_minor:
                found.setdefault((bearer, stretch.version.currency), []).append(line)
    return [
        Draft(
            id=uuid5(held.agent_id, f"invoice:{month}:{bearer}:{currency}"),
            agent_id=held.agent_id,
            bearer=bearer,
            currency=currency,
            month=month,
            issued_on=issued_on,
            due_on=issued_on + timedelta(days=payable_days),
            lines=taxed(found[bearer, currency], currency),
        )
        for bearer, currency in sorted(found)
    ]


def _lines(stretch: Stretch, grants: Iterable[Grant]) -> Iterable[tuple[Bearer, Line]]:
    """Price the days of a plan, then those of each unit beyond it that somebody pays for."""
    version = stretch.version
    yield (
        Bearer.AGENT,
        Line(
            version_id=version.id,
            begins_on=stretch.begins_on,
            ends_before=stretch.ends_before,
            net_minor=prorated_minor(version.price_minor, stretch.begins_on, stretch.ends_before),
            tax_ppm=version.tax_ppm,
        ),
    )
    for grant in grants:
        bearer = _BEARERS.get(grant.source)
        price = None if grant.meter is None else version.unit_minor.get(grant.meter)
        first = max(stretch.begins_on, grant.begins_on)
        after = date.max if grant.ends_on is None else grant.ends_on + timedelta(days=1)
        end = min(stretch.ends_before, after)
        if bearer is None or price is None or first >= end:
            continue
        units = grant.units or 0
        yield (
            bearer,
            Line(
                version_id=version.id,
                grant_id=grant.id,
                meter=grant.meter,
                units=units,
                begins_on=first,
                ends_before=end,
                net_minor=prorated_minor(price * units, first, end),
                tax_ppm=version.tax_ppm,
            ),
        )


def taxed(lines: Sequence[Line], currency: str) -> list[Line]:
    """Give each line its tax: by rate, rounded once and half up, and divided without a rest."""
    taxes = [0] * len(lines)
    for rate in {line.tax_ppm for line in lines if line.net_minor}:
        places = [n for n, line in enumerate(lines) if line.tax_ppm == rate]
        weights = [lines[n].net_minor for n in places]
        parts = Money(tax_of(sum(weights), rate), currency).allocate(weights)
        for n, part in zip(places, parts, strict=True):
            taxes[n] = part.amount_minor
    return [
        msgspec.structs.replace(line, tax_minor=tax) for line, tax in zip(lines, taxes, strict=True)
    ]


def tax_of(net_minor: int, tax_ppm: int) -> int:
    """Give the tax on an amount, rounded half up."""
    return (2 * net_minor * tax_ppm + PPM) // (2 * PPM)
