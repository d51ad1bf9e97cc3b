"""What merges leave behind: their aliases, what each did, and who left; and what is asked of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from server.access import Actor
from server.audit import service as audit
from server.changelog import storage
from server.changelog.store import Store
from server.customers import references
from server.kit import db
from server.sync.postgres import STORE
from server.sync.registry import KINDS
from server.sync.schemas import MergeView, UnmergeView
from sync_protocol.merge import HeldRecord, Key

_ALIAS: Final = """
INSERT INTO customer_alias (tenant_id, old_id, into_id, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, old_id) DO UPDATE SET into_id = $3, made_at = $4
"""
# Who was led to the one before is led to the other at once: an alias is never followed twice.
_SHORTEN: Final = "UPDATE customer_alias SET into_id = $3 WHERE tenant_id = $1 AND into_id = $2"
_PAIRED: Final = """
UPDATE duplicate_pair SET state = 'merged'
WHERE tenant_id = $1 AND $2 IN (first_id, second_id) AND state = 'open'
"""
# What once left a customer is with this one now: who sees it there has nothing to drop.
_BACK: Final = """
UPDATE record_exit SET customer_id = $3 WHERE tenant_id = $1 AND record_id = ANY($2::uuid[])
"""
_KEEP: Final = """
INSERT INTO customer_merge
    (tenant_id, id, old_id, into_id, seq, merged_by, merged_at, moved, filled, repointed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10::jsonb)
ON CONFLICT DO NOTHING RETURNING true
"""
_DONE: Final = """
SELECT id, old_id, into_id, seq, jsonb_array_length(moved) AS moved FROM customer_merge
WHERE tenant_id = $1 AND old_id = $2 AND into_id = $3 AND undone_at IS NULL AND NOT EXISTS (
    SELECT FROM customer c WHERE c.tenant_id = $1 AND c.id = $2 AND NOT c.deleted
)
ORDER BY seq DESC LIMIT 1
"""
# All that belongs to it enters the sight of its devices again, and so comes whole.
_ENTER: Final = "UPDATE customer SET scope_seq = seq WHERE tenant_id = $1 AND id = $2"
_MERGE: Final = """
SELECT id, old_id::text, into_id::text, seq, moved::text, filled::text, repointed::text,
    undone::text
FROM customer_merge WHERE tenant_id = $1 AND id = $2
"""
_LATER: Final = """
SELECT id FROM customer_merge
WHERE tenant_id = $1 AND undone_at IS NULL AND seq > $2
    AND (into_id = ANY($3::uuid[]) OR old_id = ANY($3::uuid[]))
ORDER BY seq DESC LIMIT 1
"""
_UNDONE: Final = """
UPDATE customer_merge SET undone_at = $3, undone_by = $4, undone = $5::jsonb
WHERE tenant_id = $1 AND id = $2
"""
_UNALIAS: Final = "DELETE FROM customer_alias WHERE tenant_id = $1 AND old_id = $2"
# Who had become the one before it became the other is led to the one again.
_LENGTHEN: Final = """
WITH RECURSIVE before (id) AS (
    SELECT old_id FROM customer_merge
    WHERE tenant_id = $1 AND into_id = $2 AND undone_at IS NULL
    UNION
    SELECT m.old_id FROM customer_merge m JOIN before ON m.into_id = before.id
    WHERE m.tenant_id = $1 AND m.undone_at IS NULL
)
UPDATE customer_alias SET into_id = $2 WHERE tenant_id = $1 AND old_id IN (SELECT id FROM before)
"""
# Only a person can say that two are two, so they wait for that again.
_UNPAIRED: Final = """
UPDATE duplicate_pair SET state = 'open'
WHERE tenant_id = $1 AND $2 IN (first_id, second_id) AND state = 'merged'
"""
_ELSEWHERE: Final = """
UPDATE record_exit SET customer_id = $3 WHERE tenant_id = $1 AND record_id = ANY($2::uuid[])
"""
_LEAVE: Final = """
INSERT INTO record_exit
    (tenant_id, kind, record_id, seq, customer_id, owner_id, team_id, at)
SELECT $1, u.kind, u.id, $4, $5, $6, $7, $8 FROM UNNEST($2::text[], $3::uuid[]) AS u (kind, id)
"""
_OPENED: Final = """
SELECT id::text AS id FROM conflict
WHERE tenant_id = $1 AND customer_id = $2 AND created_seq = $3 AND state = 'open' AND NOT deleted
"""


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """What a merge did."""

    id: UUID
    old_id: str
    into_id: str
    seq: int
    moved: Sequence[tuple[str, str, Sequence[str]]]
    """The records that belonged to the one (kind, id), and the fields that named it there."""
    filled: Mapping[str, Any]
    """The fields of the other that it wrote, as they were before."""
    repointed: Mapping[str, Sequence[str]] = {}
    """``{table.column: ids}`` of the upper rooms' rows."""
    undone: UnmergeView | None = None
    """What was answered when it was taken back."""


