"""Tables of redemptions, as facts on disk."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class Redemption(Table, tablename="redemption"):
    """What somebody wanted done with a benefit, and what came of it. Written once."""

    id = UUID(primary_key=True)
    """Made by who asked; the same id and content is answered the same."""
    issuance_id = UUID()
    agent_id = UUID()
    kind = Text()
    asked_minor = BigInt(null=True)
    """Null where all that is left was asked for."""
    amount_minor = BigInt()
    """What was moved."""
    of_id = UUID(null=True)
    """The redemption that a rollback takes back."""
    code = Text()
    """`recorded`, or why not."""
    transfer_id = UUID(null=True)
    """What posted, reversed or released it."""
    actor_id = UUID()
    reason = Text(null=True)
    recorded_at = Timestamptz()
