"""Tables of leads, as facts on disk. Keys and indexes are those of the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class LeadSource(Synced, Table, tablename="lead_source"):
    """Where leads come from; sources stand in a tree."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    parent_id = UUID(null=True)
    channel = Text()
    cost_key = Text()
    """What its costs are booked under."""
    partner = Text(null=True)
    """Who refers, where a partner does."""
    state = Text()


class Campaign(Synced, Table, tablename="campaign"):
    """Something that is done for a while to get leads, with a budget and a plan."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    source_id = UUID()
    starts_on = Text()
    ends_on = Text()
    area = Text(null=True)
    audience = Text(null=True)
    budget_minor = BigInt()
    planned_leads = BigInt(null=True)
    planned_signed = BigInt(null=True)
    state = Text()
    review = Text(null=True)
    """What it was good for, written when it was over."""


class Lead(Synced, Table, tablename="lead"):
    """A lead that was routed to somebody, as the phone shows it beside its customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """The same as that of the raw lead."""
    customer_id = UUID()
    source_id = UUID(null=True)
    campaign_id = UUID(null=True)
    need = Text(null=True)
    assignee_id = UUID(null=True)
    routed_at = Timestamptz(null=True)
    accept_by = Timestamptz(null=True)
    state = Text(null=True)
    return_reason = Text(null=True)
    decided_at = Timestamptz(null=True)


class RawLead(Table, tablename="raw_lead"):
    """A lead as it came in, and all that became of it; never on a phone."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    fingerprint = Bytea()
    """Of what was sent: the same id with other content is refused."""
    path = Text()
    name = Text()
    name_pinyin = Text()
    contact_name = Text()
    phone = Text(null=True)
    """E.164; null where what was given is no phone."""
    phone_given = Text()
    uscc = Text(null=True)
    city = Text(null=True)
    district = Text(null=True)
    industry = Text(null=True)
    need = Text(null=True)
    amount_minor = BigInt(null=True)
    source_id = UUID(null=True)
    campaign_id = UUID(null=True)
    cost_key = Text()
    tags = JSONB()
    rules_version = BigInt()
    state = Text()
    verdict = Text()
    verdict_values = JSONB()
    received_at = Timestamptz()
    received_by = UUID(null=True)
    consented_at = Timestamptz(null=True)
    updated_at = Timestamptz()
    customer_id = UUID(null=True)
    assignee_id = UUID(null=True)
    routed_at = Timestamptz(null=True)
    accept_by = Timestamptz(null=True)
    route_count = Integer()
    return_count = Integer()
    pre_opportunity_at = Timestamptz(null=True)
    opportunity_at = Timestamptz(null=True)
    signed_at = Timestamptz(null=True)
    signed_minor = BigInt(null=True)


class LeadCount(Table, tablename="lead_count"):
    """So many leads of a sort more, or fewer; how many there are is the sum of a sort's rows.

    Each statement that writes leads leaves its own, by a trigger, so that nobody waits for anybody.
    """

    tenant_id = UUID()
    id = UUID(primary_key=True)
    state = Text()
    verdict = Text(null=True)
    """Of suspects alone."""
    assignee_id = UUID(null=True)
    leads = BigInt()


class LeadToken(Table, tablename="lead_token"):
    """A search key of a raw lead; see server/customers/rules/search.py."""

    tenant_id = UUID()
    token = Text()
    lead_id = UUID(primary_key=True)
    before = Text()


class LeadEvent(Table, tablename="lead_event"):
    """What was done with a raw lead after its birth."""

    tenant_id = UUID()
    lead_id = UUID(primary_key=True)
    number = BigInt()
    """From 1, in the order in which it was done."""
    at = Timestamptz()
    actor_id = UUID(null=True)
    kind = Text()
    detail = JSONB()


class LeadRules(Table, tablename="lead_rules"):
    """One version of a company's rules for tags and junk."""

    tenant_id = UUID()
    version = BigInt(primary_key=True)
    rules = JSONB()
    made_by = UUID()
    made_at = Timestamptz()


class LeadTerms(Table, tablename="lead_terms"):
    """What a company asks of its leads: clock, checklist, calls."""

    tenant_id = UUID(primary_key=True)
    terms = JSONB()


class LeadTerritory(Table, tablename="lead_territory"):
    """A place that a person or a team holds."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    holder_id = UUID()
    city = Text()
    district = Text(null=True)


class LeadCost(Table, tablename="lead_cost"):
    """What a campaign or a source cost on a day; a refund is below nothing."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    source_id = UUID()
    campaign_id = UUID(null=True)
    amount_minor = BigInt()
    spent_on = Date()
    note = Text()
    entered_by = UUID()
    entered_at = Timestamptz()


class LeadCall(Table, tablename="lead_call"):
    """That somebody was shown a phone in order to call it."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    phone = Text()
    lead_id = UUID()
    user_id = UUID()
    called_at = Timestamptz()


class LeadForm(Table, tablename="lead_form"):
    """The page of a campaign on which interested people leave their phone."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    campaign_id = UUID()
    token = Text()
    title = Text()
    made_at = Timestamptz()
    closed_at = Timestamptz(null=True)


class LeadFormAddress(Table, tablename="lead_form_address"):
    """Whose a form's token is, by its hash. Global."""

    token_hash = Bytea(primary_key=True)
    tenant_id = UUID()
    form_id = UUID()
