"""Tables of exits, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class ExitItem(Table, tablename="exit_item"):
    """A thing of a leaver's and what becomes of it; no customer is known by it. Global."""

    exit_id = UUID()
    agent_id = UUID()
    kind = Text()
    thing = UUID(primary_key=True, db_column_name="ref")
    """Of a registration or an issuance its id; of a customer a keyed token."""
    customer_ref = UUID()
    customer_id = UUID()
    """Not granted to the platform."""
    stands = Text()
    until = Timestamptz(null=True)
    program_id = UUID(null=True)
    amount_minor = BigInt()
    successor_id = UUID(null=True)
    chosen = Text(null=True)
    fate = Text(null=True)
    """Written when the plan is carried out, and again if it turned out otherwise."""
    drawn_at = Timestamptz()
    done_at = Timestamptz(null=True)


class ExitConsent(Table, tablename="exit_consent"):
    """That a customer wants to be handed to another agent, as the leaver's owner wrote down."""

    tenant_id = UUID()
    exit_id = UUID()
    customer_id = UUID(primary_key=True)
    successor_id = UUID()
    carries = Text()
    """How much of it goes along."""
    said = Text()
    """How the customer said so."""
    recorded_by = UUID()
    recorded_at = Timestamptz()
