"""Custom objects and their records over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.customers.custom.asking import asked
from server.customers.exports.sheets import Words as Wording
from server.customers.objects.imports.target import RECORDS
from server.customers.objects.queries import objects, records
from server.customers.objects.schemas import (
    NewObject,
    NewRecord,
    ObjectEdit,
    ObjectView,
    RecordEdit,
    RecordFilters,
    RecordView,
)
from server.customers.objects.service import exports
from server.customers.objects.service import objects as service
from server.customers.objects.service import records as writing
from server.customers.schemas import Saved
from server.imports import targets
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import Base, PageCursor, PageLimit, Words
from server.kit.sheets import CSV, attached


@get("/", summary="List custom objects")
async def list_objects(actor: CurrentActor) -> list[ObjectView]:
    """List the objects that the company added, archived ones too."""
    return await objects.listed(actor)


@post("/", summary="Add a custom object")
async def add_object(actor: CurrentActor, data: JSONBody[NewObject]) -> ObjectView:
    """Add a sort of records. For managers."""
    return await service.add(actor, data, now=clock.now())


@patch("/{object_id:uuid}", summary="Change a custom object")
async def change_object(
    actor: CurrentActor, object_id: FromPath[UUID], data: JSONBody[ObjectEdit]
) -> ObjectView:
    """Change what an object is called and means and who writes it, or archive it. For managers."""
    return await service.change(actor, object_id, data, now=clock.now())


@get(
    "/{object_id:uuid}/export.csv",
    summary="Export the records of a custom object as CSV",
    media_type=CSV,
    opt={"time_limit_s": None},
)
async def export_csv(
    actor: CurrentActor, object_id: FromPath[UUID], words: FromQuery[Wording] = Wording.KEYS
) -> Stream:
    """Give the records within sight; what comes back in changes nothing."""
    blocks = await exports.as_csv(actor, object_id, words, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("records.csv"))


@get("/", summary="List records of custom objects")
async def list_records(
    actor: CurrentActor,
    object_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    store_id: FromQuery[UUID | None] = None,
    q: Words = None,
    custom: FromQuery[list[str] | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[RecordView]:
    """List the records within sight, the newest first; of an object, of a customer, by value."""
    filters = RecordFilters(
        object_id=object_id,
        customer_id=customer_id,
        store_id=store_id,
        q=q,
        custom=asked(custom or ()),
    )
    return await records.list_page(actor, filters, cursor=cursor, limit=limit)


@get("/{record_id:uuid}", summary="Show a record of a custom object")
async def show_record(actor: CurrentActor, record_id: FromPath[UUID]) -> RecordView:
    """Give one record."""
    return await records.one(actor, record_id)


@patch("/{record_id:uuid}", summary="Edit a record of a custom object")
async def edit_record(
    actor: CurrentActor, record_id: FromPath[UUID], data: JSONBody[RecordEdit]
) -> Saved:
    """Change the touched fields of a record."""
    return await writing.edit(actor, record_id, data, now=clock.now())


@delete("/{record_id:uuid}", status_code=200, summary="Delete a record of a custom object")
async def delete_record(actor: CurrentActor, record_id: FromPath[UUID], base: Base = None) -> Saved:
    """Delete a record."""
    return await writing.delete(actor, record_id, base=base, now=clock.now())


@post(
    "/{record_id:uuid}/restoration", status_code=200, summary="Restore a record of a custom object"
)
async def restore_record(actor: CurrentActor, record_id: FromPath[UUID]) -> Saved:
    """Bring a deleted record back."""
    return await writing.restore(actor, record_id, now=clock.now())


@post("/{customer_id:uuid}/records", summary="Add a record of a custom object")
async def add_record(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewRecord]
) -> Saved:
    """Add a record to a customer."""
    return await writing.add(actor, customer_id, data, now=clock.now())


@get("/{customer_id:uuid}/records", summary="List a customer's records of custom objects")
async def of_customer(actor: CurrentActor, customer_id: FromPath[UUID]) -> list[RecordView]:
    """List the records of a customer, the newest first."""
    return await records.of_customer(actor, customer_id)


targets.register(RECORDS)

OF_CUSTOMER = (add_record, of_customer)
object_router = Router(
    "/",
    route_handlers=[
        Router(
            "/custom-objects", route_handlers=[list_objects, add_object, change_object, export_csv]
        ),
        Router(
            "/custom-records",
            route_handlers=[list_records, show_record, edit_record, delete_record, restore_record],
        ),
    ],
)
