"""Typed records, as a person who builds an app sees them.

A record is a copy: changing it changes nothing until it is done inside ``client.edit``.
"""

from typing import Any, ClassVar, TypeVar

import msgspec

from sync_protocol.custom_fields import Definition, defined
from sync_protocol.schema import SCHEMA


class Record(msgspec.Struct, kw_only=True):
    """What all records have."""

    KIND: ClassVar[str]

    id: str
    as_of: int = 0
    """The state of the replica that this copy shows; an edit of it builds on this."""


R = TypeVar("R", bound=Record)


def id_of(record: Record | str) -> str:
    """Answer the id of a record, which may stand for it."""
    return record if isinstance(record, str) else record.id


def custom_of(record: Record) -> dict[str, Any]:
    """Answer the custom fields of a record, by name; none where its kind has no such fields."""
    found: dict[str, Any] = getattr(record, "custom", {})
    return found


class Customer(Record, kw_only=True):
    """A company or person that is sold to."""

    KIND: ClassVar[str] = "customer"

    name: str
    uscc: str | None = None
    """统一社会信用代码"""
    phone: str | None = None
    """E.164, as ``+8613800000000``."""
    city: str | None = None
    district: str | None = None
    address: str | None = None
    industry: str | None = None
    status: str | None = None
    level: str | None = None
    source: str | None = None
    owner_id: str | None = None
    team_id: str | None = None
    expected_revenue_minor: int | None = None
    """Fen."""
    remark: str | None = None
    tags: list[str] = []
    """Ids of tags."""
    custom: dict[str, Any] = {}
    """Values of the company's own fields by name, see `CustomField.name`."""


class Store(Record, kw_only=True):
    """A place of a customer."""

    KIND: ClassVar[str] = "store"

    customer_id: str
    name: str | None = None
    address: str | None = None
    city: str | None = None
    district: str | None = None
    lat: int | None = None
    """Millionths of a degree."""
    lng: int | None = None
    """Millionths of a degree."""
    phone: str | None = None
    custom: dict[str, Any] = {}


class Contact(Record, kw_only=True):
    """A person at a customer."""

    KIND: ClassVar[str] = "contact"

    customer_id: str
    store_id: str | None = None
    name: str
    title: str | None = None
    phone: str | None = None
    email: str | None = None
    wechat: str | None = None
    role: str | None = None
    """``decides``, ``influences``, ``uses``, ``buys`` or ``guards``."""
    stance: str | None = None
    """``supports``, ``leans``, ``neutral``, ``doubts`` or ``opposes``."""
    remark: str | None = None
    custom: dict[str, Any] = {}


class Note(Record, kw_only=True):
    """Something worth remembering about a customer; written once."""

    KIND: ClassVar[str] = "note"

    customer_id: str
    body: str
    author_id: str | None = None
    """None until the server has seen the note."""
    written_at: int | None = None


class Visit(Record, kw_only=True):
    """Somebody goes to a customer: planned, checked in to, checked out of. Times are in ms.

    What was checked in or out is told once.
    """

    KIND: ClassVar[str] = "visit"

    customer_id: str
    store_id: str | None = None
    contact_id: str | None = None
    """With whom of the customer's people."""
    visitor_id: str | None = None
    """None until the server has seen the visit."""
    planned_at: int | None = None
    purpose: str | None = None
    checked_in_at: int | None = None
    lat: int | None = None
    """Millionths of a degree, where the device was when it checked in."""
    lng: int | None = None
    """Millionths of a degree."""
    accuracy_m: int | None = None
    fix_age_s: int | None = None
    """How old the position was."""
    is_mocked: int | None = None
    """1 when the system says that the position is invented."""
    checked_out_at: int | None = None
    cancelled_at: int | None = None
    summary: str | None = None
    next_step: str | None = None
    trust_score: int | None = None
    """0 to 100, found out by the server; it flags and never blocks."""
    trust_reasons: object = None
    """What lowered the score: a list of maps with `code` and what was measured."""
    appeal: str | None = None
    """What the visitor says to the score."""
    appeal_state: str | None = None
    """``open``, ``upheld`` or ``rejected``."""
    decided_by: str | None = None


