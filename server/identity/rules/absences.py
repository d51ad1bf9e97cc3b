"""When somebody is away: whole days of the platform's clocks, the first and the last included."""

from datetime import date, datetime, timedelta
from typing import Final

from server.kit.errors import Invalid
from server.kit.schedule import ZONE

DAYS_MAX: Final = timedelta(days=366)
"""Who is away for longer is let go, or comes back first."""


class AbsenceUnfit(Invalid):
    """These days cannot be an absence."""

    code = "absence_unfit"


def ensure_days(starts_on: date, ends_on: date) -> None:
    """Refuse an absence that ends before it begins, or lasts for more than a year.

    :raises AbsenceUnfit: naming the field.
    """
    if ends_on < starts_on:
        raise AbsenceUnfit("The last day is not before the first.", field="ends_on")
    if ends_on - starts_on > DAYS_MAX:
        raise AbsenceUnfit("An absence lasts for a year at most.", field="ends_on")


def day_of(moment: datetime) -> date:
    """Give the day of a moment, as the platform's clocks say it."""
    return moment.astimezone(ZONE).date()
