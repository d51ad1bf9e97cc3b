"""What the trail shows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class PlatformReadView(msgspec.Struct, frozen=True):
    """One look of the platform at this agent's data."""

    id: UUID
    at: datetime
    actor_name: str
    actor_role: str
    what: str
    detail: dict[str, Any]


class AuditEntryView(msgspec.Struct, frozen=True):
    """One thing that somebody did."""

    id: UUID
    at: datetime
    actor_id: UUID
    actor_role: str
    action: str
    subject_id: UUID | None
    detail: dict[str, Any]
