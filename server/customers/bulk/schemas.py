"""What bulk changes are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.schemas import Filters, Ids, Level, Line, Revenue, Status
from server.kit.text import PRINTABLE

CUSTOMERS_MAX = 5_000
"""How many customers one bulk change takes."""

Chosen = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=CUSTOMERS_MAX)]
Receivers = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=20)]
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]


class BulkChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New values for all of them; null empties a field.

    What tells one customer from another (name, code, phone, address, remark) is not among these.
    """

    city: Line | UnsetType | None = UNSET
    district: Line | UnsetType | None = UNSET
    industry: Line | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    level: Level | UnsetType | None = UNSET
    source: Line | UnsetType | None = UNSET
    owner_id: UUID | UnsetType = UNSET
    team_id: UUID | UnsetType | None = UNSET
    expected_revenue_minor: Revenue | UnsetType | None = UNSET
    add_tags: Ids = []
    remove_tags: Ids = []


class NewBulkEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same change for many customers: those that are named, of those that a filter leaves."""

    change: BulkChange
    id: UUID | None = None
    customers: Chosen | None = None
    filters: Filters | None = None


class NewHandOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's customers, or those of them that a filter leaves, for colleagues.

    Several receivers get them in turn, by name. Deals and other work in progress that this person
    is in charge of go along; nothing else of a customer changes.
    """

    from_id: UUID
    to_ids: Receivers
    id: UUID | None = None
    filters: Filters | None = None
    reason: Reason | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that could not take the change."""

    customer_id: UUID
    code: str
    detail: str


class BulkView(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk change. Customers without the right status, say, are refused alone."""

    id: UUID
    kind: Literal["edit", "hand_over"]
    edit: NewBulkEdit | None
    hand_over: NewHandOver | None
    """What was asked, of the two."""
    changed: int
    """Customers that have changed; deals that went along are not counted."""
    unchanged: int
    """Customers that were so already."""
    refused: int
    refusals: list[Refused]
    """The first hundred of them."""
    made_by: UUID
    made_at: datetime
    undone_by: UUID | None
    undone_at: datetime | None
    restored: int | None
    """Records that stand again as before, since it was undone."""
    kept: int | None
    """Records that somebody has written since, and that stay as that person left them."""
