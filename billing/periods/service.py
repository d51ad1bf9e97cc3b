"""Open and close periods. Each function joins the platform's transaction."""

from datetime import datetime
from typing import Final

import msgspec

from billing.periods import queries, rules
from billing.periods.schemas import ChangeView, NewPeriod, PeriodChange
from billing.periods.tables import LedgerPeriod, LedgerPeriodChange

# `tongpd` in ASCII: who changes periods, or relies on one's state, does so alone.
_LOCK: Final = "SELECT pg_advisory_xact_lock(128021942464612)"
_OPEN: Final = """
INSERT INTO ledger_period (id, starts_at, ends_at) VALUES ({}, {}, {})
"""
_CHANGE: Final = """
INSERT INTO ledger_period_change (period_id, state, recorded_at, actor_id, reason)
VALUES ({}, {}, {}, {}, {})
RETURNING n, state, recorded_at, actor_id, reason, trial_hash
"""


async def hold() -> None:
    """Let no period be opened or closed until the end of the transaction."""
    await LedgerPeriod.raw(_LOCK)


async def open_period(new: NewPeriod) -> bool:
    """Add a period behind the last one; the same one again stays as it is. Give whether it is new.

    :raises PeriodNotNext: it leaves a gap or overlaps.
    """
    await hold()
    held = await queries.periods()
    if any(
        (new.id, new.starts_at, new.ends_at) == (period.id, period.starts_at, period.ends_at)
        for period in held
    ):
        return False
    rules.ensure_next(new, held)
    await LedgerPeriod.raw(_OPEN, new.id, new.starts_at, new.ends_at)
    return True


async def change(asked: PeriodChange, *, now: datetime) -> ChangeView:
    """Close a period softly or for good, or open it again; each leaves its record.

    A close waits for what is being written to the books, and stores the trial balance.

    :raises PeriodNotFound: there is none with this id.
    :raises PeriodInThatState: it is closed, or open, already.
    :raises PeriodOutOfOrder: another period comes first.
    :raises PeriodNotOver: it was to be closed for good before it ends.
    """
    await hold()
    rules.ensure_may_become(asked.period_id, asked.state, await queries.periods(), now=now)
    [row] = await LedgerPeriodChange.raw(
        _CHANGE, asked.period_id, asked.state, now, asked.actor_id, asked.reason
    )
    return msgspec.convert(row, ChangeView)
