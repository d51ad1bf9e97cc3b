"""Calls: one, those of a customer; and which of a customer's phones nobody may call."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.activities.rules.calls import NoPhone, PhoneOptedOut
from server.activities.schemas import CallView, Dialled, Dialling
from server.customers import queries as customers
from server.customers.opt_outs import queries as opt_outs
from server.customers.rules import masks
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound

_CALLS: Final = """
SELECT k.*, c.name AS customer_name, c.owner_id AS customer_owner_id
FROM call k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
"""
_SHOWN_OF_CUSTOMER: Final = 50


async def call(actor: Actor, call_id: UUID) -> CallView:
    """Give one call with a customer within sight.

    :raises NotFound: there is none, or it is out of sight, or another company's.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor)
    where.add("k.id = {} AND NOT k.deleted", call_id)
    found = await _fetch(actor, where, "")
    if not found:
        raise NotFound
    return found[0]


async def calls_of(actor: Actor, customer_id: UUID) -> list[CallView]:
    """List the newest calls with a customer.

    :raises NotFound: the customer is not there, or out of sight.
    """
    where = Where(actor)
    where.add("k.customer_id = {} AND NOT k.deleted", customer_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await customers.one(actor, customer_id)
        order = f"ORDER BY k.called_at DESC, k.id DESC LIMIT {_SHOWN_OF_CUSTOMER}"
        return await _fetch(actor, where, order)


async def _fetch(actor: Actor, where: Where, order: str) -> list[CallView]:
    """Read the calls that conditions leave."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(f"{_CALLS} WHERE {where.text} {order}", *where.args)
    return [
        masks.view(actor, row["customer_owner_id"], msgspec.convert(dict(row), CallView))
        for row in rows
    ]


async def banned(actor: Actor, phones: Collection[str]) -> frozenset[str]:
    """Give those of these phones (E.164) that nobody of the channel may call."""
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        return frozenset(await opt_outs.among(phones))


async def dial(actor: Actor, customer_id: UUID, asked: Dialling) -> Dialled:
    """Give the phone of a contact or of the customer, where it may be called.

    :raises NotFound: the customer or the contact is not there.
    :raises NoPhone: there is none.
    :raises PhoneOptedOut: whoever has it has asked not to be called.
    :raises PhoneHidden: it is hidden from the actor, who has to reveal it.
    """
    detail = await customers.detail(actor, customer_id)
    masks.ensure_sees(actor, detail.customer.owner_id)
    phone = detail.customer.phone
    if asked.contact_id is not None:
        found = [each for each in detail.contacts if each.id == asked.contact_id]
        if not found:
            raise NotFound(field="contact_id")
        phone = found[0].phone
    if phone is None:
        raise NoPhone("There is no phone here.", field="contact_id")
    if await banned(actor, [phone]):
        raise PhoneOptedOut("Whoever has this phone has asked not to be called.")
    return Dialled(phone)
