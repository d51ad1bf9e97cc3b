"""Look up agents. What the platform wrote down itself leaves no line in an agent's feed."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.partners.rules import Right, Tier
from server.partners.schemas import AgentView, TerritoryView

_AGENTS: Final = "SELECT tenant_id, name, short_name, city, tier, joined_at FROM agent"

_HOLDERS: Final = """
SELECT agent_id, is_exclusive FROM territory
WHERE city = $1 AND (district IS NULL OR district = $2)
    AND valid_from <= $3 AND (valid_until IS NULL OR valid_until >= $3)
"""
_TERRITORIES: Final = """
SELECT id, agent_id, city, district, is_exclusive, valid_from, valid_until FROM territory
ORDER BY city, district NULLS FIRST, valid_from, id
"""


async def agents(actor: Actor) -> list[AgentView]:
    """List the agents in the order in which they joined."""
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(f"{_AGENTS} ORDER BY joined_at, tenant_id")
    return [msgspec.convert(dict(row), AgentView) for row in rows]


async def agent(actor: Actor, tenant_id: UUID) -> AgentView:
    """Give one agent.

    :raises NotFound: there is none with this id.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        row = await db.connection().fetchrow(f"{_AGENTS} WHERE tenant_id = $1", tenant_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), AgentView)


async def tenant_ids() -> list[UUID]:
    """List the tenants of all agents in one order, for work that is done in each."""
    async with db.job_transaction():
        rows = await db.connection().fetch("SELECT tenant_id FROM agent ORDER BY tenant_id")
    return [row["tenant_id"] for row in rows]


async def tier(tenant_id: UUID) -> Tier:
    """Give an agent's tier, in an open transaction of a job; the lowest of one unknown."""
    held = await db.connection().fetchval("SELECT tier FROM agent WHERE tenant_id = $1", tenant_id)
    return Tier(held or Tier.BRONZE)


async def right(tenant_id: UUID, *, city: str | None, district: str | None, on: date) -> Right:
    """Say what right an agent has to a place on a day, in its open transaction.

    :param city: as customers have it; an unknown place is free.
    """
    rows = await db.connection().fetch(_HOLDERS, city, district, on)
    own = [row["is_exclusive"] for row in rows if row["agent_id"] == tenant_id]
    if any(own):
        return Right.EXCLUSIVE
    if own:
        return Right.SHARED
    return Right.ELSEWHERE if any(row["is_exclusive"] for row in rows) else Right.FREE


async def territories(actor: Actor) -> list[TerritoryView]:
    """List the territories by place."""
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_TERRITORIES)
    return [msgspec.convert(dict(row), TerritoryView) for row in rows]