class Call(Record, kw_only=True):
    """Somebody of the company and a customer talked on the phone, or tried to."""

    KIND: ClassVar[str] = "call"

    customer_id: str
    direction: str
    """``out`` or ``in``."""
    called_at: int
    """In ms."""
    outcome: str
    """One of ``sync_protocol.schema.CALL_OUTCOMES``."""
    contact_id: str | None = None
    caller_id: str | None = None
    """None until the server has seen the call."""
    duration_s: int | None = None
    note: str | None = None


class CallBan(Record, kw_only=True):
    """A phone of a customer that nobody of the channel may call, until it is lifted."""

    KIND: ClassVar[str] = "call_ban"

    customer_id: str | None = None
    phone: str | None = None
    reason: str | None = None
    """``asked``, ``complaint`` or ``authority``."""
    since: int | None = None
    lifted_at: int | None = None


class Task(Record, kw_only=True):
    """Something that somebody is to do for a customer. Times are in ms.

    When it was done or cancelled is told once; who does it is decided by the server.
    """

    KIND: ClassVar[str] = "task"

    customer_id: str
    title: str
    detail: str | None = None
    due_at: int | None = None
    priority: str | None = None
    """``low``, ``normal`` or ``high``."""
    is_must_do: int | None = None
    """1 when only a manager moves or cancels it, and word of it goes up when it is late."""
    done_at: int | None = None
    cancelled_at: int | None = None
    result: str | None = None
    contact_id: str | None = None
    assignee_id: str | None = None
    """None until the server has seen the task: this person's own."""
    giver_id: str | None = None
    rule_id: str | None = None
    """The rule that made it, with `rule_version`."""
    rule_version: int | None = None
    escalation: str | None = None
    """``warned``, ``manager`` or ``owner``: how far word of it has gone."""

    @property
    def is_open(self) -> bool:
        """Answer whether it is neither done nor cancelled."""
        return self.done_at is None and self.cancelled_at is None


class Tag(Record, kw_only=True):
    """A word that customers are marked with."""

    KIND: ClassVar[str] = "tag"

    name: str
    colour: str | None = None
    meaning: str
    owner_id: str | None = None
    expires_on: str | None = None


class CustomField(Record, kw_only=True):
    """A field that the company gave its own records; managers make it."""

    KIND: ClassVar[str] = "custom_field"

    subject: str | None = None
    """The kind of record that has it."""
    type: str | None = None
    label_zh: str | None = None
    label_en: str | None = None
    meaning: str | None = None
    options: list[dict[str, Any]] | None = None
    """Of a choice: ``id``, ``zh``, ``en``, ``archived``."""
    decimals: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    is_required: int | None = None
    is_unique: int | None = None
    place: int | None = None
    state: str | None = None
    object_id: str | None = None
    """The custom object whose records have it."""

    @property
    def definition(self) -> Definition:
        """Answer what the field takes."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return defined(self.id, told)

    @property
    def name(self) -> str:
        """Answer the name of the field's values in the ``custom`` of records."""
        return self.definition.name


class CustomObject(Record, kw_only=True):
    """A sort of records that the company added; managers make it."""

    KIND: ClassVar[str] = "custom_object"

    name_zh: str | None = None
    name_en: str | None = None
    meaning: str | None = None
    title_zh: str | None = None
    """What the title of its records is called."""
    title_en: str | None = None
    writers: str | None = None
    """``everyone`` who sees the customer, or ``managers``."""
    place: int | None = None
    state: str | None = None

    def name(self, language: str) -> str:
        """Answer what the object is called; Chinese where there is no English."""
        found = (self.name_en or self.name_zh) if language == "en" else self.name_zh
        return found or ""

    def title(self, language: str) -> str:
        """Answer what the title of its records is called, likewise."""
        found = (self.title_en or self.title_zh) if language == "en" else self.title_zh
        return found or ""


class CustomRecord(Record, kw_only=True):
    """A record of a custom object, beneath a customer."""

    KIND: ClassVar[str] = "custom_record"

    customer_id: str
    object_id: str
    title: str
    store_id: str | None = None
    custom: dict[str, Any] = {}
    """Values of the object's fields by name, see `CustomField.name`."""


class Lead(Record, kw_only=True):
    """A lead that was routed to somebody, beside the customer that it became.

    All of it is written by the server; `Client.accept_lead` and `return_lead` ask for an answer.
    """

    KIND: ClassVar[str] = "lead"

    customer_id: str
    source_id: str | None = None
    campaign_id: str | None = None
    need: str | None = None
    assignee_id: str | None = None
    routed_at: int | None = None
    accept_by: int | None = None
    """Until when it is to be accepted or returned, in ms."""
    state: str | None = None
    """``offered``, ``accepted``, ``returned`` or ``overdue``."""
    return_reason: str | None = None
    decided_at: int | None = None


