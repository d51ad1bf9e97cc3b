"""Count what agents do, and release what may be seen of it.

An agent's rows are counted behind its own door, its tally is written as the job role, and the
release is computed from all tallies. Each step takes a number before it looks and writes only if
no later one has written, so that of two at once the one that saw more stays.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT
from server.channel import rules
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import db, outbox
from server.partners import queries as partners
from server.partners.rules.sharing import Shared

RELEASE: Final = "channel.release"
"""Somebody's tally has changed: the published counts are computed anew."""
_SETTLE: Final = timedelta(seconds=1)
"""Tallies within this time are one release."""
ALL: Final = PLATFORM_TENANT
"""Stands for all agents where an agent's id is expected."""
VIEWS: Final = ("city", "industry")
DIMENSIONS: Final = {
    "status": Shared.CUSTOMERS_BY_STATUS,
    "city": Shared.CUSTOMERS_BY_CITY,
    "industry": Shared.CUSTOMERS_BY_INDUSTRY,
}
"""What is counted, and which field of an agent's sharing contract lets it be."""
HEALTH: Final = {
    "devices": Shared.DEVICES,
    "last_sync_at": Shared.LAST_SYNC,
    "pending": Shared.PENDING,
}
"""What is told about devices, and which field of the contract lets it be."""

_TAKE: Final = """
INSERT INTO counting_run AS held (tenant_id, taken) VALUES ($1, 1)
ON CONFLICT (tenant_id) DO UPDATE SET taken = held.taken + 1
RETURNING taken
"""
_FINISH: Final = """
UPDATE counting_run SET written = $2, written_at = $3
WHERE tenant_id = $1 AND written < $2
RETURNING true
"""
_CLEAR: Final = "DELETE FROM channel_tally WHERE tenant_id = $1"
_TALLY: Final = """
INSERT INTO channel_tally (tenant_id, dimension, value, customers)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[])
"""
_HEALTH: Final = """
INSERT INTO agent_health (tenant_id, devices, last_sync_at, pending, counted_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id) DO UPDATE SET devices = excluded.devices, pending = excluded.pending,
    last_sync_at = excluded.last_sync_at, counted_at = excluded.counted_at
"""
_READ: Final = """
SELECT t.tenant_id, t.dimension, t.value, t.customers
FROM channel_tally t JOIN agent a ON a.tenant_id = t.tenant_id
"""
_AGENTS: Final = "SELECT tenant_id FROM agent ORDER BY joined_at, tenant_id"
_WITHDRAW: Final = "DELETE FROM released_cell"
_PUBLISH: Final = """
INSERT INTO released_cell (view, agent_id, kind, label, customers)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[])
"""


class _Cell(msgspec.Struct, frozen=True):
    """One published count on its way to the table."""

    view: str
    agent_id: UUID
    kind: str
    label: str
    customers: int | None


async def count_agent(tenant_id: UUID, *, now: datetime) -> None:
    """Count one agent's customers and devices, and let the release follow."""
    number = await _take(tenant_id)
    async with db.tenant_transaction(tenant_id, readonly=True, snapshot=True):
        tally = await customers.tally(tenant_id)
        health = await identity.device_health(tenant_id)
        shared = (await partners.shared([tenant_id]))[tenant_id]
    # What the contract does not name does not leave the agent's own rows.
    counted = [
        (dimension, value, count)
        for dimension, field in DIMENSIONS.items()
        if field in shared
        for value, count in getattr(tally, dimension).items()
    ]
    async with db.job_transaction():
        if not await db.connection().fetchval(_FINISH, tenant_id, number, now):
            return
        await db.connection().execute(_CLEAR, tenant_id)
        columns = [list(column) for column in zip(*counted, strict=True)] or [[], [], []]
        await db.connection().execute(_TALLY, tenant_id, *columns)
        told = [
            getattr(health, name) if field in shared else None for name, field in HEALTH.items()
        ]
        await db.connection().execute(_HEALTH, tenant_id, *told, now)
        await outbox.add(RELEASE, {}, tenant_id=None, now=now, key=RELEASE, run_at=now + _SETTLE)


async def release(*, now: datetime) -> None:
    """Publish what all agents' tallies say, under the thresholds."""
    number = await _take(ALL)
    async with db.job_transaction():
        agents = [row["tenant_id"] for row in await db.connection().fetch(_AGENTS)]
        shared = await partners.shared(agents)
        rows = await db.connection().fetch(_READ)
    tallies: dict[str, Counter[tuple[UUID, str]]] = {view: Counter() for view in ("status", *VIEWS)}
    for row in rows:
        # One that was counted before its owner accepted another contract is not released any more.
        if DIMENSIONS[row["dimension"]] in shared[row["tenant_id"]]:
            tallies[row["dimension"]][row["tenant_id"], row["value"]] = row["customers"]
    agents = [each for each in agents if Shared.CUSTOMERS_BY_STATUS in shared[each]]
    # Hiding what must be hidden is arithmetic over the whole channel; the loop goes on meanwhile.
    cells = await asyncio.to_thread(_cells, agents, tallies)
    columns = [[getattr(cell, field) for cell in cells] for field in _Cell.__struct_fields__]
    async with db.job_transaction():
        if await db.connection().fetchval(_FINISH, ALL, number, now):
            await db.connection().execute(_WITHDRAW)
            await db.connection().execute(_PUBLISH, *columns)


async def _take(tenant_id: UUID) -> int:
    """Take the next number of a count."""
    async with db.job_transaction():
        return int(await db.connection().fetchval(_TAKE, tenant_id))


def _cells(
    agents: list[UUID], tallies: Mapping[str, Mapping[tuple[UUID, str], int]]
) -> list[_Cell]:
    """Compute everything that is published."""
    return [
        *_funnel(agents, tallies["status"]),
        *(cell for view in VIEWS for cell in _breakdown(view, tallies[view])),
    ]


def _funnel(agents: list[UUID], tally: Mapping[tuple[UUID, str], int]) -> Iterable[_Cell]:
    """Publish agents x statuses."""
    grid = rules.release_grid(tally, agents, customers.STATUSES)
    for (agent, status), count in grid.cells.items():
        kind = "part" if isinstance(status, str) else "total"
        label = status if isinstance(status, str) else ""
        yield _Cell("funnel", agent if isinstance(agent, UUID) else ALL, kind, label, count)


def _breakdown(view: str, tally: Mapping[tuple[UUID, str], int]) -> Iterable[_Cell]:
    """Publish one value over all agents."""
    counts: Counter[str] = Counter()
    for (_, value), count in tally.items():
        counts[value] += count
    line = rules.release_line(counts)
    for value, count in line.counts.items():
        yield _Cell(view, ALL, "part", value, count)
    yield _Cell(view, ALL, "rest", "", line.rest)
    yield _Cell(view, ALL, "total", "", line.total)
