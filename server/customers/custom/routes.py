"""Custom fields over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from server.access.edge import CurrentActor
from server.customers.custom import queries, service
from server.customers.custom.schemas import FieldEdit, FieldView, NewField, Subject
from server.kit import clock


@get("/", summary="List custom fields")
async def fields(
    actor: CurrentActor,
    subject: FromQuery[Subject | None] = None,
    object_id: FromQuery[UUID | None] = None,
) -> list[FieldView]:
    """List the fields that the company gave its records, archived ones too."""
    return await queries.fields(actor, subject, object_id)


@post("/", summary="Add a custom field")
async def add(actor: CurrentActor, data: JSONBody[NewField]) -> FieldView:
    """Add a field to a kind of record. For managers."""
    return await service.add(actor, data, now=clock.now())


@patch("/{field_id:uuid}", summary="Change a custom field")
async def change(
    actor: CurrentActor, field_id: FromPath[UUID], data: JSONBody[FieldEdit]
) -> FieldView:
    """Change what a field is called, means and takes, or archive it. For managers."""
    return await service.change(actor, field_id, data, now=clock.now())


custom_router = Router("/custom-fields", route_handlers=[fields, add, change])
