"""Tables of the kit, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class Outbox(Table, tablename="outbox"):
    """Work to be done after a commit."""

    id = UUID(primary_key=True)
    tenant_id = UUID(null=True)
    topic = Text()
    payload = JSONB()
    dedupe_key = Text(null=True)
    """While it stands, no second job with the same key is added; cleared when the job is
    claimed."""
    run_at = Timestamptz()
    added_at = Timestamptz()
    lease = BigInt()
    """Fencing number, one more at each claim."""
    leased_until = Timestamptz(null=True)
    attempts = BigInt()
    last_error = Text(null=True)


class Schedule(Table, tablename="schedule"):
    """Work that comes round."""

    name = Text(primary_key=True)
    due_at = Timestamptz()
    lease = BigInt()
    """Fencing number, one more at each claim."""
    leased_until = Timestamptz(null=True)
    done_at = Timestamptz(null=True)
    failures = BigInt()
    """In a row, up to now."""
    last_error = Text(null=True)
