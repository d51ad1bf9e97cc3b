"""Look up agents."""

from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.partners.rules.agents import Tier
from server.partners.schemas import AgentView

_AGENTS: Final = "SELECT tenant_id, name, short_name, city, tier, joined_at FROM agent"


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
