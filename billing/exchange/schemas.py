"""What exchange is asked and what it answers, as frozen values."""

from datetime import datetime
from uuid import UUID

import msgspec

from billing.ledger.schemas import Outcome
from billing.money import Currency, Money


class Rate(msgspec.Struct, frozen=True):
    """So many minor units of one currency for so many of another: `num` for `den`."""

    num: int
    den: int


class NewRate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that holds from a time on."""

    base: Currency
    quote: Currency
    rate: Rate
    effective_at: datetime
    source: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """Give an amount of one currency and receive another's, both on accounts of the payer."""

    key: UUID
    given: Money
    payer_id: UUID
    """The account that is given from."""
    receiver_id: UUID
    """The account that receives."""
    currency: Currency
    """What is received."""
    rate: Rate
    effective_at: datetime
    reason: str | None = None


class Converted(msgspec.Struct, frozen=True):
    """An amount at a rate, in whole minor units, and what that left over."""

    amount: Money
    rest_num: int
    """Parts of the rate's `den` of a minor unit; they stay on the exchange account."""


class Exchanged(msgspec.Struct, frozen=True):
    """What came of an exchange."""

    outcome: Outcome
    received: Money
