"""An agent's statement: what stood, what came and went, what stands; a debt is carried."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.money import Currency


class StatementKind(StrEnum):
    """What moved an agent's commission account."""

    EARNED = "earned"
    CLAWED_BACK = "clawed_back"
    CORRECTED = "corrected"
    """What a dispute came to; the line that it was about stays as it is."""
    PAID_OUT = "paid_out"
    PAYMENT_RETURNED = "payment_returned"
    WITHHELD = "withheld"
    """What of a payment is owed to the tax office instead."""
    WITHHELD_RETURNED = "withheld_returned"


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement; what the agent gains is above nothing."""

    transfer_id: UUID
    on: date
    kind: StatementKind
    currency: Currency
    amount_minor: int
    reason: str | None = None
    """Why the bank did not pay; null of all else, and where nobody has said it."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one agent and currency: closing == opening + the sum of the lines."""

    agent_id: UUID
    period: date
    currency: Currency
    opening_minor: int
    lines: tuple[StatementLine, ...]
    closing_minor: int

    @property
    def carried_minor(self) -> int:
        """Give what the agent owes and later commission pays off first; nothing, or below it."""
        return min(0, self.closing_minor)


def statement(
    agent_id: UUID, period: date, currency: str, opening_minor: int, lines: Iterable[StatementLine]
) -> Statement:
    """Make the statement of a month.

    :param lines: as they stand in the books; those of a day keep that order.
    """
    own = sorted(
        (each for each in lines if each.currency == currency and _is_in(period, each.on)),
        key=lambda each: each.on,
    )
    return Statement(
        agent_id=agent_id,
        period=period,
        currency=currency,
        opening_minor=opening_minor,
        lines=tuple(own),
        closing_minor=opening_minor + sum(each.amount_minor for each in own),
    )


def _is_in(period: date, on: date) -> bool:
    """Say whether a day lies in a month."""
    return (on.year, on.month) == (period.year, period.month)
