"""What an amount is at a rate, and which account stands between two currencies."""

from uuid import UUID, uuid5

from billing.errors import BillingRefusal, Sort
from billing.exchange.schemas import Converted, Rate
from billing.money import MINOR_MAX, Currency, Money


class RateOutOfRange(BillingRefusal):
    """A rate is two whole numbers from 1 to MINOR_MAX."""

    code = "rate_out_of_range"


class NothingReceived(BillingRefusal):
    """An amount is too small, or too large, to be exchanged at a rate."""

    code = "nothing_received"


class RateUnknown(BillingRefusal):
    """There was no rate for two currencies at a time."""

    code = "rate_unknown"
    sort = Sort.CLASH


def exchange_account(platform_id: UUID, currency: str) -> UUID:
    """Give the account that a currency is exchanged over."""
    return uuid5(platform_id, f"exchange:{currency}")


def ensure_rate(rate: Rate) -> None:
    """Refuse what is no rate."""
    if not (1 <= rate.num <= MINOR_MAX and 1 <= rate.den <= MINOR_MAX):
        raise RateOutOfRange(f"A rate is two whole numbers from 1 to {MINOR_MAX}.")


def convert(given: Money, rate: Rate, currency: Currency) -> Converted:
    """Give what an amount is at a rate, rounded down; the rest stays with who exchanges.

    :raises NothingReceived: it is less than one minor unit, or more than may be moved at once.
    :raises RateOutOfRange: the rate is none.
    """
    ensure_rate(rate)
    received, rest_num = divmod(given.amount_minor * rate.num, rate.den)
    if not 1 <= received <= MINOR_MAX:
        raise NothingReceived("At this rate, that is not an amount that can be received.")
    return Converted(Money(received, currency), rest_num)
