"""The stores that pass one suite, and two people with a phone each in whatever store it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.changelog import service as changelog
from server.changelog.service import Applied
from server.identity import service as identity
from server.kit import clock
from server.settings import Settings
from server.sync import postgres
from server.sync.registry import KINDS
from server.sync.store import After, Row, SyncStore
from sync_protocol.merge import EditClock
from sync_protocol.messages import Create, Delete, Edit, ReceivedOp
from tests import factories
from tests.factories import NOW, new_id
from tests.server.sync.devices import make_device
from world.simulation.memory import MemoryStore
from world.simulation.tables import DeviceRow, Tables

NOW_MS = clock.to_ms(NOW)
LAST = UUID(int=2**128 - 1)
Revoke = Callable[[Actor], Awaitable[None]]


class Place(msgspec.Struct, frozen=True):
    """A store with one company in it: a rep who sees their own customers, and the owner."""

    store: SyncStore
    rep: Actor
    colleague: Actor
    owner: Actor
    stranger: Actor
    """Of another company."""
    revoke: Revoke
    """End an actor's device."""

    async def apply(self, actor: Actor, *ops: ReceivedOp) -> Applied:
        """Write ops by the flow of the product."""
        return await changelog.apply(
            actor,
            ops,
            kinds=KINDS,
            edit_clock=EditClock(received_at_ms=NOW_MS, floor_ms=NOW_MS),
            store=self.store,
            now=NOW,
        )

    async def create(self, actor: Actor, kind: str, **fields: Any) -> str:
        """Write one new record and give its id."""
        op = create(kind, **fields)
        applied = await self.apply(actor, op)
        assert applied.result.records, applied.result.outcomes
        return op.id

    async def edit(self, actor: Actor, kind: str, record_id: str, **fields: Any) -> int:
        """Write fields of one record and give the sequence."""
        applied = await self.apply(actor, edit(kind, record_id, **fields))
        assert applied.seq is not None, applied.result.outcomes
        return applied.seq

    async def delete(self, actor: Actor, kind: str, record_id: str) -> None:
        """Delete a record."""
        base = changelog.base_of_now()
        op = Delete(number=1, kind=kind, id=record_id, at_ms=NOW_MS, base=base)
        assert (await self.apply(actor, op)).seq is not None

    async def changed(
        self,
        actor: Actor,
        kind: str,
        *,
        since: int = 0,
        started: int | None = None,
        limit: int = 99,
    ) -> list[Row]:
        """Read one kind of the feed from a sequence on."""
        async with self.store.snapshot(actor.tenant_id):
            stands = await self.store.standing(actor)
            assert stands is not None
            after = After(since, LAST, since, stands.seq if started is None else started)
            return list(await self.store.changed(actor, kind, after, limit))


def create(kind: str, **fields: Any) -> Create:
    """Make the op of a new record."""
    return Create(number=1, kind=kind, id=str(new_id()), fields=fields, at_ms=NOW_MS, base=0)


def edit(kind: str, record_id: str, **fields: Any) -> Edit:
    """Make the op of an edit on whatever stands now."""
    base = changelog.base_of_now()
    return Edit(number=1, kind=kind, id=record_id, fields=fields, at_ms=NOW_MS, base=base)


async def in_postgres(settings: Settings) -> Place:
    """Make the company in PostgreSQL, by the services."""
    tenant, other = await factories.make_tenant(), await factories.make_tenant()
    rep, colleague = [
        (await make_device(settings, tenant, scope=Scope.MINE)).actor for _ in range(2)
    ]
    stranger = (await make_device(settings, other)).actor

    async def revoke(actor: Actor) -> None:
        assert actor.device_id is not None
        await identity.revoke_device(tenant.owner, actor.device_id, now=NOW)

    return Place(postgres.STORE, rep, colleague, tenant.owner, stranger, revoke)


async def in_memory(_: Settings) -> Place:
    """Make the company in the store of the simulator."""
    tenant_id, other_id, team_id = new_id(), new_id(), new_id()
    store = MemoryStore(partial(asyncio.sleep, 0), tenant_id=tenant_id)
    people = [
        factories.make_actor(each, role, team_id=team_id, scope=scope)
        for each, role, scope in (
            (tenant_id, Role.SALES_REP, Scope.MINE),
            (tenant_id, Role.SALES_REP, Scope.MINE),
            (tenant_id, Role.AGENT_OWNER, Scope.TENANT),
            (other_id, Role.SALES_REP, Scope.TEAM),
        )
    ]
    phones = [msgspec.structs.replace(person, device_id=new_id()) for person in people]
    store.tables = Tables(
        people=frozenset(str(person.user_id) for person in people[:3]),
        teams=frozenset({str(team_id)}),
        devices={str(phone.device_id): DeviceRow(phone.user_id, NOW) for phone in phones[:2]},
    )
    rep, colleague, stranger = phones[0], phones[1], phones[3]

    async def revoke(actor: Actor) -> None:
        held = store.tables.devices[str(actor.device_id)]
        row = msgspec.structs.replace(held, is_revoked=True)
        store.tables = msgspec.structs.replace(
            store.tables, devices={**store.tables.devices, str(actor.device_id): row}
        )

    return Place(store, rep, colleague, people[2], stranger, revoke)


MAKERS: Mapping[str, Callable[[Settings], Awaitable[Place]]] = {
    "memory": in_memory,
    "postgres": in_postgres,
}
"""By name, what makes a place. Every store of the flow stands here."""
