"""Deals as plain facts: begun, edited, deleted. They move by `moves`."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor
from server.changelog import custom, storage
from server.changelog import service as changelog
from server.customers import service as customers
from server.customers.custom import required
from server.customers.saving import saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from server.pipeline.kinds import WRITTEN
from server.pipeline.schemas import NewOpportunity, OpportunityEdit
from sync_protocol.messages import Create, Delete, Edit, SetChange

_KIND: Final = "opportunity"
_TERMS: Final = frozenset({"base", "do_steps", "undo_steps"})


async def create(actor: Actor, new: NewOpportunity, *, now: datetime) -> Saved:
    """Begin a deal in the first stage of its process.

    :raises NotFound: the customer or the process is not there, or out of sight.
    :raises ProcessRetired: nobody begins by that process any more.
    """
    opportunity_id = new.id or ids.new_id(now)
    given = msgspec.to_builtins(new)
    given |= given.pop("custom")
    op = Create(
        number=1,
        kind=_KIND,
        id=str(opportunity_id),
        fields={name: value for name, value in given.items() if name != "id" and value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        await required.ensure_given(actor, await required.of(actor, _KIND), [op.fields])
        return saved(opportunity_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def edit(
    actor: Actor, opportunity_id: UUID, change: OpportunityEdit, *, now: datetime
) -> Saved:
    """Edit a deal's touched fields, and mark steps as done or not; writes of others are merged.

    :raises NotFound: the deal is not there, or out of sight.
    :raises PhoneHidden: a number would be written over one that the actor does not see.
    """
    touched: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(change).items()
        if name not in _TERMS and value is not UNSET
    }
    touched |= touched.pop("custom")
    do, undo = (tuple(sorted(map(str, steps))) for steps in (change.do_steps, change.undo_steps))
    sets = {"done_steps": SetChange(add=do, remove=undo)} if do or undo else {}
    async with db.tenant_transaction(actor.tenant_id):
        fields = msgspec.to_builtins(touched)
        await customers.ensure_sees(actor, _KIND, opportunity_id, fields)
        chosen = await _chosen(actor, opportunity_id, fields)
        op = Edit(
            number=1,
            kind=_KIND,
            id=str(opportunity_id),
            fields={name: value for name, value in fields.items() if name not in chosen},
            sets={**sets, **chosen},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now() if change.base is None else change.base,
        )
        return saved(opportunity_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def _chosen(
    actor: Actor, opportunity_id: UUID, fields: dict[str, Any]
) -> dict[str, SetChange]:
    """Say of each custom choice of several what is to be added and taken away."""
    if not custom.chosen_in(fields):
        return {}
    key = (_KIND, str(opportunity_id))
    held = await storage.load(actor, WRITTEN, [*custom.definitions_of(fields), key])
    return custom.changes(fields, held[key].fields) if key in held else {}


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
