"""What partners take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.identity.schemas import Login
from server.kit.text import PRINTABLE, Str
from server.partners.rules import Tier

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
