"""Tables of reconciliation, as facts on disk."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class ReconSource(Table, tablename="recon_source"):
    """How the files of one agent's system are read. Insert only: a changed map is a new source."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    name = Text()
    column_map = JSONB()
    added_by = UUID()
    added_at = Timestamptz()


class ReconFile(Table, tablename="recon_file"):
    """One file of the other side, for one month, and how far it has come."""

    id = UUID(primary_key=True)
    source_id = UUID()
    agent_id = UUID()
    period = Date()
    """The first day of the month that it is about."""
    file_name = Text()
    sha256 = Bytea()
    header = Array(Text())
    """What its columns are called."""
    last_row = BigInt()
    """The number of its last row."""
    read_until = BigInt()
    """The row up to which it has been read."""
    state = Text()
    """`loading`, `compared`, `withdrawn` or `failed`."""
    added_by = UUID()
    added_at = Timestamptz()
    booked_until = UUID(null=True)
    """The agent's benefit up to which the books have been written down beside it."""
    named_until = BigInt(null=True)
    """The row up to which its ids have been looked up in the books, when that is done."""
    extracted_at = Timestamptz(null=True)
    """When the platform's lines were written down beside it."""
    goes_by = Array(UUID())
    """The agent's files that were compared before: what they matched is matched there alone."""
    compared_at = Timestamptz(null=True)
    totals = JSONB(null=True)
    """What stays of a compared file's sides: their lines, what counts and what is matched."""


class ReconLine(Table, tablename="recon_line"):
    """A line of either side, as it was when the sides were compared. Insert only."""

    file_id = UUID(primary_key=True)
    agent_id = UUID()
    side = Text()
    """`here` for the platform's books, `there` for the file."""
    number = BigInt()
    """The row of the file; the position in the extract of the books."""
    reference = Text()
    """What both sides call it; empty where it says nothing, as the other texts are."""
    customer = Text()
    name = Text()
    program = Text()
    currency = Text()
    amount_minor = BigInt()
    on_day = Date()
    state = Text()


class ReconMatch(Table, tablename="recon_match"):
    """Lines that are the same on both sides, and by which step that was found. Insert only."""

    file_id = UUID(primary_key=True)
    agent_id = UUID()
    number = BigInt()
    step = Text()
    score = Integer()
    here = Array(BigInt())
    there = Array(BigInt())


class ReconException(Table, tablename="recon_exception"):
    """A break between the two sides, whose turn it is and until when, and what came of it."""

    id = UUID(primary_key=True)
    file_id = UUID()
    agent_id = UUID()
    kind = Text()
    cause = Text()
    also = Array(Text())
    here = Array(BigInt())
    there = Array(BigInt())
    here_says = Text()
    there_says = Text()
    here_minor = BigInt()
    there_minor = BigInt()
    owner = Text()
    """The side whose turn it is, seen from the platform."""
    opened_at = Timestamptz()
    due_on = Date()
    outcome = Text(null=True)
    """Null while it is open; said once."""
    note = Text(null=True)
    group_id = UUID(null=True)
    """The transfers that put it right in the books, if any were needed."""
    resolved_by = UUID(null=True)
    resolved_at = Timestamptz(null=True)
