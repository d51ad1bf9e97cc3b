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
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from server.access import Actor, Scope
from server.changelog.kinds import Along, RecordKind
from server.changelog.store import Author, Change, Tick, Unit
from server.identity.rules.standing import SessionOver
from server.identity.schemas import HeldDevice
from server.sync.store import After, Remembered, Report, Row, Standing
from sync_protocol.merge import HeldRecord, Key, encode_versions
from sync_protocol.schema import SCHEMA, FieldType

_CLOCK: Final = ("clock", "")
_JSON: Final = frozenset({FieldType.SET, FieldType.ANY})
_MOST_WAITS: Final = 4_000
"""Pauses after which a lock is not waited for any longer; a deadlock, most likely."""


class LockTimeout(TimeoutError):
    """A row stayed locked too long."""


class DuplicateRow(Exception):
    """Another unit of work made a row under this id first."""


class ClockRow(msgspec.Struct, frozen=True):
    """The tenant's clock."""

    seq: int = 0
    epoch: int = 1
    min_seq: int = 0
    handles: int = 0


class RecordRow(msgspec.Struct, frozen=True):
    """A synced record as it lies in its table."""

    record: HeldRecord
    scope_seq: int = 0
    """Of a customer: the sequence at which owner or team last changed, or it ended or came back."""


class DeviceRow(msgspec.Struct, frozen=True):
    """A device."""

    user_id: UUID
    last_op: int = 0
    last_sync_at: datetime | None = None
    is_revoked: bool = False


class Exit(msgspec.Struct, frozen=True):
    """A customer that left somebody's sight."""

    seq: int
    customer_id: str
    owner_id: str | None
    team_id: str | None


class Tables(msgspec.Struct, frozen=True):
    """All rows of one tenant at one moment. Nothing in here is ever changed in place."""

    clock: ClockRow = ClockRow()
    records: Mapping[Key, RecordRow] = {}
    history: Mapping[tuple[str, str, int], str] = {}
    """Who wrote: by root, record and sequence."""
    exits: tuple[Exit, ...] = ()
    devices: Mapping[str, DeviceRow] = {}
    outcomes: Mapping[tuple[str, int], Remembered] = {}
    people: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    effects: tuple[tuple[str, str], ...] = ()
    """What intents did: the id of what was asked for, and who asked."""


class Commit(msgspec.Struct, frozen=True):
    """A unit of work that was just committed, for whoever looks on."""

    before: Tables
    after: Tables
    unit: Unit | None
    settled: Sequence[Remembered]
    device_id: str | None


_Name = tuple[UUID, str, str]
"""Names a row that can be locked."""


