"""Short ways to say what happens in the stories about customers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from server.access import Actor
from server.customers import queries, service
from server.customers.schemas import (
    CustomerEdit,
    CustomerSaved,
    Filters,
    NewCustomer,
    NewTag,
    Sort,
)
from tests.factories import NOW


async def make(actor: Actor, name: str = "杭州龙井茶行", **fields: Any) -> CustomerSaved:
    """Create a customer."""
    return await service.create(actor, NewCustomer(name=name, **fields), now=NOW)


async def change(actor: Actor, customer_id: UUID, minutes: int = 1, **fields: Any) -> CustomerSaved:
    """Edit a customer, some minutes later."""
    when = NOW + timedelta(minutes=minutes)
    return await service.edit(actor, customer_id, CustomerEdit(**fields), now=when)


async def make_tag(actor: Actor, name: str = "重点") -> UUID:
    """Create a tag."""
    return (await service.create_tag(actor, NewTag(name=name, meaning="每周回访"), now=NOW)).id


async def names(actor: Actor, sort: Sort | None = None, **filters: Any) -> list[str]:
    """List the names of the customers that the filters leave, over all pages of two."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await queries.list_page(actor, Filters(**filters), sort=sort, cursor=cursor, limit=2)
        found += [customer.name for customer in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found
