"""What partners take and give."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.identity.schemas import Login
from server.kit import divisions
from server.kit.text import PRINTABLE, Str
from server.partners.rules.agents import Tier

DivisionCode = Annotated[str, msgspec.Meta(pattern=divisions.CODE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]


class NewOwner(msgspec.Struct, frozen=True):
    """The first person of a new agent company, who sets login name and password alone.

    A login name may be proposed; the platform never knows the password.
    """

    name: Name
    login: Login | None = None


class NewAgent(msgspec.Struct, frozen=True):
    """An agent company to be admitted; the same id and content may come again."""

    name: Name
    city: Str
    owner: NewOwner
    id: UUID | None = None
    short_name: Str | None = None
    tier: Tier = Tier.BRONZE
    team_name: Name = "一组"


class AgentView(msgspec.Struct, frozen=True):
    """An agent company as the platform sees it."""

    tenant_id: UUID
    name: str
    short_name: str
    city: str
    tier: Tier
    joined_at: datetime


class NewTerritory(msgspec.Struct, frozen=True, kw_only=True):
    """A place where an agent may work, with all that lies in it."""

    agent_id: UUID
    division: DivisionCode
    is_exclusive: bool = False
    valid_from: date
    valid_until: date | None = None
    """The last day; open without."""
    id: UUID | None = None


class TerritoryEnd(msgspec.Struct, frozen=True, kw_only=True):
    """When a territory ends."""

    valid_until: date
    """The last day, today at the earliest."""


class TerritoryView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent may work, as everybody may read it."""

    id: UUID
    agent_id: UUID
    division: str
    place: str
    """The division with all that it lies in, as an address begins."""
    is_exclusive: bool
    valid_from: date
    valid_until: date | None


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """Who may work in a place on a day, and the one to whom what lies there goes."""

    division: str
    place: str
    on: date
    holder_id: UUID | None
    """The agent that has it alone, or that alone shares it; None where the platform decides."""
    territories: list[TerritoryView]
