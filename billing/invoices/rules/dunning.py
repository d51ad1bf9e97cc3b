"""What happens while an invoice is overdue: steps on a clock, none of which deletes anything."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal
from billing.plans.rules.entitlements import Standing

Days = Annotated[int, msgspec.Meta(ge=0, le=400)]


class DunningUnsound(BillingRefusal):
    """Steps would come in another order than they are meant."""

    code = "dunning_unsound"


class DunningTerms(msgspec.Struct, frozen=True, kw_only=True):
    """When an invoice is due, and how many days after that each step comes."""

    payable_days: Days = 30
    reminded: Days = 1
    reminded_again: Days = 15
    read_only: Days = 45
    export_only: Days = 90

    def steps(self) -> list[tuple[int, Standing]]:
        """Give the steps with their days, the first one first."""
        return [
            (self.reminded, Standing.REMINDED),
            (self.reminded_again, Standing.REMINDED_AGAIN),
            (self.read_only, Standing.READ_ONLY),
            (self.export_only, Standing.EXPORT_ONLY),
        ]


TERMS: Final = DunningTerms()


class OpenInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice of which something is left to be paid."""

    id: UUID
    due_on: date
    left_minor: int


def ensure_sound(terms: DunningTerms) -> None:
    """Refuse steps that do not follow each other.

    :raises DunningUnsound: a later step comes no later.
    """
    after = [days for days, _ in terms.steps()]
    if after[0] < 1 or after != sorted(set(after)):
        raise DunningUnsound("Each step comes some days after the one before, the first after 1.")


def standing(owed: Sequence[OpenInvoice], on: date, terms: DunningTerms) -> Standing:
    """Say where an agent stands on a day, by what is due the longest."""
    overdue = (on - min((each.due_on for each in owed if each.left_minor > 0), default=on)).days
    reached = [step for days, step in terms.steps() if overdue >= days]
    return reached[-1] if reached else Standing.GOOD


def next_step(owed: Sequence[OpenInvoice], after: date, terms: DunningTerms) -> date | None:
    """Give the next day after one on which a step may come."""
    days = [
        each.due_on + timedelta(days=n)
        for each in owed
        if each.left_minor > 0
        for n, _ in terms.steps()
    ]
    return min((day for day in days if day > after), default=None)
