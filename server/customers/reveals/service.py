"""Show the phones of a customer to somebody from whom they are hidden."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.audit import service as audit
from server.customers import queries as customers
from server.customers.objects.queries import records
from server.customers.objects.schemas import RecordFilters, RecordView
from server.customers.pools.rules import day_of
from server.customers.reveals import beneath
from server.customers.reveals.schemas import NewReveal, Number, Revealed
from server.customers.rules import masks
from server.customers.schemas import ContactView, CustomerDetail, CustomerView, StoreView
from server.identity import queries as identity
from server.kit import db
from server.kit.pages import PAGE_SIZE_MAX
from server.kit.text import tidied

_HOLD: Final = """
SELECT FROM user_account WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_TODAY: Final = """
SELECT customer_id FROM phone_reveal WHERE tenant_id = $1 AND user_id = $2 AND day = $3
"""
_NOTE: Final = """
INSERT INTO phone_reveal (tenant_id, user_id, day, customer_id, revealed_at, reason)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def reveal(actor: Actor, customer_id: UUID, asked: NewReveal, *, now: datetime) -> Revealed:
    """Show a customer's phones in full, which counts once a day and leaves a line.

    To somebody from whom they are not hidden it shows them and writes nothing.

    :raises NotFound: there is no such customer within sight.
    :raises ReasonMissing: the company wants one.
    :raises RevealQuotaReached: as many were shown today as may be.
    """
    reason, today = tidied(asked.reason, "reason"), day_of(now)
    key = (actor.tenant_id, actor.user_id)
    open_ = masks.unmasked(actor)
    found = await customers.detail(open_, customer_id, with_shared=True)
    of_it = RecordFilters(customer_id=customer_id)
    held = (await records.list_page(open_, of_it, limit=PAGE_SIZE_MAX)).items
    numbers = [*_numbers(found, held)]
    for kind, source in beneath.registered():
        numbers += [
            number
            for each in await source(open_, customer_id, now)
            for number in _of(kind, each.record_id, each.name, each.fields)
        ]
    shown = Revealed(numbers=numbers, left_today=None)
    if not masks.hides(actor, found.customer.owner_id):
        return shown
    async with db.tenant_transaction(actor.tenant_id):
        # What one person looks at is counted one after the other.
        await db.connection().execute(_HOLD, *key)
        mask = await identity.phone_mask_of(actor.tenant_id)
        terms = masks.Terms(reveals_per_day=mask.reveals_per_day, wants_reason=mask.wants_reason)
        seen = {row["customer_id"] for row in await db.connection().fetch(_TODAY, *key, today)}
        if customer_id not in seen:
            masks.ensure_may_reveal(terms, revealed_today=len(seen), reason=reason)
            await db.connection().execute(_NOTE, *key, today, customer_id, now, reason)
            await audit.record(actor, "phone.revealed", subject_id=customer_id, now=now)
            seen.add(customer_id)
    quota = terms.reveals_per_day
    left = None if quota is None else max(0, quota - len(seen))
    return msgspec.structs.replace(shown, left_today=left)


def _numbers(found: CustomerDetail, held: Sequence[RecordView]) -> Iterator[Number]:
    """Give what a mask hides of a customer, its stores, its contacts and its custom records."""
    yield from _of_view("customer", found.customer)
    for store in found.stores:
        yield from _of_view("store", store)
    for contact in found.contacts:
        yield from _of_view("contact", contact)
    for note in found.notes:
        yield from _of("note", note.id, found.customer.name, {"body": note.body})
    for record in held:
        yield from _of("custom_record", record.id, record.title, record.custom)


def _of_view(kind: str, view: CustomerView | StoreView | ContactView) -> Iterator[Number]:
    """Give the numbers of one record."""
    fields = {name: getattr(view, name) for name in view.__struct_fields__ if name != "custom"}
    yield from _of(kind, view.id, view.name, {**fields, **view.custom})


def _of(
    kind: str, record_id: UUID, called: str | None, fields: Mapping[str, Any]
) -> Iterator[Number]:
    """Give those of a record's fields that a mask hides."""
    for name, held in fields.items():
        for number in masks.numbers(name, held):
            yield msgspec.convert(
                {
                    "kind": kind,
                    "record_id": record_id,
                    "name": called or "",
                    "field": name,
                    "number": number,
                },
                Number,
            )
