"""How the journal is laid out for outside checkers, whichever they are: names, amounts, balances.

A day's balances are asserted before and after it, for each account that it moves. So a transaction
that is left out, doubled, changed or put on another day contradicts an assertion.
"""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec

from billing.journal.schemas import Journal, JournalAccount, JournalTransaction
from billing.ledger.schemas import AccountKind
from billing.money import decimals

_ROOTS: Final = {
    AccountKind.FUNDING: "Equity",
    AccountKind.EXCHANGE: "Equity",
    AccountKind.BUDGET: "Liabilities",
    AccountKind.ISSUED: "Liabilities",
    AccountKind.EXPENSE: "Expenses",
    AccountKind.COMMISSION_COST: "Expenses",
    AccountKind.COMMISSION: "Liabilities",
    AccountKind.PAYOUT: "Liabilities",
    AccountKind.BANK: "Assets",
    AccountKind.WITHHELD_TAX: "Liabilities",
    AccountKind.PLAN_RECEIVABLE: "Assets",
    AccountKind.PLAN_REVENUE: "Income",
    AccountKind.PLAN_SPONSORED: "Expenses",
}
Balances = list[tuple[UUID, int]]


class Day(msgspec.Struct, frozen=True):
    """A day's transactions, and what stood on the accounts that they move before and after."""

    on: date
    before: Balances
    transactions: list[JournalTransaction]
    after: Balances


def account_name(account: JournalAccount) -> str:
    """Name an account in five roots: by its kind and id, so that a name is never two accounts'."""
    kind = account.kind.replace("_", "-").title()
    return f"{_ROOTS[account.kind]}:{kind}:{account.id.hex.upper()}"


def amount(minor: int, currency: str) -> str:
    """Write an amount with the decimals of its currency."""
    scale = decimals(currency)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(scale + 1, "0")
    whole = digits[: len(digits) - scale]
    return f"{sign}{whole}.{digits[-scale:]}" if scale else f"{sign}{whole}"


def days(journal: Journal) -> Iterator[Day]:
    """Go through a journal day by day."""
    standing = {account.id: account.opening_minor for account in journal.accounts}
    for on, moved in groupby(journal.transactions, key=lambda one: one.booked_on):
        transactions = list(moved)
        touched = sorted({end for one in transactions for end in (one.debit_id, one.credit_id)})
        before = [(account_id, standing[account_id]) for account_id in touched]
        for one in transactions:
            standing[one.debit_id] += one.amount_minor
            standing[one.credit_id] -= one.amount_minor
        after = [(account_id, standing[account_id]) for account_id in touched]
        yield Day(on, before, transactions, after)
