"""Read a part of the books as it is exported. Platform's role only."""

from datetime import date, datetime, time, timedelta, timezone
from typing import Final

import msgspec

from billing.journal.schemas import Journal, JournalAccount, JournalTransaction
from billing.ledger.tables import LedgerAccount, LedgerEntry

SHANGHAI: Final = timezone(timedelta(hours=8))
"""Where the platform's days begin; China has no summer time."""

_ACCOUNTS: Final = """
SELECT account.id, account.kind, account.currency, coalesce(opening.minor, 0)::bigint
    AS opening_minor
FROM ledger_account account
LEFT JOIN (
    SELECT account_id, -sum(posted_minor) AS minor FROM ledger_entry
    WHERE booked_at < {} GROUP BY account_id
) opening ON opening.account_id = account.id
WHERE opening.minor <> 0 OR EXISTS (
    SELECT FROM ledger_entry entry WHERE entry.account_id = account.id
    AND entry.booked_at >= {} AND entry.booked_at < {} AND entry.posted_minor <> 0
)
ORDER BY account.id
"""
# The debit's entry says when a transfer counts; both of its entries say the same.
_TRANSACTIONS: Final = """
SELECT transfer.id, transfer.group_id, transfer.event,
    (entry.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS booked_on,
    (entry.effective_at AT TIME ZONE 'Asia/Shanghai')::date AS effective_on,
    transfer.debit_id, transfer.credit_id, transfer.currency, -entry.posted_minor AS amount_minor
FROM ledger_entry entry JOIN ledger_transfer transfer
ON transfer.id = entry.transfer_id AND transfer.debit_id = entry.account_id
WHERE entry.booked_at >= {} AND entry.booked_at < {} AND entry.posted_minor <> 0
ORDER BY entry.booked_at, transfer.recorded_at, transfer.group_id, transfer.position
"""


async def journal(begins_on: date, ends_on: date) -> Journal:
    """Give what was booked from one day to another, both included, by Shanghai's calendar.

    What is only held moves no balance and is not in it.
    """
    since, until = _midnight(begins_on), _midnight(ends_on + timedelta(days=1))
    accounts = await LedgerAccount.raw(_ACCOUNTS, since, since, until)
    transactions = await LedgerEntry.raw(_TRANSACTIONS, since, until)
    return Journal(
        begins_on=begins_on,
        accounts=msgspec.convert(accounts, list[JournalAccount]),
        transactions=msgspec.convert(transactions, list[JournalTransaction]),
    )


def _midnight(day: date) -> datetime:
    """Give the moment at which a day of Shanghai begins."""
    return datetime.combine(day, time(), SHANGHAI)
