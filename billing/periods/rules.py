"""Which period may be closed or opened again, decided from all of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.errors import BillingRefusal, Sort
from billing.periods.schemas import NewPeriod, PeriodState, PeriodView

_STEPS: Final = {
    PeriodState.OPEN: {PeriodState.SOFT_CLOSED, PeriodState.HARD_CLOSED},
    PeriodState.SOFT_CLOSED: {PeriodState.HARD_CLOSED, PeriodState.OPEN},
    PeriodState.HARD_CLOSED: {PeriodState.OPEN},
}


class PeriodNotFound(BillingRefusal):
    """There is no period with this id."""

    code = "period_not_found"
    sort = Sort.ABSENT


class PeriodNotNext(BillingRefusal):
    """A new period begins where the last one ends, and ends later."""

    code = "period_not_next"
    sort = Sort.CLASH


class PeriodOutOfOrder(BillingRefusal):
    """Periods are closed from the first and opened again from the last."""

    code = "period_out_of_order"
    sort = Sort.CLASH


class PeriodNotOver(BillingRefusal):
    """What a period moves until it ends belongs to it; it is closed for good afterwards."""

    code = "period_not_over"
    sort = Sort.CLASH


class PeriodInThatState(BillingRefusal):
    """A period is closed, or closed for good, already."""

    code = "period_in_that_state"
    sort = Sort.CLASH


def ensure_next(new: NewPeriod, periods: Sequence[PeriodView]) -> None:
    """Refuse a period that leaves a gap or overlaps.

    :param periods: all of them, in their order.
    """
    if new.starts_at >= new.ends_at:
        raise PeriodNotNext("A period ends after it begins.")
    if periods and new.starts_at != periods[-1].ends_at:
        raise PeriodNotNext(f"The next period begins at {periods[-1].ends_at.isoformat()}.")


def ensure_may_become(
    period_id: UUID, state: PeriodState, periods: Sequence[PeriodView], *, now: datetime
) -> None:
    """Refuse a change that is no step, or that is not this period's turn.

    :param periods: all of them, in their order.
    """
    place = next((n for n, period in enumerate(periods) if period.id == period_id), None)
    if place is None:
        raise PeriodNotFound("There is no period with this id.")
    if state not in _STEPS[periods[place].state]:
        raise PeriodInThatState(f"This period is {periods[place].state} already.")
    earlier, later = periods[:place], periods[place + 1 :]
    if state is PeriodState.OPEN:
        if any(period.state is not PeriodState.OPEN for period in later):
            raise PeriodOutOfOrder("A later period is closed; open that one first.")
    elif state is PeriodState.HARD_CLOSED and now < periods[place].ends_at:
        raise PeriodNotOver("This period has not ended; close it for good then.")
    elif any(period.state is PeriodState.OPEN for period in earlier):
        raise PeriodOutOfOrder("An earlier period is open; close that one first.")
    elif state is PeriodState.HARD_CLOSED and any(
        period.state is not PeriodState.HARD_CLOSED for period in earlier
    ):
        raise PeriodOutOfOrder("An earlier period is closed softly; close that one for good first.")
