"""A month's price, day by day, in whole minor units: any split of the month sums to the whole."""

from datetime import date

from billing.plans.rules.clock import next_month
from billing.plans.rules.subscriptions import days


def prorated_minor(price_minor: int, begins_on: date, ends_before: date) -> int:
    """Give the part of a month's price that some of its days cost.

    Each day costs as much as `Money.allocate` gives it among equal ones: the units that are left
    over fall on the first days. So it is a difference of two sums, whatever the split.

    :param price_minor: for the calendar month in which `begins_on` lies.
    :param ends_before: in that month, or the first day of the next one.
    """
    month = begins_on.replace(day=1)
    assert begins_on <= ends_before <= next_month(month), "days of one month"
    each, left_over = divmod(price_minor, days(month, next_month(month)))
    first, last = days(month, begins_on), days(month, ends_before)
    return each * (last - first) + min(last, left_over) - min(first, left_over)
