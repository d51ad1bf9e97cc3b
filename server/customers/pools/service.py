"""Do things with public pools. Each function is one use case and one transaction.

Whoever takes something from a pool or gives it to one first locks the pool, then the customer: of
all who want one customer at a time, one gets it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure, vouched
from server.audit import service as audit
from server.changelog import service as changelog
from server.customers import queries as customers
from server.customers.opt_outs import queries as opt_outs
from server.customers.pools import queries, rules
from server.customers.pools.rules import Reason
from server.customers.pools.schemas import NewPool, PooledDetail, PoolEdit, PoolView, Release
from server.customers.schemas import Saved
from server.customers.service import writing
from server.customers.service.references import ensure_teams
from server.kit import clock, db, ids
from server.kit.errors import Conflict, Forbidden, IdReused, NotFound
from server.kit.text import clean, cleaned
from server.partners import queries as partners
from sync_protocol.messages import Edit

_INSERT: Final = """
INSERT INTO customer_pool (tenant_id, id, name, team_ids, held_max, picks_per_day, views_per_day,
    cooling_days, warn_days, recycle_rules, made_at, changed_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10::jsonb, $11, $11)
ON CONFLICT DO NOTHING
"""
_COLUMNS: Final = {
    "name": "text",
    "team_ids": "jsonb",
    "held_max": "integer",
    "picks_per_day": "integer",
    "views_per_day": "integer",
    "cooling_days": "integer",
    "warn_days": "integer",
    "recycle_rules": "jsonb",
}
"""What of a pool can be changed."""
_ENTRY: Final = f"""
SELECT {queries.ENTRY} FROM {queries.IN_POOL}
WHERE e.tenant_id = $1 AND e.customer_id = $2 AND c.owner_id IS NULL AND NOT c.deleted
"""  # noqa: S608 - constants
_ENTER: Final = """
INSERT INTO pool_entry (tenant_id, customer_id, pool_id, entered_at, reason, former_owner_id)
SELECT $1, u.customer_id, $2, $3, u.reason, u.owner_id
FROM UNNEST($4::uuid[], $5::uuid[], $6::text[]) AS u(customer_id, owner_id, reason)
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET pool_id = EXCLUDED.pool_id,
    entered_at = EXCLUDED.entered_at, reason = EXCLUDED.reason,
    former_owner_id = coalesce(EXCLUDED.former_owner_id, pool_entry.former_owner_id)
"""
_HOLD: Final = """
SELECT seq FROM customer WHERE tenant_id = $1 AND id = $2 AND NOT deleted FOR UPDATE
"""
_PICKED: Final = """
INSERT INTO pool_pick (tenant_id, user_id, picked_at, customer_id, pool_id)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_LOOKED: Final = """
INSERT INTO pool_view (tenant_id, user_id, day, pool_id, customer_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_SEEN: Final = """
SELECT EXISTS (SELECT FROM pool_view WHERE tenant_id = $1 AND user_id = $2 AND day = $3
    AND pool_id = $4 AND customer_id = $5)
"""
_MORE: Final = """
SELECT c.expected_revenue_minor, c.created_at,
    (SELECT count(*) FROM contact k
        WHERE k.tenant_id = $1 AND k.customer_id = $2 AND NOT k.deleted) AS contacts,
    (SELECT count(*) FROM note k
        WHERE k.tenant_id = $1 AND k.customer_id = $2 AND NOT k.deleted) AS notes,
    (SELECT max(h.at) FROM change h
        WHERE h.tenant_id = $1 AND h.root_id = $2 AND h.actor_id <> $3) AS active_at
