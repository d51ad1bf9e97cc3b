"""The port through which synced records reach their store: what the one write path asks for.

The flow of a write (load, settle, take the clock, write) stands in `server.changelog.service` and
knows no database. PostgreSQL is behind the port in the product (`server.changelog.postgres`), a
store in memory in the simulator; both pass one suite (`tests/server/sync/test_store.py`).

A store is called inside one of its own units of work, and by the task that opened it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.custom import Holders, Value
from server.changelog.kinds import Along, RecordKind
from sync_protocol import merge
from sync_protocol.merge import BatchResult, HeldRecord, Key
from sync_protocol.messages import ReceivedOp
from sync_protocol.schema import SCHEMA

_ASSIGNMENT: Final = ("owner_id", "team_id")
_ORDER: Final = {kind: place for place, kind in enumerate(SCHEMA.kinds())}


class Tick(msgspec.Struct, frozen=True):
    """What the tenant's clock gave a unit of work."""

    seq: int
    """Its sequence: one more than that of the unit before."""
    handle: int
    """The handle of its first new record; the others follow in their order."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """A record that a unit of work wrote."""

    after: HeldRecord
    before: HeldRecord | None = None
    """As it stood before the unit of work; None when the unit created it."""

    @property
    def moved_from(self) -> HeldRecord | None:
        """Give the customer as it was before it was handed over; None when it was not."""
        before = self.before
        if before is None or before.kind != "customer":
            return None
        was, now = before.fields, self.after.fields
        return before if any(was[name] != now[name] for name in _ASSIGNMENT) else None


class Unit(msgspec.Struct, frozen=True):
    """What a unit of work writes, in the order in which it is written: parents first, then by id.

    Until the clock has ticked, new versions carry ``NEW_SEQ`` and new records have no handle.
    """

    created: Sequence[HeldRecord]
    changed: Sequence[Change]
    conflicts: Sequence[HeldRecord] = ()
    """New records too, which the server itself made: they have a handle and no history."""

    @property
    def new_count(self) -> int:
        """Count the records that need a handle."""
        return len(self.created) + len(self.conflicts)

    @property
    def has_customers(self) -> bool:
        """Say whether a customer was created or changed."""
        changed = (each.after for each in self.changed)
        return any(record.kind == "customer" for record in (*self.created, *changed))

    def stamped(self, tick: Tick) -> "Unit":
        """Give everything its sequence, and what is new its handle."""
        new = [
            msgspec.structs.replace(merge.stamp_record(record, tick.seq), handle=handle)
            for handle, record in enumerate((*self.created, *self.conflicts), tick.handle)
        ]
        return Unit(
            created=new[: len(self.created)],
            changed=[
                Change(merge.stamp_record(each.after, tick.seq), each.before)
                for each in self.changed
            ],
            conflicts=new[len(self.created) :],
        )


class Author(msgspec.Struct, frozen=True):
    """Names a write, to ask who made it: one line of the history."""

    root_id: str
    """The customer whose timeline the record belongs to."""
    record_id: str
    seq: int


class Store(Protocol):
    """Where synced records lie, as the one write path asks for it."""

    def unit_of_work(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        """Open one tenant's records for writing; what is done inside is kept whole or not at all.

        Opened again inside, by the same task and for the same tenant, it joins the open one. What
        another unit has not finished is not seen.
        """
        ...

    async def load(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        keys: Collection[Key],
        *,
        lock: bool = True,
    ) -> dict[Key, HeldRecord]:
        """Give those of the named records that exist, deleted ones too, and lock them.

        The locks are taken in one order whoever asks, and last as long as the unit: who comes
        second waits, then sees what the first wrote. `visible` says whether the actor may see the
        record.

        :param lock: False to read alone.
        """
        ...

    async def ids_of(
        self,
        tenant_id: UUID,
        kinds: Mapping[str, RecordKind],
        handles: Mapping[str, Collection[int]],
    ) -> dict[tuple[str, int], str]:
        """Give the ids of the records with these handles, by kind; one that leads nowhere lacks."""
        ...

    async def known(
        self,
        actor: Actor,
        *,
        people: Collection[str],
        teams: Collection[str],
        tags: Collection[str],
        customers: Collection[str] = (),
    ) -> set[str]:
        """Give those of these ids that are people who work here, teams, living tags or customers.

        It sees what was committed until now, also by those for whose locks `load` had waited.
        """
        ...

    async def beneath(
        self, actor: Actor, kinds: Mapping[str, RecordKind], customer_ids: Collection[str]
    ) -> dict[str, list[HeldRecord]]:
        """Give the living records that belong to these customers, by customer, and lock them.

        Conflicts are among them: each holds somebody's word.
        """
        ...

    async def holders(self, tenant_id: UUID, values: Collection[Value]) -> Holders:
        """Give the living record that has each of these values of custom fields, if any."""
        ...

    async def answers(
        self, actor: Actor, kinds: Mapping[str, RecordKind], ops: Sequence[ReceivedOp]
    ) -> dict[int, Any]:
        """Give what the rooms ask about ops, by their number: see `RecordKind.ask`."""
        ...

    async def authors(self, tenant_id: UUID, writes: Iterable[Author]) -> dict[Author, str]:
        """Give who made each of these writes, by the history."""
        ...

    async def write(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        unit: Unit,
        *,
        along: Sequence[Along] = (),
        now: datetime,
    ) -> Tick:
        """Take the tenant's clock, and write the unit under its next sequence.

        The clock is locked last of all and until the unit of work ends: nobody reads a later
        sequence before this one is there to be read. Stored are the records as
        ``unit.stamped(tick)`` gives them, one line of history for each created and changed record,
        and for each customer that was handed over whose sight it left. When the unit of work is
        done, whoever listens to the tenant hears of the sequence.

        :param along: what else the caller's room writes in the same breath.
        """
        ...


def unit_of(result: BatchResult, conflicts: Sequence[HeldRecord] = ()) -> Unit:
    """Order what a batch did into what is written."""
    before: dict[Key, HeldRecord] = {}
    for settlement in result.settlements:
        if settlement.before is not None and settlement.before.key not in result.created:
            before.setdefault(settlement.before.key, settlement.before)
    written = sorted(result.records.values(), key=lambda held: (_ORDER[held.kind], held.id))
    return Unit(
        created=[record for record in written if record.key in result.created],
        changed=[
            Change(record, before[record.key])
            for record in written
            if record.key not in result.created
        ],
        conflicts=conflicts,
    )
