"""Look up agents that leave."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.kit import db
from server.partners.rules.exits import Freeze, ensure_staying
from server.partners.schemas import ExitView

COLUMNS: Final = (
    "id, agent_id, reason, last_day, frozen_from, state, successors, opened_at, ended_at"
)
_LAST: Final = f"""
SELECT {COLUMNS} FROM agent_exit WHERE agent_id = $1
ORDER BY state IN ('cancelled', 'returned'), opened_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - our own columns
_FREEZE: Final = """
SELECT frozen_from, last_day FROM agent_exit
WHERE agent_id = $1 AND state NOT IN ('cancelled', 'returned')
"""


async def last_exit(agent_id: UUID) -> ExitView | None:
    """Give an agent's exit, also one that is over, in a transaction of either side."""
    row = await db.connection().fetchrow(_LAST, agent_id)
    return None if row is None else view_of(row)


def view_of(row: Any) -> ExitView:
    """Give an exit as both sides read it."""
    return msgspec.convert({**row, "successors": msgspec.json.decode(row["successors"])}, ExitView)


async def ensure_begins(agent_id: UUID, *, now: datetime) -> None:
    """Refuse, in the agent's transaction, that a company which leaves begins something new.

    :raises AgentLeaving: it is frozen.
    """
    ensure_staying(await _freeze(agent_id), now=now)


async def leaves(agent_id: UUID) -> bool:
    """Say whether a company leaves, or has left: in its transaction, the platform's or a job's."""
    return await _freeze(agent_id) is not None


async def is_frozen(agent_id: UUID, *, now: datetime) -> bool:
    """Say, in the agent's transaction, whether a company begins nothing new since it leaves."""
    freeze = await _freeze(agent_id)
    return freeze is not None and freeze.frozen_from <= now


async def _freeze(agent_id: UUID) -> Freeze | None:
    """Give since when a company is frozen, or from when it will be."""
    row = await db.connection().fetchrow(_FREEZE, agent_id)
    return None if row is None else msgspec.convert(dict(row), Freeze)
