"""Tables of this room, as facts on disk. Both sides see them, and no customer by name."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Text, Timestamptz
from piccolo.table import Table


class ReconPart(Table, tablename="recon_part"):
    """A thousand rows of a file, until the worker has read them; then why rows were refused."""

    file_id = UUID(primary_key=True)
    agent_id = UUID()
    number = BigInt()
    rows = Bytea(null=True)
    """What is compared of them, packed; null once they are read."""
    problems = JSONB(null=True)
    """Null while they wait."""


class ReconAnswer(Table, tablename="recon_answer"):
    """What an agent's owner says of a difference. Insert only."""

    exception_id = UUID(primary_key=True)
    agent_id = UUID()
    said = Text()
    said_by = UUID()
    said_at = Timestamptz()


class ReconQuestion(Table, tablename="recon_question"):
    """What finance asks an agent about a difference. Insert only."""

    id = UUID(primary_key=True)
    exception_id = UUID()
    agent_id = UUID()
    asked = Text()
    asked_by = UUID()
    asked_at = Timestamptz()


class ReconReply(Table, tablename="recon_reply"):
    """What an agent's owner replies to a question. Insert only."""

    question_id = UUID(primary_key=True)
    agent_id = UUID()
    said = Text()
    said_by = UUID()
    said_at = Timestamptz()
