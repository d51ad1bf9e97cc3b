"""Merge two customers that are one: what belonged to the one belongs to the other from then on.

One transaction and one sequence. Devices get the end of the one and the other whole, with all that
belongs to it now; an op that still names the one is led to the other by its alias. What was moved
and what was filled in is kept, so that a merge can be taken back exactly.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import storage
from server.changelog.store import Change, Unit
from server.customers import references
from server.kit import clock, db, ids
from server.kit.errors import IdReused, Invalid, NotFound, Refusal
from server.sync.postgres import STORE
from server.sync.registry import KINDS
from server.sync.schemas import MergeView
from sync_protocol.conflicts import Version, conflict_id
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import NEW_SEQ, Intent
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, Policy

MERGE: Final = "customers.merge"
"""The intent's name. `args`: customer_id and into_id; the intent's id is the merge's."""
_CUSTOMER: Final = "customer"
_NAMING: Final = frozenset({"customer_id", "subject_id", "record_id"})
"""Fields that name a customer."""
_ALIAS: Final = """
INSERT INTO customer_alias (tenant_id, old_id, into_id, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, old_id) DO UPDATE SET into_id = $3, made_at = $4
"""
# Who was led to the one before is led to the other at once: an alias is never followed twice.
_SHORTEN: Final = "UPDATE customer_alias SET into_id = $3 WHERE tenant_id = $1 AND into_id = $2"
_PAIRED: Final = """
UPDATE duplicate_pair SET state = 'merged' WHERE tenant_id = $1 AND $2 IN (first_id, second_id)
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


class MergeWithItself(Invalid):
    """A customer cannot be merged into itself."""

    code = "merge_with_itself"


class _Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the intent carries."""

    customer_id: UUID
    into_id: UUID


