"""Customers over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from server.access.edge import CurrentActor
from server.customers import queries, service
from server.customers.bulk.routes import bulk_router
from server.customers.custom.asking import asked
from server.customers.custom.routes import custom_router
from server.customers.exports.routes import EXPORTS
from server.customers.imports.target import CUSTOMERS
from server.customers.objects.routes import OF_CUSTOMER as RECORDS
from server.customers.objects.routes import object_router
from server.customers.pools.routes import RELEASE, pool_router
from server.customers.reveals.routes import OF_CUSTOMER
from server.customers.reveals.routes import router as reveal_router
from server.customers.schemas import (
    BatchSaved,
    ContactEdit,
    CustomerBatch,
    CustomerDetail,
    CustomerEdit,
    CustomerSaved,
    CustomerView,
    Duplicate,
    Filters,
    HistoryEntry,
    Identity,
    Level,
    NewContact,
    NewCustomer,
    NewNote,
    NewStore,
    NewTag,
    Saved,
    Sort,
    Status,
    StoreEdit,
    Summary,
    TagEdit,
    TagView,
)
from server.imports import targets
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import Base, Moment, PageCursor, PageLimit, Words, in_utc


async def filters(  # noqa: PLR0913, PLR0917 - a list is narrowed in as many ways
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    q: Words = None,
    status: FromQuery[list[Status] | None] = None,
    city: Words = None,
    district: Words = None,
    industry: Words = None,
    level: FromQuery[Level | None] = None,
    source: Words = None,
    owner_id: FromQuery[UUID | None] = None,
    team_id: FromQuery[UUID | None] = None,
    tag: FromQuery[UUID | None] = None,
    custom: FromQuery[list[str] | None] = None,
    updated_since: Moment = None,
) -> Filters:
    """Gather what a list is narrowed by."""
    return Filters(
        q=q,
        status=tuple(status or ()),
        city=city,
        district=district,
        industry=industry,
        level=level,
        source=source,
        owner_id=owner_id,
        team_id=team_id,
        tag=tag,
        custom=asked(custom or ()),
        updated_since=in_utc(updated_since, "updated_since"),
    )


@get("/", summary="List customers")
async def list_customers(
    actor: CurrentActor,
    filters: NamedDependency[Filters],
    sort: FromQuery[Sort | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[CustomerView]:
    """List the customers within sight; with `q`, those that are found, as the search finds them."""
    return await queries.list_page(actor, filters, sort=sort, cursor=cursor, limit=limit)


@get("/summary", summary="Count customers")
async def summary(actor: CurrentActor, filters: NamedDependency[Filters]) -> Summary:
    """Count the customers within sight, in all and by status."""
    return await queries.summary(actor, filters)


@post("/", summary="Create a customer")
async def create(actor: CurrentActor, data: JSONBody[NewCustomer]) -> CustomerSaved:
    """Create a customer; those that look like it are told, not refused."""
    return await service.create(actor, data, now=clock.now())


@post("/batch", summary="Create many customers")
async def create_many(actor: CurrentActor, data: JSONBody[CustomerBatch]) -> BatchSaved:
    """Create up to 1,000 customers, all or none."""
    return await service.create_many(actor, data, now=clock.now())


@post("/duplicates", status_code=200, summary="Find duplicates")
async def duplicates(actor: CurrentActor, data: JSONBody[Identity]) -> list[Duplicate]:
    """Tell which customers have this credit code, phone or name, before one is saved."""
    return await service.find_duplicates(actor, data)


@get("/{customer_id:uuid}", summary="Show a customer")
async def show(actor: CurrentActor, customer_id: FromPath[UUID]) -> CustomerDetail:
    """Give a customer with its stores, contacts, newest notes and tags."""
    return await queries.detail(actor, customer_id, with_shared=True)


@patch("/{customer_id:uuid}", summary="Edit a customer")
async def edit(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[CustomerEdit]
) -> CustomerSaved:
    """Change the touched fields. What somebody else wrote meanwhile is merged or refused."""
    return await service.edit(actor, customer_id, data, now=clock.now())


@delete("/{customer_id:uuid}", status_code=200, summary="Delete a customer")
async def remove(actor: CurrentActor, customer_id: FromPath[UUID], base: Base = None) -> Saved:
    """Delete a customer; an edit newer than `base` wins over the deletion."""
    return await service.delete(actor, customer_id, base=base, now=clock.now())


@post("/{customer_id:uuid}/restoration", status_code=200, summary="Restore a customer")
async def restore(actor: CurrentActor, customer_id: FromPath[UUID]) -> Saved:
    """Bring a deleted customer back as it was."""
    return await service.restore(actor, customer_id, now=clock.now())


@get("/{customer_id:uuid}/history", summary="Tell a customer's history")
async def history(
    actor: CurrentActor,
    customer_id: FromPath[UUID],
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[HistoryEntry]:
    """Tell who changed what of the customer and of what belongs to it, from which device."""
    return await queries.history(actor, customer_id, cursor=cursor, limit=limit)


@post("/{customer_id:uuid}/stores", summary="Add a store")
async def add_store(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewStore]
) -> Saved:
    """Add a place of business to a customer."""
    return await service.add_store(actor, customer_id, data, now=clock.now())


@post("/{customer_id:uuid}/contacts", summary="Add a contact")
async def add_contact(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewContact]
) -> Saved:
    """Add a person to a customer."""
    return await service.add_contact(actor, customer_id, data, now=clock.now())


@post("/{customer_id:uuid}/notes", summary="Write a note")
async def add_note(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewNote]
) -> Saved:
    """Write something down about a customer; it is never changed."""
    return await service.add_note(actor, customer_id, data, now=clock.now())


@patch("/{store_id:uuid}", summary="Edit a store")
async def edit_store(
    actor: CurrentActor, store_id: FromPath[UUID], data: JSONBody[StoreEdit]
) -> Saved:
    """Change the touched fields of a store."""
    return await service.edit_store(actor, store_id, data, now=clock.now())


@delete("/{store_id:uuid}", status_code=200, summary="Delete a store")
async def delete_store(actor: CurrentActor, store_id: FromPath[UUID], base: Base = None) -> Saved:
    """Delete a store."""
    return await service.delete_store(actor, store_id, base=base, now=clock.now())


@post("/{store_id:uuid}/restoration", status_code=200, summary="Restore a store")
async def restore_store(actor: CurrentActor, store_id: FromPath[UUID]) -> Saved:
    """Bring a deleted store back."""
    return await service.restore_store(actor, store_id, now=clock.now())


@patch("/{contact_id:uuid}", summary="Edit a contact")
async def edit_contact(
    actor: CurrentActor, contact_id: FromPath[UUID], data: JSONBody[ContactEdit]
) -> Saved:
    """Change the touched fields of a contact."""
    return await service.edit_contact(actor, contact_id, data, now=clock.now())


@delete("/{contact_id:uuid}", status_code=200, summary="Delete a contact")
async def delete_contact(
    actor: CurrentActor, contact_id: FromPath[UUID], base: Base = None
) -> Saved:
    """Delete a contact."""
    return await service.delete_contact(actor, contact_id, base=base, now=clock.now())


@post("/{contact_id:uuid}/restoration", status_code=200, summary="Restore a contact")
async def restore_contact(actor: CurrentActor, contact_id: FromPath[UUID]) -> Saved:
    """Bring a deleted contact back."""
    return await service.restore_contact(actor, contact_id, now=clock.now())


@get("/", summary="List tags")
async def tags(actor: CurrentActor) -> list[TagView]:
    """List the company's tags by name."""
    return await queries.tags(actor)


