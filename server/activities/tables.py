"""Tables of activities, as facts on disk. The truth about keys and indexes is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Visit(Synced, Table, tablename="visit"):
    """Somebody goes to a customer: planned, checked in to, checked out of.

    The only place where it is kept where somebody was.
    """

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    store_id = UUID(null=True)
    visitor_id = UUID()
    planned_at = Timestamptz(null=True)
    purpose = Text(null=True)
    checked_in_at = Timestamptz(null=True)
    lat = BigInt(null=True)
    """Millionths of a degree, like `lng`."""
    lng = BigInt(null=True)
    accuracy_m = BigInt(null=True)
    fix_age_s = BigInt(null=True)
    is_mocked = BigInt(null=True)
    """1 when the system of the device says that the position is invented."""
    checked_out_at = Timestamptz(null=True)
    cancelled_at = Timestamptz(null=True)
    summary = Text(null=True)
    next_step = Text(null=True)
    trust_score = BigInt(null=True)
    """0 to 100; see rules/trust.py."""
    trust_reasons = JSONB(null=True)
    appeal = Text(null=True)
    appeal_state = Text(null=True)
    decided_by = UUID(null=True)
    contact_id = UUID(null=True)
    """With whom of the customer's people."""


class Task(Synced, Table, tablename="task"):
    """Something that somebody is to do for a customer, until a time where one is said."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    title = Text()
    detail = Text(null=True)
    due_at = Timestamptz(null=True)
    priority = Text(null=True)
    is_must_do = BigInt(null=True)
    """1 when nobody but a manager may move or cancel it, and word of it goes up when it is late."""
    done_at = Timestamptz(null=True)
    cancelled_at = Timestamptz(null=True)
    result = Text(null=True)
    assignee_id = UUID()
    giver_id = UUID(null=True)
    """None where a rule made it."""
    rule_id = UUID(null=True)
    rule_version = BigInt(null=True)
    escalation = Text(null=True)
    """How far word of its being late has gone; see `server.automation`."""
    contact_id = UUID(null=True)
    """With whom of the customer's people."""


class Call(Synced, Table, tablename="call"):
    """Somebody of the company and a customer talked on the phone, or tried to."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    contact_id = UUID(null=True)
    caller_id = UUID()
    direction = Text()
    called_at = Timestamptz()
    outcome = Text()
    duration_s = BigInt(null=True)
    note = Text(null=True)


class CallBan(Synced, Table, tablename="call_ban"):
    """A phone of a customer that nobody may call, as devices have to know it without a network."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    phone = Text()
    """E.164."""
    reason = Text(null=True)
    since = Timestamptz(null=True)
    lifted_at = Timestamptz(null=True)
