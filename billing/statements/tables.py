"""Tables of statements, as facts on disk. All are insert only, but for what became of a dispute."""

from piccolo.columns import UUID, BigInt, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class Statement(Table, tablename="statement"):
    """What was written down in a month on an agent's accounts of one currency."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    period = Date()
    """The first day of the month."""
    currency = Text()
    hash = Bytea()
    """SHA-256 of its content: both sides sign this."""
    lines = Integer()
    answer_by = Date()
    """The last day on which its owner may speak; later it counts as confirmed."""
    drawn_by = UUID()
    drawn_at = Timestamptz()


class StatementAccount(Table, tablename="statement_account"):
    """One account in a statement: what stood before, what stands after."""

    statement_id = UUID(primary_key=True)
    agent_id = UUID()
    account_id = UUID()
    kind = Text()
    subject_id = UUID()
    """The program, of what was issued in it; the agent, of commission."""
    after_version = BigInt()
    """The account's last line before the month."""
    last_version = BigInt()
    """Its last line in the month; the same where nothing moved."""
    opening_pending = BigInt()
    opening_posted = BigInt()
    closing_pending = BigInt()
    closing_posted = BigInt()
    lines_digest = Bytea()
    """SHA-256 over the hashes that its lines have in the log."""


class StatementLine(Table, tablename="statement_line"):
    """A line: an entry of the ledger, under the number by which both sides speak of it."""

    statement_id = UUID(primary_key=True)
    n = Integer()
    """From 1, without gaps."""
    agent_id = UUID()
    account_id = UUID()
    version = BigInt()
    transfer_id = UUID()
    event = Text()
    on_day = Date()
    """When it happened: with what was written down late, before the month."""
    pending_minor = BigInt()
    posted_minor = BigInt()
    posted_after = BigInt()


class StatementAnswer(Table, tablename="statement_answer"):
    """What the owner says of a line, and what the platform answers to a dispute."""

    statement_id = UUID(primary_key=True)
    n = Integer()
    agent_id = UUID()
    said = Text()
    """`confirmed` or `disputed`."""
    reason = Text(null=True)
    evidence = Text(null=True)
    said_by = UUID()
    said_at = Timestamptz()
    due_on = Date(null=True)
    """By when the platform answers a dispute."""
    outcome = Text(null=True)
    """`corrected` or `kept`; null while it is open. Said once."""
    note = Text(null=True)
    transfer_id = UUID(null=True)
    """The later transfer that corrects it."""
    answered_by = UUID(null=True)
    answered_at = Timestamptz(null=True)


class StatementSignature(Table, tablename="statement_signature"):
    """That one side signed a statement, with the hash that it was shown."""

    statement_id = UUID(primary_key=True)
    agent_id = UUID()
    side = Text()
    """`agent` or `platform`."""
    signed_by = UUID()
    signed_at = Timestamptz()
    hash = Bytea()
    public_key = Text(null=True)
    """The platform's: Ed25519, in hexadecimal digits."""
    signature = Text(null=True)
