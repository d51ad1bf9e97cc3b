"""The simulated server: the real service over the store in memory, stepped by the scheduler.

A request is bytes; it is decoded, settled and answered as the routes do it, and may end at any
pause when the process dies. What is committed stays, until an operator brings back a backup.
"""

import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.changelog import service as changelog
from server.kit import clock
from server.kit.errors import Refusal
from server.problems import STATUS
from server.sync import digest
from server.sync import service as sync
from server.sync.aliases import Aliases
from server.sync.merge_rows import Place
from server.sync.merging import MERGE, merge, merge_intent
from server.sync.orphans import Orphans
from server.sync.registry import KINDS, Mutation
from server.sync.service import Room
from server.sync.unmerging import unmerge
from sync_protocol import codec
from sync_protocol.merge import EditClock
from sync_protocol.messages import DecodeError, DigestRequest, PullRequest, ReceivedOp
from sync_protocol.schema import MAX_TIME_MS
from world.simulation import customs
from world.simulation.memory import LockTimeout, MemoryStore
from world.simulation.merged import MemoryAliasRows, MemoryMergeRows
from world.simulation.scheduler import SECOND, Pause, Scheduler, Task
from world.simulation.tables import ClockRow, Commit, DeviceRow, RecordRow, Tables, customer_of
from world.simulation.waiting import MemoryOrphanRows

