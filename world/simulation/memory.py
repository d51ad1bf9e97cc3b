"""The store behind the write path and sync, in memory: what PostgreSQL does, with nothing real.

Rows never change: a unit of work collects what it writes and puts it into new tables when it ends,
so a snapshot is the tables as they were, and a backup costs nothing. Rows that a unit holds are
locked until it ends; who wants them lets others go first until they are free. Every call begins
with a pause, which is where other requests come in between and where a server may die.
"""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.custom import Holders, Value, has
from server.changelog.kinds import Along, RecordKind
from server.changelog.store import Author, Tick, Unit
from server.identity.rules.standing import SessionOver
from server.identity.schemas import HeldDevice
from server.sync.store import After, Left, Remembered, Report, Row, Standing
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import ReceivedOp
from sync_protocol.schema import SCHEMA
from world.simulation.sight import as_row, may_see, place_of, sees, sees_customer
from world.simulation.tables import Commit, Settled, Tables, customer_of, device_changed, written

_CLOCK: Final = ("clock", "")
_MOST_WAITS: Final = 4_000
"""Pauses after which a lock is not waited for any longer; a deadlock, most likely."""


class LockTimeout(TimeoutError):
    """A row stayed locked too long."""


class DuplicateRow(Exception):
    """Another unit of work made a row under this id first."""


_Name = tuple[UUID, str, str]
"""Names a row that can be locked."""


class _Open:
    """A unit of work, or a snapshot, that is open."""

    def __init__(self, tenant_id: UUID, tables: Tables, *, is_readonly: bool) -> None:
        self.tenant_id = tenant_id
        self.seen = tables
        self.is_readonly = is_readonly
        self.changes: list[Callable[[Tables], Tables]] = []
        self.units: list[Unit] = []
        self.settled: list[Remembered] = []
        self.came: list[tuple[str, int]] = []
        """Whose ops got another outcome than the one that was remembered, and which."""
        self.device_id: str | None = None
        self.locks: set[_Name] = set()


_OPEN: Final[ContextVar[_Open | None]] = ContextVar("_OPEN", default=None)
"""What the running task has open."""


