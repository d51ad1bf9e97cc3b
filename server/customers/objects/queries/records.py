"""The records of custom objects: one, those of a customer, a list that is narrowed."""

from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.changelog import custom
from server.customers.objects.schemas import RecordFilters, RecordView
from server.customers.queries import records as customers
from server.customers.rules import masks, search
from server.customers.sight import Where, newest_first
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page
from sync_protocol.schema.custom import custom_spec

_COLUMNS: Final = """
    k.id, k.seq, k.object_id, k.customer_id, c.name AS customer_name, c.owner_id, k.title,
    k.store_id, k.custom, k.created_at, k.deleted
"""
_FROM: Final = """
    custom_record k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
"""
_HAS_KEY: Final = (
    "EXISTS (SELECT FROM customer_token t WHERE t.tenant_id = $1 AND t.token = {}"
    " AND t.record_id = k.id)"
)


async def one(actor: Actor, record_id: UUID) -> RecordView:
    """Give one record of a customer within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("k.id = {}", record_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return _view(actor, row)


async def list_page(
    actor: Actor, filters: RecordFilters, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[RecordView]:
    """List the records within sight that the filters leave, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _filtered(actor, filters)
    rows, following = await newest_first(actor, _COLUMNS, _FROM, where, cursor, limit)
    return Page([_view(actor, row) for row in rows], following)


async def of_customer(actor: Actor, customer_id: UUID) -> list[RecordView]:
    """List the records of a customer, the newest first.

    :raises NotFound: the customer is not there, or out of sight.
    """
    await customers.one(actor, customer_id)
    filters = RecordFilters(customer_id=customer_id)
    return (await list_page(actor, filters, limit=PAGE_SIZE_MAX)).items


def _where(actor: Actor) -> Where:
    """Begin a question about the records of the customers within sight."""
    where = Where(actor)
    where.add("k.tenant_id = {} AND NOT k.deleted", actor.tenant_id)
    return where


def _filtered(actor: Actor, filters: RecordFilters) -> Where:
    """Turn filters into conditions."""
    where = _where(actor)
    for name in ("object_id", "customer_id", "store_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"k.{name} = {{}}", value)
    for name, value in filters.custom.items():
        _has_value(where, name, value)
        if masks.is_phone(name):
            where.add_own_if_masked()
    if filters.q and (text := filters.q.strip()):
        where.add_text(("k.title", "c.name"), text)
    return where


def _has_value(where: Where, name: str, value: str) -> None:
    """Add a value of a custom field as a condition: by its key, where it has one."""
    if custom_spec(name) is None:
        where.add("FALSE")
    elif search.is_found(name):
        where.add(_HAS_KEY, custom.token(name, value))
    else:
        where.add("k.custom ->> {} = {}", name, value)


def _view(actor: Actor, row: asyncpg.Record) -> RecordView:
    """Turn a row into a view for the actor, from whom its phones may be hidden."""
    given: dict[str, Any] = {
        name: row[name] for name in RecordView.__struct_fields__ if name != "custom"
    }
    held = msgspec.json.decode(row["custom"]) if row["custom"] else {}
    return masks.view(actor, row["owner_id"], RecordView(**given, custom=held))
