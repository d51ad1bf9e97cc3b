"""Tables of partners, as facts on disk."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Bytea, Date, Text, Timestamptz
from piccolo.table import Table


class Agent(Table, tablename="agent"):
    """An agent company as the platform sees it. Its id is that of its tenant."""

    tenant_id = UUID(primary_key=True)
    name = Text()
    short_name = Text()
    city = Text()
    tier = Text()
    joined_at = Timestamptz()


class Territory(Table, tablename="territory"):
    """Where an agent may work, alone or beside others, from a day to a day. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    division = Text()
    """A code of the tree of divisions; all that lies in it is part of it."""
    is_exclusive = Boolean()
    valid_from = Date()
    valid_until = Date(null=True)
    """The last day."""
    granted_by = UUID()
    granted_at = Timestamptz()


class AgentTier(Table, tablename="agent_tier"):
    """Which tier an agent has had since when. Insert only. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    tier = Text()
    since = Date()
    reason = Text()
    set_by = UUID()
    set_at = Timestamptz()


class AgentAgreement(Table, tablename="agent_agreement"):
    """A version of an agreement between the platform and an agent. Insert only. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    number = Text()
    version = BigInt()
    title = Text()
    signed_on = Date()
    valid_from = Date()
    valid_until = Date(null=True)
    """The last day."""
    recorded_by = UUID()
    recorded_at = Timestamptz()


class OnboardingStep(Table, tablename="onboarding_step"):
    """What has to be done before an agent works. Global."""

    code = Text(primary_key=True)
    position = BigInt()
    label_zh = Text()
    label_en = Text()


class OnboardingTick(Table, tablename="onboarding_tick"):
    """A step of the on-boarding that is done for an agent, and who says so. Global."""

    agent_id = UUID()
    step = Text(primary_key=True)
    note = Text()
    ticked_by = UUID()
    ticked_by_name = Text()
    ticked_at = Timestamptz()


class SharingContract(Table, tablename="sharing_contract"):
    """What of an agent's the platform may see, field by field; holds once accepted. Global."""

    agent_id = UUID()
    version = BigInt(primary_key=True)
    fields = Array(base_column=Text())
    offered_by = UUID()
    offered_at = Timestamptz()
    accepted_by = UUID(null=True)
    accepted_at = Timestamptz(null=True)


class AgentExit(Table, tablename="agent_exit"):
    """That an agent leaves the channel, since when it is frozen, and its last day. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    reason = Text()
    last_day = Date()
    frozen_from = Timestamptz()
    state = Text()
    successors = JSONB()
    """Ids and names of the agents to which its customers may be handed."""
    token_key = Bytea()
    """Makes the names by which the platform knows its customers; not granted to the platform."""
    opened_by = UUID()
    opened_at = Timestamptz()
    ended_at = Timestamptz(null=True)
