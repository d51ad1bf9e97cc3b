"""M14: the exit of an agent with thousands of customers, and its takeout, beside bare SQL."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from benchmarks import channel, rebuild_work
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.exits import queries, service
from server.exits.schemas import Plan, Seen
from server.kit import clock, db, ids
from server.kit.calendars import ZONE
from server.partners import service as partners
from server.partners.rules.exits import ExitState
from server.partners.schemas import NewAgent, NewExit, NewOwner
from server.takeout import service as takeout

_HANDED_ONE_IN: Final = 10
_RUNS: Final = 3
_WAIT_S: Final = 0.1
_TIMES_MAX: Final = 6_000
_SAID: Final = """
INSERT INTO exit_consent (
    tenant_id, exit_id, customer_id, successor_id, said, recorded_by, recorded_at
)
SELECT $1, $2, id, $3, '', $4, $5 FROM customer WHERE tenant_id = $1 ORDER BY id LIMIT $6
"""
_FLOOR: Final = "UPDATE exit_item SET done_at = done_at WHERE exit_id = $1"
_ROWS: Final = "SELECT to_jsonb(c)::text FROM customer c WHERE tenant_id = $1"


async def measure(machine: Machine, rng: random.Random, size: int) -> list[Figure]:
    """Let a company of some size leave; one customer in ten wants to go to another agent."""
    leaver, heir = [await channel.company(machine, rng) for _ in range(2)]
    made = [channel.customer(rng, clock.now()) for _ in range(size)]
    async with Wire(machine.tonglu_url, leaver.token) as wire:
        await channel.load(wire, made, "/v1/customers/batch")
    staff = Actor(
        user_id=ids.new_id(clock.now()),
        tenant_id=PLATFORM_TENANT,
        role=Role.PLATFORM_OPERATOR,
        scope=Scope.TENANT,
        name="bench",
    )
    exit_id = await _open(staff, leaver, heir, size // _HANDED_ONE_IN)
    agent = leaver.actor.tenant_id
    drawn = [await _timed(lambda: service.draw(agent, exit_id, now=clock.now())) for _ in range(3)]
    seen = await queries.plan(staff, agent, now=clock.now())
    looked = [
        await _timed(lambda: queries.plan(staff, agent, now=clock.now())) for _ in range(_RUNS)
    ]
    begun = time.perf_counter()
    await service.carry_out(staff, agent, Seen(hash=seen.hash), now=clock.now())
    await _until_done(staff, agent)
    carried = time.perf_counter() - begun
    floor = [await _timed(lambda: _update(exit_id)) for _ in range(_RUNS)]
    packed = [await _timed(lambda: _take_out(leaver.actor)) for _ in range(_RUNS)]
    read = [await _timed(lambda: _read(agent)) for _ in range(_RUNS)]
    told = f"{size:,} customers, {size // _HANDED_ONE_IN:,} handed over"
    one_update = Spread.of(floor)
    return [
        _figure(f"exit drawn up: {told}", drawn, one_update),
        _figure(f"exit's plan looked at, hashed: {told}", looked, one_update),
        _figure(f"exit carried out by the worker: {told}", [carried], one_update),
        _figure(f"takeout of {size:,} customers, beside reading them", packed, Spread.of(read)),
        *await rebuild_work.measure(machine, leaver.actor, f"{size:,} customers"),
    ]


def _figure(what: str, ours: list[float], floor: Spread) -> Figure:
    """Put seconds beside those of a bare statement over the same rows."""
    return Figure(goal="M14", what=what, unit="s", ours=Spread.of(ours), floor=floor)


async def _open(staff: Actor, leaver: Company, heir: Company, handed: int) -> UUID:
    """Admit both, open the exit, and let some customers have named the successor."""
    now = clock.now()
    for each in (leaver, heir):
        tenant_id = each.actor.tenant_id
        owner = NewOwner(name="老板", login=f"boss{tenant_id.hex}")
        name = f"压测 {tenant_id.hex[-8:]}"
        new = NewAgent(id=tenant_id, name=name, short_name="压测", city="苏州", owner=owner)
        await partners.admit(staff, new, now=now)
    agent, exit_id = leaver.actor.tenant_id, ids.new_id(now)
    leaves = NewExit(
        id=exit_id,
        reason="压测",
        last_day=(now + timedelta(days=30)).astimezone(ZONE).date(),
        successor_ids=[heir.actor.tenant_id],
    )
    await partners.open_exit(staff, agent, leaves, token_key=bytes(32), now=now)
    values = (agent, exit_id, heir.actor.tenant_id, leaver.actor.user_id, now, handed)
    async with db.tenant_transaction(agent):
        await db.connection().execute(_SAID, *values)
    return exit_id


async def _timed(does: Callable[[], Awaitable[object]]) -> float:
    """Say how many seconds something takes."""
    begun = time.perf_counter()
    await does()
    return time.perf_counter() - begun


async def _until_done(staff: Actor, agent: UUID) -> Plan:
    """Wait for the worker to carry all of it out."""
    for _ in range(_TIMES_MAX):
        plan = await queries.plan(staff, agent, now=clock.now())
        if plan.exit.state is ExitState.DONE:
            return plan
        await asyncio.sleep(_WAIT_S)
    raise TimeoutError


async def _update(exit_id: UUID) -> None:
    """Touch the same rows by one bare statement."""
    async with db.job_transaction():
        await db.connection().execute(_FLOOR, exit_id)


async def _take_out(owner: Actor) -> None:
    """Pack all that is the company's."""
    packed = await takeout.packed(owner, now=clock.now())
    async for _ in packed.pieces():
        pass


async def _read(agent: UUID) -> None:
    """Read the customers as JSON, which a takeout does at the least."""
    async with db.tenant_transaction(agent, readonly=True):
        msgspec.json.encode([row[0] for row in await db.connection().fetch(_ROWS, agent)])
