"""What is withheld of commission that a natural person is paid, as labour remuneration (劳务报酬).

SAT announcement 61 of 2018, article 8 and its table 2: of income up to 4,000 yuan 800 are free, of
more a fifth; the rest is withheld of at 20 %, above 20,000 at 30 % less 2,000, above 50,000 at 40 %
less 7,000. Income that goes on counts as one in a month, so all of a month's payments together have
withheld what one would have. To be confirmed by the platform's tax adviser before it is used:
sellers of insurance and securities, people who work by a platform, and VAT follow other rules,
which are not here.
"""

from typing import Final

CURRENCY: Final = "CNY"
"""Of what is paid in other currencies nothing is withheld here."""
_SMALL_MINOR: Final = 4_000_00
_FREE_MINOR: Final = 800_00
_TABLE: Final[tuple[tuple[int, int, int], ...]] = (
    (50_000_00, 40, 7_000_00),
    (20_000_00, 30, 2_000_00),
    (0, 20, 0),
)
"""Above how much of what is taxed, the percentage of all of it, and what is taken off again."""


def withheld_of_month(income_minor: int) -> int:
    """Give what is withheld of a month's income in fen, rounded to the nearest, a half upwards."""
    assert income_minor >= 0, "income is not below nothing"
    # In fifths of a fen, so that a fifth of anything is whole.
    if income_minor <= _SMALL_MINOR:
        taxed_fifths = 5 * max(0, income_minor - _FREE_MINOR)
    else:
        taxed_fifths = 4 * income_minor
    # Where two lines of the table meet, both withhold the same.
    _, percent, off_minor = next(row for row in _TABLE if taxed_fifths >= 5 * row[0])
    return (2 * taxed_fifths * percent + 500) // 1_000 - off_minor


def withheld_minor(before_minor: int, withheld_before_minor: int, paid_minor: int) -> int:
    """Give what is withheld of a payment: what its month is short of, and never all of it.

    :param before_minor: what was paid before it in its month.
    :param withheld_before_minor: what was withheld of that.
    """
    short = withheld_of_month(before_minor + paid_minor) - withheld_before_minor
    return min(max(0, short), paid_minor - 1)
