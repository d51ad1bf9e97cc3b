"""Read periods, what happened to them, and their trial balances. Platform's role only."""

from typing import Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import Finding
from billing.periods.schemas import ChangeView, PeriodView, TrialLine
from billing.periods.tables import LedgerPeriod, LedgerPeriodChange, LedgerTrial

_PERIODS: Final = """
SELECT id, starts_at, ends_at, state, changes FROM ledger_period ORDER BY starts_at
"""
_CHANGES: Final = """
SELECT n, state, recorded_at, actor_id, reason, trial_hash FROM ledger_period_change
WHERE period_id = {} ORDER BY n
"""
_TRIAL: Final = """
SELECT account_id, currency, opening_minor, debits_minor, credits_minor, closing_minor,
    pending_minor
FROM ledger_trial WHERE period_id = {} AND n = {} ORDER BY account_id
"""
_RUNNING: Final = "SELECT * FROM ledger_trial_lines({}) ORDER BY account_id"

CHECKS: Final = {
    "I11": """
        SELECT period.id::text AS subject FROM ledger_period period
        JOIN ledger_period_change change
        ON (change.period_id, change.n) = (period.id, period.changes)
        WHERE change.state <> period.state
        OR change.trial_hash <> ledger_trial_hash(period.id, change.n)
        OR period.state = 'hard_closed' AND EXISTS (
            SELECT FROM ledger_trial_lines(period.id) line
            FULL JOIN (
                SELECT * FROM ledger_trial WHERE (period_id, n) = (period.id, change.n)
            ) kept ON kept.account_id = line.account_id
            WHERE (line.account_id, line.currency, line.opening_minor, line.debits_minor,
                line.credits_minor, line.closing_minor, line.pending_minor)
            IS DISTINCT FROM (kept.account_id, kept.currency, kept.opening_minor,
                kept.debits_minor, kept.credits_minor, kept.closing_minor, kept.pending_minor)
        )
    """,
}
"""By invariant, what lists its contradictions."""


async def periods() -> list[PeriodView]:
    """List all periods in their order."""
    return msgspec.convert(await LedgerPeriod.raw(_PERIODS), list[PeriodView])


async def changes(period_id: UUID) -> list[ChangeView]:
    """List what happened to a period, in order."""
    return msgspec.convert(await LedgerPeriodChange.raw(_CHANGES, period_id), list[ChangeView])


async def trial(period_id: UUID, n: int) -> list[TrialLine]:
    """Give the trial balance that a close stored."""
    return msgspec.convert(await LedgerTrial.raw(_TRIAL, period_id, n), list[TrialLine])


async def running_trial(period_id: UUID) -> list[TrialLine]:
    """Give a period's trial balance as it is now, from the close before it and its own lines."""
    return msgspec.convert(await LedgerTrial.raw(_RUNNING, period_id), list[TrialLine])


async def contradictions() -> list[Finding]:
    """List closed periods whose lines are not what their close stored."""
    return [
        Finding(invariant, str(row["subject"]))
        for invariant, check in CHECKS.items()
        for row in await LedgerPeriod.raw(check)
    ]
