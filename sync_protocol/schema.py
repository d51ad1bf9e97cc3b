"""The records that travel: their fields, the type of each value, and how two edits are settled.

A field's number is its name on compact wires and is never used again for anything else. The names
are the project's one vocabulary: the same in a device's store, in the database and in the REST API.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

MAX_SAFE_INT: Final = 2**53 - 1
"""The largest whole number that every client, JavaScript included, holds exactly."""
MAX_TIME_MS: Final = 253_402_300_799_999
"""The end of the year 9999: no later moment can be shown."""
MAX_REVENUE_MINOR: Final = 10**13
"""A hundred billion yuan in fen: what is expected of one customer stays below, and sums hold."""
MAX_SET_SIZE: Final = 200
"""How many elements a set field may have."""
MAX_ANY_DEPTH: Final = 8
"""How deep a free value may nest."""
MAX_ANY_ITEMS: Final = 1_000
"""How many values a free value may have inside."""


class FieldType(StrEnum):
    """What a value is on the wire."""

    TEXT = "text"
    """Unicode without NUL."""
    INT = "int"
    """A whole number between -(2**53 - 1) and 2**53 - 1; money is whole minor units."""
    UUID = "uuid"
    """Lower case with hyphens."""
    DATE = "date"
    """A day as ``YYYY-MM-DD``."""
    TIME = "time"
    """Milliseconds since 1970 in UTC, as a whole number."""
    SET = "set"
    """Ids without order or repetition; on the wire a sorted list."""
    ANY = "any"
    """Any value of the above, or a small list or map of such."""


class Policy(StrEnum):
    """How a field is settled when two wrote it without seeing each other."""

    KEEP_BOTH = "keep_both"
    """The later bounded edit time is held; the other value goes into a conflict."""
    STRICT = "strict"
    """The edit is refused: what it means depends on what it replaces."""
    FIXED = "fixed"
    """Written at creation and never changed."""
    APPEND = "append"
    """Written at creation; a later thought is another record."""
    MAX = "max"
    """The greater value is held."""
    MIN = "min"
    """The smaller value is held."""
    COUNTER = "counter"
    """An edit carries a difference, and all differences add up."""
    TEXT_MERGE = "text_merge"
    """Both changes go into one text; where they touch the same words, as with ``keep_both``."""
    OR_SET = "or_set"
    """Elements are added and removed; an addition that a removal has not seen stays."""


class FieldSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a kind of record."""

    number: int
    name: str
    type: FieldType = FieldType.TEXT
    policy: Policy = Policy.KEEP_BOTH
    required: bool = False
    max_length: int = 200
    """Of a text, in characters."""
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    """A regular expression that the whole text matches."""
    minimum: int = -MAX_SAFE_INT
    maximum: int = MAX_SAFE_INT
    references: str | None = None
    """The kind of record that this id names; it must exist when the value is written."""
    server_only: bool = False
    """Filled in by the server; a device may not write it."""
    since: int = 1
    """The schema version in which the field came."""


class RecordSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind of record."""

    number: int
    kind: str
    fields: tuple[FieldSpec, ...]
    parent: str | None = None
    """The field that names the customer with whom this record is seen and dropped."""
    creatable: bool = True
    """Whether a device may create one."""
    deletable: bool = True
    """Whether a device may delete one."""
    since: int = 1
    """The schema version in which the kind came."""


class ValueRefused(Exception):
    """A value, field or record that the schema does not allow."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class Outline(msgspec.Struct, frozen=True):
    """What is asked of every record of a kind, gathered once."""

    names: tuple[str, ...]
    """All fields, in the order of their numbers."""
    required: tuple[FieldSpec, ...]
    sets: tuple[str, ...]
    references: Mapping[str, FieldSpec]
    """The fields that name another record."""
    writable: frozenset[str]
    """All but those that the server alone writes."""


