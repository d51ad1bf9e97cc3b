"""Tables of periods, as facts on disk. What keeps them true is in the migration."""

from piccolo.columns import UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class LedgerPeriod(Table, tablename="ledger_period"):
    """A stretch of time that the books are closed by. Its state moves by changes only."""

    id = UUID(primary_key=True)
    starts_at = Timestamptz()
    """Where the period before it ends."""
    ends_at = Timestamptz()
    """The first moment that is not in it."""
    state = Text()
    changes = Integer()
    """How many changes there were; the last one is its state."""


class LedgerPeriodChange(Table, tablename="ledger_period_change"):
    """A period was closed or opened again, by whom and why. Insert only."""

    period_id = UUID(primary_key=True)
    n = Integer()
    state = Text()
    recorded_at = Timestamptz()
    actor_id = UUID()
    reason = Text()
    trial_hash = Bytea(null=True)
    """Of the trial balance that a close stores, and through it of all closes before."""


class LedgerTrial(Table, tablename="ledger_trial"):
    """One account's line of a trial balance, made by the database when a period closes."""

    period_id = UUID(primary_key=True)
    n = Integer()
    account_id = UUID()
    currency = Text()
    opening_minor = BigInt()
    """Credits are positive, here and at the closing."""
    debits_minor = BigInt()
    credits_minor = BigInt()
    closing_minor = BigInt()
    pending_minor = BigInt()
    """What was held at the end."""
