"""Write synced records. The only door: pages, the API, imports and phones all come through here.

A unit of work is one transaction and takes one number of the tenant's sequence, last, so that
whoever reads up to that number misses nothing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

import msgspec

from server.access import Actor
from server.changelog import conflicts, custom, guesses, references
from server.changelog.kinds import Along, RecordKind
from server.changelog.postgres import STORE
from server.changelog.rules import RoomRules, as_refusal, ruling
from server.changelog.store import Store, unit_of
from server.kit import clock
from server.kit.errors import Refusal
from sync_protocol import merge
from sync_protocol.merge import BatchResult, EditClock, HeldRecord, Key, Kin
from sync_protocol.messages import Create, Delete, Edit, ReceivedOp, Status
from sync_protocol.schema import CUSTOM_FIELD

_NOW: Final = 2**53 - 1
"""The base of an edit that is made on what stands now."""


class Sight(msgspec.Struct, frozen=True):
    """What the author of ops can have seen, where that is less than the ops say."""

    base_limit: int | None = None
    """The last sequence of it, whatever the ops say."""
    lost: tuple[int, int] | None = None
    """The first and the last number of the device's own ops that it no longer knows of."""
    led: AbstractSet[int] = frozenset()
    """The numbers of edits that were made on a record which was merged into the one they name."""


_WHOLE: Final = Sight()


class Applied(msgspec.Struct, frozen=True):
    """What a unit of work did."""

    seq: int | None
    """The sequence it took; None when nothing changed."""
    result: BatchResult
    refusals: Mapping[int, Refusal] = {}
    """What the rooms themselves refused, by the number of the op."""
    moved: Sequence[str] = ()
    """The customers whose owner or team is another one now."""


async def apply(
    actor: Actor,
    ops: Sequence[ReceivedOp],
    *,
    kinds: Mapping[str, RecordKind],
    edit_clock: EditClock,
    held: Mapping[Key, HeldRecord] | None = None,
    sight: Sight = _WHOLE,
    store: Store = STORE,
    now: datetime,
) -> Applied:
    """Settle ops and write what they change, in the open unit of work or one of its own.

    A refused op is an outcome; the others go on. The number of statements does not grow with the
    ops.

    :param edit_clock: what is known about the time of these edits.
    :param held: what the ops need, where the caller has loaded it in the open unit of work.
    """
    work = _Work(actor, ops, kinds, edit_clock, store, now, sight)
    async with store.unit_of_work(actor.tenant_id):
        if held is None:
            held = await store.load(actor, kinds, merge.needed(ops))
        return await work.settle(held)


async def add(
    actor: Actor,
    ops: Sequence[Create],
    *,
    kinds: Mapping[str, RecordKind],
    edit_clock: EditClock,
    along: Sequence[Along] = (),
    now: datetime,
) -> Applied:
    """Do as `apply`, in the open unit of work, with records whose ids nobody has.

    The caller has just looked: nothing is loaded but the definitions of custom fields, and they
    name no other record.

    :param along: what else is written if anything is.
    """
    named = [key for key in merge.needed(ops) if key[0] == CUSTOM_FIELD.kind]
    held = await STORE.load(actor, kinds, named) if named else {}
    return await _Work(actor, ops, kinds, edit_clock, STORE, now, along=along).settle(held)


