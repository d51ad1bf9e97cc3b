"""What customers are over HTTP and to the portal: views that are given, records that are taken."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.kit.text import PRINTABLE, Str
from sync_protocol.schema import MAX_REVENUE_MINOR

ContactRole = Literal["decides", "influences", "uses", "buys", "guards"]
Stance = Literal["supports", "leans", "neutral", "doubts", "opposes"]
Line = Annotated[str, msgspec.Meta(max_length=100, pattern=PRINTABLE)]
Address = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Remark = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=10000, pattern=PRINTABLE)]
TagName = Annotated[str, msgspec.Meta(min_length=1, max_length=50, pattern=PRINTABLE)]
Meaning = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Colour = Annotated[str, msgspec.Meta(max_length=30, pattern=PRINTABLE)]
Status = Literal["potential", "need", "intent", "signed", "dormant", "lost"]
Level = Literal["A", "B", "C", "D"]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Revenue = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVENUE_MINOR)]
Ids = Annotated[list[UUID], msgspec.Meta(max_length=200)]
CustomName = Annotated[str, msgspec.Meta(pattern=r"\Acustom_[a-z]+_[0-9a-f]{32}\Z")]
CustomValue = str | int | list[UUID] | None
CustomText = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Custom = Annotated[dict[CustomName, CustomValue], msgspec.Meta(max_length=60)]
"""Values of custom fields by name, see `/custom-fields`; null empties one. Of choices all."""
Latitude = Annotated[int, msgspec.Meta(ge=-90_000_000, le=90_000_000)]
Longitude = Annotated[int, msgspec.Meta(ge=-180_000_000, le=180_000_000)]


class Sort(StrEnum):
    """The order of a list of customers."""

    MATCH = "match"
    """As the search finds them; only with a search."""
    NAME = "name"
    """By the name's pinyin."""
    REVENUE = "revenue"
    """By the expected revenue, the greatest first."""
    UPDATED = "updated"
    """The last changed first."""


class Filters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the customers within sight. A name that is none would mean all of them."""

    q: str | None = None
    """A part of the name, pinyin or initials, the phone's beginning or end, the credit code."""
    status: tuple[str, ...] = ()
    city: str | None = None
    district: str | None = None
    industry: str | None = None
    level: str | None = None
    source: str | None = None
    owner_id: UUID | None = None
    team_id: UUID | None = None
    tag: UUID | None = None
    custom: dict[CustomName, CustomText] = {}
    """Custom fields and the value that each has; of choices one of them."""
    updated_since: datetime | None = None


class Chosen(msgspec.Struct, frozen=True):
    """A customer that a filter leaves, and whose it is."""

    id: UUID
    owner_id: UUID | None


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer. Money in fen; `seq` is the tenant's sequence at its last change."""

    id: UUID
    seq: int
    name: str
    uscc: str | None
    phone: str | None
    city: str | None
    district: str | None
    address: str | None
    industry: str | None
    status: str | None
    level: str | None
    source: str | None
    owner_id: UUID | None
    team_id: UUID | None
    expected_revenue_minor: int | None
    remark: str | None
    tags: list[UUID]
    created_at: datetime
    updated_at: datetime | None
    deleted: bool = False
    custom: dict[str, Any] = {}
    """Custom fields that have a value, by name."""
    shared: bool = False
    """Whether another team shares it: what it does not share is null."""


class StoreView(msgspec.Struct, frozen=True, kw_only=True):
    """A place of business of a customer; `lat` and `lng` in millionths of a degree."""

    id: UUID
    customer_id: UUID
    seq: int
    name: str | None
    address: str | None
    city: str | None
    district: str | None
    lat: int | None
    lng: int | None
    phone: str | None
    custom: dict[str, Any] = {}


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """A person who speaks for a customer."""

    id: UUID
    customer_id: UUID
    seq: int
    store_id: UUID | None
    name: str
    title: str | None
    phone: str | None
    email: str | None
    wechat: str | None
    role: str | None
    """What the person is to a purchase."""
    stance: str | None
    """Where the person stands to us."""
    remark: str | None
    custom: dict[str, Any] = {}


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody wrote down about a customer."""

    id: UUID
    customer_id: UUID
    seq: int
    body: str
    author_id: UUID | None
    written_at: datetime | None


class TagView(msgspec.Struct, frozen=True, kw_only=True):
    """A mark for customers, with a meaning, an owner and an end."""

    id: UUID
    seq: int
    name: str
    colour: str | None
    meaning: str
    owner_id: UUID | None
    expires_on: str | None
    customers: int | None = None
    """How many customers carried it last night; in the list of all tags alone."""


class CustomerDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with what belongs to it. Of the notes the newest fifty."""

    customer: CustomerView
    stores: list[StoreView]
    contacts: list[ContactView]
    notes: list[NoteView]
    tags: list[TagView]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many customers within sight have a value.

    A sum of money that is more than every client can hold is given as the most that they can.
    """

    value: str | None
    customers: int
    expected_revenue_minor: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many customers the filters leave, and how many of them in each status."""

    customers: int
    expected_revenue_minor: int
    by_status: list[Count]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field before and after."""

    field: str
    old: Any
    new: Any


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what of a customer or of what belongs to it, when, and from which device."""

    seq: int
    at: datetime
    actor_id: UUID
    device_id: UUID | None
    kind: str
    record_id: UUID
    action: str
    changes: list[FieldChange]


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """Another customer of the same tenant with the same credit code, phone or name.

    One out of the actor's sight is told without its id and name, so that nothing more is seen.
    """

    reasons: list[str]
    owner_id: UUID | None
    customer_id: UUID | None = None
    name: str | None = None


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be. With its own `id` the request may be repeated."""

    name: Str
    id: UUID | None = None
    uscc: Str | None = None
    phone: Str | None = None
    city: Line | None = None
    district: Line | None = None
    address: Address | None = None
    industry: Line | None = None
    status: Status | None = None
    level: Level | None = None
    source: Line | None = None
    owner_id: UUID | None = None
    team_id: UUID | None = None
    expected_revenue_minor: Revenue | None = None
    remark: Remark | None = None
    tags: Ids = []
    custom: Custom = {}


class CustomerBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 1,000 customers, kept all or none."""

    customers: Annotated[list[NewCustomer], msgspec.Meta(min_length=1, max_length=1000)]


class EditTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit was made on, and what is to happen when somebody else wrote meanwhile."""

    base: Seq | None = None
    """The record's `seq` as it was shown; without it the edit is made on what stands now."""
    on_conflict: Literal["merge", "refuse"] = "merge"
    """Keep both values and open a conflict, or refuse with both values."""


class CustomerEdit(EditTerms, frozen=True, kw_only=True):
    """New values of the fields that were touched; null empties a field."""

    name: Str | UnsetType = UNSET
    uscc: Str | UnsetType | None = UNSET
    phone: Str | UnsetType | None = UNSET
    city: Line | UnsetType | None = UNSET
    district: Line | UnsetType | None = UNSET
    address: Address | UnsetType | None = UNSET
    industry: Line | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    level: Level | UnsetType | None = UNSET
    source: Line | UnsetType | None = UNSET
    owner_id: UUID | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET
    expected_revenue_minor: Revenue | UnsetType | None = UNSET
    remark: Remark | UnsetType | None = UNSET
    custom: Custom = {}
    add_tags: Ids = []
    remove_tags: Ids = []


class NewStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store to be."""

    id: UUID | None = None
    name: Str | None = None
    address: Address | None = None
    city: Line | None = None
    district: Line | None = None
    lat: Latitude | None = None
    lng: Longitude | None = None
    phone: Str | None = None
    custom: Custom = {}


class StoreEdit(EditTerms, frozen=True, kw_only=True):
    """New values of a store's fields."""

    name: Str | UnsetType | None = UNSET
    address: Address | UnsetType | None = UNSET
    city: Line | UnsetType | None = UNSET
    district: Line | UnsetType | None = UNSET
    lat: Latitude | UnsetType | None = UNSET
    lng: Longitude | UnsetType | None = UNSET
    phone: Str | UnsetType | None = UNSET
    custom: Custom = {}


class NewContact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact to be."""

    name: Str
    id: UUID | None = None
    store_id: UUID | None = None
    title: Line | None = None
    phone: Str | None = None
    email: Str | None = None
    wechat: Line | None = None
    role: ContactRole | None = None
    stance: Stance | None = None
    remark: Remark | None = None
    custom: Custom = {}


class ContactEdit(EditTerms, frozen=True, kw_only=True):
    """New values of a contact's fields."""

    name: Str | UnsetType = UNSET
    store_id: UUID | UnsetType | None = UNSET
    title: Line | UnsetType | None = UNSET
    phone: Str | UnsetType | None = UNSET
    email: Str | UnsetType | None = UNSET
    wechat: Line | UnsetType | None = UNSET
    role: ContactRole | UnsetType | None = UNSET
    stance: Stance | UnsetType | None = UNSET
    remark: Remark | UnsetType | None = UNSET
    custom: Custom = {}


class NewNote(msgspec.Struct, frozen=True, kw_only=True):
    """A note to be."""

    body: Body
    id: UUID | None = None


class EarlierNote(NewNote, frozen=True, kw_only=True):
    """A note that came with its customer from elsewhere."""

    written_at: int | None
    """When, in milliseconds."""


class NewTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag to be. Without a meaning it is refused (S15)."""

    name: TagName
    meaning: Meaning
    id: UUID | None = None
    colour: Colour | None = None
    owner_id: UUID | None = None
    expires_on: Day | None = None


class TagEdit(EditTerms, frozen=True, kw_only=True):
    """New values of a tag's fields."""

    name: TagName | UnsetType = UNSET
    meaning: Meaning | UnsetType = UNSET
    colour: Annotated[str, msgspec.Meta(max_length=30, pattern=PRINTABLE)] | UnsetType | None = (
        UNSET
    )
    owner_id: UUID | UnsetType = UNSET
    expires_on: Day | UnsetType | None = UNSET


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at to find duplicates before a customer is saved."""

    name: Str | None = None
    uscc: Str | None = None
    phone: Str | None = None


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a write. `conflicts` names those that it opened: both values are kept."""

    id: UUID
    seq: int
    outcome: Literal["applied", "merged"]
    conflicts: list[UUID] = []


class CustomerSaved(Saved, frozen=True, kw_only=True):
    """A customer as it stands after a write, and which others look like it."""

    customer: CustomerView
    duplicates: list[Duplicate] = []


class BatchSaved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch; `duplicates` by the position in the request."""

    seq: int
    ids: list[UUID]
    duplicates: dict[int, list[Duplicate]] = {}
