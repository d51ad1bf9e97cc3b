"""What leads are over HTTP and to the portal: views that are given, records that are taken."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.opt_outs.schemas import Why
from server.kit.text import PRINTABLE, LongStr, Str
from server.leads.rules.campaigns import CampaignState, Channel
from server.leads.rules.funnel import Step
from server.leads.rules.handoff import Terms
from server.leads.rules.routing import Reason
from server.leads.rules.states import IntakePath, LeadState, ReturnReason, Stage
from server.leads.rules.tagging import Rule
from server.leads.rules.verdicts import Verdict
from sync_protocol.schema import MAX_REVENUE_MINOR

Line = Annotated[str, msgspec.Meta(max_length=100, pattern=PRINTABLE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Typed = Annotated[str, msgspec.Meta(max_length=64, pattern=PRINTABLE)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVENUE_MINOR)]
Cost = Annotated[int, msgspec.Meta(ge=-MAX_REVENUE_MINOR, le=MAX_REVENUE_MINOR)]
Key = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.-]{1,40}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Ids = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=200)]


class NewLead(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may become a customer. What is wrong with it is judged, not refused."""

    name: Name
    contact_name: Line = ""
    phone: Typed = ""
    uscc: Typed = ""
    city: Line = ""
    district: Line = ""
    industry: Line = ""
    need: LongStr = ""
    amount_minor: Amount | None = None
    source_id: UUID | None = None
    campaign_id: UUID | None = None
    id: UUID | None = None
    """Made by the sender: the same lead may be sent again."""


class LeadBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 1,000 leads, taken all or none."""

    leads: Annotated[list[NewLead], msgspec.Meta(min_length=1, max_length=1000)]


class LeadEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is completed of a lead before it is handed off; only what is given is changed."""

    name: Name | UnsetType = UNSET
    contact_name: Line | UnsetType = UNSET
    phone: Typed | UnsetType = UNSET
    uscc: Typed | UnsetType = UNSET
    city: Line | UnsetType = UNSET
    district: Line | UnsetType = UNSET
    industry: Line | UnsetType = UNSET
    need: LongStr | UnsetType = UNSET
    amount_minor: Amount | UnsetType | None = UNSET
    source_id: UUID | UnsetType | None = UNSET
    campaign_id: UUID | UnsetType | None = UNSET


class LeadView(msgspec.Struct, frozen=True, kw_only=True):
    """A lead; its phone is shown in full only to who is about to call it."""

    id: UUID
    path: IntakePath
    name: str
    contact_name: str
    phone: str | None
    """Masked."""
    uscc: str | None
    city: str | None
    district: str | None
    industry: str | None
    need: str | None
    amount_minor: int | None
    source_id: UUID | None
    campaign_id: UUID | None
    cost_key: str
    tags: list[UUID]
    rules_version: int
    state: LeadState
    verdict: Verdict
    verdict_values: dict[str, Any]
    received_at: datetime
    received_by: UUID | None
    consented_at: datetime | None
    updated_at: datetime
    customer_id: UUID | None
    assignee_id: UUID | None
    routed_at: datetime | None
    accept_by: datetime | None
    route_count: int
    return_count: int
    stage: Stage


class LeadEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with a lead; `detail` has codes and values, not sentences."""

    at: datetime
    actor_id: UUID | None
    kind: str
    detail: dict[str, Any]


class LeadDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A lead with its history, the oldest first, and what it lacks for a hand-off."""

    lead: LeadView
    events: list[LeadEventView]
    missing: list[str]
    reasons: list[Reason]
    """Of the last routing."""


class LeadSaved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of leads that were sent, in their order."""

    ids: list[UUID]
    verdicts: list[Verdict]
    is_new: list[bool]


class LeadFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which leads."""

    q: str | None = None
    state: LeadState | None = None
    verdict: Verdict | None = None
    city: str | None = None
    source_id: UUID | None = None
    campaign_id: UUID | None = None
    assignee_id: UUID | None = None