class Schema:
    """A set of record kinds, looked up by name."""

    def __init__(self, records: Iterable[RecordSpec]) -> None:
        self.records: Final = tuple(records)
        self._kinds: Final = {record.kind: record for record in self.records}
        self._fields: Final = {
            record.kind: {field.name: field for field in record.fields} for record in self.records
        }
        self._outlines: Final = {record.kind: _outline(record) for record in self.records}

    def record(self, kind: str) -> RecordSpec:
        """Answer what a kind of record is.

        :raises ValueRefused: if there is no such kind.
        """
        spec = self._kinds.get(kind)
        if spec is None:
            raise ValueRefused("kind_unknown", f"There is no kind of record {kind[:40]!r}.", "kind")
        return spec

    def field(self, kind: str, name: str) -> FieldSpec:
        """Answer what a field is.

        :raises ValueRefused: if there is no such kind or field.
        """
        spec = self._fields.get(kind, {}).get(name)
        if spec is None:
            self.record(kind)
            detail = f"A {kind} has no field {name[:40]!r}; a newer server may know it."
            raise ValueRefused("field_unknown", detail, name[:40])
        return spec

    def outline(self, kind: str) -> Outline:
        """Answer what is asked of every record of a kind that there is."""
        return self._outlines[kind]

    def fields(self, kind: str) -> Mapping[str, FieldSpec]:
        """Answer all fields of a kind by name, in the order of their numbers."""
        self.record(kind)
        return self._fields[kind]

    def kinds(self) -> tuple[str, ...]:
        """Answer the names of all kinds, in the order in which a snapshot sends them."""
        return tuple(self._kinds)


def _outline(record: RecordSpec) -> Outline:
    return Outline(
        names=tuple(field.name for field in record.fields),
        required=tuple(field for field in record.fields if field.required),
        sets=tuple(field.name for field in record.fields if field.type is FieldType.SET),
        references={field.name: field for field in record.fields if field.references is not None},
        writable=frozenset(field.name for field in record.fields if not field.server_only),
    )


CUSTOMER_STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")
CUSTOMER_LEVELS: Final = ("A", "B", "C", "D")
CONFLICT_STATES: Final = ("open", "restored", "dismissed")
ATTACHMENT_STATES: Final = ("expected", "stored", "refused")

_E164: Final = r"\+[1-9][0-9]{4,14}"
_USCC: Final = r"[0-9A-HJ-NPQRTUWXY]{18}"
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_OF_CUSTOMER: Final = FieldSpec(
    number=1,
    name="customer_id",
    type=FieldType.UUID,
    policy=Policy.FIXED,
    required=True,
    references="customer",
)

