"""Write synced records. The only door: pages, the API, imports and phones all come through here.

A unit of work is one transaction and takes one number of the tenant's sequence, last, so that
whoever reads up to that number misses nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from server.access import Actor
from server.changelog import references, storage
from server.changelog.conflicts import CONFLICT, as_records
from server.changelog.kinds import RecordKind, Written
from server.changelog.rules import RoomRules, as_refusal
from server.kit import clock, db, live, outbox
from server.kit.errors import Refusal
from sync_protocol import merge
from sync_protocol.merge import BatchResult, EditClock, HeldRecord, Key
from sync_protocol.messages import ReceivedOp, Status

_TICK: Final = """
INSERT INTO tenant_clock (tenant_id, seq, epoch, min_seq) VALUES ($1, 1, 1, 0)
ON CONFLICT (tenant_id) DO UPDATE SET seq = tenant_clock.seq + 1
RETURNING seq
"""
_HISTORY: Final = """
INSERT INTO change
    (tenant_id, seq, actor_id, device_id, at, kind, record_id, root_id, action, patch)
SELECT $1, $2, $3, $4, $5, u.kind, u.record_id, u.root_id, u.action, u.patch::jsonb
FROM UNNEST($6::text[], $7::uuid[], $8::uuid[], $9::text[], $10::text[])
    AS u(kind, record_id, root_id, action, patch)
"""
_EXITS: Final = """
INSERT INTO scope_exit (tenant_id, seq, customer_id, owner_id, team_id)
SELECT $1, $2, u.* FROM UNNEST($3::uuid[], $4::uuid[], $5::uuid[]) AS u
"""
_NOW: Final = 2**53 - 1
"""The base of an edit that is made on what stands now."""


class Applied(msgspec.Struct, frozen=True):
    """What a unit of work did."""

    seq: int | None
    """The sequence it took; None when nothing changed."""
    result: BatchResult
    refusals: Mapping[int, Refusal] = {}
    """What the rooms themselves refused, by the number of the op."""


async def apply(
    actor: Actor,
    ops: Sequence[ReceivedOp],
    *,
    kinds: Mapping[str, RecordKind],
    edit_clock: EditClock,
    base_limit: int | None = None,
    now: datetime,
) -> Applied:
    """Settle ops and write what they change, in the open tenant transaction or one of its own.

    A refused op is an outcome; the others go on. The number of statements does not grow with the
    ops.

    :param edit_clock: what is known about the time of these edits.
    :param base_limit: what the author can have seen at most, whatever the ops say.
    """
    async with db.tenant_transaction(actor.tenant_id) as transaction:
        held = await storage.load(actor, kinds, merge.needed(ops))
        rules = RoomRules(actor, kinds, await references.of(actor, ops, held))
        device = str(actor.device_id) if actor.device_id else None
        result = merge.settle_batch(
            held, ops, device=device, clock=edit_clock, rules=rules, base_limit=base_limit
        )
        if not (result.records or result.conflicts):
            return Applied(None, result, rules.refusals)
        seq = int(await db.connection().fetchval(_TICK, actor.tenant_id))
        result = merge.stamp(result, seq)
        await _write(actor, kinds, result, seq, now)
        transaction.on_commit(lambda: live.publish(actor.tenant_id, seq))
        return Applied(seq, result, rules.refusals)


async def write(
    actor: Actor, ops: Sequence[ReceivedOp], *, kinds: Mapping[str, RecordKind], now: datetime
) -> Applied:
    """Do what a page or the API asks, all or nothing: the first refused op raises its refusal.

    :raises Refusal: the room's own, or the protocol's with its code.
    """
    now_ms = clock.to_ms(now)
    async with db.tenant_transaction(actor.tenant_id):
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


async def _write(
    actor: Actor, kinds: Mapping[str, RecordKind], result: BatchResult, seq: int, now: datetime
) -> None:
    """Write what was settled: one INSERT and one UPDATE a kind, history, exits, conflicts."""
    before = _first_before(result)
    for kind_name, records in _by_kind(kinds, result.records).items():
        kind = kinds[kind_name]
        fresh = [record for record in records if record.key in result.created]
        changed = [record for record in records if record.key not in result.created]
        if fresh:
            await storage.insert(actor, kind, fresh)
        if changed:
            await storage.update(actor, kind, changed)
        if kind.index is not None:
            written = [_written(before.get(record.key), record) for record in records]
            await kind.index(actor.tenant_id, written)
    await _write_history(actor, before, result, seq, now)
    await _write_exits(actor, before, result, seq)
    if result.conflicts:
        await storage.insert(actor, CONFLICT, await as_records(actor, result.conflicts, seq))
    if any(kind_name == "customer" for kind_name, _ in result.records):
        await outbox.add(
            "customers.changed",
            {},
            tenant_id=actor.tenant_id,
            now=now,
            key=f"customers.changed:{actor.tenant_id}",
        )


def _first_before(result: BatchResult) -> dict[Key, HeldRecord]:
    """Give each changed record as it stood before the unit of work."""
    before: dict[Key, HeldRecord] = {}
    for settlement in result.settlements:
        if settlement.before is not None and settlement.before.key not in result.created:
            before.setdefault(settlement.before.key, settlement.before)
    return before


def _by_kind(
    kinds: Iterable[str], records: Mapping[Key, HeldRecord]
) -> dict[str, list[HeldRecord]]:
    """Group records by kind, parents before children, each group in the order of ids."""
    groups: dict[str, list[HeldRecord]] = {kind: [] for kind in kinds}
    for key in sorted(records):
        groups[key[0]].append(records[key])
    return {kind: group for kind, group in groups.items() if group}


def _written(before: HeldRecord | None, after: HeldRecord) -> Written:
    """Say what was written to a room's index; what lives again is indexed like what is new."""
    stood = before.fields if before and not before.deleted else None
    return Written(after.id, stood, after.fields, after.deleted)


