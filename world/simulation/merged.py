"""What merges leave behind, as rows in memory: aliases, what each did, and who left."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.sync.merge_rows import Merge
from server.sync.schemas import MergeView, UnmergeView
from sync_protocol.merge import HeldRecord, Key
from world.simulation.memory import MemoryStore
from world.simulation.tables import RecordExit, Tables, customer_of

_CUSTOMER: Final = "customer"


class MemoryAliasRows:
    """What `server.sync.aliases` asks of its table."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def of_gone(self, actor: Actor, gone: Collection[str]) -> Mapping[str, str]:
        """Give what became of customers that are gone."""
        del actor
        await self._store.pause()
        held = self._store.rows()
        return {
            each: held.aliases[each]
            for each in gone
            if each in held.aliases and not _lives(held, each)
        }


class MemoryMergeRows:
    """What `server.sync.merging` and `server.sync.unmerging` ask of their tables."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def done(self, actor: Actor, customer_id: UUID, into_id: UUID) -> MergeView | None:
        """Look for the same merge."""
        del actor
        await self._store.pause()
        held = self._store.rows()
        for merge in reversed(held.merges):
            is_same = (merge.old_id, merge.into_id) == (str(customer_id), str(into_id))
            if is_same and merge.undone is None and not _lives(held, merge.old_id):
                return MergeView(
                    id=merge.id,
                    merged_id=customer_id,
                    customer_id=into_id,
                    seq=merge.seq,
                    moved=len(merge.moved),
                )
        return None

    async def belongings(self, actor: Actor, customer_id: str) -> list[Key]:
        """Name what belongs to a customer."""
        del actor
        await self._store.pause()
        return [
            row.record.key
            for row in self._store.rows().records.values()
            if row.record.kind != _CUSTOMER and customer_of(row.record) == customer_id
        ]

    async def keep(self, actor: Actor, merge: Merge, now: datetime) -> bool:
        """Lead what names the one to the other, and keep the merge."""
        del actor, now
        await self._store.pause()
        if any(each.id == merge.id for each in self._store.rows().merges):
            return False
        self._store.change(lambda held: _merged(held, merge))
        return True

    async def find(self, actor: Actor, merge_id: UUID) -> Merge | None:
        """Give a merge."""
        del actor
        await self._store.pause()
        return next((each for each in self._store.rows().merges if each.id == merge_id), None)

    async def later(self, actor: Actor, merge: Merge) -> UUID | None:
        """Give a merge that stands on this one."""
        del actor
        await self._store.pause()
        both = {merge.old_id, merge.into_id}
        return next(
            (
                each.id
                for each in reversed(self._store.rows().merges)
                if each.seq > merge.seq
                and each.undone is None
                and both & {each.old_id, each.into_id}
            ),
            None,
        )

    async def opened(self, actor: Actor, merge: Merge) -> list[str]:
        """Name the open conflicts of its sequence."""
        del actor
        await self._store.pause()
        return [
            row.record.id
            for row in self._store.rows().records.values()
            if row.record.kind == "conflict"
            and row.record.created.seq == merge.seq
            and row.record.fields["state"] == "open"
            and customer_of(row.record) == merge.into_id
            and not row.record.deleted
        ]

    async def stayed(self, actor: Actor, merge: Merge, gone: Collection[str]) -> int:
        """Count what was added since."""
        del actor
        await self._store.pause()
        return sum(
            row.record.created.seq > merge.seq and row.record.id not in gone
            for row in self._store.rows().records.values()
            if row.record.kind not in {_CUSTOMER, "conflict"}
            and customer_of(row.record) == merge.into_id
            and not row.record.deleted
        )

    async def lead_back(
        self,
        actor: Actor,
        merge: Merge,
        keys: Sequence[Key],
        into: HeldRecord,
        seq: int,
        now: datetime,
    ) -> None:
        """Let what names the one mean the one again, and write who left."""
        del actor, now
        await self._store.pause()
        owner = into.fields["owner_id"], into.fields["team_id"]
        left = tuple(RecordExit(seq, kind, each, merge.old_id, *owner) for kind, each in keys)
        self._store.change(lambda held: _led_back(held, merge, left))

    async def take_back(self, actor: Actor, merge: Merge, view: UnmergeView, now: datetime) -> None:
        """Note that a merge was taken back."""
        del actor, now
        await self._store.pause()
        undone = msgspec.structs.replace(merge, undone=view)
        self._store.change(
            lambda held: msgspec.structs.replace(
                held,
                merges=tuple(undone if each.id == merge.id else each for each in held.merges),
            )
        )


def _lives(held: Tables, customer_id: str) -> bool:
    row = held.records.get((_CUSTOMER, customer_id))
    return row is not None and not row.record.deleted


def _merged(held: Tables, merge: Merge) -> Tables:
    """Give the tables with a merge in them, of which the records are written already."""
    key = (_CUSTOMER, merge.into_id)
    row = held.records[key]
    aliases = {
        old: merge.into_id if into == merge.old_id else into for old, into in held.aliases.items()
    }
    return msgspec.structs.replace(
        held,
        # All that belongs to it enters the sight of its devices again, and so comes whole.
        records={**held.records, key: msgspec.structs.replace(row, scope_seq=merge.seq)},
        aliases={**aliases, merge.old_id: merge.into_id},
        merges=(*held.merges, merge),
        record_exits=_moved_on(held, {each for _, each, _ in merge.moved}, merge.into_id),
    )


def _led_back(held: Tables, merge: Merge, left: Sequence[RecordExit]) -> Tables:
    """Give the tables without what a merge had led elsewhere."""
    before, grown = set[str](), {merge.old_id}
    while grown != before:
        before = grown
        grown = before | {
            each.old_id for each in held.merges if each.undone is None and each.into_id in before
        }
    aliases = {
        old: merge.old_id if old in before else into
        for old, into in held.aliases.items()
        if old != merge.old_id
    }
    ids = {each.record_id for each in left}
    return msgspec.structs.replace(
        held, aliases=aliases, record_exits=(*_moved_on(held, ids, merge.old_id), *left)
    )


def _moved_on(held: Tables, record_ids: Collection[str], where: str) -> tuple[RecordExit, ...]:
    """Let what once left a customer be with another one now."""
    return tuple(
        msgspec.structs.replace(each, customer_id=where) if each.record_id in record_ids else each
        for each in held.record_exits
    )