CUSTOMER: Final = RecordSpec(
    number=1,
    kind="customer",
    fields=(
        FieldSpec(number=1, name="name", required=True),
        FieldSpec(number=2, name="uscc", max_length=18, pattern=_USCC),
        FieldSpec(number=3, name="phone", max_length=16, pattern=_E164),
        FieldSpec(number=4, name="city", max_length=100),
        FieldSpec(number=5, name="district", max_length=100),
        FieldSpec(number=6, name="address", max_length=500),
        FieldSpec(number=7, name="industry", max_length=100),
        FieldSpec(number=8, name="status", choices=CUSTOMER_STATUSES),
        FieldSpec(number=9, name="level", choices=CUSTOMER_LEVELS),
        FieldSpec(number=10, name="source", max_length=100),
        FieldSpec(number=11, name="owner_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(number=12, name="team_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(
            number=13,
            name="expected_revenue_minor",
            type=FieldType.INT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=14, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=15, name="tags", type=FieldType.SET, policy=Policy.OR_SET),
    ),
)
STORE: Final = RecordSpec(
    number=2,
    kind="store",
    parent="customer_id",
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="name"),
        FieldSpec(number=3, name="address", max_length=500),
        FieldSpec(number=4, name="city", max_length=100),
        FieldSpec(number=5, name="district", max_length=100),
        FieldSpec(
            number=6, name="lat", type=FieldType.INT, minimum=-90_000_000, maximum=90_000_000
        ),
        FieldSpec(
            number=7, name="lng", type=FieldType.INT, minimum=-180_000_000, maximum=180_000_000
        ),
        FieldSpec(number=8, name="phone", max_length=16, pattern=_E164),
    ),
)
CONTACT: Final = RecordSpec(
    number=3,
    kind="contact",
    parent="customer_id",
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="store_id", type=FieldType.UUID, references="store"),
        FieldSpec(number=3, name="name", required=True),
        FieldSpec(number=4, name="title", max_length=100),
        FieldSpec(number=5, name="phone", max_length=16, pattern=_E164),
        FieldSpec(number=6, name="email", max_length=254),
        FieldSpec(number=7, name="wechat", max_length=100),
        FieldSpec(number=8, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
    ),
)
NOTE: Final = RecordSpec(
    number=4,
    kind="note",
    parent="customer_id",
    deletable=False,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="body", policy=Policy.APPEND, required=True, max_length=10_000),
        FieldSpec(
            number=3, name="author_id", type=FieldType.UUID, policy=Policy.FIXED, server_only=True
        ),
        FieldSpec(number=4, name="written_at", type=FieldType.TIME, policy=Policy.APPEND),
    ),
)
TAG: Final = RecordSpec(
    number=5,
    kind="tag",
    fields=(
        FieldSpec(number=1, name="name", required=True, max_length=50),
        FieldSpec(number=2, name="colour", max_length=30),
        FieldSpec(number=3, name="meaning", required=True, max_length=500),
        FieldSpec(number=4, name="owner_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(number=5, name="expires_on", type=FieldType.DATE),
    ),
)


def _written_by_server(number: int, name: str, kind: FieldType, length: int = 200) -> FieldSpec:
    return FieldSpec(
        number=number,
        name=name,
        type=kind,
        policy=Policy.FIXED,
        server_only=True,
        max_length=length,
    )


CONFLICT: Final = RecordSpec(
    number=6,
    kind="conflict",
    parent="customer_id",
    creatable=False,
    deletable=False,
    fields=(
        _written_by_server(1, "customer_id", FieldType.UUID),
        _written_by_server(2, "kind", FieldType.TEXT),
        _written_by_server(3, "record_id", FieldType.UUID),
        _written_by_server(4, "field", FieldType.TEXT),
        _written_by_server(5, "kept", FieldType.ANY),
        _written_by_server(6, "other", FieldType.ANY),
        _written_by_server(7, "kept_by", FieldType.UUID),
        _written_by_server(8, "other_by", FieldType.UUID),
        _written_by_server(9, "happened_at", FieldType.TIME),
        FieldSpec(number=10, name="state", choices=CONFLICT_STATES, required=True),
    ),
)

ATTACHMENT: Final = RecordSpec(
    number=7,
    kind="attachment",
    parent="customer_id",
    since=3,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="subject_kind", policy=Policy.FIXED, required=True, max_length=64),
        FieldSpec(
            number=3, name="subject_id", type=FieldType.UUID, policy=Policy.FIXED, required=True
        ),
        FieldSpec(number=4, name="name"),
        FieldSpec(number=5, name="media_type", policy=Policy.FIXED, required=True, max_length=100),
        FieldSpec(
            number=6,
            name="size",
            type=FieldType.INT,
            policy=Policy.FIXED,
            required=True,
            minimum=1,
        ),
        FieldSpec(
            number=7,
            name="sha256",
            policy=Policy.FIXED,
            required=True,
            max_length=64,
            pattern="[0-9a-f]{64}",
        ),
        FieldSpec(number=8, name="width", type=FieldType.INT, policy=Policy.FIXED, minimum=1),
        FieldSpec(number=9, name="height", type=FieldType.INT, policy=Policy.FIXED, minimum=1),
        FieldSpec(number=10, name="taken_at", type=FieldType.TIME, policy=Policy.FIXED),
        FieldSpec(number=11, name="state", choices=ATTACHMENT_STATES, server_only=True),
    ),
)

SOURCE_CHANNELS: Final = (
    *("website", "seo", "sem", "media", "event", "partner_referral", "customer_referral", "cold"),
    "other",
)
SOURCE_STATES: Final = ("active", "retired")
CAMPAIGN_STATES: Final = ("open", "reviewed", "cancelled")
LEAD_STATES: Final = ("offered", "accepted", "returned", "overdue")
RETURN_REASONS: Final = (
    *("invalid_phone", "duplicate", "out_of_area", "no_need", "incomplete", "other"),
)

LEAD_SOURCE: Final = RecordSpec(
    number=18,
    kind="lead_source",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="parent_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="channel", choices=SOURCE_CHANNELS, server_only=True),
        FieldSpec(number=4, name="cost_key", max_length=40, server_only=True),
        FieldSpec(number=5, name="partner", max_length=100, server_only=True),
        FieldSpec(number=6, name="state", choices=SOURCE_STATES, server_only=True),
    ),
)
CAMPAIGN: Final = RecordSpec(
    number=19,
    kind="campaign",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="source_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="starts_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=4, name="ends_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=5, name="area", max_length=100, server_only=True),
        FieldSpec(number=6, name="audience", max_length=100, server_only=True),
        FieldSpec(number=7, name="budget_minor", type=FieldType.INT, server_only=True),
        FieldSpec(number=8, name="planned_leads", type=FieldType.INT, server_only=True),
        FieldSpec(number=9, name="planned_signed", type=FieldType.INT, server_only=True),
        FieldSpec(number=10, name="state", choices=CAMPAIGN_STATES, server_only=True),
        FieldSpec(number=11, name="review", max_length=4_000, server_only=True),
    ),
)
LEAD: Final = RecordSpec(
    number=8,
    kind="lead",
    parent="customer_id",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        _written_by_server(1, "customer_id", FieldType.UUID),
        FieldSpec(number=2, name="source_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="campaign_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=4, name="need", max_length=4_000, server_only=True),
        FieldSpec(number=5, name="assignee_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=6, name="routed_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=7, name="accept_by", type=FieldType.TIME, server_only=True),
        FieldSpec(number=8, name="state", choices=LEAD_STATES, server_only=True),
        FieldSpec(number=9, name="return_reason", choices=RETURN_REASONS, server_only=True),
        FieldSpec(number=10, name="decided_at", type=FieldType.TIME, server_only=True),
    ),
)