class LeadSource(Record, kw_only=True):
    """Where leads come from; sources stand in a tree."""

    KIND: ClassVar[str] = "lead_source"

    name: str
    parent_id: str | None = None
    channel: str | None = None
    cost_key: str | None = None
    partner: str | None = None
    state: str | None = None


class Campaign(Record, kw_only=True):
    """Something that is done for a while to get leads."""

    KIND: ClassVar[str] = "campaign"

    name: str
    source_id: str | None = None
    starts_on: str | None = None
    ends_on: str | None = None
    area: str | None = None
    audience: str | None = None
    budget_minor: int | None = None
    planned_leads: int | None = None
    planned_signed: int | None = None
    state: str | None = None
    review: str | None = None


class Process(Record, kw_only=True):
    """A version of how the company sells; what it says is read by ``client.process``."""

    KIND: ClassVar[str] = "process"

    family_id: str | None = None
    """What all versions of one process share."""
    version: int | None = None
    name: str | None = None
    definition: str | None = None
    """JSON, see ``sync_protocol.process``."""
    state: str | None = None


class Opportunity(Record, kw_only=True):
    """A deal. Where it stands, moves on their way included, is said by ``client.foretold``."""

    KIND: ClassVar[str] = "opportunity"

    customer_id: str
    name: str
    process_id: str | None = None
    """The version of the process that it follows; the built-in one without."""
    stage: str | None = None
    """None until the server has seen the deal."""
    state: str | None = None
    amount_minor: int | None = None
    """Fen."""
    expected_on: str | None = None
    forecast_category: str | None = None
    account_manager_id: str | None = None
    solution_manager_id: str | None = None
    fulfilment_manager_id: str | None = None
    done_steps: list[str] = []
    """Ids of steps."""
    competitor: str | None = None
    lead_id: str | None = None
    lost_reason: str | None = None
    stage_since: int | None = None
    closed_at: int | None = None
    remark: str | None = None
    custom: dict[str, Any] = {}


class Product(Record, kw_only=True):
    """Something that is sold."""

    KIND: ClassVar[str] = "product"

    name: str | None = None
    code: str | None = None
    unit: str | None = None
    tax_bp: int | None = None
    """Hundredths of a percent, contained in prices."""
    prices: list[tuple[str, int]] | None = None
    """``[price book, list price]``."""
    state: str | None = None


class PriceBook(Record, kw_only=True):
    """Prices that hold together."""

    KIND: ClassVar[str] = "price_book"

    name: str | None = None
    currency: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    state: str | None = None


class Quote(Record, kw_only=True):
    """What a customer is offered in a deal; what it comes to is said by ``client.totals``."""

    KIND: ClassVar[str] = "quote"

    customer_id: str
    opportunity_id: str
    price_book_id: str
    name: str
    lines: str
    """JSON, see ``sync_protocol.quoting.lines``."""
    discount_minor: int | None = None
    valid_until: str | None = None
    remark: str | None = None
    state: str | None = None
    """None until the server has seen the quote."""
    state_since: int | None = None
    currency: str | None = None
    total_minor: int | None = None
    approved_hash: str | None = None
    edited_by: str | None = None
    submitted_by: str | None = None
    decided_by: str | None = None
    decision: str | None = None


class Contract(Record, kw_only=True):
    """What the company and a customer agree on; see ``client.instalments`` for its payments."""

    KIND: ClassVar[str] = "contract"

    customer_id: str
    opportunity_id: str | None = None
    quote_id: str | None = None
    renews_id: str | None = None
    title: str
    number: str | None = None
    party_a: str | None = None
    party_b: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    plan: str | None = None
    """JSON, see ``sync_protocol.contracting.plan``."""
    effective_on: str | None = None
    ends_on: str | None = None
    """The last day, inclusive."""
    account_manager_id: str | None = None
    remark: str | None = None
    state: str | None = None
    """None until the server has seen the contract."""
    state_since: int | None = None
    signed_on: str | None = None
    closed_on: str | None = None
    lines: str | None = None
    """JSON, the quote's when the contract was made."""
    received: list[tuple[str, int]] | None = None
    """``[instalment, minor units]``; the empty id stands for a contract without a plan."""
    received_minor: int | None = None
    approved_hash: str | None = None
    edited_by: str | None = None
    submitted_by: str | None = None
    decided_by: str | None = None
    decision: str | None = None


