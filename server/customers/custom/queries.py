"""The custom fields that a company has."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.customers.custom.schemas import FieldView
from server.kit import db
from server.kit.errors import NotFound
from sync_protocol.custom_fields import Definition, defined

_FIELDS: Final = """
SELECT id, seq, subject, type, label_zh, label_en, meaning, options, decimals, minimum, maximum,
    is_required, is_unique, place, state, object_id::text AS object_id
FROM custom_field WHERE tenant_id = $1 AND NOT deleted
ORDER BY subject, coalesce(place, 0), id
"""


async def fields(
    actor: Actor, subject: str | None = None, object_id: UUID | None = None
) -> list[FieldView]:
    """List the company's custom fields, of one kind of record or all, in their order.

    :param object_id: of the records of this custom object alone.
    """
    return [shown(each, seq) for each, seq in await _held(actor, subject, object_id)]


async def definitions(
    actor: Actor, subject: str | None, object_id: UUID | None = None
) -> list[Definition]:
    """Give the custom fields of a kind of record, or of all, that are in use, in their order.

    :param object_id: of the records of this custom object alone.
    """
    found = await _held(actor, subject, object_id)
    return [each for each, _ in found if not each.is_archived]


async def field(actor: Actor, field_id: UUID) -> FieldView:
    """Give one custom field.

    :raises NotFound: there is none.
    """
    for each in await fields(actor):
        if each.id == field_id:
            return each
    raise NotFound


async def _held(
    actor: Actor, subject: str | None, object_id: UUID | None
) -> list[tuple[Definition, int]]:
    """Read the definitions, with the sequence of each."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_FIELDS, actor.tenant_id)
    found = [(_definition(row), row["seq"]) for row in rows]
    wanted = None if object_id is None else str(object_id)
    return [
        each
        for each in found
        if subject in (None, each[0].subject) and wanted in (None, each[0].object_id)
    ]


def _definition(row: asyncpg.Record) -> Definition:
    """Turn a row into what devices have too."""
    options = msgspec.json.decode(row["options"]) if row["options"] else []
    return defined(str(row["id"]), {**row, "options": options})


def shown(definition: Definition, seq: int) -> FieldView:
    """Show a definition as the API does."""
    told = msgspec.to_builtins(definition)
    return msgspec.convert(
        {
            **told,
            "seq": seq,
            "name": definition.name,
            "state": "archived" if definition.is_archived else "active",
        },
        FieldView,
    )
