"""A part of the books as it is exported, as frozen values. Debits are positive here."""

from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.ledger.schemas import AccountKind
from billing.money import Currency


class JournalFormat(StrEnum):
    """A text form of the journal."""

    BEANCOUNT = "beancount"
    HLEDGER = "hledger"


class JournalAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that something was booked on, or that had a balance when the part begins."""

    id: UUID
    kind: AccountKind
    currency: Currency
    opening_minor: int
    """What stood on it when the part begins."""


class JournalTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A movement: an amount from one account to another."""

    id: UUID
    group_id: UUID
    event: str
    booked_on: date
    """The day in Shanghai on which it counts."""
    effective_on: date
    """The day in Shanghai on which it happened."""
    debit_id: UUID
    credit_id: UUID
    currency: Currency
    amount_minor: int
    """Below nothing for a reversal, which is in red."""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked on some days, in order, and what stood on the accounts before."""

    begins_on: date
    accounts: list[JournalAccount]
    """In the order of their ids."""
    transactions: list[JournalTransaction]
    """In the order in which they count."""
