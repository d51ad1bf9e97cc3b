"""What every write of this room does: make ops, settle all or none, say what became of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor
from server.changelog import custom, storage
from server.changelog import service as changelog
from server.changelog.conflicts import CONFLICT
from server.changelog.kinds import Along
from server.changelog.rules import as_refusal
from server.changelog.service import Applied
from server.customers import sync
from server.customers.rules import masks
from server.customers.schemas import EditTerms, Saved
from server.kit import clock, db
from server.kit.errors import Conflict, NotFound
from sync_protocol.conflicts import DELETED
from sync_protocol.merge import EditClock, HeldRecord
from sync_protocol.messages import Create, Delete, Edit, Outcome, ReceivedOp, SetChange, Status

_OWNERS: Final = {
    "customer": "SELECT owner_id FROM customer WHERE tenant_id = $1 AND id = $2",
    **{
        kind: f"SELECT c.owner_id FROM {kind} k JOIN customer c ON c.tenant_id = k.tenant_id"  # noqa: S608 - constants
        " AND c.id = k.customer_id WHERE k.tenant_id = $1 AND k.id = $2"
        for kind in ("store", "contact", "custom_record", "opportunity")
    },
}
"""Whose customer a record is of, where it has phones."""
_TERMS: Final = frozenset(EditTerms.__struct_fields__)
_SETTLED: Final = frozenset({Status.APPLIED, Status.MERGED})


class Stale(Conflict):
    """Somebody else wrote the same fields first; both values are given."""

    code = "stale"


def fields_of(given: msgspec.Struct, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Give the fields that a request touched, as they travel, custom ones among them."""
    touched = {
        name: getattr(given, name)
        for name in given.__struct_fields__
        if name not in _TERMS and name not in but and getattr(given, name) is not UNSET
    }
    values: dict[str, Any] = msgspec.to_builtins(touched)
    own = values.pop("custom", {})
    return {**values, **own}