MAX_FIX_AGE_S: Final = 7 * 24 * 3600
"""A position that is older than a week says nothing of a visit."""
APPEAL_STATES: Final = ("open", "upheld", "rejected")


def _told_once(number: int, name: str, minimum: int, maximum: int) -> FieldSpec:
    """Write a fact of a visit that is told once; its room refuses to tell it anew."""
    return FieldSpec(
        number=number,
        name=name,
        type=FieldType.INT,
        policy=Policy.STRICT,
        minimum=minimum,
        maximum=maximum,
    )


def _moment_told_once(number: int, name: str) -> FieldSpec:
    return FieldSpec(number=number, name=name, type=FieldType.TIME, policy=Policy.STRICT)


VISIT: Final = RecordSpec(
    number=10,
    kind="visit",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="store_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="store",
        ),
        _written_by_server(3, "visitor_id", FieldType.UUID),
        FieldSpec(number=4, name="planned_at", type=FieldType.TIME),
        FieldSpec(number=5, name="purpose"),
        _moment_told_once(6, "checked_in_at"),
        _told_once(7, "lat", -90_000_000, 90_000_000),
        _told_once(8, "lng", -180_000_000, 180_000_000),
        _told_once(9, "accuracy_m", 0, 100_000),
        _told_once(10, "fix_age_s", 0, MAX_FIX_AGE_S),
        _told_once(11, "is_mocked", 0, 1),
        _moment_told_once(12, "checked_out_at"),
        _moment_told_once(13, "cancelled_at"),
        FieldSpec(number=14, name="summary", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=15, name="next_step", max_length=500),
        FieldSpec(number=16, name="trust_score", type=FieldType.INT, server_only=True),
        FieldSpec(number=17, name="trust_reasons", type=FieldType.ANY, server_only=True),
        FieldSpec(number=18, name="appeal", max_length=500, server_only=True),
        FieldSpec(number=19, name="appeal_state", choices=APPEAL_STATES, server_only=True),
        FieldSpec(number=20, name="decided_by", type=FieldType.UUID, server_only=True),
    ),
)

TASK_PRIORITIES: Final = ("low", "normal", "high")
ESCALATIONS: Final = ("warned", "manager", "owner")
"""How far word of a must-do task has gone: to its assignee, then to who answers for them."""

TASK: Final = RecordSpec(
    number=9,
    kind="task",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="title", required=True),
        FieldSpec(number=3, name="detail", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=4, name="due_at", type=FieldType.TIME),
        FieldSpec(number=5, name="priority", choices=TASK_PRIORITIES),
        FieldSpec(
            number=6,
            name="is_must_do",
            type=FieldType.INT,
            policy=Policy.FIXED,
            minimum=0,
            maximum=1,
        ),
        _moment_told_once(7, "done_at"),
        _moment_told_once(8, "cancelled_at"),
        FieldSpec(number=9, name="result", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=10, name="assignee_id", type=FieldType.UUID, server_only=True),
        _written_by_server(11, "giver_id", FieldType.UUID),
        _written_by_server(12, "rule_id", FieldType.UUID),
        _written_by_server(13, "rule_version", FieldType.INT),
        FieldSpec(number=14, name="escalation", choices=ESCALATIONS, server_only=True),
    ),
)

PROCESS_STATES: Final = ("current", "superseded", "retired")
OPPORTUNITY_STATES: Final = ("open", "won", "lost")
FORECAST_CATEGORIES: Final = ("commit", "best", "pipeline", "omitted")
LOST_REASONS: Final = ("price", "competitor", "no_budget", "no_need", "timing", "other")

