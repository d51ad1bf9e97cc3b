"""Take a merge back: two customers again, each with what was its own.

The reverse of `merging`, from what that wrote down, in one transaction and one sequence. What was
written since stays where a person would look for it: with the record that it was written on. Merges
are taken back in the reverse of their order, so that each finds what it left behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import storage
from server.changelog.store import Change, Unit
from server.customers import references
from server.kit import clock, db
from server.kit.errors import Conflict, NotFound
from server.sync.postgres import STORE
from server.sync.registry import KINDS
from server.sync.schemas import UnmergeView
from sync_protocol.conflicts import DELETED, Version
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import NEW_SEQ
from sync_protocol.schema import SCHEMA, FieldType

_CUSTOMER: Final = "customer"
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
# The two are known not to be one; others may still be like the one.
_UNPAIRED: Final = """
UPDATE duplicate_pair SET state = 'open'
WHERE tenant_id = $1 AND $2 IN (first_id, second_id) AND $3 NOT IN (first_id, second_id)
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


class MergeNotLast(Conflict):
    """One of the two was merged again since; that merge is taken back first: `merge_id`."""

    code = "merge_not_last"


class MergeTooOld(Conflict):
    """The customer that is no more was thrown away in the meantime."""

    code = "merge_too_old"


async def unmerge(actor: Actor, customer_id: UUID, merge_id: UUID, *, now: datetime) -> UnmergeView:
    """Take a merge into a customer back. Asked again, it answers the same.

    The fields that the merge filled in are emptied again, unless somebody wrote them since; what
    it moved goes back with all that was written on it; what was added since stays.

    :raises NotFound: there is no such merge, or one of the two is not within sight.
    :raises MergeNotLast: one of them was merged again since.
    :raises MergeTooOld: what is left of the one was thrown away.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        merge = await _merge(actor, customer_id, merge_id)
        old, into = await _both(actor, merge)
        # Once more, now that nobody else merges or takes back: both are locked.
        merge = await _merge(actor, customer_id, merge_id)
        if merge["undone"] is not None:
            return msgspec.json.decode(merge["undone"], type=UnmergeView)
        await _ensure_last(actor, merge)
        moved = await _moved(actor, merge)
        emptied, kept = _emptied(into, merge, now)
        changed = [
            *sorted([Change(_back(old, now), old), Change(emptied, into)], key=_id_of),
            *(Change(_returned(held, names, old.id, now), held) for held, names in moved),
            *await _closed(actor, merge, now),
        ]
        seq = (await STORE.write(actor, KINDS, Unit(created=(), changed=changed), now=now)).seq
        await _repoint(actor, merge)
        await _lead_back(actor, merge)
        await _leave(actor, [held.key for held, _ in moved], old, into, seq, now=now)
        view = UnmergeView(
            id=merge_id,
            merged_id=UUID(old.id),
            customer_id=customer_id,
            seq=seq,
            moved=len(moved),
            kept=kept,
            stayed=await _stayed(actor, merge, moved),
        )
        answer = msgspec.json.encode(view).decode()
        key = (actor.tenant_id, merge_id)
        await db.connection().execute(_UNDONE, *key, now, actor.user_id, answer)
        await audit.record(
            actor, "customer.unmerged", subject_id=customer_id, now=now, merged_id=view.merged_id
        )
    return view


async def _merge(actor: Actor, customer_id: UUID, merge_id: UUID) -> asyncpg.Record:
    """Read what a merge wrote down."""
    row = await db.connection().fetchrow(_MERGE, actor.tenant_id, merge_id)
    if row is None or row["into_id"] != str(customer_id):
        raise NotFound
    return row


async def _both(actor: Actor, merge: asyncpg.Record) -> tuple[HeldRecord, HeldRecord]:
    """Lock both customers, in the one order in which everybody locks."""
    keys: list[Key] = [(_CUSTOMER, merge["old_id"]), (_CUSTOMER, merge["into_id"])]
    held = await STORE.load(actor, KINDS, keys)
    if keys[1] not in held or not all(each.visible for each in held.values()):
        raise NotFound
    if keys[0] not in held:
        raise MergeTooOld("The customer was thrown away since; add it anew.")
    return held[keys[0]], held[keys[1]]


async def _ensure_last(actor: Actor, merge: asyncpg.Record) -> None:
    """Refuse a merge on which another one stands."""
    both = [merge["old_id"], merge["into_id"]]
    later = await db.connection().fetchval(_LATER, actor.tenant_id, merge["seq"], both)
    if later is not None:
        raise MergeNotLast(
            "One of the two was merged again since; take that back first.", merge_id=str(later)
        )


async def _moved(actor: Actor, merge: asyncpg.Record) -> list[tuple[HeldRecord, Sequence[str]]]:
    """Lock what the merge moved and what is still there, with the fields that named the one."""
    told = msgspec.json.decode(merge["moved"], type=list[tuple[str, str, list[str]]])
    names: Mapping[Key, list[str]] = {(kind, id_): fields for kind, id_, fields in told}
    held = await STORE.load(actor, KINDS, list(names))
    order = {name: place for place, name in enumerate(KINDS)}
    there = [
        each
        for each in held.values()
        if each.fields.get(str(storage.parent_of(each.kind))) == merge["into_id"]
    ]
    there.sort(key=lambda each: (order[each.kind], each.id))
    return [(each, names[each.key]) for each in there]


async def _closed(actor: Actor, merge: asyncpg.Record, now: datetime) -> list[Change]:
    """Close the conflicts that the merge opened and that nobody has decided."""
    rows = await db.connection().fetch(
        _OPENED, actor.tenant_id, UUID(merge["into_id"]), merge["seq"]
    )
    held = await STORE.load(actor, KINDS, [("conflict", row["id"]) for row in rows])
    return [
        Change(
            msgspec.structs.replace(
                each,
                seq=NEW_SEQ,
                fields={**each.fields, "state": "dismissed"},
                versions={**each.versions, **_dated("state", now=now)},
            ),
            each,
        )
        for _, each in sorted(held.items())
    ]


async def _repoint(actor: Actor, merge: asyncpg.Record) -> None:
    """Let the upper rooms' rows that the merge repointed name the one again."""
    told = msgspec.json.decode(merge["repointed"], type=dict[str, list[str]])
    for reference in references.registered():
        rows = told.get(f"{reference.table}.{reference.column}", [])
        if rows:
            await db.connection().execute(
                f"UPDATE {reference.table} SET {reference.column} = $3"  # noqa: S608 - registered by the rooms
                f" WHERE tenant_id = $1 AND {reference.column} = $2 AND id = ANY($4::uuid[])",
                actor.tenant_id,
                UUID(merge["into_id"]),
                UUID(merge["old_id"]),
                rows,
            )