class MemoryStore:
    """Rows in memory, tenant by tenant, with the transactions that PostgreSQL gives."""

    def __init__(
        self,
        pause: Callable[[], Awaitable[None]],
        *,
        tenant_id: UUID,
        looks_on: Callable[[Commit], None] | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        """Whose rows ``tables`` are."""
        self._all: dict[UUID, Tables] = {}
        self.pause = pause
        """Lets others go first."""
        self._looks_on = looks_on
        self._locked: dict[_Name, _Open] = {}

    @property
    def tables(self) -> Tables:
        """Show all that is committed."""
        return self.of_tenant(self.tenant_id)

    @tables.setter
    def tables(self, tables: Tables) -> None:
        """Put other rows in the place of what is there."""
        self._all[self.tenant_id] = tables

    def of_tenant(self, tenant_id: UUID) -> Tables:
        """Show all that is committed of any tenant."""
        return self._all.get(tenant_id) or Tables()

    def forget_locks(self) -> None:
        """Let go of every lock, as a database does when it starts again."""
        self._locked.clear()

    # ------------------------------------------------------------------------ units of work

    @asynccontextmanager
    async def unit_of_work(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Open the rows for writing, or join what is open."""
        joined = _OPEN.get()
        if joined is not None:
            assert joined.tenant_id == tenant_id, "a unit of work is one tenant's"
            yield
            return
        opened = _Open(tenant_id, self.of_tenant(tenant_id), is_readonly=False)
        token = _OPEN.set(opened)
        try:
            await self.pause()
            yield
            await self.pause()
            self._commit(opened)
        finally:
            self._release(opened)
            _OPEN.reset(token)
        # Between the commit and the answer a server may die too.
        await self.pause()

    def _commit(self, opened: _Open) -> None:
        """Put what was collected into the tables, all at once."""
        before = after = self.of_tenant(opened.tenant_id)
        for change in opened.changes:
            after = change(after)
        self._all[opened.tenant_id] = after
        if self._looks_on is not None and after is not before:
            settled = _settled(opened, after)
            self._looks_on(Commit(before, after, opened.units, settled, opened.device_id))

    def _release(self, opened: _Open) -> None:
        for name in opened.locks:
            if self._locked.get(name) is opened:
                del self._locked[name]

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Open the rows as they stand now, for reading."""
        await self.pause()
        opened = _Open(tenant_id, self.of_tenant(tenant_id), is_readonly=True)
        token = _OPEN.set(opened)
        try:
            yield
        finally:
            _OPEN.reset(token)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what is done inside when it raises."""
        opened = self._current()
        mark, units, came = len(opened.changes), len(opened.units), len(opened.came)
        try:
            yield
        except BaseException:
            del opened.changes[mark:]
            del opened.units[units:]
            del opened.came[came:]
            raise

    def _current(self) -> _Open:
        opened = _OPEN.get()
        assert opened is not None, "a store is called inside one of its units of work"
        return opened

    def rows(self) -> Tables:
        """Show the rows to the open unit: what is committed and what it wrote itself."""
        opened = self._current()
        if opened.is_readonly:
            return opened.seen
        tables = self.of_tenant(opened.tenant_id)
        for change in opened.changes:
            tables = change(tables)
        return tables

    def change(self, change: Callable[[Tables], Tables]) -> None:
        """Collect a change of the open unit."""
        opened = self._current()
        assert not opened.is_readonly, "a snapshot is only read"
        opened.changes.append(change)

    async def lock(self, names: Iterable[tuple[str, str]]) -> None:
        """Hold rows until the unit ends, in the order in which they are named."""
        opened = self._current()
        for kind, row_id in names:
            name, waits = (opened.tenant_id, kind, row_id), 0
            while self._locked.get(name, opened) is not opened:
                waits += 1
                if waits > _MOST_WAITS:
                    raise LockTimeout(f"{name} stays locked.")
                await self.pause()
            self._locked[name] = opened
            opened.locks.add(name)

    # ------------------------------------------------------------------------------- reading

    async def load(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        keys: Collection[Key],
        *,
        lock: bool = True,
    ) -> dict[Key, HeldRecord]:
        """Give the named records and lock them, kind by kind, by id."""
        await self.pause()
        place = {kind: index for index, kind in enumerate(SCHEMA.kinds())}
        wanted = sorted(
            (key for key in keys if key[0] in kinds), key=lambda key: (place[key[0]], key[1])
        )
        there = self.rows().records
        if lock:
            await self.lock(key for key in wanted if key in there)
        tables = self.rows()
        return {
            key: msgspec.structs.replace(
                tables.records[key].record, visible=may_see(actor, tables, key)
            )
            for key in wanted
            if key in there
        }

    async def ids_of(
        self,
        tenant_id: UUID,
        kinds: Mapping[str, RecordKind],
        handles: Mapping[str, Collection[int]],
    ) -> dict[tuple[str, int], str]:
        """Give the ids of the records with these handles."""
        del tenant_id, kinds
        await self.pause()
        return {
            (kind, row.record.handle): record_id
            for (kind, record_id), row in self.rows().records.items()
            if row.record.handle in handles.get(kind, ())
        }

    async def known(
        self,
        actor: Actor,
        *,
        people: Collection[str],
        teams: Collection[str],
        tags: Collection[str],
        customers: Collection[str] = (),
    ) -> set[str]:
        """Give the people, teams, living tags and living customers among these ids."""
        del actor
        await self.pause()
        tables = self.rows()
        living = {
            tag
            for tag in tags
            if (row := tables.records.get(("tag", tag))) and not row.record.deleted
        }
        living |= {
            customer
            for customer in customers
            if (row := tables.records.get(("customer", customer))) and not row.record.deleted
        }
        return (set(people) & tables.people) | (set(teams) & tables.teams) | living

    async def beneath(
        self, actor: Actor, kinds: Mapping[str, RecordKind], customer_ids: Collection[str]
    ) -> dict[str, list[HeldRecord]]:
        """Give the living records of customers, and lock them."""
        del actor
        await self.pause()

        def rows() -> list[HeldRecord]:
            return [
                row.record
                for row in self.rows().records.values()
                if row.record.kind in kinds and row.record.kind != "customer"
                if customer_of(row.record) in customer_ids and not row.record.deleted
            ]

        place = {kind: index for index, kind in enumerate(SCHEMA.kinds())}
        await self.lock(sorted((each.key for each in rows()), key=lambda k: (place[k[0]], k[1])))
        found: dict[str, list[HeldRecord]] = {each: [] for each in customer_ids}
        for record in rows():
            found[str(customer_of(record))].append(record)
        return found

    async def answers(
        self, actor: Actor, kinds: Mapping[str, RecordKind], ops: Sequence[ReceivedOp]
    ) -> dict[int, Any]:
        """Know nothing of what does not travel."""
        del actor, kinds, ops
        return {}

    async def holders(self, tenant_id: UUID, values: Collection[Value]) -> Holders:
        """Give who has values of custom fields."""
        del tenant_id
        await self.pause()
        found: Holders = dict.fromkeys(values)
        for row in self.rows().records.values():
            for each in values:
                if has(row.record, each):
                    found[each] = row.record.id
        return found

    async def authors(self, tenant_id: UUID, writes: Iterable[Author]) -> dict[Author, str]:
        """Give who made each of these writes."""
        del tenant_id
        await self.pause()
        history = self.rows().history
        found = {
            write: history.get((write.root_id, write.record_id, write.seq)) for write in writes
        }
        return {write: author for write, author in found.items() if author is not None}

    # ------------------------------------------------------------------------------- writing

    async def write(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        unit: Unit,
        *,
        along: Sequence[Along] = (),
        now: datetime,
    ) -> Tick:
        """Take the clock, and write the unit under its next sequence."""
        del kinds, along, now
        await self.pause()
        new = [record.key for record in (*unit.created, *unit.conflicts)]
        await self.lock([*new, _CLOCK])
        tables = self.rows()
        if any(key in tables.records for key in new):
            raise DuplicateRow("A row with this id is there already.")
        clock = tables.clock
        tick = Tick(seq=clock.seq + 1, handle=clock.handles + 1)
        stamped = unit.stamped(tick)
        self._current().units.append(stamped)
        self.change(lambda held: written(held, actor, stamped, tick))
        await self.pause()
        return tick

    # ------------------------------------------------------------------------------- devices

    async def hold_device(self, actor: Actor) -> HeldDevice:
        """Lock the actor's device."""
        await self.pause()
        device_id = str(actor.device_id)
        await self.lock([("device", device_id)])
        row = self.rows().devices.get(device_id)
        if row is None or row.is_revoked or row.user_id != actor.user_id:
            raise SessionOver("This device was signed out; enrol it again.")
        assert actor.device_id is not None, "the row was found by it"
        return HeldDevice(
            id=actor.device_id,
            user_id=row.user_id,
            enrolled_at=row.enrolled_at,
            last_op=row.last_op,
            last_sync_at=row.last_sync_at,
        )

    async def device_synced(self, actor: Actor, report: Report, *, now: datetime) -> None:
        """Write down how far the device has come."""
        await self.pause()
        changes: dict[str, Any] = {"last_op": report.last_op}
        if report.is_up_to_date:
            changes["last_sync_at"] = now
        self.change(lambda held: device_changed(held, str(actor.device_id), changes))

    async def remembered(self, actor: Actor, numbers: Collection[int]) -> dict[int, Remembered]:
        """Give what the device was answered."""
        await self.pause()
        outcomes, device_id = self.rows().outcomes, str(actor.device_id)
        found = {number: outcomes.get((device_id, number)) for number in numbers}
        return {number: row for number, row in found.items() if row is not None}

    async def remembered_as(
        self, actor: Actor, digests: Collection[bytes]
    ) -> dict[bytes, Remembered]:
        """Give what the device was answered for these ops."""
        await self.pause()
        rows = self.rows().outcomes.items()
        of_device = [row for (device_id, _), row in rows if device_id == str(actor.device_id)]
        return {row.digest: row for row in of_device if row.digest in digests}

    async def remember(self, actor: Actor, settled: Sequence[Remembered], now: datetime) -> None:
        """Keep outcomes for ever."""
        del now
        await self.pause()
        device_id = str(actor.device_id)
        kept = {(device_id, each.number): each for each in settled}
        if any(key in self.rows().outcomes for key in kept):
            raise DuplicateRow("This op was settled already.")
        opened = self._current()
        opened.settled += settled
        opened.device_id = device_id
        self.change(lambda held: msgspec.structs.replace(held, outcomes={**held.outcomes, **kept}))

    async def note_effect(self, intent_id: str, user_id: str) -> None:
        """Do what an intent asks for: write down that it was done."""
        await self.pause()
        done = (intent_id, user_id)
        self.change(lambda held: msgspec.structs.replace(held, effects=(*held.effects, done)))

    async def standing(self, actor: Actor) -> Standing | None:
        """Read the clock and the device."""
        tables = self.rows()
        row = tables.devices.get(str(actor.device_id))
        if row is None or row.is_revoked or str(row.user_id) not in tables.people:
            return None
        return Standing(
            seq=tables.clock.seq,
            epoch=tables.clock.epoch,
            min_seq=tables.clock.min_seq,
            last_op=row.last_op,
            last_sync_at=row.last_sync_at,
            lease_ms=72 * 3_600_000,
        )

    async def epoch(self, tenant_id: UUID) -> int:
        """Tell how often the tenant was restored."""
        del tenant_id
        return self.rows().clock.epoch

    def came_of(self, op: tuple[str, int]) -> None:
        """Hear that what became of a device's op is told anew in the open unit."""
        self._current().came.append(op)

    # ------------------------------------------------------------------------------ the feed

    async def changed(self, actor: Actor, kind: str, after: After, limit: int) -> Sequence[Row]:
        """Give the first rows of a kind behind a place."""
        tables = self.rows()
        found: list[tuple[int, str, Row]] = []
        for (row_kind, record_id), row in tables.records.items():
            if row_kind == kind:
                place = place_of(actor, tables, row, after)
                if place is not None and (place[0], record_id) > (after.seq, str(after.record_id)):
                    found.append((place[0], record_id, as_row(row.record, *place)))
        found.sort(key=lambda each: each[:2])
        return [row for _, _, row in found[:limit]]

    async def left_scope(self, actor: Actor, since: int) -> list[Left]:
        """Give the customers that left the actor's scope."""
        tables = self.rows()
        gone = {
            each.customer_id
            for each in tables.exits
            if each.seq > since and sees(actor, each.owner_id, each.team_id)
        }
        left = [
            Left(kind="customer", id=each, seq=0)
            for each in sorted(gone)
            if not sees_customer(actor, tables, each)
        ]
        return left + [
            Left(kind=each.kind, id=each.record_id, seq=each.seq)
            for each in tables.record_exits
            if each.seq > since and sees(actor, each.owner_id, each.team_id)
            if not sees_customer(actor, tables, each.customer_id)
        ]


def _settled(opened: _Open, after: Tables) -> list[Settled]:
    """Give what a unit settled, in the order in which it took effect."""
    device_id = str(opened.device_id)
    own = [Settled(device_id, row) for row in opened.settled]
    came = [Settled(each[0], after.outcomes[each]) for each in opened.came]
    return [each for each in own if (device_id, each.row.number) not in opened.came] + came
