"""Write down how long an agent waited for the platform, as the waiting ends.

Inside a transaction that writes the registry; told again, a wait is one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.kit import db
from server.registrations.queries.waits import OPEN
from server.registrations.rules.waits import LEAST, Wait

_INTO: Final = """
INSERT INTO registry_wait (entry_id, tenant_id, case_id, reason, began_at, ended_at)
"""
_END: Final = f"""
{_INTO} SELECT entry_id, tenant_id, case_id, reason, began_at, $2 FROM ({OPEN}) waiting
WHERE entry_id = ANY ($1::uuid[]) AND began_at + $3::interval <= $2 ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of this project
_NOTE: Final = f"{_INTO} VALUES ($1, $2, NULL, $3, $4, $5) ON CONFLICT DO NOTHING"


async def end(entry_ids: Sequence[UUID], *, now: datetime) -> None:
    """Note of registrations that are about to be decided how long they waited for that."""
    await db.connection().execute(_END, list(entry_ids), now, LEAST)


async def note(
    entry_id: UUID, agent_id: UUID, wait: Wait, *, since: datetime, now: datetime
) -> None:
    """Note that what an agent asked for is done only now."""
    if since + LEAST <= now:
        await db.connection().execute(_NOTE, entry_id, agent_id, str(wait), since, now)