@post("/", summary="Create a tag")
async def create_tag(actor: CurrentActor, data: JSONBody[NewTag]) -> Saved:
    """Create a tag; it needs a meaning."""
    return await service.create_tag(actor, data, now=clock.now())


@patch("/{tag_id:uuid}", summary="Edit a tag")
async def edit_tag(actor: CurrentActor, tag_id: FromPath[UUID], data: JSONBody[TagEdit]) -> Saved:
    """Change the touched fields of a tag."""
    return await service.edit_tag(actor, tag_id, data, now=clock.now())


@delete("/{tag_id:uuid}", status_code=200, summary="Retire a tag")
async def delete_tag(actor: CurrentActor, tag_id: FromPath[UUID], base: Base = None) -> Saved:
    """Retire a tag."""
    return await service.delete_tag(actor, tag_id, base=base, now=clock.now())


targets.register(CUSTOMERS)

router = Router(
    "/",
    route_handlers=[
        Router(
            "/customers",
            route_handlers=[
                list_customers,
                summary,
                create,
                create_many,
                duplicates,
                show,
                edit,
                remove,
                restore,
                history,
                add_store,
                add_contact,
                add_note,
                *EXPORTS,
                *RELEASE,
                *OF_CUSTOMER,
                *RECORDS,
            ],
            dependencies={"filters": Provide(filters)},
        ),
        Router("/stores", route_handlers=[edit_store, delete_store, restore_store]),
        Router("/contacts", route_handlers=[edit_contact, delete_contact, restore_contact]),
        pool_router,
        bulk_router,
        custom_router,
        object_router,
        reveal_router,
        Router("/tags", route_handlers=[tags, create_tag, edit_tag, delete_tag]),
    ],
    tags=["customers"],
)