def creation(
    kind: str, record_id: UUID, fields: Mapping[str, Any], *, now: datetime, number: int = 1
) -> Create:
    """Make the op that creates a record."""
    return Create(
        number=number,
        kind=kind,
        id=str(record_id),
        fields={name: value for name, value in fields.items() if value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )


async def settle(
    actor: Actor,
    ops: Sequence[ReceivedOp],
    *,
    now: datetime,
    place: Callable[[int], str] | None = None,
) -> Applied:
    """Write ops, all or none, in the open transaction.

    :param place: gives the path in the request of an op's record, by the number of the op.
    :raises Refusal: of the first op that is refused, with the path of the field at fault.
    """
    applied = await changelog.apply(
        actor, ops, kinds=sync.BY_NAME, edit_clock=clock_of(now), now=now
    )
    _ensure_settled(applied, place)
    return applied


async def add(actor: Actor, op: Create, *, along: Sequence[Along], now: datetime) -> Applied:
    """Write a record whose id nobody has, in the open transaction.

    :param along: what else is written.
    :raises Refusal: the record is not acceptable.
    """
    applied = await changelog.add(
        actor, [op], kinds=sync.BY_NAME, edit_clock=clock_of(now), along=along, now=now
    )
    _ensure_settled(applied)
    return applied


def clock_of(now: datetime) -> EditClock:
    """Give the clock of an edit that is made here and now."""
    now_ms = clock.to_ms(now)
    return EditClock(received_at_ms=now_ms, floor_ms=now_ms)


def _ensure_settled(applied: Applied, place: Callable[[int], str] | None = None) -> None:
    """Raise the refusal of the first op that was refused."""
    for outcome in applied.result.outcomes:
        if outcome.status not in _SETTLED:
            refusal = applied.refusals.get(outcome.number) or as_refusal(outcome)
            if place is not None:
                refusal.field = f"{place(outcome.number)}.{refusal.field or 'id'}"
            raise refusal


async def edit_record(
    actor: Actor,
    kind: str,
    record_id: UUID,
    fields: Mapping[str, Any],
    terms: EditTerms,
    *,
    now: datetime,
    sets: Mapping[str, SetChange] | None = None,
) -> Saved:
    """Edit a record on the terms that were asked for.

    :raises Stale: when the terms say so and a field was written after the base.
    :raises PhoneHidden: a phone would be written over one that the actor does not see.
    """
    base = changelog.base_of_now() if terms.base is None else terms.base
    async with db.tenant_transaction(actor.tenant_id):
        await ensure_sees(actor, kind, record_id, fields)
        if terms.on_conflict == "refuse":
            await _ensure_fresh(actor, kind, record_id, fields, base)
        chosen = await _chosen(actor, kind, record_id, fields)
        op = Edit(
            number=1,
            kind=kind,
            id=str(record_id),
            fields={name: value for name, value in fields.items() if name not in chosen},
            sets={**(sets or {}), **chosen},
            at_ms=clock.to_ms(now),
            base=base,
        )
        applied = await settle(actor, [op], now=now)
    return saved(record_id, applied.result.outcomes[0])


async def ensure_sees(actor: Actor, kind: str, record_id: UUID, fields: Mapping[str, Any]) -> None:
    """Refuse to write over what is hidden from the actor; of a record that is not, ask later."""
    if not actor.masks_phones or kind not in _OWNERS:
        return
    row = await db.connection().fetchrow(_OWNERS[kind], actor.tenant_id, record_id)
    if row is not None:
        masks.ensure_may_write(actor, row["owner_id"], fields)


async def _chosen(
    actor: Actor, kind: str, record_id: UUID, fields: Mapping[str, Any]
) -> dict[str, SetChange]:
    """Say of each custom choice of several what is to be added and taken away."""
    if not custom.chosen_in(fields):
        return {}
    return custom.changes(fields, (await _load(actor, kind, record_id, fields)).fields)


async def _ensure_fresh(
    actor: Actor, kind: str, record_id: UUID, fields: Mapping[str, Any], base: int
) -> None:
    """Refuse when a field was written after the base, naming both values."""
    held = await _load(actor, kind, record_id, fields)
    wanted = sync.BY_NAME[kind].normalise(fields)
    stale = {
        name: {"held": held.fields.get(name), "given": value}
        for name, value in wanted.items()
        if held.version(name).seq > base and held.fields.get(name) != value
    }
    if stale:
        raise Stale(
            "Somebody else changed this meanwhile; look at both values and send it again "
            "with the new base.",
            field=next(iter(stale)),
            seq=held.seq,
            fields=stale,
        )


async def _load(actor: Actor, kind: str, record_id: UUID, fields: Mapping[str, Any]) -> HeldRecord:
    """Lock and give a record that the actor may see.

    The definitions of its custom fields are locked before it, as every write does.
    """
    key = (kind, str(record_id))
    keys = [*custom.definitions_of(fields), key]
    held = (await storage.load(actor, sync.BY_NAME, keys)).get(key)
    if held is None or not held.visible:
        raise NotFound
    return held


async def delete_record(
    actor: Actor, kind: str, record_id: UUID, *, base: int | None, now: datetime
) -> Saved:
    """Delete a record; an edit newer than the base wins over it, and opens a conflict."""
    op = Delete(
        number=1,
        kind=kind,
        id=str(record_id),
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if base is None else base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        applied = await settle(actor, [op], now=now)
    return saved(record_id, applied.result.outcomes[0])


async def restore_record(actor: Actor, kind: str, record_id: UUID, *, now: datetime) -> Saved:
    """Bring a deleted record back as it was; one that lives stays as it is."""
    async with db.tenant_transaction(actor.tenant_id):
        held = await _load(actor, kind, record_id, {})
        if not held.deleted:
            return Saved(id=record_id, seq=held.seq, outcome="applied")
        # An edit of nothing that has not seen the deletion: it wins over it.
        op = Edit(
            number=1,
            kind=kind,
            id=str(record_id),
            at_ms=clock.to_ms(now),
            base=held.version(DELETED).seq - 1,
        )
        applied = await settle(actor, [op], now=now)
        # Nobody needs to decide between the two: a person just has.
        await _dismiss(actor, applied.result.outcomes[0].conflicts, now=now)
    return Saved(id=record_id, seq=seq_of(applied.result.outcomes[0]), outcome="applied")


async def _dismiss(actor: Actor, conflicts: Sequence[str], *, now: datetime) -> None:
    """Close conflicts that a restoration opened."""
    ops = [
        Edit(
            number=number,
            kind="conflict",
            id=conflict,
            fields={"state": "dismissed"},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
        for number, conflict in enumerate(conflicts, 1)
    ]
    if ops:
        await changelog.write(actor, ops, kinds={CONFLICT.name: CONFLICT}, now=now)


def seq_of(outcome: Outcome) -> int:
    """Give the sequence at which an op's record stands."""
    assert outcome.seq is not None, "what was settled stands at a sequence"
    return outcome.seq


def saved(record_id: UUID, outcome: Outcome) -> Saved:
    """Say what became of one op."""
    became: Literal["applied", "merged"] = (
        "merged" if outcome.status is Status.MERGED else "applied"
    )
    conflicts = [UUID(conflict) for conflict in outcome.conflicts]
    return Saved(id=record_id, seq=seq_of(outcome), outcome=became, conflicts=conflicts)
