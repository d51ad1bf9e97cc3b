"""Read who looked at hidden phones: for the company's owner, and for the customer's."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.customers.queries import records
from server.customers.reveals.schemas import RevealView
from server.customers.rules import masks
from server.kit import db
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor


def are_hidden(actor: Actor, owner_id: UUID | None) -> bool:
    """Say whether the phones of a customer of this owner are hidden from the actor."""
    return masks.hides(actor, owner_id)


async def of_customer(actor: Actor, customer_id: UUID) -> list[RevealView]:
    """List who looked at a customer's hidden phones, the latest first; a hundred at most.

    :raises NotFound: there is no such customer within sight.
    :raises NotPermitted: the customer is somebody else's, and the actor no owner of the company.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        customer = await records.one(actor, customer_id)
        if customer.owner_id != actor.user_id:
            ensure(actor, Permission.USERS_MANAGE)
        return await _fetch(actor, "AND r.customer_id = $2", customer_id, 100)


async def page(actor: Actor, *, cursor: str | None = None) -> Page[RevealView]:
    """List who looked at hidden phones in the whole company, the latest first."""
    ensure(actor, Permission.USERS_MANAGE)
    behind: tuple[Any, ...] = ()
    text = ""
    if cursor is not None:
        behind = decode_cursor(cursor, tuple[datetime, UUID, UUID])
        text = "AND (r.revealed_at, r.customer_id, r.user_id) < ($2, $3, $4)"
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await _fetch(actor, text, *behind, PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    if len(found) <= PAGE_SIZE:
        return Page(items)
    last = items[-1]
    return Page(items, encode_cursor(last.revealed_at, last.customer_id, last.user_id))


async def _fetch(actor: Actor, text: str, *args: Any) -> list[RevealView]:
    """Fetch reveals; the last argument is how many."""
    rows = await db.connection().fetch(
        "SELECT r.customer_id, coalesce(c.name, '') AS customer_name, r.user_id, r.revealed_at,"  # noqa: S608 - constants and numbered parameters
        " r.reason FROM phone_reveal r"
        " LEFT JOIN customer c ON c.tenant_id = r.tenant_id AND c.id = r.customer_id"
        f" WHERE r.tenant_id = $1 {text}"
        f" ORDER BY r.revealed_at DESC, r.customer_id DESC, r.user_id DESC LIMIT ${len(args) + 1}",
        actor.tenant_id,
        *args,
    )
    return [msgspec.convert(dict(row), RevealView) for row in rows]