async def _write_history(
    actor: Actor, before: Mapping[Key, HeldRecord], result: BatchResult, seq: int, now: datetime
) -> None:
    """Write one line for each changed record."""
    records = list(result.records.values())
    await db.connection().execute(
        _HISTORY,
        actor.tenant_id,
        seq,
        actor.user_id,
        actor.device_id,
        now,
        [record.kind for record in records],
        [record.id for record in records],
        [_root_of(record) for record in records],
        [_action(before.get(record.key), record) for record in records],
        [_patch(before.get(record.key), record) for record in records],
    )


def _root_of(record: HeldRecord) -> str:
    """Give the customer whose timeline a record belongs to; itself when it belongs to nobody."""
    parent = storage.parent_of(record.kind)
    return str(record.fields[parent]) if parent and record.fields.get(parent) else record.id


def _action(before: HeldRecord | None, after: HeldRecord) -> str:
    """Name what happened to a record."""
    if before is None:
        return "create"
    if before.deleted != after.deleted:
        return "delete" if after.deleted else "restore"
    return "edit"


def _patch(before: HeldRecord | None, after: HeldRecord) -> str:
    """Write ``{field: [old, new]}`` of an edit."""
    if before is None:
        return "{}"
    changes: dict[str, list[Any]] = {
        name: [before.fields.get(name), value]
        for name, value in after.fields.items()
        if before.fields.get(name) != value
    }
    return msgspec.json.encode(changes).decode()


async def _write_exits(
    actor: Actor, before: Mapping[Key, HeldRecord], result: BatchResult, seq: int
) -> None:
    """Note whose sight each handed-over customer left."""
    moved = [
        held
        for key, held in before.items()
        if key[0] == "customer"
        and any(
            held.fields[name] != result.records[key].fields[name]
            for name in ("owner_id", "team_id")
        )
    ]
    if moved:
        await db.connection().execute(
            _EXITS,
            actor.tenant_id,
            seq,
            [held.id for held in moved],
            [held.fields["owner_id"] for held in moved],
            [held.fields["team_id"] for held in moved],
        )