class MergeRows(Protocol):
    """Where merges are kept; called inside a unit of work."""

    async def done(self, actor: Actor, customer_id: UUID, into_id: UUID) -> MergeView | None:
        """Give what was answered when the same was asked before, unless it was taken back since."""
        ...

    async def belongings(self, actor: Actor, customer_id: str) -> list[Key]:
        """Name what belongs to a customer, deleted records too."""
        ...

    async def keep(self, actor: Actor, merge: Merge, now: datetime) -> bool:
        """Lead what names the one to the other, and keep the merge; False when its id is taken.

        All that belongs to the other enters the sight of its devices again.
        """
        ...

    async def find(self, actor: Actor, merge_id: UUID) -> Merge | None:
        """Give a merge."""
        ...

    async def later(self, actor: Actor, merge: Merge) -> UUID | None:
        """Give a merge that stands on this one."""
        ...

    async def opened(self, actor: Actor, merge: Merge) -> list[str]:
        """Name the conflicts that a merge opened and that nobody has decided."""
        ...

    async def stayed(self, actor: Actor, merge: Merge, gone: Collection[str]) -> int:
        """Count what was added to the other since, but for what goes."""
        ...

    async def lead_back(
        self,
        actor: Actor,
        merge: Merge,
        keys: Sequence[Key],
        into: HeldRecord,
        seq: int,
        now: datetime,
    ) -> None:
        """Let what names the one mean the one again, and devices drop what they see no longer."""
        ...

    async def take_back(self, actor: Actor, merge: Merge, view: UnmergeView, now: datetime) -> None:
        """Note that a merge was taken back."""
        ...