class _Open:
    """A unit of work, or a snapshot, that is open."""

    def __init__(self, tenant_id: UUID, tables: Tables, *, is_readonly: bool) -> None:
        self.tenant_id = tenant_id
        self.seen = tables
        self.is_readonly = is_readonly
        self.changes: list[Callable[[Tables], Tables]] = []
        self.unit: Unit | None = None
        self.settled: list[Remembered] = []
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
        self._pause = pause
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
            await self._pause()
            yield
            await self._pause()
            self._commit(opened)
        finally:
            self._release(opened)
            _OPEN.reset(token)
        # Between the commit and the answer a server may die too.
        await self._pause()

    def _commit(self, opened: _Open) -> None:
        """Put what was collected into the tables, all at once."""
        before = after = self.of_tenant(opened.tenant_id)
        for change in opened.changes:
            after = change(after)
        self._all[opened.tenant_id] = after
        if self._looks_on is not None and after is not before:
            self._looks_on(Commit(before, after, opened.unit, opened.settled, opened.device_id))

    def _release(self, opened: _Open) -> None:
        for name in opened.locks:
            if self._locked.get(name) is opened:
                del self._locked[name]

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Open the rows as they stand now, for reading."""
        await self._pause()
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
        mark = len(opened.changes)
        try:
            yield
        except BaseException:
            del opened.changes[mark:]
            raise

    def _current(self) -> _Open:
        opened = _OPEN.get()
        assert opened is not None, "a store is called inside one of its units of work"
        return opened

    def _now(self) -> Tables:
        """Show the rows to the open unit: what is committed and what it wrote itself."""
        opened = self._current()
        if opened.is_readonly:
            return opened.seen
        tables = self.of_tenant(opened.tenant_id)
        for change in opened.changes:
            tables = change(tables)
        return tables

    def _change(self, change: Callable[[Tables], Tables]) -> None:
        opened = self._current()
        assert not opened.is_readonly, "a snapshot is only read"
        opened.changes.append(change)

    async def _lock(self, names: Iterable[tuple[str, str]]) -> None:
        """Hold rows until the unit ends, in the order in which they are named."""
        opened = self._current()
        for kind, row_id in names:
            name, waits = (opened.tenant_id, kind, row_id), 0
            while self._locked.get(name, opened) is not opened:
                waits += 1
                if waits > _MOST_WAITS:
                    raise LockTimeout(f"{name} stays locked.")
                await self._pause()
            self._locked[name] = opened
            opened.locks.add(name)

    # ------------------------------------------------------------------------------- reading

    async def load(
        self, actor: Actor, kinds: Mapping[str, RecordKind], keys: Collection[Key]
    ) -> dict[Key, HeldRecord]:
        """Give the named records and lock them, kind by kind, by id."""
        await self._pause()
        place = {kind: index for index, kind in enumerate(SCHEMA.kinds())}
        wanted = sorted(
            (key for key in keys if key[0] in kinds), key=lambda key: (place[key[0]], key[1])
        )
        there = self._now().records
        await self._lock(key for key in wanted if key in there)
        tables = self._now()
        return {
            key: msgspec.structs.replace(
                tables.records[key].record, visible=_may_see(actor, tables, key)
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
        await self._pause()
        return {
            (kind, row.record.handle): record_id
            for (kind, record_id), row in self._now().records.items()
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
        await self._pause()
        tables = self._now()
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
        await self._pause()

        def rows() -> list[HeldRecord]:
            return [
                row.record
                for row in self._now().records.values()
                if row.record.kind in kinds and row.record.kind not in ("customer", "conflict")
                if customer_of(row.record) in customer_ids and not row.record.deleted
            ]

        place = {kind: index for index, kind in enumerate(SCHEMA.kinds())}
        await self._lock(sorted((each.key for each in rows()), key=lambda k: (place[k[0]], k[1])))
        found: dict[str, list[HeldRecord]] = {each: [] for each in customer_ids}
        for record in rows():
            found[str(customer_of(record))].append(record)
        return found

    async def authors(self, tenant_id: UUID, writes: Iterable[Author]) -> dict[Author, str]:
        """Give who made each of these writes."""
        del tenant_id
        await self._pause()
        history = self._now().history
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
        await self._pause()
        new = [record.key for record in (*unit.created, *unit.conflicts)]
        await self._lock([*new, _CLOCK])
        tables = self._now()
        if any(key in tables.records for key in new):
            raise DuplicateRow("A row with this id is there already.")
        clock = tables.clock
        tick = Tick(seq=clock.seq + 1, handle=clock.handles + 1)
        stamped = unit.stamped(tick)
        self._current().unit = stamped
        self._change(lambda held: _written(held, actor, stamped, tick))
        await self._pause()
        return tick

    # ------------------------------------------------------------------------------- devices

    async def hold_device(self, actor: Actor) -> HeldDevice:
        """Lock the actor's device."""
        await self._pause()
        device_id = str(actor.device_id)
        await self._lock([("device", device_id)])
        row = self._now().devices.get(device_id)
        if row is None or row.is_revoked or row.user_id != actor.user_id:
            raise SessionOver("This device was signed out; enrol it again.")
        assert actor.device_id is not None, "the row was found by it"
        return HeldDevice(
            id=actor.device_id,
            user_id=row.user_id,
            last_op=row.last_op,
            last_sync_at=row.last_sync_at,
        )

    async def device_synced(self, actor: Actor, report: Report, *, now: datetime) -> None:
        """Write down how far the device has come."""
        await self._pause()
        changes: dict[str, Any] = {"last_op": report.last_op}
        if report.is_up_to_date:
            changes["last_sync_at"] = now
        self._change(lambda held: _device_changed(held, str(actor.device_id), changes))

    async def remembered(self, actor: Actor, numbers: Collection[int]) -> dict[int, Remembered]:
        """Give what the device was answered."""
        await self._pause()
        outcomes, device_id = self._now().outcomes, str(actor.device_id)
        found = {number: outcomes.get((device_id, number)) for number in numbers}
        return {number: row for number, row in found.items() if row is not None}

    async def remember(self, actor: Actor, settled: Sequence[Remembered], now: datetime) -> None:
        """Keep outcomes for ever."""
        del now
        await self._pause()
        device_id = str(actor.device_id)
        kept = {(device_id, each.number): each for each in settled}
        if any(key in self._now().outcomes for key in kept):
            raise DuplicateRow("This op was settled already.")
        opened = self._current()
        opened.settled += settled
        opened.device_id = device_id
        self._change(lambda held: msgspec.structs.replace(held, outcomes={**held.outcomes, **kept}))

    async def note_effect(self, intent_id: str, user_id: str) -> None:
        """Do what an intent asks for: write down that it was done."""
        await self._pause()
        done = (intent_id, user_id)
        self._change(lambda held: msgspec.structs.replace(held, effects=(*held.effects, done)))

    async def standing(self, actor: Actor) -> Standing | None:
        """Read the clock and the device."""
        tables = self._now()
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
        return self._now().clock.epoch

    # ------------------------------------------------------------------------------ the feed

    async def changed(self, actor: Actor, kind: str, after: After, limit: int) -> Sequence[Row]:
        """Give the first rows of a kind behind a place."""
        tables = self._now()
        found: list[tuple[int, str, Row]] = []
        for (row_kind, record_id), row in tables.records.items():
            if row_kind == kind:
                place = _place(actor, tables, row, after)
                if place is not None and (place[0], record_id) > (after.seq, str(after.record_id)):
                    found.append((place[0], record_id, _as_row(row.record, *place)))
        found.sort(key=lambda each: each[:2])
        return [row for _, _, row in found[:limit]]

    async def left_scope(self, actor: Actor, since: int) -> list[str]:
        """Give the customers that left the actor's scope."""
        tables = self._now()
        gone = {
            each.customer_id
            for each in tables.exits
            if each.seq > since and sees(actor, each.owner_id, each.team_id)
        }
        return sorted(each for each in gone if not _sees_customer(actor, tables, each))


