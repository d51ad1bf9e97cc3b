"""Ask about public pools: which are within reach, what lies in them, who is about to lose whom."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.customers.pools import rules
from server.customers.pools.rules import Limits, RecycleRule, Standing
from server.customers.pools.schemas import PooledCustomer, PoolView, RecycleWarning
from server.customers.rules import masks, places
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor

_STANDING: Final = """
    (SELECT count(DISTINCT p.customer_id) FROM pool_pick p
        JOIN customer c ON c.tenant_id = p.tenant_id AND c.id = p.customer_id
        WHERE p.tenant_id = o.tenant_id AND p.user_id = $2 AND p.pool_id = o.id
            AND c.owner_id = $2 AND NOT c.deleted) AS held,
    (SELECT count(*) FROM pool_pick p
        WHERE p.tenant_id = o.tenant_id AND p.user_id = $2 AND p.pool_id = o.id
            AND p.picked_at >= $3) AS picks_today,
    (SELECT count(*) FROM pool_view v
        WHERE v.tenant_id = o.tenant_id AND v.user_id = $2 AND v.pool_id = o.id
            AND v.day = $4) AS views_today
"""
"""What the asker ($2) has taken of pool ``o`` today ($4, a day that began at $3)."""
_POOLS: Final = f"""
SELECT o.*, {_STANDING},
    (SELECT count(*) FROM pool_entry e
        JOIN customer c ON c.tenant_id = e.tenant_id AND c.id = e.customer_id
        WHERE e.tenant_id = o.tenant_id AND e.pool_id = o.id
            AND c.owner_id IS NULL AND NOT c.deleted) AS customers
FROM customer_pool o WHERE o.tenant_id = $1 ORDER BY o.name COLLATE "C", o.id
"""  # noqa: S608 - constants
_HELD: Final = f"""
SELECT o.*, {_STANDING} FROM customer_pool o WHERE o.tenant_id = $1 AND o.id = $5
"""  # noqa: S608 - constants
ENTRY: Final = """
    c.id, e.pool_id, c.name, c.phone, c.city, c.district, c.industry, c.status, c.level,
    e.entered_at, e.reason, e.former_owner_id, o.cooling_days
"""
IN_POOL: Final = """
pool_entry e
JOIN customer c ON c.tenant_id = e.tenant_id AND c.id = e.customer_id
JOIN customer_pool o ON o.tenant_id = e.tenant_id AND o.id = e.pool_id
"""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as its rules are asked, and what the asker has taken of it."""

    id: UUID
    team_ids: list[UUID]
    warn_days: int
    recycle_rules: list[RecycleRule]
    limits: Limits
    standing: Standing