FROM customer c WHERE c.tenant_id = $1 AND c.id = $2
"""
_NAME_TAKEN: Final = "There is a pool of this name already; choose another."
_NOBODY: Final = UUID(int=0)
"""The product itself, at work in a tenant."""


class PoolNameTaken(Conflict):
    """The company has another pool of this name."""

    code = "pool_name_taken"


class PoolInUse(Conflict):
    """Customers lie in the pool."""

    code = "pool_in_use"


class NotYourCustomer(Forbidden):
    """Only its owner, or somebody who may hand customers over, gives a customer up."""

    code = "not_your_customer"


# ----------------------------------------------------------------------------------- the pools


async def create_pool(actor: Actor, new: NewPool, *, now: datetime) -> PoolView:
    """Make a pool. Asked again with the same id and content, it answers the same.

    :raises PoolOutOfReach: it is not for the actor's team alone.
    :raises PoolNameTaken: there is another of this name.
    :raises IdReused: the id is that of another pool.
    """
    ensure(actor, Permission.POOLS_MANAGE)
    pool_id = new.id or ids.new_id(now)
    given = _columns({name: getattr(new, name) for name in _COLUMNS})
    queries.ensure_ruled_by(actor, new.team_ids)
    async with db.tenant_transaction(actor.tenant_id):
        await ensure_teams(actor, {str(team) for team in new.team_ids})
        await _ensure_name_free(actor, given["name"], pool_id)
        done = await db.connection().execute(
            _INSERT, actor.tenant_id, pool_id, *given.values(), now
        )
        if done == "INSERT 0 0":
            await _ensure_same(actor, pool_id, new, now=now)
        else:
            await audit.record(actor, "pool.created", subject_id=pool_id, now=now)
        return await queries.pool(vouched(actor), pool_id, now=now)


async def _ensure_same(actor: Actor, pool_id: UUID, new: NewPool, *, now: datetime) -> None:
    """Refuse an id that stands for a pool of other content, or a name that was given meanwhile."""
    try:
        held = await queries.pool(vouched(actor), pool_id, now=now)
    except NotFound as error:
        raise PoolNameTaken(_NAME_TAKEN, field="name") from error
    if any(getattr(held, name) != getattr(new, name) for name in _COLUMNS if name != "name"):
        raise IdReused("There is another pool with this id; send a new one.", field="id")
    if held.name != clean(new.name):
        raise IdReused("There is another pool with this id; send a new one.", field="id")


async def edit_pool(actor: Actor, pool_id: UUID, change: PoolEdit, *, now: datetime) -> PoolView:
    """Change what was touched of a pool.

    :raises NotFound: there is none.
    :raises PoolOutOfReach: it is, or would be, other teams' too.
    :raises PoolNameTaken: there is another of this name.
    """
    ensure(actor, Permission.POOLS_MANAGE)
    touched = {
        name: value for name in _COLUMNS if (value := getattr(change, name)) is not msgspec.UNSET
    }
    given = _columns(touched)
    async with db.tenant_transaction(actor.tenant_id):
        await _ensure_ruled(actor, pool_id)
        if change.team_ids is not msgspec.UNSET:
            queries.ensure_ruled_by(actor, change.team_ids)
            await ensure_teams(actor, {str(team) for team in change.team_ids})
        if "name" in given:
            await _ensure_name_free(actor, given["name"], pool_id)
        sets = [f"{name} = ${at}::{_COLUMNS[name]}" for at, name in enumerate(given, 4)]
        try:
            done = await db.connection().execute(
                f"UPDATE customer_pool SET {', '.join([*sets, 'changed_at = $3'])}"  # noqa: S608 - names of columns
                " WHERE tenant_id = $1 AND id = $2",
                actor.tenant_id,
                pool_id,
                now,
                *given.values(),
            )
        except asyncpg.UniqueViolationError as error:
            raise PoolNameTaken(_NAME_TAKEN, field="name") from error
        if done == "UPDATE 0":
            raise NotFound
        await audit.record(actor, "pool.changed", subject_id=pool_id, now=now, fields=[*given])
        return await queries.pool(vouched(actor), pool_id, now=now)


async def _ensure_ruled(actor: Actor, pool_id: UUID) -> None:
    """Lock a pool, and refuse one about which the actor does not decide.

    :raises NotFound: there is none.
    :raises PoolOutOfReach: it is not the actor's team's alone.
    """
    teams = await db.connection().fetchval(
        "SELECT team_ids FROM customer_pool WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        actor.tenant_id,
        pool_id,
    )
    if teams is None:
        raise NotFound
    queries.ensure_ruled_by(actor, msgspec.json.decode(teams, type=list[UUID]))


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Bring values into the form in which they are stored."""
    stored = dict(given)
    if "name" in stored:
        stored["name"] = cleaned(stored["name"], "name", 50)
    for name in ("team_ids", "recycle_rules"):
        if name in stored:
            stored[name] = msgspec.json.encode(stored[name]).decode()
    return stored


