"""Bring customers whom nobody looks after into the pools, having told their owners before.

Once a day for each company that has recycle rules. Done again the same day it changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Role, of_the_product
from server.audit import service as audit
from server.customers import references
from server.customers.pools import rules, service
from server.customers.pools.rules import Held, Reason, RecycleRule, Step
from server.customers.service import writing
from server.kit import db

TOPIC: Final = "pools.recycle"
_BATCH: Final = 500

_POOLS: Final = """
SELECT id, team_ids, warn_days, recycle_rules FROM customer_pool
WHERE tenant_id = $1 AND jsonb_array_length(recycle_rules) > 0 ORDER BY name COLLATE "C", id
"""
_OWNED: Final = """
SELECT c.id, c.owner_id, c.team_id, c.status, c.level, c.created_at, {kept_until} AS kept_until,
    w.due_on AS warned_for, w.pool_id AS warned_pool,
    (SELECT max(h.at) FROM change h
        WHERE h.tenant_id = c.tenant_id AND h.root_id = c.id AND h.actor_id <> $2) AS active_at
FROM customer c
LEFT JOIN pool_warning w
    ON w.tenant_id = c.tenant_id AND w.customer_id = c.id AND w.owner_id = c.owner_id
WHERE c.tenant_id = $1 AND c.id > $3 AND NOT c.deleted AND c.owner_id IS NOT NULL
ORDER BY c.id LIMIT $4
"""
_HOLD: Final = """
SELECT FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_WARN: Final = """
INSERT INTO pool_warning (tenant_id, customer_id, owner_id, pool_id, due_on, reason, warned_on)
SELECT $1, u.customer_id, u.owner_id, u.pool_id, u.due_on, u.reason, $2
FROM UNNEST($3::uuid[], $4::uuid[], $5::uuid[], $6::date[], $7::text[])
    AS u(customer_id, owner_id, pool_id, due_on, reason)
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET owner_id = EXCLUDED.owner_id,
    pool_id = EXCLUDED.pool_id, due_on = EXCLUDED.due_on, reason = EXCLUDED.reason,
    warned_on = EXCLUDED.warned_on
"""
_FORGET: Final = """
DELETE FROM pool_warning WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[])
"""


class Pool(msgspec.Struct, frozen=True):
    """A pool that customers come into by themselves."""

    id: UUID
    team_ids: list[UUID]
    warn_days: int
    recycle_rules: list[RecycleRule]


class Decided(msgspec.Struct, frozen=True):
    """What is done about one customer today."""

    step: Step
    customer_id: UUID
    owner_id: UUID
    pool_id: UUID
    due_on: date
    reason: Reason


class Done(msgspec.Struct, frozen=True):
    """How many customers a recycling warned about, and took."""

    warned: int = 0
    recycled: int = 0
    forgotten: int = 0

    def __add__(self, other: "Done") -> "Done":
        return Done(
            self.warned + other.warned,
            self.recycled + other.recycled,
            self.forgotten + other.forgotten,
        )


async def recycle(tenant_id: UUID, *, now: datetime) -> Done:
    """Warn owners, and take what they were warned about, customer by customer in batches."""
    worker = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="worker")
    async with db.tenant_transaction(tenant_id, readonly=True):
        rows = await db.connection().fetch(_POOLS, tenant_id)
    pools = [_pool(row) for row in rows]
    done, after = Done(), UUID(int=0)
    while pools:
        async with db.tenant_transaction(tenant_id):
            owned = await _owned(tenant_id, after)
            decided = list(_decided(pools, owned, today=rules.day_of(now)))
            if taken := {each.customer_id for each in decided if each.step is Step.RECYCLE}:
                # Once nobody can hand them over any more, they are looked at again.
                await db.connection().execute(_HOLD, tenant_id, taken)
                again = _decided(pools, await _owned(tenant_id, after), today=rules.day_of(now))
                decided = [
                    each
                    for each in again
                    if each.step is not Step.RECYCLE or each.customer_id in taken
                ]
            done += await _act(worker, decided, now)
        if len(owned) < _BATCH:
            break
        after = owned[-1]["id"]
    return done


