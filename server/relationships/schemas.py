"""Relationships over HTTP and to the pages: the map of one customer, and what is ordered."""

from datetime import datetime
from uuid import UUID

import msgspec

from server.relationships.rules import Gap


class StakeholderView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who matters, and how well we know them."""

    id: UUID
    name: str
    title: str | None
    role: str | None
    stance: str | None
    depth: int
    """0 to 100, see `server.relationships.rules`."""
    depth_before: int
    """What it was thirty days ago."""
    touched_at: datetime | None
    """When we last had to do with this one, as far as it was written down."""


class GapView(msgspec.Struct, frozen=True, kw_only=True):
    """What a deal's stage wants of the relationship and has not got."""

    gap: Gap
    contact_id: UUID | None
    name: str | None
    task_id: UUID | None
    """The task that was ordered for it this month."""


class MapView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's people and how we stand with them."""

    customer_id: UUID
    stage: str
    """The furthest stage of its open deals, in the platform's words."""
    score: int
    score_before: int
    people: list[StakeholderView]
    gaps: list[GapView]


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks were made, and the map with them."""

    tasks: int
    map: MapView
