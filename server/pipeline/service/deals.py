"""Deals as plain facts: begun, edited, deleted. They move by `moves`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor
from server.changelog import custom, storage
from server.changelog import service as changelog
from server.changelog.service import Applied
from server.customers import service as customers
from server.customers.custom import required
from server.customers.saving import saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from server.pipeline.kinds import WRITTEN
from server.pipeline.schemas import NewOpportunity, OpportunityEdit
from sync_protocol.merge import EditClock
from sync_protocol.messages import Create, Delete, Edit, ReceivedOp, SetChange

_KIND: Final = "opportunity"
_TERMS: Final = frozenset({"base", "do_steps", "undo_steps"})

Asked: TypeAlias = tuple[UUID, NewOpportunity | OpportunityEdit]
"""What is asked of the deal with an id: to be begun, or to be edited."""


async def create(actor: Actor, new: NewOpportunity, *, now: datetime) -> Saved:
    """Begin a deal in the first stage of its process.

    :raises NotFound: the customer or the process is not there, or out of sight.
    :raises ProcessRetired: nobody begins by that process any more.
    """
    opportunity_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        (op,) = await _ops(actor, [(opportunity_id, new)], now=now)
        wanted = await required.of(actor, _KIND)
        await required.ensure_given(actor, wanted, [_fields(new)])
        return saved(opportunity_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def edit(
    actor: Actor, opportunity_id: UUID, change: OpportunityEdit, *, now: datetime
) -> Saved:
    """Edit a deal's touched fields, and mark steps as done or not; writes of others are merged.

    :raises NotFound: the deal is not there, or out of sight.
    :raises PhoneHidden: a number would be written over one that the actor does not see.
    """
    async with db.tenant_transaction(actor.tenant_id):
        ops = await _ops(actor, [(opportunity_id, change)], now=now)
        return saved(opportunity_id, await changelog.write(actor, ops, kinds=WRITTEN, now=now))


async def settle(actor: Actor, asked: Sequence[Asked], *, now: datetime) -> Applied:
    """Do as `create` and `edit` with many deals, in one unit of work; a refusal is an outcome.

    What a new deal must have has been asked by the caller.

    :raises PhoneHidden: a number would be written over one that the actor does not see.
    """
    async with db.tenant_transaction(actor.tenant_id):
        ops = await _ops(actor, asked, now=now)
        now_ms = clock.to_ms(now)
        edit_clock = EditClock(received_at_ms=now_ms, floor_ms=now_ms)
        return await changelog.apply(actor, ops, kinds=WRITTEN, edit_clock=edit_clock, now=now)


async def _ops(actor: Actor, asked: Sequence[Asked], *, now: datetime) -> list[ReceivedOp]:
    """Make the ops of what is asked, in its order, numbered from one."""
    edits = {str(deal): _fields(each) for deal, each in asked if isinstance(each, OpportunityEdit)}
    for deal, fields in edits.items():
        await customers.ensure_sees(actor, _KIND, UUID(deal), fields)
    chosen = await _chosen(actor, edits)
    return [
        _edit(number, deal, each, edits[str(deal)], chosen.get(str(deal), {}), now=now)
        if isinstance(each, OpportunityEdit)
        else Create(
            number=number,
            kind=_KIND,
            id=str(deal),
            fields={name: value for name, value in _fields(each).items() if value is not None},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
        for number, (deal, each) in enumerate(asked, 1)
    ]


def _fields(given: NewOpportunity | OpportunityEdit) -> dict[str, Any]:
    """Give the fields that are touched, custom ones among them, as they travel."""
    touched = {
        name: value
        for name, value in msgspec.structs.asdict(given).items()
        if name not in _TERMS and name != "id" and value is not UNSET
    }
    fields: dict[str, Any] = msgspec.to_builtins(touched)
    own: dict[str, Any] = fields.pop("custom")
    return fields | own


def _edit(
    number: int,
    deal: UUID,
    change: OpportunityEdit,
    fields: Mapping[str, Any],
    chosen: Mapping[str, SetChange],
    *,
    now: datetime,
) -> Edit:
    """Make the op of an edit."""
    do, undo = (tuple(sorted(map(str, steps))) for steps in (change.do_steps, change.undo_steps))
    steps = {"done_steps": SetChange(add=do, remove=undo)} if do or undo else {}
    return Edit(
        number=number,
        kind=_KIND,
        id=str(deal),
        fields={name: value for name, value in fields.items() if name not in chosen},
        sets={**steps, **chosen},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )


async def _chosen(
    actor: Actor, edits: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, SetChange]]:
    """Say of each custom choice of several what is to be added and taken away, deal by deal."""
    choosing = {deal: fields for deal, fields in edits.items() if custom.chosen_in(fields)}
    if not choosing:
        return {}
    keys = {key for fields in choosing.values() for key in custom.definitions_of(fields)}
    keys |= {(_KIND, deal) for deal in choosing}
    held = await storage.load(actor, WRITTEN, keys)
    return {
        deal: custom.changes(fields, held[_KIND, deal].fields)
        for deal, fields in choosing.items()
        if (_KIND, deal) in held
    }


async def delete(actor: Actor, opportunity_id: UUID, *, base: int | None, now: datetime) -> Saved:
    """Delete a deal that should not have been; one that came to nothing is lost instead."""
    op = Delete(
        number=1,
        kind=_KIND,
        id=str(opportunity_id),
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if base is None else base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        return saved(opportunity_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))