async def merge_intent(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Merge inside the push's transaction, as the API does."""
    try:
        args = msgspec.convert(intent.args, _Args)
        merge_id = UUID(intent.id)
    except (msgspec.ValidationError, ValueError) as error:
        detail = "Customers are merged with customer_id and into_id."
        raise Invalid(detail, field="args") from error
    await merge(actor, args.customer_id, args.into_id, merge_id=merge_id, now=now)
    return None


async def merge(
    actor: Actor,
    customer_id: UUID,
    into_id: UUID,
    *,
    now: datetime,
    merge_id: UUID | None = None,
) -> MergeView:
    """Merge a customer into another one, which stays. Asked again, it answers the same.

    Empty fields of the one that stays are filled from the other, tags are added, and where both
    have another value the one of the other is kept as a conflict, to be restored with one tap.

    :raises MergeWithItself: they are one already.
    :raises NotFound: one of them is not there, or not within sight.
    :raises IdReused: the merge's id is another one's.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    if customer_id == into_id:
        raise MergeWithItself("Choose another customer to merge into.", field="into_id")
    async with db.tenant_transaction(actor.tenant_id):
        done = await _done(actor, customer_id, into_id)
        if done is not None:
            return done
        old, into = await _both(actor, str(customer_id), str(into_id))
        moved = await _belongings(actor, old)
        filled = _filled(old, into, now)
        unit = Unit(
            created=(),
            changed=[
                *sorted([Change(_ended(old), old), Change(filled, into)], key=_id_of),
                *(Change(_moved(held, old.id, into.id, now), held) for held in moved),
            ],
            conflicts=_conflicts(old, into, actor, now),
        )
        seq = (await STORE.write(actor, KINDS, unit, now=now)).seq
        repointed = await _repoint(actor, customer_id, into_id)
        await db.connection().execute(_ENTER, actor.tenant_id, into_id)
        await db.connection().execute(_SHORTEN, actor.tenant_id, customer_id, into_id)
        await db.connection().execute(_ALIAS, actor.tenant_id, customer_id, into_id, now)
        await db.connection().execute(_PAIRED, actor.tenant_id, customer_id)
        await db.connection().execute(_BACK, actor.tenant_id, [held.id for held in moved], into_id)
        made = merge_id or ids.new_id(now)
        is_new = await db.connection().fetchval(
            _KEEP,
            *(actor.tenant_id, made, customer_id, into_id, seq, actor.user_id, now),
            _json([[*held.key, _naming(held, old.id)] for held in moved]),
            _json({name: into.fields.get(name) for name in _differing(into, filled)}),
            _json(repointed),
        )
        if not is_new:
            raise IdReused("This id is another merge's; make a new one.", field="id")
        await audit.record(
            actor, "customer.merged", subject_id=into_id, now=now, merged_id=customer_id
        )
    return MergeView(id=made, merged_id=customer_id, customer_id=into_id, seq=seq, moved=len(moved))


async def _done(actor: Actor, customer_id: UUID, into_id: UUID) -> MergeView | None:
    """Give what was answered when the same was asked before, unless it was taken back since."""
    row = await db.connection().fetchrow(_DONE, actor.tenant_id, customer_id, into_id)
    if row is None:
        return None
    held = await STORE.load(actor, KINDS, [(_CUSTOMER, str(into_id))])
    if not held or not next(iter(held.values())).visible:
        raise NotFound
    return MergeView(
        id=row["id"],
        merged_id=row["old_id"],
        customer_id=row["into_id"],
        seq=row["seq"],
        moved=row["moved"],
    )


async def _both(actor: Actor, old_id: str, into_id: str) -> tuple[HeldRecord, HeldRecord]:
    """Lock both customers, in the one order in which everybody locks."""
    keys: list[Key] = [(_CUSTOMER, old_id), (_CUSTOMER, into_id)]
    held = await STORE.load(actor, KINDS, keys)
    for key in keys:
        if key not in held or held[key].deleted or not held[key].visible:
            raise NotFound
    return held[keys[0]], held[keys[1]]


async def _belongings(actor: Actor, old: HeldRecord) -> list[HeldRecord]:
    """Lock what belongs to a customer, deleted records too, kind by kind."""
    keys: list[Key] = []
    for name in KINDS:
        if (parent := storage.parent_of(name)) is not None:
            rows = await db.connection().fetch(
                f"SELECT id::text AS id FROM {KINDS[name].table}"  # noqa: S608 - named by the rooms' record kinds
                f" WHERE tenant_id = $1 AND {parent} = $2",
                actor.tenant_id,
                UUID(old.id),
            )
            keys += [(name, row["id"]) for row in rows]
    held = await STORE.load(actor, KINDS, keys)
    order = {name: place for place, name in enumerate(KINDS)}
    return sorted(held.values(), key=lambda each: (order[each.kind], each.id))


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


# --------------------------------------------------------------------------------- the records


def _ended(old: HeldRecord) -> HeldRecord:
    """Give the customer that is no more."""
    return msgspec.structs.replace(old, seq=NEW_SEQ, deleted=True)


def _filled(old: HeldRecord, into: HeldRecord, now: datetime) -> HeldRecord:
    """Give the customer that stays, with what the other has and it has not."""
    version = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    fields, versions = dict(into.fields), dict(into.versions)
    for spec in _mergeable(old, into):
        value = old.fields.get(spec)
        if value not in (None, "") and fields.get(spec) in (None, ""):
            fields[spec], versions[spec] = value, version
    dots = {name: dict(each) for name, each in into.dots.items()}
    for name in _sets(old, into):
        held = set(fields.get(name) or ())
        fresh = set(old.fields.get(name) or ()) - held
        fields[name] = sorted(held | fresh)
        if fresh:
            dots[name] = {**dots.get(name, {}), **dict.fromkeys(fresh, (version,))}
    return msgspec.structs.replace(into, seq=NEW_SEQ, fields=fields, versions=versions, dots=dots)


def _moved(held: HeldRecord, old_id: str, into_id: str, now: datetime) -> HeldRecord:
    """Give a record that belongs to the other from now on."""
    version = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    renamed = dict.fromkeys(_naming(held, old_id), into_id)
    return msgspec.structs.replace(
        held,
        seq=NEW_SEQ,
        fields={**held.fields, **renamed},
        versions={**held.versions, **dict.fromkeys(renamed, version)},
    )


def _naming(held: HeldRecord, customer_id: str) -> list[str]:
    """Give the fields by which a record names a customer."""
    return [name for name, value in held.fields.items() if value == customer_id and name in _NAMING]


def _conflicts(old: HeldRecord, into: HeldRecord, actor: Actor, now: datetime) -> list[HeldRecord]:
    """Keep what the one says otherwise than the other, to be restored by whoever knows better."""
    at_ms = clock.to_ms(now)
    return [
        HeldRecord(
            kind="conflict",
            id=conflict_id(None, 0, old.id, name, at_ms),
            seq=NEW_SEQ,
            created=Version(NEW_SEQ, None, 0, at_ms),
            fields={
                "customer_id": into.id,
                "kind": _CUSTOMER,
                "record_id": into.id,
                "field": name,
                "kept": into.fields[name],
                "other": old.fields[name],
                "kept_by": None,
                "other_by": str(actor.user_id),
                "happened_at": at_ms,
                "state": "open",
            },
        )
        for name in _mergeable(old, into)
        if old.fields.get(name) not in (None, "", into.fields.get(name))
        and into.fields.get(name) not in (None, "")
    ]


def _mergeable(*records: HeldRecord) -> Iterable[str]:
    """Give the fields of which both values are kept when they differ."""
    return (
        spec.name
        for spec in _specs(*records)
        if spec.policy in (Policy.KEEP_BOTH, Policy.TEXT_MERGE) and spec.type is not FieldType.SET
    )


def _sets(*records: HeldRecord) -> Iterable[str]:
    """Give the set fields."""
    return (spec.name for spec in _specs(*records) if spec.type is FieldType.SET)


def _specs(*records: HeldRecord) -> Iterable[FieldSpec]:
    """Give what the fields are that these customers have, custom ones among them."""
    named = dict.fromkeys(name for record in records for name in record.fields)
    return (SCHEMA.field(_CUSTOMER, name) for name in named)


def _differing(before: HeldRecord, after: HeldRecord) -> list[str]:
    """Name the fields that a merge filled in."""
    return [name for name, value in after.fields.items() if before.fields.get(name) != value]


def _id_of(change: Change) -> str:
    """Order changes of one kind."""
    return change.after.id


def _json(value: object) -> str:
    """Write a value as JSON text."""
    return msgspec.json.encode(value).decode()