# ------------------------------------------------------------------------------- who sees what


def sees(actor: Actor, owner_id: object, team_id: object) -> bool:
    """Say whether a customer of this owner and team is within the actor's sight."""
    is_own = owner_id == str(actor.user_id)
    match actor.scope:
        case Scope.TENANT:
            return True
        case Scope.TEAM:
            return is_own or (team_id is not None and team_id == str(actor.team_id))
        case _:
            return is_own


def _sees_customer(actor: Actor, tables: Tables, customer_id: str) -> bool:
    row = tables.records.get(("customer", customer_id))
    if row is None:
        return False
    return sees(actor, row.record.fields["owner_id"], row.record.fields["team_id"])


def customer_of(record: HeldRecord) -> str | None:
    """Give the customer with whom a record is seen; None for what belongs to nobody."""
    if record.kind == "customer":
        return record.id
    parent = SCHEMA.record(record.kind).parent
    return None if parent is None else record.fields.get(parent)


def _may_see(actor: Actor, tables: Tables, key: Key) -> bool:
    """Say whether a record may be written by the actor, a deleted one too."""
    customer_id = customer_of(tables.records[key].record)
    if customer_id is None or ("customer", customer_id) not in tables.records:
        return True
    return _sees_customer(actor, tables, customer_id)


