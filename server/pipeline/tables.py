"""Tables of the pipeline, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Numeric, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Process(Synced, Table, tablename="process"):
    """A published version of how the company sells; never changed but for its state."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    family_id = UUID()
    """What all versions of one process share."""
    version = BigInt()
    """Counted from 1 within its family."""
    name = Text()
    definition = Text()
    """JSON, see ``sync_protocol.process.definition``."""
    state = Text()


class ProcessDraft(Table, tablename="process_draft"):
    """The next version of a process, while it is being thought out; no device sees it."""

    tenant_id = UUID()
    family_id = UUID(primary_key=True)
    name = Text()
    definition = Text()
    revision = BigInt()
    """One more at each saving, so that two editors notice each other."""
    edited_by = UUID()
    edited_at = Timestamptz()


class Opportunity(Synced, Table, tablename="opportunity"):
    """A deal with a customer on its way through a process."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    name = Text()
    process_id = UUID(null=True)
    """The version that it follows; null for the built-in one."""
    stage = Text()
    state = Text()
    amount_minor = BigInt(null=True)
    """In fen."""
    expected_on = Text(null=True)
    forecast_category = Text(null=True)
    account_manager_id = UUID(null=True)
    """AR of the iron triangle."""
    solution_manager_id = UUID(null=True)
    """SR."""
    fulfilment_manager_id = UUID(null=True)
    """FR."""
    done_steps = JSONB(null=True)
    """A sorted list of step ids."""
    competitor = Text(null=True)
    lead_id = UUID(null=True)
    lost_reason = Text(null=True)
    stage_since = Timestamptz()
    closed_at = Timestamptz(null=True)
    remark = Text(null=True)
    custom = JSONB(null=True)
    """Custom fields that have a value: name to value."""


class OpportunityMove(Table, tablename="opportunity_move"):
    """A deal moved: from where, to where, and what was let pass. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who asked, so that asking twice moves once."""
    opportunity_id = UUID()
    seq = BigInt()
    verb = Text()
    from_stage = Text()
    to_stage = Text()
    state = Text()
    """Of the deal afterwards."""
    deviations = JSONB()
    """What loose gates asked for and had not got."""
    reason = Text(null=True)
    """Why it was lost."""
    remark = Text(null=True)
    stayed_ms = BigInt()
    """How long the deal was in the stage that it left."""
    moved_by = UUID()
    moved_at = Timestamptz()


class TemplateOpening(Table, tablename="template_opening"):
    """Somebody looked at a template or case while at work on a deal. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    opportunity_id = UUID()
    step_id = UUID()
    template_id = UUID()
    opened_by = UUID()
    opened_at = Timestamptz()


class OpportunityCounted(Table, tablename="opportunity_counted"):
    """As what a deal is counted in the totals."""

    tenant_id = UUID()
    opportunity_id = UUID(primary_key=True)
    owner_id = UUID()
    team_id = UUID()
    process_id = UUID()
    stage = Text()
    state = Text()
    category = Text()
    month = Text()
    amount_minor = BigInt()


class PipelineTotal(Table, tablename="pipeline_total"):
    """How many deals of one sort there are, and what they are worth: the sum of what is counted."""

    tenant_id = UUID()
    grain = Text(primary_key=True)
    """``stage``: by stage alone; ``month``: by forecast category and month as well."""
    owner_id = UUID()
    team_id = UUID()
    process_id = UUID()
    stage = Text()
    state = Text()
    category = Text()
    month = Text()
    deals = BigInt()
    amount_minor = Numeric()


class PipelineMark(Table, tablename="pipeline_mark"):
    """Up to which of the tenant's changes the totals are counted."""

    tenant_id = UUID(primary_key=True)
    seq = BigInt()