class _Work(msgspec.Struct, frozen=True):
    """Ops to be settled: who wrote them, under which rules, and where they go."""

    actor: Actor
    ops: Sequence[ReceivedOp]
    kinds: Mapping[str, RecordKind]
    edit_clock: EditClock
    store: Store
    now: datetime
    sight: Sight = _WHOLE
    along: Sequence[Along] = ()

    async def settle(self, held: Mapping[Key, HeldRecord]) -> Applied:
        """Settle the ops against what is held, take the clock and write."""
        actor, store = self.actor, self.store
        held = {**held, **await self._ruling(held)}
        named = await references.of(store, actor, self.ops, held)
        ending = _ending(self.ops, held)
        beneath = await store.beneath(actor, self.kinds, ending) if ending else {}
        unique = custom.unique_values(self.ops, self.kinds, held)
        unique |= await self._coming_back(held)
        holders = await store.holders(actor.tenant_id, unique) if unique else {}
        answers = await store.answers(actor, self.kinds, self.ops)
        told = await guesses.begin(actor, holders, now=self.now)
        rules = RoomRules(actor, self.kinds, named, held, holders, answers, told)
        result = merge.settle_batch(
            held,
            self.ops,
            device=str(actor.device_id) if actor.device_id else None,
            clock=self.edit_clock,
            rules=rules,
            base_limit=self.sight.base_limit,
            lost=self.sight.lost,
            led=self.sight.led,
            # The base of a page is the version of one record and tells nothing of what is beneath.
            kin=Kin(beneath=beneath if actor.device_id else {}, ended=named.ended),
        )
        if told is not None:
            await guesses.note(actor, told, now=self.now)
        if not (result.records or result.conflicts):
            return Applied(None, result, rules.refusals)
        unit = unit_of(result, await _conflicts(store, actor, result))
        tick = await store.write(actor, self.kinds, unit, along=self.along, now=self.now)
        moved = [each.after.id for each in unit.changed if each.moved_from is not None]
        return Applied(tick.seq, merge.stamp(result, tick.seq), rules.refusals, moved)

    async def _ruling(self, held: Mapping[Key, HeldRecord]) -> Mapping[Key, HeldRecord]:
        """Read by whose word the records are written that ops change and do not say so themselves.

        Not locked: whoever changes that word at the same time comes before or behind.
        """
        named = {
            ruling(kind, record)
            for op in self.ops
            if isinstance(op, Edit | Delete)
            and (kind := self.kinds.get(op.kind)) is not None
            and kind.ruled_by is not None
            and (record := held.get((op.kind, op.id))) is not None
        }
        wanted = named - held.keys()
        if not wanted:
            return {}
        return await self.store.load(self.actor, self.kinds, wanted, lock=False)

    async def _coming_back(self, held: Mapping[Key, HeldRecord]) -> set[custom.Value]:
        """Give the values of deleted records that ops write on, and so perhaps bring back."""
        back = [
            record
            for op in self.ops
            if isinstance(op, Edit)
            and (record := held.get((op.kind, op.id))) is not None
            and record.deleted
        ]
        named = [key for record in back for key in custom.definitions_of(record.fields)]
        if not named:
            return set()
        definitions = await self.store.load(self.actor, self.kinds, named)
        return set().union(*(custom.unique_of(each.fields, definitions) for each in back))


def _ending(ops: Sequence[ReceivedOp], held: Mapping[Key, HeldRecord]) -> set[str]:
    """Give the customers that are to be deleted."""
    return {
        op.id
        for op in ops
        if isinstance(op, Delete) and (op.kind, op.id) in held and op.kind == "customer"
    }


async def _conflicts(store: Store, actor: Actor, result: BatchResult) -> list[HeldRecord]:
    """Make the records of the conflicts that were met, with the names of both authors."""
    if not result.conflicts:
        return []
    writes = conflicts.writes_of(result.conflicts)
    authors = await store.authors(actor.tenant_id, writes) if writes else {}
    return conflicts.as_records(actor, result.conflicts, authors)


async def write(
    actor: Actor, ops: Sequence[ReceivedOp], *, kinds: Mapping[str, RecordKind], now: datetime
) -> Applied:
    """Do what a page or the API asks, all or nothing: the first refused op raises its refusal.

    :raises Refusal: the room's own, or the protocol's with its code.
    """
    now_ms = clock.to_ms(now)
    async with STORE.unit_of_work(actor.tenant_id):
        applied = await apply(
            actor,
            ops,
            kinds=kinds,
            edit_clock=EditClock(received_at_ms=now_ms, floor_ms=now_ms),
            now=now,
        )
        for outcome in applied.result.outcomes:
            if outcome.status not in (Status.APPLIED, Status.MERGED):
                raise applied.refusals.get(outcome.number) or as_refusal(outcome)
        return applied


def base_of_now() -> int:
    """Give the base of an edit that is made on whatever stands now, unseen writes included."""
    return _NOW
