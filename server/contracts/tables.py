"""Tables of contracts, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Contract(Synced, Table, tablename="contract"):
    """What the company and a customer agree on."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    opportunity_id = UUID(null=True)
    quote_id = UUID(null=True)
    renews_id = UUID(null=True)
    """The contract that this one goes on from."""
    title = Text()
    number = Text(null=True)
    """What stands on the paper; not the record's id."""
    party_a = Text(null=True)
    party_b = Text(null=True)
    currency = Text()
    amount_minor = BigInt()
    plan = Text(null=True)
    """JSON, see ``sync_protocol.contracting.plan``; comes to the amount."""
    effective_on = Text(null=True)
    ends_on = Text(null=True)
    """The last day, inclusive; open without."""
    account_manager_id = UUID(null=True)
    remark = Text(null=True)
    state = Text()
    state_since = Timestamptz()
    signed_on = Text(null=True)
    closed_on = Text(null=True)
    """The day on which it really ended."""
    lines = Text(null=True)
    """JSON, the quote's when the contract was made."""
    received = JSONB(null=True)
    """``[[instalment, minor units]]``."""
    received_minor = BigInt()
    approved_hash = Text(null=True)
    edited_by = UUID()
    submitted_by = UUID(null=True)
    decided_by = UUID(null=True)
    decision = Text(null=True)
    next_due_on = Text()
    """When the next payment is due; empty where none is."""


class ContractEvent(Table, tablename="contract_event"):
    """Something was done with a contract. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who asked, so that asking twice does it once."""
    contract_id = UUID()
    seq = BigInt()
    verb = Text()
    from_state = Text()
    state = Text()
    content_hash = Text()
    """What the contract said at that moment."""
    remark = Text(null=True)
    done_by = UUID()
    done_at = Timestamptz()


class ContractReceipt(Table, tablename="contract_receipt"):
    """Money that came in, or was taken back. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    contract_id = UUID()
    instalment_id = UUID(null=True)
    seq = BigInt()
    amount_minor = BigInt()
    """Below zero it takes back what was noted by mistake."""
    received_on = Text()
    remark = Text(null=True)
    noted_by = UUID()
    noted_at = Timestamptz()