TENANT: Final = UUID("00000000-0000-7000-8000-00000000aaaa")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the company, with what the person may see now."""

    user_id: UUID
    role: Role
    scope: Scope
    team_id: UUID | None


class Answer(msgspec.Struct, frozen=True):
    """What a server sends back."""

    status: int
    body: bytes
    actor: Actor | None = None
    """As whom the request was answered; for whoever checks, it does not travel."""
    is_stale: bool = False
    """It answered an earlier request; for whoever checks, too."""


class Backup(msgspec.Struct, frozen=True):
    """Everything the server knew at one moment."""

    tables: Tables
    people: dict[UUID, Person]


Reply = Callable[[Answer | None], None]
"""Takes an answer; none where the connection ended without one."""


class Site:
    """The server, its store and its people."""

    def __init__(
        self,
        scheduler: Scheduler,
        rng: random.Random,
        *,
        looks_on: Callable[[Commit], None],
        received: Callable[[str, list[ReceivedOp], int], None],
        failed: Callable[[str, Exception], None],
        mutations: Callable[[MemoryStore], Mapping[str, Mutation]],
        tenant_id: UUID = TENANT,
    ) -> None:
        self.scheduler = scheduler
        self.tenant_id = tenant_id
        self.store = MemoryStore(pause, tenant_id=tenant_id, looks_on=looks_on)
        aliases = Aliases(MemoryAliasRows(self.store))
        self.orphans = Orphans(MemoryOrphanRows(self.store, self.actor), self.store, aliases)
        self.merging = Place(self.store, MemoryMergeRows(self.store))
        self.room = Room(
            self.store,
            {**mutations(self.store), MERGE: partial(merge_intent, place=self.merging)},
            orphans=self.orphans,
            aliases=aliases,
        )
        self.people: dict[UUID, Person] = {}
        self.is_up = True
        self.backup: Backup | None = None
        self.restorations = 0
        self._restored_at_ms = -SECOND
        self._rng = rng
        self._received = received
        self._failed = failed
        self._tasks: list[tuple[Task, Reply]] = []

    @property
    def now(self) -> datetime:
        """Tell the server's time, which is right."""
        return clock.from_ms(self.scheduler.now_ms)

    # -------------------------------------------------------------------------------- people

    def employ(self, person: Person) -> None:
        """Let somebody work here, or change what the person may see."""
        self.people[person.user_id] = person
        tables = self.store.tables
        teams = {str(person.team_id)} if person.team_id else set()
        self.store.tables = msgspec.structs.replace(
            tables,
            people=tables.people | {str(person.user_id)},
            teams=tables.teams | teams,
        )

    def enrol(self, device_id: UUID, user_id: UUID) -> None:
        """Make a device known."""
        self._set_device(device_id, DeviceRow(user_id, self.now))

    def define(self, user_id: UUID) -> None:
        """Let the company have an object and fields of its own from the beginning."""
        del user_id
        tables = self.store.tables
        made = {each.key: RecordRow(each) for each in customs.definitions(self.scheduler.now_ms)}
        self.store.tables = msgspec.structs.replace(
            tables,
            clock=msgspec.structs.replace(tables.clock, seq=1, handles=len(made)),
            records={**tables.records, **made},
        )

    def revoke(self, device_id: UUID) -> None:
        """Sign a device out."""
        row = self.store.tables.devices[str(device_id)]
        self._set_device(device_id, msgspec.structs.replace(row, is_revoked=True))

    def _set_device(self, device_id: UUID, row: DeviceRow) -> None:
        tables = self.store.tables
        devices = {**tables.devices, str(device_id): row}
        self.store.tables = msgspec.structs.replace(tables, devices=devices)

    def actor(self, user_id: UUID, device_id: UUID | None = None) -> Actor:
        """Give a person as an edge makes it."""
        person = self.people[user_id]
        return Actor(
            user_id=user_id,
            tenant_id=self.tenant_id,
            role=person.role,
            scope=person.scope,
            team_id=person.team_id,
            device_id=device_id,
        )

    # ------------------------------------------------------------------------------- requests

    def receive(
        self, device_id: UUID, path: str, media: codec.MediaType, body: bytes, reply: Reply
    ) -> None:
        """Take a request off the network."""
        row = self.store.tables.devices.get(str(device_id))
        if not self.is_up:
            reply(None)
        elif row is None or row.is_revoked:
            reply(_problem(401, "session_over", {}))
        else:
            actor = self.actor(row.user_id, device_id)
            self._start(self._answer(actor, path, media, body), reply)

    def write(self, user_id: UUID, ops: list[Any], done: Callable[[Any], None]) -> None:
        """Let somebody at a desk write, all or nothing."""
        if not self.is_up:
            done(None)
            return
        self._start(self._write(self.actor(user_id), ops), done)

    async def _write(self, actor: Actor, ops: list[Any]) -> Any:
        now_ms = self.scheduler.now_ms
        try:
            return await changelog.apply(
                actor,
                ops,
                kinds=KINDS,
                edit_clock=EditClock(received_at_ms=now_ms, floor_ms=now_ms),
                store=self.store,
                now=self.now,
            )
        except LockTimeout:
            return None

    def merge(self, user_id: UUID, old_id: str, into_id: str, merge_id: UUID) -> None:
        """Let somebody at a desk merge a customer into another one."""
        actor = self.actor(user_id)
        self._at_desk(partial(merge, actor, UUID(old_id), UUID(into_id), merge_id=merge_id))

    def unmerge(self, user_id: UUID, into_id: str, merge_id: UUID) -> None:
        """Let somebody at a desk take a merge back."""
        self._at_desk(partial(unmerge, self.actor(user_id), UUID(into_id), merge_id))

    def _at_desk(self, what: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        """Do what may be refused, which is then seen at the desk."""

        async def do() -> None:
            with suppress(Refusal, LockTimeout):
                await what(now=self.now, place=self.merging)

        if self.is_up:
            self._start(do(), lambda _: None)

    def give_up(self, done: Callable[[Any], None]) -> None:
        """Let the days be over for which ops wait for their record."""
        self._start(self._give_up(), done)

    async def _give_up(self) -> int:
        async with self.store.unit_of_work(self.tenant_id):
            return await self.orphans.give_up(self.tenant_id, before=clock.from_ms(MAX_TIME_MS))

    def _start(self, coroutine: Coroutine[Any, Any, Any], reply: Callable[[Any], None]) -> None:
        def done(value: Any, error: Exception | None) -> None:
            self._tasks = [each for each in self._tasks if not each[0].is_over]
            if error is not None:
                self._failed("the server", error)
            reply(value)

        task = Task(self.scheduler, coroutine, done, self._pause_ms)
        self._tasks.append((task, reply))
        self.scheduler.after(self._pause_ms(), task.step)

    def _pause_ms(self) -> int:
        """Answer how long a request rests at a pause: mostly not at all, at times for long."""
        return self._rng.choice((0, 0, 0, 1, 1, 2, 3, 40))

    async def _answer(self, actor: Actor, path: str, media: codec.MediaType, body: bytes) -> Answer:
        """Answer a request as the routes do."""
        try:
            message: Any
            if path == "push":
                push = codec.decode_push(body, media)
                self._received(str(actor.device_id), push.ops, push.epoch)
                message = await sync.push(actor, push, now=self.now, room=self.room)
            elif path == "digest":
                compared = codec.decode(body, DigestRequest, media)
                seen = await digest.look(actor, compared, now=self.now, room=self.room)
                message = digest.answer(compared, seen)
            else:
                pull = codec.decode(body, PullRequest, media)
                message = await sync.pull(actor, pull, now=self.now, room=self.room)
            return Answer(200, codec.encode(message, media), actor)
        except DecodeError as error:
            return _problem(422, error.code, {})
        except Refusal as refusal:
            status = next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)
            return _problem(int(status), refusal.code, refusal.extra)
        except LockTimeout:
            return _problem(503, "unavailable", {})

    # --------------------------------------------------------------------------------- faults

    def crash(self, down_ms: int) -> None:
        """Kill the process in the middle of whatever it does; it starts again after a while."""
        dying, self._tasks = self._tasks, []
        for task, _ in dying:
            task.kill()
        self.store.forget_locks()
        self.is_up = False
        self.scheduler.after(down_ms, self._come_up)
        for _, reply in dying:
            reply(None)

    def stop(self) -> None:
        """End for good."""
        for task, _ in self._tasks:
            task.kill()
        self._tasks = []

    def _come_up(self) -> None:
        self.is_up = True

    def back_up(self) -> None:
        """Keep what is committed now."""
        self.backup = Backup(self.store.tables, dict(self.people))

    def restore(self) -> None:
        """Bring the backup back, as an operator does after a loss: all later commits are gone."""
        if self.backup is None or self.scheduler.now_ms < self._restored_at_ms + SECOND:
            # An operator needs longer: that no epoch is used twice rests on it.
            return
        self._restored_at_ms = self.scheduler.now_ms
        self.crash(down_ms=1)
        tables = self.backup.tables
        # As `server.changelog.restoration` does it: an epoch is never used twice.
        epoch = max(tables.clock.epoch + 1, self.scheduler.now_ms // 1000)
        row = msgspec.structs.replace(tables.clock, epoch=epoch, min_seq=tables.clock.seq)
        self.store.tables = msgspec.structs.replace(tables, clock=row)
        self.people = dict(self.backup.people)
        self.restorations += 1

    def compact(self) -> None:
        """Collect tombstones: cursors from before now start again."""
        tables = self.store.tables
        clock_row: ClockRow = msgspec.structs.replace(tables.clock, min_seq=tables.clock.seq)
        parents = {customer_of(row.record) for row in tables.records.values() if _is_child(row)}
        kept = {
            key: row
            for key, row in tables.records.items()
            if not row.record.deleted or key[1] in parents
        }
        self.store.tables = msgspec.structs.replace(tables, clock=clock_row, records=kept, exits=())


def _is_child(row: RecordRow) -> bool:
    """Say whether a living record belongs to a customer, who is kept for its sake."""
    return row.record.kind != "customer" and not row.record.deleted


def _problem(status: int, code: str, extra: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode({"code": code, "detail": code, **extra}))


async def pause() -> None:
    """Let others go first."""
    await Pause()
