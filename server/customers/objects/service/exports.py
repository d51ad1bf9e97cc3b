"""Export the records of a custom object: line by line, with a line in the audit trail."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers.custom import queries as customs
from server.customers.custom import texts
from server.customers.exports.sheets import Words
from server.customers.objects.imports.columns import COLUMNS_ZH
from server.customers.objects.queries import objects, records
from server.customers.objects.schemas import RecordFilters
from server.kit import db, sheets
from server.kit.cells import harmless
from server.kit.pages import PAGE_SIZE_MAX

__all__ = ["Words", "as_csv"]

_STORES: Final = "SELECT id, name FROM store WHERE tenant_id = $1 AND id = ANY($2::uuid[])"


async def as_csv(
    actor: Actor, object_id: UUID, words: Words, *, now: datetime
) -> AsyncIterator[bytes]:
    """Write the records of an object within sight as CSV, a page at a time.

    :raises NotFound: there is no such object.
    """
    ensure(actor, Permission.CUSTOMERS_EXPORT)
    async with db.tenant_transaction(actor.tenant_id):
        of = await objects.one(actor, object_id)
        fields = await customs.definitions(actor, "custom_record", object_id)
        told = {"object_id": str(object_id)}
        await audit.record(actor, "custom_records.exported", subject_id=object_id, now=now, **told)

    async def blocks() -> AsyncIterator[bytes]:
        cursor: str | None = None
        while True:
            filters = RecordFilters(object_id=object_id)
            page = await records.list_page(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX)
            stores = await _stores(actor, [each.store_id for each in page.items if each.store_id])
            yield sheets.csv_of(
                [
                    [
                        *(str(each.id), harmless(each.customer_name), harmless(of.name_zh)),
                        harmless(each.title),
                        harmless(stores.get(each.store_id, "") if each.store_id else ""),
                        *(
                            harmless(texts.written(field, each.custom.get(field.name)))
                            for field in fields
                        ),
                    ]
                    for each in page.items
                ]
            )
            cursor = page.next_cursor
            if cursor is None:
                return

    if words is Words.KEYS:
        header = [*COLUMNS_ZH, *(each.name for each in fields)]
    else:
        header = [*COLUMNS_ZH.values(), *(harmless(each.label_zh) for each in fields)]
    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([header]))


async def _stores(actor: Actor, store_ids: list[UUID]) -> dict[UUID, str]:
    """Name stores."""
    if not store_ids:
        return {}
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_STORES, actor.tenant_id, store_ids)
    return {row["id"]: row["name"] or "" for row in rows}