async def _lead_back(actor: Actor, merge: asyncpg.Record) -> None:
    """Let what names the one mean the one again, and what had become it too."""
    old_id, into_id = UUID(merge["old_id"]), UUID(merge["into_id"])
    await db.connection().execute(_UNALIAS, actor.tenant_id, old_id)
    await db.connection().execute(_LENGTHEN, actor.tenant_id, old_id)
    await db.connection().execute(_UNPAIRED, actor.tenant_id, old_id, into_id)


async def _leave(
    actor: Actor,
    keys: Sequence[Key],
    old: HeldRecord,
    into: HeldRecord,
    seq: int,
    *,
    now: datetime,
) -> None:
    """Let devices that see only the other drop what goes back to the one."""
    key = (actor.tenant_id, [UUID(id_) for _, id_ in keys], UUID(old.id))
    await db.connection().execute(_ELSEWHERE, *key)
    await db.connection().execute(
        _LEAVE,
        actor.tenant_id,
        [kind for kind, _ in keys],
        [UUID(id_) for _, id_ in keys],
        seq,
        UUID(old.id),
        *(into.fields[name] and UUID(into.fields[name]) for name in ("owner_id", "team_id")),
        now,
    )


async def _stayed(
    actor: Actor, merge: asyncpg.Record, moved: Sequence[tuple[HeldRecord, Sequence[str]]]
) -> int:
    """Count what was added to the other since the merge."""
    gone = {UUID(held.id) for held, _ in moved}
    stayed = 0
    for name in KINDS:
        if (parent := storage.parent_of(name)) is not None and name != "conflict":
            rows = await db.connection().fetch(
                f"SELECT id FROM {KINDS[name].table} WHERE tenant_id = $1 AND {parent} = $2"  # noqa: S608 - named by the rooms' record kinds
                " AND created_seq > $3 AND NOT deleted",
                actor.tenant_id,
                UUID(merge["into_id"]),
                merge["seq"],
            )
            stayed += len({row["id"] for row in rows} - gone)
    return stayed


# --------------------------------------------------------------------------------- the records


def _back(old: HeldRecord, now: datetime) -> HeldRecord:
    """Give the customer that is back; it is a new one to devices."""
    if not old.deleted:
        return msgspec.structs.replace(old, seq=NEW_SEQ)
    versions = {**old.versions, **_dated(DELETED, now=now)}
    return msgspec.structs.replace(old, seq=NEW_SEQ, deleted=False, versions=versions)


def _emptied(
    into: HeldRecord, merge: asyncpg.Record, now: datetime
) -> tuple[HeldRecord, list[str]]:
    """Give the other as it was before, and which fields stay since somebody wrote them."""
    filled = msgspec.json.decode(merge["filled"], type=dict[str, Any])
    fields, versions, kept = dict(into.fields), dict(into.versions), []
    dots = {name: dict(each) for name, each in into.dots.items()}
    for name, before in filled.items():
        if SCHEMA.field(_CUSTOMER, name).type is FieldType.SET:
            added = set(fields.get(name) or ()) - set(before or ())
            ours = {each for each in added if _only_by(dots.get(name, {}).get(each, ()), merge)}
            fields[name] = sorted(set(fields.get(name) or ()) - ours) or before
            dots[name] = {each: by for each, by in dots.get(name, {}).items() if each not in ours}
        elif name in versions and _only_by((versions[name],), merge):
            fields[name] = before
            versions |= _dated(name, now=now)
        else:
            kept.append(name)
    after = msgspec.structs.replace(into, seq=NEW_SEQ, fields=fields, versions=versions, dots=dots)
    return after, sorted(kept)


def _only_by(versions: Iterable[Version], merge: asyncpg.Record) -> bool:
    """Say whether the merge alone wrote this, and nobody since."""
    return all(each.seq == merge["seq"] and each.device is None for each in versions)


def _returned(held: HeldRecord, names: Sequence[str], old_id: str, now: datetime) -> HeldRecord:
    """Give a record that belongs to the one again."""
    return msgspec.structs.replace(
        held,
        seq=NEW_SEQ,
        fields={**held.fields, **dict.fromkeys(names, old_id)},
        versions={**held.versions, **_dated(*names, now=now)},
    )


def _dated(*names: str, now: datetime) -> dict[str, Version]:
    """Give the server's own version for fields that it writes now."""
    return dict.fromkeys(names, Version(NEW_SEQ, None, 0, clock.to_ms(now)))


def _id_of(change: Change) -> str:
    """Order changes of one kind."""
    return change.after.id
