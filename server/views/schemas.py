"""What saved views are over HTTP and to the portal.

A look is what its list is asked with, named as in the list's own parameters.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.rules.status import Status
from server.customers.schemas import Level
from server.kit.text import PRINTABLE, Str
from server.leads.rules.states import LeadState
from server.leads.rules.verdicts import Verdict
from server.pipeline.schemas import DealState
from server.views.rules import Audience

__all__ = [
    "Audience", "Column", "CustomerLook", "DealLook", "LeadLook", "ListName", "Look", "NewView",
    "ViewEdit", "ViewView",
]  # fmt: skip

ListName = Literal["customers", "deals", "leads"]
"""What views are of."""

Column = Literal[
    "status", "level", "city", "industry", "phone", "expected_revenue_minor", "owner_id",
    "updated_at",
]  # fmt: skip
"""A column beside the name."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=PRINTABLE)]


class CustomerLook(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="list",
    tag="customers",
):
    """How customers are looked at."""

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


class DealLook(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="list",
    tag="deals",
):
    """How deals are looked at."""

    state: DealState | None = None
    family_id: UUID | None = None
    is_built_in: bool = False
    process_id: UUID | None = None
    stage: Str | None = None
    category: Str | None = None
    month: Str | None = None
    """``2027-01``, or ``none`` for deals without an expected day."""
    owner_id: UUID | None = None
    is_mine: bool = False
    """The deals of whoever looks, in place of `owner_id`."""
    is_stale: bool = False


class LeadLook(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="list",
    tag="leads",
):
    """How leads are looked at."""

    q: Str | None = None
    state: LeadState | None = None
    verdict: Verdict | None = None
    city: Str | None = None
    source_id: UUID | None = None
    campaign_id: UUID | None = None
    assignee_id: UUID | None = None
    is_mine: bool = False
    """The leads of whoever looks, in place of `assignee_id`."""


Look = CustomerLook | DealLook | LeadLook


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
    """A saved view; what it shows is what lies within sight of whoever opens it."""

    id: UUID
    name: str
    look: Look
    audience: Audience
    made_by: UUID
    changed_at: datetime
