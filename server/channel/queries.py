"""What the platform sees of its agents. Each look leaves a line in the feed of each agent it shows.

The line is written in the transaction that reads, so there is no look without a line.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.channel import glass, rules
from server.channel.schemas import (
    AgentRow,
    Breakdown,
    Overview,
    Released,
    StatusCount,
    ValueCount,
)
from server.channel.service import ALL, HEALTH
from server.customers import queries as customers
from server.kit import db
from server.kit.errors import NotFound
from server.partners import queries as partners
from server.partners.rules.sharing import STANDARD, Shared

OVERVIEW: Final = "channel.overview"
AGENTS: Final = "channel.agents"
AGENT: Final = "channel.agent"

_CELLS: Final = "SELECT view, agent_id, kind, label, customers FROM released_cell"
_ROWS: Final = """
SELECT a.tenant_id, a.name, a.short_name, a.city, a.tier, a.joined_at,
       CASE WHEN h.tenant_id IS NULL THEN 0 ELSE h.devices END AS devices,
       CASE WHEN h.tenant_id IS NULL THEN 0 ELSE h.pending END AS pending, h.last_sync_at
FROM agent a LEFT JOIN agent_health h ON h.tenant_id = a.tenant_id
WHERE $1::uuid IS NULL OR a.tenant_id = $1
ORDER BY a.joined_at, a.tenant_id
"""
_COUNTED_AT: Final = "SELECT written_at FROM counting_run WHERE tenant_id = $1"

_Key = tuple[str, UUID, str, str]


async def overview(actor: Actor, *, now: datetime) -> Overview:
    """Show the channel at a glance; every agent hears of it."""
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor, snapshot=True):
        cells = await _cells()
        agents = await _agents(actor, cells, None, OVERVIEW, now)
        counted_at = await db.connection().fetchval(_COUNTED_AT, ALL)
    return Overview(
        counted_at=counted_at,
        persons_min=rules.PERSONS_MIN,
        customers=cells.get(("funnel", ALL, "total", "")),
        funnel=_funnel(cells, ALL),
        cities=_breakdown(cells, "city"),
        industries=_breakdown(cells, "industry"),
        agents=agents,
    )


async def agents(actor: Actor, *, now: datetime) -> list[AgentRow]:
    """List the agents with their funnels and devices; each of them hears of it."""
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor, snapshot=True):
        return await _agents(actor, await _cells(), None, AGENTS, now)


async def agent(actor: Actor, tenant_id: UUID, *, now: datetime) -> AgentRow:
    """Show one agent, which hears of it.

    :raises NotFound: there is none with this id.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor, snapshot=True):
        rows = await _agents(actor, await _cells(), tenant_id, AGENT, now)
    if not rows:
        raise NotFound
    return rows[0]


async def released(actor: Actor) -> list[Released]:
    """Show an agent every field that a look of the platform's may show of it, and which do.

    Read off the very structs that the platform's questions answer with.
    """
    actor.ensure_agent()
    ensure(actor, Permission.PLATFORM_READS_SEE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        shared = (await partners.shared([actor.tenant_id]))[actor.tenant_id]
    return list(glass.released(shared))


async def _cells() -> dict[_Key, int | None]:
    """Read what is released."""
    rows = await db.connection().fetch(_CELLS)
    return {
        (row["view"], row["agent_id"], row["kind"], row["label"]): row["customers"] for row in rows
    }


async def _agents(
    actor: Actor,
    cells: Mapping[_Key, int | None],
    tenant_id: UUID | None,
    what: str,
    now: datetime,
) -> list[AgentRow]:
    """Give agents' rows and leave a line with each of them; there is no other way to these rows."""
    rows: Sequence[Any] = await db.connection().fetch(_ROWS, tenant_id)
    shown = [row["tenant_id"] for row in rows]
    await audit.record_platform_read(actor, shown, what, now=now)
    shared = await partners.shared(shown)
    return [_row(row, cells, shared[row["tenant_id"]]) for row in rows]


def _row(
    row: Mapping[str, Any], cells: Mapping[_Key, int | None], shared: frozenset[Shared]
) -> AgentRow:
    """Give one agent as its sharing contract lets it be seen, from the moment it was accepted."""
    agent_id = row["tenant_id"]
    seen = cells if Shared.CUSTOMERS_BY_STATUS in shared else {}
    told = {name: row[name] if field in shared else None for name, field in HEALTH.items()}
    customers_told = {
        "customers": seen.get(("funnel", agent_id, "total", "")),
        "funnel": _funnel(seen, agent_id),
    }
    withheld = sorted(STANDARD - shared)
    return msgspec.convert({**row, **told, **customers_told, "withheld": withheld}, AgentRow)


def _funnel(cells: Mapping[_Key, int | None], agent_id: UUID) -> list[StatusCount]:
    """Give the counts by status, in the order of the funnel."""
    return [
        StatusCount(status, cells.get(("funnel", agent_id, "part", status)))
        for status in customers.STATUSES
    ]


def _breakdown(cells: Mapping[_Key, int | None], view: str) -> Breakdown:
    """Give one value's counts, the largest first."""
    counts = [
        ValueCount(label, count)
        for (of, _, kind, label), count in cells.items()
        if of == view and kind == "part" and count is not None
    ]
    return Breakdown(
        counts=sorted(counts, key=lambda one: (-one.customers, one.value)),
        rest=cells.get((view, ALL, "rest", "")),
        total=cells.get((view, ALL, "total", "")),
    )
