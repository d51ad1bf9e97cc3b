"""Write the records of custom objects: each function is one use case and one transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.customers.custom import required
from server.customers.objects import rules
from server.customers.objects.queries import objects
from server.customers.objects.schemas import NewRecord, RecordEdit
from server.customers.queries import records as customers
from server.customers.schemas import Saved
from server.customers.service import writing
from server.customers.service.references import ensure_store
from server.kit import db, ids

_KIND: Final = "custom_record"
_OWN_ID: Final = frozenset({"id"})


async def add(actor: Actor, customer_id: UUID, new: NewRecord, *, now: datetime) -> Saved:
    """Add a record of a custom object to a customer.

    :raises NotFound: the customer or the object is not there, or out of sight.
    :raises CustomObjectArchived: nobody makes new records of it.
    :raises CustomFieldRequired: and names the field.
    :raises RecordsOfManagers: managers alone write them.
    """
    record_id = new.id or ids.new_id(now)
    fields = writing.fields_of(new, but=_OWN_ID) | {"customer_id": str(customer_id)}
    async with db.tenant_transaction(actor.tenant_id):
        await customers.one(actor, customer_id)
        rules.ensure_in_use(await objects.one(actor, new.object_id))
        await ensure_store(actor, fields.get("store_id"), customer_id=customer_id)
        wanted = await required.of(actor, _KIND, new.object_id)
        await required.ensure_given(actor, wanted, [fields])
        op = writing.creation(_KIND, record_id, fields, now=now)
        applied = await writing.settle(actor, [op], now=now)
    return writing.saved(record_id, applied.result.outcomes[0])


async def edit(actor: Actor, record_id: UUID, change: RecordEdit, *, now: datetime) -> Saved:
    """Edit a record's touched fields.

    :raises NotFound: it is not there, or out of sight.
    :raises RecordsOfManagers: managers alone write it.
    """
    fields = writing.fields_of(change)
    return await writing.edit_record(actor, _KIND, record_id, fields, change, now=now)


async def delete(actor: Actor, record_id: UUID, *, base: int | None, now: datetime) -> Saved:
    """Delete a record; it can be restored."""
    return await writing.delete_record(actor, _KIND, record_id, base=base, now=now)


async def restore(actor: Actor, record_id: UUID, *, now: datetime) -> Saved:
    """Bring a deleted record back."""
    return await writing.restore_record(actor, _KIND, record_id, now=now)
