"""Public pools over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from server.access.edge import CurrentActor
from server.customers.pools import queries, service
from server.customers.pools.schemas import (
    NewPool,
    PooledCustomer,
    PooledDetail,
    PoolEdit,
    PoolView,
    RecycleWarning,
    Release,
)
from server.customers.schemas import Level, Saved
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit, Words


@get("/", summary="List pools")
async def pools(actor: CurrentActor) -> list[PoolView]:
    """List the pools within reach, with what the asker has taken of each."""
    return await queries.pools(actor, now=clock.now())


@post("/", summary="Create a pool")
async def create_pool(actor: CurrentActor, data: JSONBody[NewPool]) -> PoolView:
    """Make a public pool."""
    return await service.create_pool(actor, data, now=clock.now())


@patch("/{pool_id:uuid}", summary="Edit a pool")
async def edit_pool(
    actor: CurrentActor, pool_id: FromPath[UUID], data: JSONBody[PoolEdit]
) -> PoolView:
    """Change what was touched of a pool; null takes a limit away."""
    return await service.edit_pool(actor, pool_id, data, now=clock.now())


@delete("/{pool_id:uuid}", summary="Delete a pool")
async def delete_pool(actor: CurrentActor, pool_id: FromPath[UUID]) -> None:
    """Take an empty pool away."""
    await service.delete_pool(actor, pool_id, now=clock.now())


@get("/{pool_id:uuid}/customers", summary="List a pool's customers")
async def customers(
    actor: CurrentActor,
    pool_id: FromPath[UUID],
    city: Words = None,
    industry: Words = None,
    level: FromQuery[Level | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[PooledCustomer]:
    """List what lies in a pool, the longest there first; phones are masked."""
    return await queries.customers(
        actor,
        pool_id,
        city=city,
        industry=industry,
        level=level,
        cursor=cursor,
        limit=limit,
        now=clock.now(),
    )


@post("/customers/{customer_id:uuid}/look", status_code=200, summary="Look at a pool's customer")
async def look(actor: CurrentActor, customer_id: FromPath[UUID]) -> PooledDetail:
    """Show more of a customer in a pool; the first look of a day costs one view."""
    return await service.look(actor, customer_id, now=clock.now())


@post("/customers/{customer_id:uuid}/pick", status_code=200, summary="Pick a customer")
async def pick(actor: CurrentActor, customer_id: FromPath[UUID]) -> Saved:
    """Take a customer out of a pool; of all who try at a time, one gets it."""
    return await service.pick(actor, customer_id, now=clock.now())


@post("/{customer_id:uuid}/release", status_code=200, summary="Release a customer")
async def release(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[Release]
) -> Saved:
    """Give a customer up into a pool."""
    return await service.release(actor, customer_id, data, now=clock.now())


@get("/warnings", summary="List recycle warnings")
async def warnings(actor: CurrentActor) -> list[RecycleWarning]:
    """List the customers within sight that fall into a pool unless something is done."""
    return await queries.warnings(actor)


pool_router = Router(
    "/pools",
    route_handlers=[
        pools, create_pool, edit_pool, delete_pool, customers, look, pick, warnings,
    ],
    tags=["pools"],
)  # fmt: skip
RELEASE = (release,)
"""The route beside the other things that are done with one customer."""
