"""A tenant's clock: the day up to which an agent's plan was carried on. It moves only forward."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from billing.errors import BillingRefusal, Sort


class ClockMovedBack(BillingRefusal):
    """A tenant's clock was to go back."""

    code = "tenant_clock_moved_back"
    sort = Sort.CLASH
    field = "until"


class TenantClock(msgspec.Struct, frozen=True):
    """The day that it is for an agent's plan, and nothing else."""

    on: date

    def moved(self, until: date) -> "TenantClock":
        """Give the clock at a later day, or the same one.

        :raises ClockMovedBack: the day is an earlier one.
        """
        if until < self.on:
            raise ClockMovedBack(f"The clock stands at {self.on} and moves only forward.")
        return TenantClock(until)

    def months_ended(self, until: date) -> Iterator[date]:
        """Give the first day of each month whose last day is over by then, and was not before."""
        month = self.on.replace(day=1)
        while (following := next_month(month)) <= until:
            yield month
            month = following


def next_month(on: date) -> date:
    """Give the first day of the month after a day's."""
    return (on.replace(day=1) + timedelta(days=32)).replace(day=1)
