"""Short ways to say what happens in the stories about custom objects."""

from typing import Any
from uuid import UUID

from server.access import Actor
from server.customers.custom.schemas import FieldView
from server.customers.objects.queries import records
from server.customers.objects.schemas import NewObject, NewRecord, ObjectView, RecordFilters
from server.customers.objects.service import objects
from server.customers.objects.service import records as writing
from tests.factories import NOW
from tests.server.customers.custom.stories import field


async def sort(actor: Actor, name: str = "设备", **more: Any) -> ObjectView:
    """Add a custom object."""
    new = NewObject(name_zh=name, meaning=f"客户店里的{name}", title_zh=f"{name}名称", **more)
    return await objects.add(actor, new, now=NOW)


async def part(
    actor: Actor, of: ObjectView, type_: str = "text", label: str = "", **more: Any
) -> FieldView:
    """Give the records of an object a field."""
    return await field(actor, type_, label, subject="custom_record", object_id=of.id, **more)


async def record(
    actor: Actor, customer_id: UUID, of: ObjectView, title: str = "一号机", **more: Any
) -> UUID:
    """Add a record to a customer."""
    new = NewRecord(object_id=of.id, title=title, **more)
    return (await writing.add(actor, customer_id, new, now=NOW)).id


async def titles(actor: Actor, **filters: Any) -> list[str]:
    """Name the records that the filters leave, the newest first."""
    page = await records.list_page(actor, RecordFilters(**filters))
    return [each.title for each in page.items]
