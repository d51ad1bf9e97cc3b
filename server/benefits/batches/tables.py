"""Tables of batches, as facts on disk."""

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz
from piccolo.table import Table


class BenefitBatch(Table, tablename="benefit_batch"):
    """Benefits of one program for many customers of one agent. Both sides see it, and no customer.

    Its agent writes what it is, the platform whether it may be issued.
    """

    id = UUID(primary_key=True)
    """Made by the asker."""
    agent_id = UUID()
    program_id = UUID()
    asked_hash = Text()
    """Of what was asked, to tell a retry from another batch."""
    content_hash = Text()
    """Of the rows that may be issued."""
    rows = Integer()
    open_rows = Integer()
    """How many of them may be issued."""
    amount_minor = BigInt()
    currency = Text()
    state = Text()
    made_by = UUID()
    made_at = Timestamptz()
    approved_hash = Text(null=True)
    decided_by = UUID(null=True)
    decided_at = Timestamptz(null=True)
    reason = Text(null=True)
    finished_at = Timestamptz(null=True)


class BenefitBatchRow(Table, tablename="benefit_batch_row"):
    """A row of a batch, and what came of it: once said, it stays."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Also of the request that is made for it."""
    batch_id = UUID()
    place = Integer()
    given = Text()
    customer_id = UUID(null=True)
    code = Text(null=True)
    """`issued`, or why not; null while it waits."""
    decided_at = Timestamptz(null=True)
