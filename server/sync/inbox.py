"""Settle a conflict: a person restores the other value or is content with the one that is held."""

from datetime import datetime
from typing import Any
from uuid import UUID

from server.access import Actor
from server.access.hidden import PhoneHidden
from server.changelog import service as changelog
from server.changelog.conflicts import ConflictSettled
from server.customers.rules import masks
from server.kit import clock, db
from server.kit.errors import NotFound
from server.sync import queries
from server.sync.registry import KINDS
from server.sync.schemas import ConflictView
from sync_protocol.conflicts import DELETED
from sync_protocol.messages import Delete, Edit, RecordOp


async def resolve(
    actor: Actor, conflict_id: UUID, *, is_restore: bool, now: datetime
) -> ConflictView:
    """Restore the other value, or keep the held one; the record and the inbox change together.

    Asked again for the same, it answers the same.

    :raises ConflictSettled: when it was settled otherwise before.
    :raises PhoneHidden: a number would be written that is hidden from the actor.
    """
    state = "restored" if is_restore else "dismissed"
    try:
        return await _settle(actor, conflict_id, state, now=now)
    except ConflictSettled:
        settled = await queries.conflict(actor, conflict_id)
        if settled is None or settled.state != state:
            raise
        return settled


async def _settle(actor: Actor, conflict_id: UUID, state: str, *, now: datetime) -> ConflictView:
    """Settle a conflict that nobody has settled."""
    is_restore = state == "restored"
    async with db.tenant_transaction(actor.tenant_id):
        found = await queries.conflict(actor, conflict_id)
        if found is None:
            raise NotFound
        if found.state != "open":
            raise ConflictSettled(f"This conflict is already {found.state}.")
        if is_restore and found != await queries.conflict(masks.unmasked(actor), conflict_id):
            # What is shown in a number's place is no number.
            raise PhoneHidden(
                "These numbers are hidden from you; ask the customer's owner.", field=found.field
            )
        ops = [_edit(1, "conflict", conflict_id, {"state": state}, now)]
        if is_restore:
            ops.append(_restore(found, now))
        await changelog.write(actor, ops, kinds=KINDS, now=now)
        settled = await queries.conflict(actor, conflict_id)
        assert settled is not None, "it was found above, in this transaction"
        return settled


def _restore(found: ConflictView, now: datetime) -> RecordOp:
    """Write the value that was not held, on whatever stands now."""
    if found.field == DELETED:
        return Delete(
            number=2,
            kind=found.kind,
            id=str(found.record_id),
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
    return _edit(2, found.kind, found.record_id, {found.field: found.other}, now)


def _edit(
    number: int, kind: str, record_id: UUID, fields: dict[str, Any], now: datetime
) -> RecordOp:
    """Edit on whatever stands now."""
    return Edit(
        number=number,
        kind=kind,
        id=str(record_id),
        fields=fields,
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
