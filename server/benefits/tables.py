"""Tables of benefits, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class BenefitProgram(Table, tablename="benefit_program"):
    """What the platform promises to customers: a voucher with a fixed amount. Global."""

    id = UUID(primary_key=True)
    name = Text()
    amount_minor = BigInt()
    currency = Text()
    limit_per_customer = Integer()
    opens_at = Timestamptz()
    closes_at = Timestamptz(null=True)
    """The first moment at which it is closed; null while no end is set."""
    token_key = Bytea()
    """Makes customers' tokens; readable in agents' transactions, not by the platform's role."""
    created_by = UUID()
    created_at = Timestamptz()


class BenefitRequest(Table, tablename="benefit_request"):
    """A benefit that somebody of an agent asked for on behalf of a customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by the asker."""
    customer_id = UUID()
    program_id = UUID()
    amount_minor = BigInt()
    currency = Text()
    state = Text()
    refusal_code = Text(null=True)
    requested_by = UUID()
    requested_at = Timestamptz()
    decided_at = Timestamptz(null=True)
    rules_version = Integer(null=True)
    """By which rules it was decided; 0 before there was a version."""
    facts = JSONB(null=True)
    """What they saw of the customer."""
