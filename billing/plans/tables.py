"""Tables of plans, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class SaasPlanVersion(Table, tablename="saas_plan_version"):
    """What a plan includes and costs from a day on. Insert only."""

    id = UUID(primary_key=True)
    plan_id = UUID()
    begins_on = Date()
    terms = JSONB()
    published_by = UUID()
    published_at = Timestamptz()


class SaasSubscription(Table, tablename="saas_subscription"):
    """How far an agent's plan was carried on, and what it may do while it owes."""

    agent_id = UUID(primary_key=True)
    clock_on = Date()
    """Moves only forward."""
    standing = Text()
    parked_reason = Text(null=True)
    """Why its clock stands still until somebody has looked."""


class SaasChange(Table, tablename="saas_change"):
    """What an agent's plan is from a day on. Insert only."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    begins_on = Date()
    plan_id = UUID(null=True)
    """Null pauses."""
    made_by = UUID()
    made_at = Timestamptz()


class SaasGrant(Table, tablename="saas_grant"):
    """Units or a feature beyond an agent's plan. Only its end may change."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    source = Text()
    meter = Text(null=True)
    units = BigInt(null=True)
    feature = Text(null=True)
    priority = Integer()
    begins_on = Date()
    ends_on = Date(null=True)
    asked_ends_on = Date(null=True)
    """Its end as it was first asked for, so that the same id is answered the same."""
    made_by = UUID()
    made_at = Timestamptz()