PROCESS: Final = RecordSpec(
    number=12,
    kind="process",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        _written_by_server(1, "family_id", FieldType.UUID),
        _written_by_server(2, "version", FieldType.INT),
        _written_by_server(3, "name", FieldType.TEXT, 100),
        _written_by_server(4, "definition", FieldType.TEXT, 200_000),
        FieldSpec(number=5, name="state", choices=PROCESS_STATES, server_only=True),
    ),
)
OPPORTUNITY: Final = RecordSpec(
    number=11,
    kind="opportunity",
    parent="customer_id",
    since=4,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(number=2, name="name", required=True),
        FieldSpec(
            number=3,
            name="process_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="process",
        ),
        FieldSpec(number=4, name="stage", max_length=40, server_only=True),
        FieldSpec(number=5, name="state", choices=OPPORTUNITY_STATES, server_only=True),
        FieldSpec(
            number=6,
            name="amount_minor",
            type=FieldType.INT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=7, name="expected_on", type=FieldType.DATE),
        FieldSpec(number=8, name="forecast_category", choices=FORECAST_CATEGORIES),
        FieldSpec(number=9, name="account_manager_id", type=FieldType.UUID),
        FieldSpec(number=10, name="solution_manager_id", type=FieldType.UUID),
        FieldSpec(number=11, name="fulfilment_manager_id", type=FieldType.UUID),
        FieldSpec(number=12, name="done_steps", type=FieldType.SET, policy=Policy.OR_SET),
        FieldSpec(number=13, name="competitor"),
        FieldSpec(number=14, name="lead_id", type=FieldType.UUID, policy=Policy.FIXED),
        FieldSpec(number=15, name="lost_reason", choices=LOST_REASONS, server_only=True),
        FieldSpec(number=16, name="stage_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=17, name="closed_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=18, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
    ),
)

PRODUCT_STATES: Final = ("active", "retired")
CURRENCIES: Final = ("CNY", "HKD", "USD", "EUR")
"""Those whose minor unit is a hundredth."""
QUOTE_STATES: Final = (
    *("draft", "waiting", "approved", "sent", "accepted", "refused", "expired", "withdrawn"),
)

PRODUCT: Final = RecordSpec(
    number=13,
    kind="product",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="code", max_length=40, server_only=True),
        FieldSpec(number=3, name="unit", max_length=20, server_only=True),
        FieldSpec(number=4, name="tax_bp", type=FieldType.INT, server_only=True),
        FieldSpec(number=5, name="prices", type=FieldType.ANY, server_only=True),
        FieldSpec(number=6, name="state", choices=PRODUCT_STATES, server_only=True),
    ),
)
PRICE_BOOK: Final = RecordSpec(
    number=24,
    kind="price_book",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", max_length=100, server_only=True),
        FieldSpec(number=2, name="currency", choices=CURRENCIES, server_only=True),
        FieldSpec(number=3, name="valid_from", type=FieldType.DATE, server_only=True),
        FieldSpec(number=4, name="valid_until", type=FieldType.DATE, server_only=True),
        FieldSpec(number=5, name="state", choices=PRODUCT_STATES, server_only=True),
    ),
)
QUOTE: Final = RecordSpec(
    number=14,
    kind="quote",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        _OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="opportunity_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            required=True,
            references="opportunity",
        ),
        FieldSpec(
            number=3,
            name="price_book_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            required=True,
            references="price_book",
        ),
        FieldSpec(number=4, name="name", required=True),
        FieldSpec(number=5, name="lines", policy=Policy.STRICT, required=True, max_length=60_000),
        FieldSpec(
            number=6,
            name="discount_minor",
            type=FieldType.INT,
            policy=Policy.STRICT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=7, name="valid_until", type=FieldType.DATE, policy=Policy.STRICT),
        FieldSpec(number=8, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=9, name="state", choices=QUOTE_STATES, server_only=True),
        FieldSpec(number=10, name="state_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=11, name="currency", choices=CURRENCIES, server_only=True),
        FieldSpec(number=12, name="total_minor", type=FieldType.INT, server_only=True),
        FieldSpec(number=13, name="approved_hash", max_length=32, server_only=True),
        FieldSpec(number=14, name="edited_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=15, name="submitted_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=16, name="decided_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=17, name="decision", server_only=True),
    ),
)

