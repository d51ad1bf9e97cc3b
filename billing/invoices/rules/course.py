"""What happens to an agent's plan from where its clock stands to a later day. Pure.

Months that end are billed, and what is not paid takes its steps. Whether the clock goes in one
stride or day by day, the same happens on the same days.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from billing.invoices.rules import dunning
from billing.invoices.rules.drafts import Bearer, Draft, drafts
from billing.invoices.rules.dunning import DunningTerms, OpenInvoice
from billing.plans.rules.clock import TenantClock
from billing.plans.rules.entitlements import Standing
from billing.plans.schemas import Subscription


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent stands from a day on."""

    on: date
    standing: Standing


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What happened until a day, in order."""

    clock: TenantClock
    standing: Standing
    drafts: list[Draft]
    steps: list[Step]


def course(
    held: Subscription, owed: Sequence[OpenInvoice], until: date, terms: DunningTerms
) -> Course:
    """Carry an agent's plan on to a day, that day's own happenings included.

    :param owed: what is left of its invoices so far.
    :raises ClockMovedBack: the day is before its clock.
    """
    clock = TenantClock(held.clock_on)
    moved = clock.moved(until)
    written: list[Draft] = []
    steps: list[Step] = []
    stands, unpaid, day = held.standing, list(owed), held.clock_on
    for month in clock.months_ended(until):
        made = drafts(held, month, payable_days=terms.payable_days)
        for draft in made:
            stands, day = _until(draft.issued_on, stands, day, unpaid, terms, steps)
            if draft.bearer is Bearer.AGENT:
                unpaid.append(
                    OpenInvoice(id=draft.id, due_on=draft.due_on, left_minor=draft.total_minor)
                )
        written += made
    stands, _ = _until(until, stands, day, unpaid, terms, steps)
    return Course(clock=moved, standing=stands, drafts=written, steps=steps)


def _until(
    until: date,
    stands: Standing,
    day: date,
    unpaid: Sequence[OpenInvoice],
    terms: DunningTerms,
    steps: list[Step],
) -> tuple[Standing, date]:
    """Take the steps that come up to a day; give where the agent stands then, and the day."""
    while stands is not Standing.EXPORT_ONLY:
        on = dunning.next_step(unpaid, day, terms)
        if on is None or on > until:
            break
        day = on
        if (reached := dunning.standing(unpaid, on, terms)) is not stands:
            stands = reached
            steps.append(Step(on=on, standing=stands))
    return stands, max(day, until)
