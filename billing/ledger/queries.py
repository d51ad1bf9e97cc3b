"""Read the books. Under the platform's role; an agent's transaction sees its own accounts only."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import (
    Balance,
    BalanceAt,
    Dimension,
    EntryView,
    Finding,
    Turnover,
)
from billing.ledger.tables import LedgerAccount, LedgerEntry

_BALANCES: Final = """
SELECT id AS account_id, owner_id, subject_id, kind, currency,
    debits_pending, debits_posted, credits_pending, credits_posted
FROM ledger_account WHERE id = ANY ({}::uuid[]) ORDER BY id
"""
_STATEMENT: Final = """
SELECT entry.version, entry.transfer_id, transfer.event, entry.currency, entry.pending_minor,
    entry.posted_minor, entry.pending_after, entry.posted_after, entry.effective_at,
    entry.booked_at, entry.recorded_at
FROM ledger_entry entry JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
WHERE entry.account_id = {} AND entry.version > {} ORDER BY entry.version LIMIT {}
"""
_BALANCE_AT: Final = """
SELECT at.known AS lines,
    (coalesce(base.posted_after, 0) + coalesce(late.posted, 0))::bigint AS posted_minor,
    (coalesce(base.pending_after, 0) + coalesce(late.pending, 0))::bigint AS pending_minor
FROM (
    SELECT account_id, effective_at,
        ledger_version_at(account_id, 'infinity', recorded_at) AS known,
        ledger_version_at(account_id, effective_at, recorded_at) AS base
    FROM (SELECT {}::uuid, {}::timestamptz, {}::timestamptz)
        asked (account_id, effective_at, recorded_at)
) at
LEFT JOIN ledger_entry base ON base.account_id = at.account_id AND base.version = at.base
CROSS JOIN LATERAL (
    SELECT sum(posted_minor) AS posted, sum(pending_minor) AS pending
    FROM ledger_entry WHERE account_id = at.account_id
    AND version > at.base AND version <= at.known
    AND effective_at < effective_until AND effective_at <= at.effective_at
) late
"""
# The text holds no braces of its own, because Piccolo would take them for values.
_TURNOVER: Final = """
SELECT kind, currency, dims, sum(debits)::bigint AS debits_minor, sum(credits)::bigint
    AS credits_minor
FROM (
    SELECT account.kind, entry.currency,
        (SELECT coalesce(jsonb_object_agg(name, (account.dims || transfer.dims) -> name),
            jsonb_build_object()) FROM unnest({}::text[]) name) AS dims,
        CASE WHEN transfer.debit_id = account.id THEN -entry.posted_minor ELSE 0 END AS debits,
        CASE WHEN transfer.credit_id = account.id THEN entry.posted_minor ELSE 0 END AS credits
    FROM ledger_entry entry
    JOIN ledger_account account ON account.id = entry.account_id
    JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
    WHERE entry.booked_at >= {} AND entry.booked_at < {}
) line
GROUP BY kind, currency, dims ORDER BY kind, currency, dims
"""

CHECKS: Final = {
    "I1": """
        SELECT id::text AS subject FROM ledger_account
        WHERE (bound = 'debits_within_credits' AND debits_pending + debits_posted > credits_posted)
        OR (bound = 'credits_within_debits' AND credits_pending + credits_posted > debits_posted)
    """,
    "I2": """
        SELECT transfer_id::text AS subject FROM ledger_entry GROUP BY transfer_id, currency
        HAVING sum(pending_minor) <> 0 OR sum(posted_minor) <> 0 OR count(*) <> 2
    """,
    "I3": """
        SELECT currency AS subject FROM ledger_account GROUP BY currency
        HAVING sum(debits_pending) <> sum(credits_pending)
        OR sum(debits_posted) <> sum(credits_posted)
    """,
    "I4": """
        WITH effect AS (
            SELECT *,
                CASE kind WHEN 'hold' THEN amount_minor ELSE -released_minor END AS pending,
                CASE WHEN kind IN ('single', 'post') THEN amount_minor
                     WHEN kind = 'reversal' THEN -amount_minor ELSE 0 END AS posted
            FROM ledger_transfer
        ), fold AS (
            SELECT account_id, sum(dp) AS dp, sum(dpo) AS dpo, sum(cp) AS cp, sum(cpo) AS cpo,
                count(*) AS legs
            FROM (
                SELECT debit_id AS account_id, pending AS dp, posted AS dpo, 0 AS cp, 0 AS cpo
                FROM effect
                UNION ALL SELECT credit_id, 0, 0, pending, posted FROM effect
            ) leg GROUP BY account_id
        )
        SELECT account.id::text AS subject
        FROM ledger_account account LEFT JOIN fold ON fold.account_id = account.id
        LEFT JOIN LATERAL (
            SELECT sum(pending_minor) AS pending, sum(posted_minor) AS posted, count(*) AS lines,
                max(version) AS last
            FROM ledger_entry WHERE account_id = account.id
        ) entries ON true
        WHERE (debits_pending, debits_posted, credits_pending, credits_posted, version)
            <> (coalesce(dp, 0), coalesce(dpo, 0), coalesce(cp, 0), coalesce(cpo, 0),
                coalesce(legs, 0))
        OR coalesce(entries.pending, 0) <> credits_pending - debits_pending
        OR coalesce(entries.posted, 0) <> credits_posted - debits_posted
        OR entries.lines <> version OR coalesce(entries.last, 0) <> version
    """,
    "I5": """
        SELECT hold.id::text AS subject
        FROM ledger_transfer hold JOIN ledger_transfer settling ON settling.pending_id = hold.id
        WHERE hold.kind <> 'hold' OR settling.released_minor <> hold.amount_minor
        OR settling.amount_minor > hold.amount_minor
    """,
}
"""By invariant, what lists its contradictions."""


async def balances(account_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """Give the counters of the accounts that exist."""
    rows = await LedgerAccount.raw(_BALANCES, list(account_ids))
    return {row["account_id"]: msgspec.convert(row, Balance) for row in rows}


async def statement(account_id: UUID, *, after: int = 0, limit: int = 200) -> list[EntryView]:
    """Give an account's lines above a version, in order."""
    rows = await LedgerEntry.raw(_STATEMENT, account_id, after, limit)
    return msgspec.convert(rows, list[EntryView])


async def balance_at(
    account_id: UUID, *, effective_at: datetime, recorded_at: datetime
) -> BalanceAt:
    """Give what stood on an account at a time, as it was known at another, both included.

    Takes about the same however many lines there are: see `ledger_version_at`.
    """
    [row] = await LedgerEntry.raw(_BALANCE_AT, account_id, effective_at, recorded_at)
    return msgspec.convert(row, BalanceAt)


async def turnover(by: Sequence[Dimension], *, since: datetime, until: datetime) -> list[Turnover]:
    """Sum up what was booked from a time until before another, by kind and dimensions."""
    rows = await LedgerEntry.raw(_TURNOVER, list(by), since, until)
    return [msgspec.convert({**row, "dims": json.loads(row["dims"])}, Turnover) for row in rows]


async def contradictions() -> list[Finding]:
    """Look through the whole books for anything that contradicts I1 to I5. Platform's role only."""
    return [
        Finding(invariant, str(row["subject"]))
        for invariant, check in CHECKS.items()
        for row in await LedgerAccount.raw(check)
    ]
