"""Tables of service cases, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class ServiceCase(Synced, Table, tablename="service_case"):
    """Something of which a customer complains, or for which it asks."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    subject = Text()
    detail = Text(null=True)
    severity = Text()
    category = Text()
    assignee_id = UUID()
    state = Text()
    state_since = Timestamptz()
    opened_at = Timestamptz()
    answer_due_at = Timestamptz(null=True)
    """Counted by the company's working time; null until a job has."""
    answered_at = Timestamptz(null=True)
    resolve_due_at = Timestamptz(null=True)
    resolved_at = Timestamptz(null=True)
    waited_ms = BigInt()
    """Working time in which the customer was to answer."""
    result = Text(null=True)
    opened_by = UUID()


class ServiceCaseEvent(Table, tablename="service_case_event"):
    """Something was done or said about a service case. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who asked, so that asking twice does it once."""
    case_id = UUID()
    seq = BigInt(null=True)
    verb = Text()
    """What was done; ``comment`` and ``assign`` lead nowhere."""
    state = Text()
    """Of the case afterwards."""
    text = Text(null=True)
    done_by = UUID()
    done_at = Timestamptz()


class CaseTargets(Table, tablename="case_targets"):
    """By when cases opened from a moment on are to be answered and resolved. Insert only."""

    tenant_id = UUID()
    version = BigInt(primary_key=True)
    valid_from = Timestamptz()
    targets = JSONB()
    """By severity, in minutes of working time."""
    set_by = UUID()
    set_at = Timestamptz()