class ServiceCase(Record, kw_only=True):
    """Something of which a customer complains, or for which it asks."""

    KIND: ClassVar[str] = "service_case"

    customer_id: str
    subject: str
    detail: str | None = None
    severity: str | None = None
    category: str | None = None
    assignee_id: str | None = None
    state: str | None = None
    """None until the server has seen the case."""
    state_since: int | None = None
    opened_at: int | None = None
    answer_due_at: int | None = None
    answered_at: int | None = None
    resolve_due_at: int | None = None
    resolved_at: int | None = None
    waited_ms: int | None = None
    result: str | None = None
    opened_by: str | None = None


class Registration(Record, kw_only=True):
    """A customer that the company has registered; what became of it is the server's to say."""

    KIND: ClassVar[str] = "registration"

    customer_id: str
    state: str | None = None
    state_since: int | None = None
    registered_by: str | None = None
    earliest_at: int | None = None
    """It was made no sooner, and by ``latest_at``, as far as can be known."""
    latest_at: int | None = None
    clock_flag: str | None = None
    decides_at: int | None = None
    """When it is decided at the latest."""
    protected_until: int | None = None
    extensions: int | None = None
    reason: str | None = None
    """Why it is not protected."""
    contest_until: int | None = None
    case_id: str | None = None
    evidence_until: int | None = None


class ResourceRequest(Record, kw_only=True):
    """Help that is called up for a customer or a deal."""

    KIND: ClassVar[str] = "resource_request"

    customer_id: str
    subject: str
    opportunity_id: str | None = None
    resource: str | None = None
    detail: str | None = None
    wished_on: str | None = None
    briefing: str | None = None
    """What the platform is told, should the request be sent there; write no name into it."""
    state: str | None = None
    """None until the server has seen the request."""
    state_since: int | None = None
    requested_at: int | None = None
    requested_by: str | None = None
    party: str | None = None
    helper_id: str | None = None
    dispatch_id: str | None = None
    dispatched_at: int | None = None
    accepted_at: int | None = None
    closed_at: int | None = None
    due_at: int | None = None
    reason: str | None = None
    result: str | None = None
    verdict: str | None = None


class Attachment(Record, kw_only=True):
    """A photo or file of a customer; its bytes are fetched by ``client.content``."""

    KIND: ClassVar[str] = "attachment"

    customer_id: str
    subject_kind: str
    """The kind of record that it shows."""
    subject_id: str
    name: str | None = None
    media_type: str
    size: int
    sha256: str
    """Of the bytes as the device made them."""
    width: int | None = None
    height: int | None = None
    taken_at: int | None = None
    state: str | None = None
    """``expected``, ``stored`` or ``refused``; none until the server has seen it."""


class ConflictRecord(Record, kw_only=True):
    """Two values for one field: the one that is held and the one that is not."""

    KIND: ClassVar[str] = "conflict"

    customer_id: str | None = None
    kind: str | None = None
    record_id: str | None = None
    field: str | None = None
    kept: object = None
    other: object = None
    kept_by: str | None = None
    other_by: str | None = None
    happened_at: int | None = None
    state: str = "open"


RECORD_TYPES: tuple[type[Record], ...] = (
    Customer,
    Store,
    Contact,
    Note,
    Visit,
    Call,
    CallBan,
    Task,
    Tag,
    CustomObject,
    CustomField,
    CustomRecord,
    Lead,
    LeadSource,
    Campaign,
    Process,
    Opportunity,
    Product,
    PriceBook,
    Quote,
    Contract,
    Registration,
    ServiceCase,
    ResourceRequest,
    Attachment,
    ConflictRecord,
)

for _type in RECORD_TYPES:
    _named = {field.name for field in SCHEMA.record(_type.KIND).fields}
    _shown = set(_type.__struct_fields__) - {"id", "as_of"}
    assert _named | ({"custom"} & _shown) == _shown, "a record has its schema"
    assert SCHEMA.record(_type.KIND).extensible == ("custom" in _shown), "and its custom fields"
