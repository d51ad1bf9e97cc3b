"""What saved views are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.rules.status import Status
from server.customers.schemas import Level
from server.customers.views.rules import Audience
from server.kit.text import PRINTABLE, Str

__all__ = ["Audience", "Column", "Look", "NewView", "ViewEdit", "ViewView"]

Column = Literal[
    "status", "level", "city", "industry", "phone", "expected_revenue_minor", "owner_id",
    "updated_at",
]  # fmt: skip
"""A column beside the name."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=PRINTABLE)]


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the list is looked at; names are those of the list's own parameters."""

    q: Str | None = None
    status: Status | None = None
    city: Str | None = None
    industry: Str | None = None
    level: Level | None = None
    owner_id: UUID | None = None
    is_mine: bool = False
    """The customers of whoever looks, in place of `owner_id`."""
    tag: UUID | None = None
    custom: Str | None = None
    """A custom field and its value: ``name:value``."""
    sort: Literal["name", "revenue", "updated"] | None = None
    columns: Annotated[list[Column], msgspec.Meta(max_length=8)] | None = None
    """Those that are shown; null is all of them."""


class NewView(msgspec.Struct, frozen=True, kw_only=True):
    """A view that is saved."""

    name: Name
    look: Look
    audience: Audience = Audience.OWN
    id: UUID | None = None


class ViewEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a view; what is left out stays."""

    name: Name | UnsetType = UNSET
    look: Look | UnsetType = UNSET
    audience: Audience | UnsetType = UNSET


class ViewView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view; the customers that it shows are those within sight of whoever opens it."""

    id: UUID
    name: str
    look: Look
    audience: Audience
    made_by: UUID
    changed_at: datetime