async def pools(actor: Actor, *, now: datetime) -> list[PoolView]:
    """List the pools within reach by name."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_POOLS, *asking(actor, now))
    found = [msgspec.convert(_read(row), PoolView) for row in rows]
    return [pool for pool in found if is_within_reach(actor, pool.team_ids)]


async def pool(actor: Actor, pool_id: UUID, *, now: datetime) -> PoolView:
    """Give one pool within reach.

    :raises NotFound: there is none.
    """
    for each in await pools(actor, now=now):
        if each.id == pool_id:
            return each
    raise NotFound


def asking(actor: Actor, now: datetime) -> tuple[Any, ...]:
    """Give the parameters of a question about what somebody has taken today."""
    today = rules.day_of(now)
    begins = datetime.combine(today, datetime.min.time(), rules.ZONE)
    return actor.tenant_id, actor.user_id, begins, today


async def held(actor: Actor, pool_id: UUID, *, now: datetime, lock: bool = False) -> Pool:
    """Give a pool within reach as its rules are asked, in the open transaction.

    :param lock: who takes something from the pool, or gives it, waits for the one before.
    :raises NotFound: there is none.
    :raises PoolOutOfReach: it is for other teams.
    """
    if lock:
        await db.connection().execute(
            # It does not hold up who only names the pool, as an entry does.
            "SELECT FROM customer_pool WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            actor.tenant_id,
            pool_id,
        )
    row = await db.connection().fetchrow(_HELD, *asking(actor, now), pool_id)
    if row is None:
        raise NotFound
    read = _read(row)
    if not is_within_reach(actor, [UUID(team) for team in read["team_ids"]]):
        raise rules.PoolOutOfReach("This pool is for other teams; pick from one of yours.")
    limits = msgspec.convert(read, Limits)
    return msgspec.convert({**read, "limits": limits, "standing": read}, Pool)


def _read(row: asyncpg.Record) -> dict[str, Any]:
    """Read a row of a pool; JSON columns arrive as text."""
    parts = ("team_ids", "recycle_rules")
    return {**row, **{name: msgspec.json.decode(row[name]) for name in parts}}


def is_within_reach(actor: Actor, team_ids: list[UUID]) -> bool:
    """Say whether a pool for these teams is open to the actor."""
    return rules.is_within_reach(
        team_ids, team_id=actor.team_id, sees_all=actor.scope is Scope.TENANT
    )


def ensure_ruled_by(actor: Actor, team_ids: list[UUID]) -> None:
    """Refuse pools about which the actor does not decide.

    :raises PoolOutOfReach: it is not the actor's team's alone.
    """
    rules.ensure_ruled_by(team_ids, team_id=actor.team_id, sees_all=actor.scope is Scope.TENANT)


async def customers(
    actor: Actor,
    pool_id: UUID,
    *,
    city: str | None = None,
    industry: str | None = None,
    level: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
    now: datetime,
) -> Page[PooledCustomer]:
    """List what lies in a pool, the longest there first; phones are masked."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await held(actor, pool_id, now=now)
        where = Where.of_tenant(actor)
        where.add("e.tenant_id = $1 AND e.pool_id = {} AND c.owner_id IS NULL", pool_id)
        for name, value in (
            ("city", places.city(city) if city else None), ("industry", industry), ("level", level)
        ):  # fmt: skip
            if value is not None:
                where.add(f"c.{name} = {{}}", value)
        if cursor is not None:
            behind = decode_cursor(cursor, tuple[datetime, UUID])
            where.add("(e.entered_at, e.customer_id) > ({}, {})", *behind)
        rows = await db.connection().fetch(
            f"SELECT {ENTRY} FROM {IN_POOL} WHERE {where.text}"  # noqa: S608 - constants and numbered parameters
            f" ORDER BY e.entered_at, e.customer_id LIMIT {where.param(limit + 1)}",
            *where.args,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [pooled(actor, row, now=now) for row in rows[:limit]],
        encode_cursor(last["entered_at"], last["id"]) if last else None,
    )


def pooled(actor: Actor, row: asyncpg.Record, *, now: datetime) -> PooledCustomer:
    """Turn a row of `ENTRY` into what everybody within reach may see."""
    free_on = rules.free_on(row["entered_at"], row["cooling_days"])
    must_wait = row["former_owner_id"] == actor.user_id and rules.day_of(now) < free_on
    return PooledCustomer(
        id=row["id"],
        pool_id=row["pool_id"],
        name=row["name"],
        phone_masked=masks.masked(row["phone"]),
        city=row["city"],
        district=row["district"],
        industry=row["industry"],
        status=row["status"],
        level=row["level"],
        entered_at=row["entered_at"],
        reason=rules.Reason(row["reason"]),
        free_on=free_on if must_wait else None,
    )


async def warnings(actor: Actor) -> list[RecycleWarning]:
    """List the customers within sight that fall into a pool unless something is done."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT w.customer_id, c.name AS customer_name, w.pool_id, o.name AS pool_name,"  # noqa: S608 - constants and numbered parameters
            " w.owner_id, w.due_on, w.reason FROM pool_warning w"
            " JOIN customer c ON c.tenant_id = w.tenant_id AND c.id = w.customer_id"
            " AND c.owner_id = w.owner_id"
            " JOIN customer_pool o ON o.tenant_id = w.tenant_id AND o.id = w.pool_id"
            f" WHERE w.tenant_id = $1 AND {where.text} ORDER BY w.due_on, w.customer_id LIMIT 200",
            *where.args,
        )
    return [msgspec.convert(dict(row), RecycleWarning) for row in rows]