def is_shown(actor: Actor, tables: Tables, record: HeldRecord) -> bool:
    """Say whether a device of the actor holds a record: it lives, in sight, with its customer."""
    if record.deleted:
        return False
    customer_id = customer_of(record)
    if customer_id is None:
        return True
    row = tables.records.get(("customer", customer_id))
    return row is not None and not row.record.deleted and _sees_customer(actor, tables, customer_id)


def _place(actor: Actor, tables: Tables, row: RecordRow, after: After) -> tuple[int, int] | None:
    """Give a row's effective sequence and when it entered the scope; None when it is not told."""
    record = row.record
    customer_id = customer_of(record)
    if record.kind == "customer":
        entered = row.scope_seq
        is_within = _sees_customer(actor, tables, record.id)
    elif customer_id is None:
        entered, is_within = 0, True
    else:
        customer = tables.records.get(("customer", customer_id))
        entered = customer.scope_seq if customer else 0
        is_within = (
            customer is not None
            and not customer.record.deleted
            and _sees_customer(actor, tables, customer_id)
        )
    if not is_within:
        return None
    is_unseen = record.created.seq > after.base and record.seq <= after.started
    if record.deleted and is_unseen:
        return None
    is_child = record.kind != "customer" and customer_id is not None
    is_old_news = record.deleted and record.seq <= after.base
    if is_child and entered > after.base and record.seq < entered and not is_old_news:
        return entered, entered
    return record.seq, entered


def _as_row(record: HeldRecord, effective: int, entered_seq: int) -> Row:
    """Give a record as the feed reads it."""
    row: dict[str, Any] = {
        "id": record.id,
        "handle": record.handle,
        "seq": record.seq,
        "created_seq": record.created.seq,
        "versions": _json(encode_versions(record.versions, record.dots)),
        "deleted": record.deleted,
        "effective": effective,
        "entered_seq": entered_seq,
    }
    for spec in SCHEMA.record(record.kind).fields:
        value = record.fields.get(spec.name)
        row[spec.name] = _json(value) if spec.type in _JSON and value is not None else value
    return row


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


# --------------------------------------------------------------------------------- what is written


def _written(held: Tables, actor: Actor, unit: Unit, tick: Tick) -> Tables:
    """Give the tables with a unit of work in them."""
    rows = dict(held.records)
    for record in (*unit.created, *unit.conflicts):
        scope_seq = tick.seq if record.kind == "customer" else 0
        rows[record.key] = RecordRow(_plain(record), scope_seq)
    for change in unit.changed:
        rows[change.after.key] = RecordRow(_plain(change.after), _scope_seq(rows, change, tick))
    history = dict(held.history)
    for record in (*unit.created, *(change.after for change in unit.changed)):
        root = customer_of(record) or record.id
        history[root, record.id, tick.seq] = str(actor.user_id)
    moved = [each.moved_from for each in unit.changed if each.moved_from is not None]
    exits = tuple(
        Exit(tick.seq, was.id, was.fields["owner_id"], was.fields["team_id"]) for was in moved
    )
    return msgspec.structs.replace(
        held,
        clock=msgspec.structs.replace(
            held.clock, seq=tick.seq, handles=held.clock.handles + unit.new_count
        ),
        records=rows,
        history=history,
        exits=held.exits + exits,
    )


def _plain(record: HeldRecord) -> HeldRecord:
    """Forget for whom a record was loaded."""
    return msgspec.structs.replace(record, visible=True)


def _scope_seq(rows: Mapping[Key, RecordRow], change: Change, tick: Tick) -> int:
    """Give when a customer last changed hands, ended or came back."""
    if change.after.kind != "customer":
        return 0
    was = rows[change.after.key]
    before, after = was.record, change.after
    names = ("owner_id", "team_id")
    is_same = before.deleted == after.deleted and all(
        before.fields[name] == after.fields[name] for name in names
    )
    return was.scope_seq if is_same else tick.seq


def _device_changed(held: Tables, device_id: str, changes: Mapping[str, Any]) -> Tables:
    row = msgspec.structs.replace(held.devices[device_id], **changes)
    return msgspec.structs.replace(held, devices={**held.devices, device_id: cast("Any", row)})
