"""The simulated site on PostgreSQL: the same requests, oracles and faults over the real store.

Requests are settled one after another, each in its own transactions, since the scheduler and the
event loop take turns. What is committed is read back whole, so that the oracles see what they see
over the store in memory.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.changelog import service as changelog
from server.changelog import storage
from server.changelog.store import Change, Unit
from server.customers.custom import service as fields
from server.customers.custom.schemas import NewField
from server.customers.objects.schemas import NewObject
from server.customers.objects.service import objects
from server.kit import db
from server.sync.registry import KINDS
from server.sync.service import HERE
from server.sync.store import Remembered
from sync_protocol.merge import EditClock, HeldRecord
from world.simulation import customs
from world.simulation.site import Person, Site
from world.simulation.tables import ClockRow, Commit, DeviceRow, RecordRow, Settled, Tables

_CLOCK: Final = "SELECT seq, epoch, min_seq, handles FROM tenant_clock WHERE tenant_id = $1"
_DEVICES: Final = """
SELECT id::text AS id, user_id, enrolled_at, last_op, last_sync_at,
       revoked_at IS NOT NULL AS is_revoked
FROM device WHERE tenant_id = $1
"""
_OUTCOMES: Final = """
SELECT device_id::text AS device_id, number, digest, outcome FROM op_outcome
WHERE tenant_id = $1 ORDER BY number
"""
_NEW_TEAM: Final = """
INSERT INTO team (tenant_id, id, name, created_at) VALUES ($1, $2::uuid, $2::uuid::text, $3)
ON CONFLICT DO NOTHING
"""
_NEW_PERSON: Final = """
INSERT INTO user_account (tenant_id, id, name, role, scope, team_id, created_at)
VALUES ($1, $2, 'somebody', $3, $4, $5, $6)
ON CONFLICT (tenant_id, id) DO UPDATE SET scope = excluded.scope, team_id = excluded.team_id
"""
_NEW_DEVICE: Final = """
INSERT INTO device (tenant_id, id, user_id, name, platform, enrolled_at)
VALUES ($1, $2, $3, 'phone', 'simulated', $4)
"""


class PostgresSite(Site):
    """The server of a schedule, on PostgreSQL."""

    def __init__(self, *args: Any, loop: asyncio.AbstractEventLoop, **named: Any) -> None:
        super().__init__(*args, **named)
        # The product's own rooms decide what intents ask for.
        self.room = HERE
        self._loop = loop
        self._looks_on: Callable[[Commit], None] = named["looks_on"]

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)

    def employ(self, person: Person) -> None:
        """Let somebody work here, in the database too."""
        super().employ(person)
        self._run(self._employ(person))
        self.store.tables = self._run(self._read())

    async def _employ(self, person: Person) -> None:
        async with db.tenant_transaction(self.tenant_id):
            connection = db.connection()
            if person.team_id:
                await connection.execute(_NEW_TEAM, self.tenant_id, person.team_id, self.now)
            await connection.execute(
                _NEW_PERSON,
                self.tenant_id,
                person.user_id,
                person.role,
                person.scope,
                person.team_id,
                self.now,
            )

    def enrol(self, device_id: UUID, user_id: UUID) -> None:
        """Make a device known."""
        self._run(self._enrol(device_id, user_id))
        self.store.tables = self._run(self._read())

    async def _enrol(self, device_id: UUID, user_id: UUID) -> None:
        async with db.tenant_transaction(self.tenant_id):
            await db.connection().execute(_NEW_DEVICE, self.tenant_id, device_id, user_id, self.now)

    def define(self, user_id: UUID) -> None:
        """Let the company have an object and fields of its own, as its managers make them."""
        machine = NewObject(
            id=UUID(customs.OBJECT), name_zh="设备", meaning="什么都行", title_zh="名称"
        )
        self._run(objects.add(self.actor(user_id), machine, now=self.now))
        for kind, definition_id in customs.DEFINITIONS.items():
            new = NewField(
                id=UUID(definition_id),
                subject=kind,
                type="text",
                label_zh="备用",
                meaning="什么都行",
                object_id=None if (of := customs.object_of(kind)) is None else UUID(of),
            )
            self._run(fields.add(self.actor(user_id), new, now=self.now))
        self.store.tables = self._run(self._read())

    def _start(self, coroutine: Coroutine[Any, Any, Any], reply: Callable[[Any], None]) -> None:
        self.scheduler.after(self._pause_ms(), partial(self._settle, coroutine, reply))

    def _settle(self, coroutine: Coroutine[Any, Any, Any], reply: Callable[[Any], None]) -> None:
        """Let a request be done from its beginning to its end; then look at what it committed."""
        if not self.is_up:
            coroutine.close()
            reply(None)
            return
        answer = self._run(coroutine)
        before, after = self.store.tables, self._run(self._read())
        if after != before:
            self.store.tables = after
            self._looks_on(_commit(before, after))
        reply(answer)

    async def _write(self, actor: Actor, ops: list[Any]) -> Any:
        now_ms = self.scheduler.now_ms
        return await changelog.apply(
            actor,
            ops,
            kinds=KINDS,
            edit_clock=EditClock(received_at_ms=now_ms, floor_ms=now_ms),
            now=self.now,
        )

    async def _read(self) -> Tables:
        """Read everything that the company has."""
        held = self.store.tables
        async with db.tenant_transaction(self.tenant_id, readonly=True, snapshot=True):
            connection = db.connection()
            clock = await connection.fetchrow(_CLOCK, self.tenant_id)
            devices = await connection.fetch(_DEVICES, self.tenant_id)
            outcomes = await connection.fetch(_OUTCOMES, self.tenant_id)
            records = await self._records()
        return msgspec.structs.replace(
            held,
            clock=ClockRow(**clock) if clock else ClockRow(),
            records={key: RecordRow(record) for key, record in records.items()},
            devices={row["id"]: _device(row) for row in devices},
            outcomes={
                (row["device_id"], row["number"]): Remembered(
                    row["number"], row["digest"], row["outcome"].encode()
                )
                for row in outcomes
            },
        )

    async def _records(self) -> dict[tuple[str, str], HeldRecord]:
        keys = [
            (kind.name, row["id"])
            for kind in KINDS.values()
            for row in await db.connection().fetch(
                f"SELECT id::text AS id FROM {kind.table} WHERE tenant_id = $1", self.tenant_id
            )
        ]
        owner = Actor(
            user_id=self.tenant_id,
            tenant_id=self.tenant_id,
            role=Role.AGENT_OWNER,
            scope=Scope.TENANT,
        )
        return await storage.load(owner, KINDS, keys, lock=False)


def _device(row: Any) -> DeviceRow:
    return DeviceRow(
        row["user_id"],
        row["enrolled_at"],
        row["last_op"],
        row["last_sync_at"],
        row["is_revoked"],
    )


def _commit(before: Tables, after: Tables) -> Commit:
    """Tell from what is there now what was committed, all units of work as one.

    The edits of a request are a unit, and each of its intents may be another.
    """
    new = [row.record for key, row in after.records.items() if key not in before.records]
    changed = [
        Change(row.record, before.records[key].record)
        for key, row in after.records.items()
        if key in before.records and before.records[key].record != row.record
    ]
    unit = Unit(
        created=[record for record in new if record.kind != "conflict"],
        changed=changed,
        conflicts=[record for record in new if record.kind == "conflict"],
    )
    settled = {key: row for key, row in after.outcomes.items() if key not in before.outcomes}
    steps = min(after.clock.seq - before.clock.seq, 1 + len(settled))
    return Commit(
        before,
        after,
        [unit, *[Unit([], [])] * (steps - 1)] if steps else [],
        [Settled(device_id, row) for (device_id, _), row in settled.items()],
        next((device_id for device_id, _ in settled), None),
    )