LeadSort = Literal["received", "amount"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides about leads in the cleansing queue."""

    lead_ids: Ids
    reason: Str = ""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a lead is given by hand; without a person the product finds one."""

    person_id: UUID | None = None


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Why a lead is given back."""

    reason: ReturnReason
    note: Str = ""


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """Who got a lead, or nobody, and why."""

    lead_id: UUID
    person_id: UUID | None
    reasons: list[Reason]


class Phone(msgspec.Struct, frozen=True):
    """A phone that is about to be called."""

    phone: str
    calls_left: int


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """How many leads stand where."""

    states: dict[str, int]
    verdicts: dict[str, int]
    """Of those that are suspect."""


class TermsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the company asks of its leads, its rules in their latest version, its territories."""

    terms: Terms
    version: int
    rules: list[Rule]
    territories: list["TerritoryView"]


class NewRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that replace those of an earlier version."""

    rules: Annotated[list[Rule], msgspec.Meta(max_length=100)]
    base: int
    """The version that was looked at."""


class NewTerritory(msgspec.Struct, frozen=True, kw_only=True):
    """A place that a person or a team is to hold; without a district the whole city."""

    holder_id: UUID
    city: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
    district: Line = ""
    id: UUID | None = None


class TerritoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A place that a person or a team holds."""

    id: UUID
    holder_id: UUID
    city: str
    district: str | None


class NewSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where leads come from."""

    name: Name
    channel: Channel
    cost_key: Key
    parent_id: UUID | None = None
    partner: Line = ""
    id: UUID | None = None


class SourceEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a source."""

    name: Name | UnsetType = UNSET
    parent_id: UUID | UnsetType | None = UNSET
    partner: Line | UnsetType = UNSET
    state: Literal["active", "retired"] | UnsetType = UNSET


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source; `path` has the names from the root down to it."""

    id: UUID
    name: str
    parent_id: UUID | None
    channel: Channel
    cost_key: str
    partner: str | None
    state: str
    path: list[str] = []


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign to be, with its plan and budget."""

    name: Name
    source_id: UUID
    starts_on: date
    ends_on: date
    budget_minor: Amount = 0
    planned_leads: Count | None = None
    planned_signed: Count | None = None
    area: Line = ""
    audience: Line = ""
    id: UUID | None = None


class CampaignEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a campaign; a greater budget waits for reviews."""

    name: Name | UnsetType = UNSET
    starts_on: date | UnsetType = UNSET
    ends_on: date | UnsetType = UNSET
    budget_minor: Amount | UnsetType = UNSET
    planned_leads: Count | UnsetType | None = UNSET
    planned_signed: Count | UnsetType | None = UNSET
    area: Line | UnsetType = UNSET
    audience: Line | UnsetType = UNSET


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign was good for; or that it will not be."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=PRINTABLE)]
    is_cancelled: bool = False


class CampaignView(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign: its plan, and what has come of it."""

    id: UUID
    name: str
    source_id: UUID
    starts_on: str
    ends_on: str
    area: str | None
    audience: str | None
    budget_minor: int
    planned_leads: int | None
    planned_signed: int | None
    state: CampaignState
    review: str | None
    spent_minor: int
    leads: int
    signed: int
    signed_minor: int
    cost_per_lead_minor: int | None
    cost_per_signed_minor: int | None


class NewCost(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent on a day for a campaign, or for a source in general; a refund is negative."""

    amount_minor: Cost
    spent_on: date
    note: Str = ""
    campaign_id: UUID | None = None
    source_id: UUID | None = None
    id: UUID


class CostView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the campaign ledger."""

    id: UUID
    source_id: UUID
    campaign_id: UUID | None
    amount_minor: int
    spent_on: date
    note: str
    entered_by: UUID
    entered_at: datetime


class NewForm(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's page on which interested people leave their phone."""

    title: Name
    id: UUID | None = None


class FormView(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's page; its address is what the QR says."""

    id: UUID
    campaign_id: UUID
    title: str
    address: str
    qr_svg: str
    made_at: datetime
    closed_at: datetime | None


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody leaves on a campaign's page."""

    id: UUID
    """Made with the page: sending it again makes no second lead."""
    stamp: Typed
    """When the page was made, sealed by the server: who is quicker than a person is none."""
    name: Name
    phone: Typed
    city: Line = ""
    need: Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)] = ""
    has_consented: bool = False
    website: Line = ""
    """A field that people do not see: who fills it in is a program."""


class FormPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign's page shows: nothing of the company but the page's own title."""

    title: str
    id: UUID
    stamp: str


class ChannelResult(msgspec.Struct, frozen=True, kw_only=True):
    """What leads of one source and one cohort cost and brought (S43); money in fen."""

    cohort: str
    source_id: UUID | None
    leads: int
    discarded: int
    signed: int
    cost_minor: int
    signed_minor: int
    cost_per_lead_minor: int | None
    cost_per_signed_minor: int | None
    value_per_signed_minor: int | None


class CohortFunnel(msgspec.Struct, frozen=True, kw_only=True):
    """How the leads of one cohort have come along (S40)."""

    cohort: str
    steps: list[Step]


class HandoffQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How often leads of a source come back (S44)."""

    source_id: UUID | None
    routed: int
    returned: int
    return_rate: float | None


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """A phone that nobody is to call, and why."""

    phone: Typed
    reason: Literal["asked", "complaint", "authority"] = "asked"


class OptIn(msgspec.Struct, frozen=True, kw_only=True):
    """A phone of which the company's word is taken back, and why."""

    phone: Typed
    why: Why
