"""Stores, contacts and notes of a customer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.customers.custom import required
from server.customers.queries import records
from server.customers.schemas import (
    ContactEdit,
    EarlierNote,
    NewContact,
    NewNote,
    NewStore,
    Saved,
    StoreEdit,
)
from server.customers.service import writing
from server.customers.service.references import ensure_store
from server.kit import db, ids

_OWN_ID: Final = frozenset({"id"})
_KINDS: Final = {NewStore: "store", NewContact: "contact", EarlierNote: "note"}


async def add_store(actor: Actor, customer_id: UUID, new: NewStore, *, now: datetime) -> Saved:
    """Add a store to a customer."""
    return await _add(actor, "store", customer_id, new, now=now)


async def add_contact(actor: Actor, customer_id: UUID, new: NewContact, *, now: datetime) -> Saved:
    """Add a contact to a customer."""
    return await _add(actor, "contact", customer_id, new, now=now)


async def add_note(actor: Actor, customer_id: UUID, new: NewNote, *, now: datetime) -> Saved:
    """Write a note about a customer; it is never changed."""
    return await _add(actor, "note", customer_id, new, now=now)


async def add_along(
    actor: Actor,
    customer_id: UUID,
    came: Sequence[NewStore | NewContact | EarlierNote],
    *,
    now: datetime,
) -> None:
    """Write down what came along with a customer from elsewhere, all or none, stores first.

    In the open transaction. Nobody is there who could give what else a contact must have.
    """
    ops = [
        writing.creation(
            _KINDS[type(new)],
            new.id or ids.new_id(now),
            writing.fields_of(new, but=_OWN_ID) | {"customer_id": str(customer_id)},
            now=now,
            number=number,
        )
        for number, new in enumerate(came, 1)
    ]
    await writing.settle(actor, ops, now=now)


async def _add(
    actor: Actor,
    kind: str,
    customer_id: UUID,
    new: NewStore | NewContact | NewNote,
    *,
    now: datetime,
) -> Saved:
    """Create a record that belongs to a customer within sight."""
    record_id = new.id or ids.new_id(now)
    fields = writing.fields_of(new, but=_OWN_ID) | {"customer_id": str(customer_id)}
    async with db.tenant_transaction(actor.tenant_id):
        await records.one(actor, customer_id)
        await ensure_store(actor, fields.get("store_id"), customer_id=customer_id)
        if kind != "note":
            await required.ensure_given(actor, await required.of(actor, kind), [fields])
        op = writing.creation(kind, record_id, fields, now=now)
        applied = await writing.settle(actor, [op], now=now)
    return writing.saved(record_id, applied.result.outcomes[0])


async def edit_store(actor: Actor, store_id: UUID, change: StoreEdit, *, now: datetime) -> Saved:
    """Edit a store's touched fields."""
    fields = writing.fields_of(change)
    return await writing.edit_record(actor, "store", store_id, fields, change, now=now)


async def edit_contact(
    actor: Actor, contact_id: UUID, change: ContactEdit, *, now: datetime
) -> Saved:
    """Edit a contact's touched fields."""
    fields = writing.fields_of(change)
    async with db.tenant_transaction(actor.tenant_id):
        done = await writing.edit_record(actor, "contact", contact_id, fields, change, now=now)
        # After the edit, which has found out whether there is such a contact at all.
        await ensure_store(actor, fields.get("store_id"), contact_id=contact_id)
    return done


async def delete_store(actor: Actor, store_id: UUID, *, base: int | None, now: datetime) -> Saved:
    """Delete a store; it can be restored."""
    return await writing.delete_record(actor, "store", store_id, base=base, now=now)


async def delete_contact(
    actor: Actor, contact_id: UUID, *, base: int | None, now: datetime
) -> Saved:
    """Delete a contact; it can be restored."""
    return await writing.delete_record(actor, "contact", contact_id, base=base, now=now)


async def restore_store(actor: Actor, store_id: UUID, *, now: datetime) -> Saved:
    """Bring a deleted store back."""
    return await writing.restore_record(actor, "store", store_id, now=now)


async def restore_contact(actor: Actor, contact_id: UUID, *, now: datetime) -> Saved:
    """Bring a deleted contact back."""
    return await writing.restore_record(actor, "contact", contact_id, now=now)
