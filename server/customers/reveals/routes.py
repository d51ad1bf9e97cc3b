"""Reveals over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.customers.reveals import queries, service
from server.customers.reveals.schemas import NewReveal, Revealed, RevealView
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor


@post("/{customer_id:uuid}/reveal", status_code=200, summary="Reveal a customer's phones")
async def reveal(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewReveal]
) -> Revealed:
    """Show hidden phones in full; counts once a day, and the customer's owner can read of it."""
    return await service.reveal(actor, customer_id, data, now=clock.now())


@get("/{customer_id:uuid}/reveals", summary="List who revealed a customer's phones")
async def of_customer(actor: CurrentActor, customer_id: FromPath[UUID]) -> list[RevealView]:
    """List who looked at the hidden phones of a customer; for its owner and the company's."""
    return await queries.of_customer(actor, customer_id)


@get("/", summary="List reveals")
async def reveals(actor: CurrentActor, cursor: PageCursor = None) -> Page[RevealView]:
    """List who looked at hidden phones, the latest first; for the company's owner."""
    return await queries.page(actor, cursor=cursor)


router = Router("/phone-reveals", route_handlers=[reveals], tags=["customers"])
OF_CUSTOMER = (reveal, of_customer)
"""The routes beside the other things that are done with one customer."""