async def _ensure_name_free(actor: Actor, name: str, pool_id: UUID) -> None:
    """Refuse a second pool of one name."""
    taken = await db.connection().fetchval(
        "SELECT EXISTS (SELECT FROM customer_pool WHERE tenant_id = $1 AND name = $2 AND id <> $3)",
        actor.tenant_id,
        name,
        pool_id,
    )
    if taken:
        raise PoolNameTaken(_NAME_TAKEN, field="name")


async def delete_pool(actor: Actor, pool_id: UUID, *, now: datetime) -> None:
    """Take an empty pool away.

    :raises PoolInUse: customers lie in it.
    """
    ensure(actor, Permission.POOLS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        await _ensure_ruled(actor, pool_id)
        pool = await queries.pool(vouched(actor), pool_id, now=now)
        if pool.customers:
            raise PoolInUse("Customers lie in this pool; move or assign them first.")
        key = (actor.tenant_id, pool_id)
        for table in ("pool_entry", "pool_warning"):
            await db.connection().execute(
                f"DELETE FROM {table} WHERE tenant_id = $1 AND pool_id = $2",  # noqa: S608 - a constant
                *key,
            )
        await db.connection().execute(
            "DELETE FROM customer_pool WHERE tenant_id = $1 AND id = $2", *key
        )
        await audit.record(actor, "pool.deleted", subject_id=pool_id, now=now)


# --------------------------------------------------------------------------------- in and out


async def release(actor: Actor, customer_id: UUID, given: Release, *, now: datetime) -> Saved:
    """Give a customer up, so that colleagues may pick it. Asked again, it is as it is.

    :raises NotYourCustomer: the actor neither owns it nor may hand customers over.
    """
    may_assign = Permission.CUSTOMERS_ASSIGN in ROLE_PERMISSIONS[actor.role]
    async with db.tenant_transaction(actor.tenant_id):
        await queries.held(vouched(actor), given.pool_id, now=now, lock=True)
        seq = await _hold(actor, customer_id)
        entry = await _entry(actor, customer_id)
        if (
            entry is not None
            and entry["pool_id"] == given.pool_id
            and (may_assign or entry["former_owner_id"] == actor.user_id)
        ):
            return Saved(id=customer_id, seq=seq, outcome="applied")
        customer = await customers.one(actor, customer_id)
        if customer.owner_id != actor.user_id and not may_assign:
            raise NotYourCustomer("Only its owner may give this customer up.")
        saved = await _own(actor, customer_id, None, None, now=now)
        await enter(
            actor,
            given.pool_id,
            [(customer_id, customer.owner_id, Reason.RELEASED)],
            now=now,
        )
        await audit.record(
            actor, "customer.released", subject_id=customer_id, now=now, pool_id=given.pool_id
        )
    return saved


async def enter(
    actor: Actor,
    pool_id: UUID,
    entries: Sequence[tuple[UUID, UUID | None, Reason]],
    *,
    now: datetime,
) -> None:
    """Note which customers, and whose they were, lie in a pool from now on."""
    customer_ids, owners, reasons = zip(*entries, strict=True)
    await db.connection().execute(
        _ENTER,
        actor.tenant_id,
        pool_id,
        now,
        list(customer_ids),
        list(owners),
        [str(reason) for reason in reasons],
    )


async def pick(actor: Actor, customer_id: UUID, *, now: datetime) -> Saved:
    """Take a customer out of a pool: it is the actor's from now on. Asked again, it is as it is.

    :raises NotInPool: somebody else was quicker, or it lies in no pool.
    :raises CoolingOff, PickLimitReached: see `rules.ensure_may_pick`.
    :raises OptedOut: its phone is not to be called.
    :raises AgentLeaving: the company leaves the channel.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        entry = await _entry(actor, customer_id)
        if entry is None:
            return await _is_mine_already(actor, customer_id)
        await partners.ensure_begins(actor.tenant_id, now=now)
        pool = await queries.held(actor, entry["pool_id"], now=now, lock=True)
        # Those who waited look again: somebody may have taken it out, or been given it.
        await _hold(actor, customer_id)
        entry = await _entry(actor, customer_id)
        if entry is None:
            return await _is_mine_already(actor, customer_id)
        if entry["pool_id"] != pool.id:
            raise rules.NotInPool("The customer was moved to another pool; try again.")
        await opt_outs.ensure_may_be_assigned(actor.tenant_id, customer_id)
        rules.ensure_may_pick(
            pool.limits,
            pool.standing,
            is_former_owner=entry["former_owner_id"] == actor.user_id,
            entered_at=entry["entered_at"],
            now=now,
        )
        saved = await _own(actor, customer_id, actor.user_id, actor.team_id, now=now)
        await db.connection().execute(
            _PICKED, actor.tenant_id, actor.user_id, now, customer_id, pool.id
        )
        await audit.record(
            actor, "customer.picked", subject_id=customer_id, now=now, pool_id=pool.id
        )
    return saved


async def _hold(actor: Actor, customer_id: UUID) -> int:
    """Lock a customer, so that nobody hands it over meanwhile; give its sequence.

    :raises NotFound: there is none.
    """
    seq: int | None = await db.connection().fetchval(_HOLD, actor.tenant_id, customer_id)
    if seq is None:
        raise NotFound
    return seq


async def _entry(actor: Actor, customer_id: UUID) -> asyncpg.Record | None:
    """Find a customer in the pools."""
    return await db.connection().fetchrow(_ENTRY, actor.tenant_id, customer_id)


async def _is_mine_already(actor: Actor, customer_id: UUID) -> Saved:
    """Answer a pick that was done before, or say that somebody else was quicker.

    :raises NotFound: there is no such customer, or it never was the actor's business.
    """
    picked = await db.connection().fetchval(
        "SELECT EXISTS (SELECT FROM pool_pick WHERE tenant_id = $1 AND customer_id = $2)",
        actor.tenant_id,
        customer_id,
    )
    row = await db.connection().fetchrow(
        "SELECT seq, owner_id FROM customer WHERE tenant_id = $1 AND id = $2 AND NOT deleted",
        actor.tenant_id,
        customer_id,
    )
    if row is None or not (picked or row["owner_id"] == actor.user_id):
        raise NotFound
    if row["owner_id"] != actor.user_id:
        raise rules.NotInPool("Somebody else has picked this customer; choose another one.")
    return Saved(id=customer_id, seq=row["seq"], outcome="applied")


async def _own(
    actor: Actor, customer_id: UUID, owner_id: UUID | None, team_id: UUID | None, *, now: datetime
) -> Saved:
    """Give a customer to somebody, or to nobody, in the actor's name."""
    op = owning(customer_id, owner_id, team_id, now=now)
    applied = await writing.settle(vouched(actor), [op], now=now)
    return writing.saved(customer_id, applied.result.outcomes[0])


def owning(
    customer_id: UUID,
    owner_id: UUID | None,
    team_id: UUID | None,
    *,
    now: datetime,
    number: int = 1,
) -> Edit:
    """Make the op that gives a customer to somebody, or to nobody."""
    return Edit(
        number=number,
        kind="customer",
        id=str(customer_id),
        fields={
            "owner_id": str(owner_id) if owner_id else None,
            "team_id": str(team_id) if team_id else None,
        },
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )


async def look(actor: Actor, customer_id: UUID, *, now: datetime) -> PooledDetail:
    """Show a customer of a pool closely; the first look of a day costs one view.

    :raises NotInPool: it lies in no pool (any more).
    :raises ViewQuotaReached: the actor has seen as many today as one may.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        entry = await _entry(actor, customer_id)
        if entry is None:
            raise NotFound
        pool = await queries.held(actor, entry["pool_id"], now=now, lock=True)
        entry = await _entry(actor, customer_id)
        if entry is None or entry["pool_id"] != pool.id:
            raise NotFound
        key = (actor.tenant_id, actor.user_id, rules.day_of(now), pool.id, customer_id)
        if not await db.connection().fetchval(_SEEN, *key):
            rules.ensure_may_look(pool.limits, pool.standing)
            await db.connection().execute(_LOOKED, *key)
        more = await db.connection().fetchrow(_MORE, actor.tenant_id, customer_id, _NOBODY)
    return msgspec.convert(
        {**dict(more), "customer": queries.pooled(actor, entry, now=now)}, PooledDetail
    )