async def _owned(tenant_id: UUID, after: UUID) -> list[asyncpg.Record]:
    """Read the next batch of customers that somebody owns, with what is known of each."""
    rows: list[asyncpg.Record] = await db.connection().fetch(
        _OWNED.format(kept_until=references.kept_until()),
        *(tenant_id, UUID(int=0), after, _BATCH),
    )
    return rows


def _pool(row: asyncpg.Record) -> Pool:
    parts = {name: msgspec.json.decode(row[name]) for name in ("team_ids", "recycle_rules")}
    return msgspec.convert({**row, **parts}, Pool)


def _decided(
    pools: Sequence[Pool], owned: Iterable[asyncpg.Record], *, today: date
) -> Iterable[Decided]:
    """Decide about each customer; the pool into which it would fall first takes it."""
    for row in owned:
        falls = list(_falls(pools, row))
        due_on, reason, place = min(falls, default=(None, Reason.INACTIVITY, 0))
        pool, warned_for = pools[place], row["warned_for"]
        step = rules.step(due_on, warned_for=warned_for, warn_days=pool.warn_days, today=today)
        told = due_on or warned_for
        if step is Step.NOTHING or told is None:
            continue
        if step is Step.WARN:
            told = rules.announced(told, warn_days=pool.warn_days, today=today)
        yield Decided(step, row["id"], row["owner_id"], pool.id, told, reason)


def _falls(pools: Sequence[Pool], row: asyncpg.Record) -> Iterable[tuple[date, Reason, int]]:
    """Say into which pools a customer would fall, when and why."""
    held = Held(
        status=row["status"],
        level=row["level"],
        active_on=rules.day_of(row["active_at"] or row["created_at"]),
        kept_until=row["kept_until"],
    )
    for place, pool in enumerate(pools):
        if rules.is_within_reach(pool.team_ids, team_id=row["team_id"], sees_all=False):
            due = rules.due_on(pool.recycle_rules, held)
            if due is not None:
                yield *due, place


async def _act(worker: Actor, decided: Sequence[Decided], now: datetime) -> Done:
    """Do what was decided about a batch, in the open transaction."""
    of = {step: [each for each in decided if each.step is step] for step in Step}
    if of[Step.RECYCLE]:
        await _take(worker, of[Step.RECYCLE], now)
    gone = [each.customer_id for step in (Step.FORGET, Step.RECYCLE) for each in of[step]]
    if gone:
        await db.connection().execute(_FORGET, worker.tenant_id, gone)
    if of[Step.WARN]:
        await _warn(worker, of[Step.WARN], now)
    return Done(len(of[Step.WARN]), len(of[Step.RECYCLE]), len(of[Step.FORGET]))


async def _take(worker: Actor, taken: Sequence[Decided], now: datetime) -> None:
    """Take customers from their owners and put them into the pools."""
    ops = [
        service.owning(each.customer_id, None, None, now=now, number=number)
        for number, each in enumerate(taken, 1)
    ]
    await writing.settle(worker, ops, now=now)
    for pool_id in sorted({each.pool_id for each in taken}):
        entries = [
            (each.customer_id, each.owner_id, each.reason)
            for each in taken
            if each.pool_id == pool_id
        ]
        await service.enter(worker, pool_id, entries, now=now)
        await audit.record(
            worker, "customers.recycled", subject_id=pool_id, now=now, customers=len(entries)
        )


async def _warn(worker: Actor, warned: Sequence[Decided], now: datetime) -> None:
    """Note who was told of which day, and leave word of it."""
    await db.connection().execute(
        _WARN,
        worker.tenant_id,
        rules.day_of(now),
        [each.customer_id for each in warned],
        [each.owner_id for each in warned],
        [each.pool_id for each in warned],
        [each.due_on for each in warned],
        [str(each.reason) for each in warned],
    )