class PostgresMergeRows:
    """Keeps them in `customer_merge`, `customer_alias`, `record_exit` and the rooms' tables."""

    async def done(self, actor: Actor, customer_id: UUID, into_id: UUID) -> MergeView | None:
        """Look for the same."""
        row = await db.connection().fetchrow(_DONE, actor.tenant_id, customer_id, into_id)
        if row is None:
            return None
        return MergeView(
            id=row["id"],
            merged_id=row["old_id"],
            customer_id=row["into_id"],
            seq=row["seq"],
            moved=row["moved"],
        )

    async def belongings(self, actor: Actor, customer_id: str) -> list[Key]:
        """Ask each kind of children."""
        keys: list[Key] = []
        for name in KINDS:
            if (parent := storage.parent_of(name)) is not None:
                rows = await db.connection().fetch(
                    f"SELECT id::text AS id FROM {KINDS[name].table}"  # noqa: S608 - named by the rooms' record kinds
                    f" WHERE tenant_id = $1 AND {parent} = $2",
                    actor.tenant_id,
                    UUID(customer_id),
                )
                keys += [(name, row["id"]) for row in rows]
        return keys

    async def keep(self, actor: Actor, merge: Merge, now: datetime) -> bool:
        """Write everything that a merge leaves."""
        connection, tenant_id = db.connection(), actor.tenant_id
        both = UUID(merge.old_id), UUID(merge.into_id)
        repointed = await _repoint(actor, *both)
        await connection.execute(_ENTER, tenant_id, both[1])
        await connection.execute(_SHORTEN, tenant_id, *both)
        await connection.execute(_ALIAS, tenant_id, *both, now)
        await connection.execute(_PAIRED, tenant_id, both[0])
        moved = [UUID(record_id) for _, record_id, _ in merge.moved]
        await connection.execute(_BACK, tenant_id, moved, both[1])
        is_new = await connection.fetchval(
            _KEEP,
            *(tenant_id, merge.id, *both, merge.seq, actor.user_id, now),
            *(_json(each) for each in (merge.moved, merge.filled, repointed)),
        )
        if is_new:
            await audit.record(
                actor, "customer.merged", subject_id=both[1], now=now, merged_id=both[0]
            )
        return bool(is_new)

    async def find(self, actor: Actor, merge_id: UUID) -> Merge | None:
        """Read a merge."""
        row = await db.connection().fetchrow(_MERGE, actor.tenant_id, merge_id)
        return row and Merge(
            id=row["id"],
            old_id=row["old_id"],
            into_id=row["into_id"],
            seq=row["seq"],
            moved=msgspec.json.decode(row["moved"], type=list[tuple[str, str, list[str]]]),
            filled=msgspec.json.decode(row["filled"]),
            repointed=msgspec.json.decode(row["repointed"]),
            undone=row["undone"] and msgspec.json.decode(row["undone"], type=UnmergeView),
        )

    async def later(self, actor: Actor, merge: Merge) -> UUID | None:
        """Look for a later merge of one of the two."""
        both = [merge.old_id, merge.into_id]
        later: UUID | None = await db.connection().fetchval(
            _LATER, actor.tenant_id, merge.seq, both
        )
        return later

    async def opened(self, actor: Actor, merge: Merge) -> list[str]:
        """Look for open conflicts of its sequence."""
        rows = await db.connection().fetch(_OPENED, actor.tenant_id, UUID(merge.into_id), merge.seq)
        return [row["id"] for row in rows]

    async def stayed(self, actor: Actor, merge: Merge, gone: Collection[str]) -> int:
        """Ask each kind of children."""
        stayed = 0
        for name in KINDS:
            if (parent := storage.parent_of(name)) is not None and name != "conflict":
                rows = await db.connection().fetch(
                    f"SELECT id::text AS id FROM {KINDS[name].table}"  # noqa: S608 - named by the rooms' record kinds
                    f" WHERE tenant_id = $1 AND {parent} = $2 AND created_seq > $3 AND NOT deleted",
                    actor.tenant_id,
                    UUID(merge.into_id),
                    merge.seq,
                )
                stayed += len({row["id"] for row in rows} - set(gone))
        return stayed

    async def lead_back(
        self,
        actor: Actor,
        merge: Merge,
        keys: Sequence[Key],
        into: HeldRecord,
        seq: int,
        now: datetime,
    ) -> None:
        """Undo what `keep` did, and write who left."""
        connection, tenant_id = db.connection(), actor.tenant_id
        old_id = UUID(merge.old_id)
        await _point_back(actor, merge)
        await connection.execute(_UNALIAS, tenant_id, old_id)
        await connection.execute(_LENGTHEN, tenant_id, old_id)
        await connection.execute(_UNPAIRED, tenant_id, old_id)
        ids = [UUID(record_id) for _, record_id in keys]
        await connection.execute(_ELSEWHERE, tenant_id, ids, old_id)
        await connection.execute(
            _LEAVE,
            tenant_id,
            [kind for kind, _ in keys],
            ids,
            seq,
            old_id,
            *(into.fields[name] and UUID(into.fields[name]) for name in ("owner_id", "team_id")),
            now,
        )

    async def take_back(self, actor: Actor, merge: Merge, view: UnmergeView, now: datetime) -> None:
        """Write it down, with a line in the trail."""
        answer = msgspec.json.encode(view).decode()
        key = (actor.tenant_id, merge.id)
        await db.connection().execute(_UNDONE, *key, now, actor.user_id, answer)
        await audit.record(
            actor,
            "customer.unmerged",
            subject_id=view.customer_id,
            now=now,
            merged_id=view.merged_id,
        )


async def _repoint(actor: Actor, old_id: UUID, into_id: UUID) -> dict[str, list[str]]:
    """Let what the upper rooms keep about the one name the other; give which rows did."""
    repointed = {}
    for reference in references.registered():
        if reference.moves:
            rows = await db.connection().fetch(
                f"UPDATE {reference.table} SET {reference.column} = $3"  # noqa: S608 - registered by the rooms
                f" WHERE tenant_id = $1 AND {reference.column} = $2 RETURNING id::text AS id",
                actor.tenant_id,
                old_id,
                into_id,
            )
            repointed[f"{reference.table}.{reference.column}"] = [row["id"] for row in rows]
    return repointed


async def _point_back(actor: Actor, merge: Merge) -> None:
    """Let the upper rooms' rows that the merge repointed name the one again."""
    for reference in references.registered():
        rows = merge.repointed.get(f"{reference.table}.{reference.column}", [])
        if rows:
            await db.connection().execute(
                f"UPDATE {reference.table} SET {reference.column} = $3"  # noqa: S608 - registered by the rooms
                f" WHERE tenant_id = $1 AND {reference.column} = $2 AND id = ANY($4::uuid[])",
                actor.tenant_id,
                UUID(merge.into_id),
                UUID(merge.old_id),
                rows,
            )


def _json(value: object) -> str:
    """Write a value as JSON text."""
    return msgspec.json.encode(value).decode()


ROWS: Final = PostgresMergeRows()
"""It holds nothing, so one is enough."""


class Place(msgspec.Struct, frozen=True):
    """Where customers are merged: what is written to, and what merges leave behind."""

    store: Store
    rows: MergeRows


HERE: Final = Place(STORE, ROWS)
"""The product's own."""