SCHEMA: Final = Schema(
    (
        *(TAG, LEAD_SOURCE, CAMPAIGN, PROCESS, PRODUCT, PRICE_BOOK),
        *(CUSTOMER, STORE, CONTACT, NOTE, VISIT, TASK, LEAD, OPPORTUNITY, QUOTE),
        *(ATTACHMENT, CONFLICT),
    )
)
"""What travels in this version: parents come before their children."""


def fields_of(kind: str) -> tuple[FieldSpec, ...]:
    """Answer the fields of a kind of record that travels, in the order of their numbers."""
    return SCHEMA.record(kind).fields


def parent_of(kind: str) -> str | None:
    """Answer the field that names the customer a kind of record is seen with."""
    return SCHEMA.record(kind).parent


def is_uuid(text: object) -> bool:
    """Answer whether this is an id in its one spelling."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def check(spec: FieldSpec, value: object) -> None:
    """Accept a value of a field, or refuse it in words.

    :raises ValueRefused: ``field_required`` or ``value_invalid``.
    """
    if value is None or (value == "" and spec.required):
        if spec.required:
            raise ValueRefused("field_required", f"{spec.name} must have a value.", spec.name)
        return
    problem = _problem(spec, value)
    if problem is not None:
        raise ValueRefused("value_invalid", f"{spec.name} {problem}.", spec.name)


def _problem(spec: FieldSpec, value: object) -> str | None:
    """Answer what is wrong with a value, as the rest of a sentence."""
    return _PROBLEMS[spec.type](spec, value)


def _text_problem(spec: FieldSpec, value: object) -> str | None:
    if not isinstance(value, str):
        return "is not text"
    if spec.choices:
        return None if value in spec.choices else f"is not one of {', '.join(spec.choices)}"
    if len(value) > spec.max_length:
        return f"is longer than {spec.max_length} characters"
    if not is_clean_text(value):
        return "has a character that cannot be stored"
    if spec.pattern is not None and value != "" and re.fullmatch(spec.pattern, value) is None:
        return "is not of the form that is asked for"
    return None


def is_clean_text(value: str) -> bool:
    """Answer whether every store can hold this text: no NUL, no half of a surrogate pair."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _int_problem(spec: FieldSpec, value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "is not a whole number"
    if spec.type is FieldType.TIME and not 0 <= value <= MAX_TIME_MS:
        return "is not a moment between 1970 and 9999"
    if not spec.minimum <= value <= spec.maximum:
        return f"is not between {spec.minimum} and {spec.maximum}"
    return None


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _set_problem(_: FieldSpec, value: object) -> str | None:
    if not isinstance(value, list | tuple):
        return "is not a list"
    if len(value) > MAX_SET_SIZE:
        return f"has more than {MAX_SET_SIZE} elements"
    if not all(is_uuid(element) for element in value):
        return "has an element that is not an id (lower case, with hyphens)"
    if len(set(value)) != len(value):
        return "has an element twice"
    return None


def _any_problem(_: FieldSpec, value: object) -> str | None:
    """Walk a free value without recursion, so that depth cannot hurt."""
    pending: list[tuple[object, int]] = [(value, 1)]
    seen = 0
    while pending:
        item, depth = pending.pop()
        seen += 1
        if depth > MAX_ANY_DEPTH or seen > MAX_ANY_ITEMS:
            return "is too deep or too large"
        if isinstance(item, dict):
            pending.extend((inside, depth + 1) for pair in item.items() for inside in pair)
        elif isinstance(item, list | tuple):
            pending.extend((inside, depth + 1) for inside in item)
        elif isinstance(item, str):
            if not is_clean_text(item):
                return "has a character that cannot be stored"
        elif isinstance(item, int):
            if not -MAX_SAFE_INT <= item <= MAX_SAFE_INT:
                return "has a number that is too large"
        elif item is not None and not isinstance(item, float):
            return "has a value that does not travel"
    return None


def _uuid_problem(_: FieldSpec, value: object) -> str | None:
    return None if is_uuid(value) else "is not an id (lower case, with hyphens)"


def _date_problem(_: FieldSpec, value: object) -> str | None:
    return None if _is_date(value) else "is not a day like 2027-01-31"


_PROBLEMS: Final[Mapping[FieldType, Callable[[FieldSpec, object], str | None]]] = {
    FieldType.TEXT: _text_problem,
    FieldType.INT: _int_problem,
    FieldType.TIME: _int_problem,
    FieldType.UUID: _uuid_problem,
    FieldType.DATE: _date_problem,
    FieldType.SET: _set_problem,
    FieldType.ANY: _any_problem,
}
"""By type, what finds a value's fault; every type has its own."""
