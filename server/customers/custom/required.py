"""What a new record must have: asked where a person is in front of it, never of a phone's words.

A phone that was offline may not have heard of a requirement; what it made is taken all the same.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from server.access import Actor
from server.customers.rules.fields import BadValue
from server.kit import db
from sync_protocol.schema import CustomType
from sync_protocol.schema.custom import custom_name, definition_of

_REQUIRED: Final = """
SELECT id FROM custom_field
WHERE tenant_id = $1 AND subject = $2 AND is_required = 1 AND state = 'active'
    AND object_id IS NOT DISTINCT FROM $3
"""
_CALLED: Final = "SELECT label_zh, type FROM custom_field WHERE tenant_id = $1 AND id = $2"


class CustomFieldRequired(BadValue):
    """A new record lacks a value of a custom field that must have one."""

    code = "field_required"


async def of(actor: Actor, subject: str, object_id: UUID | None = None) -> frozenset[UUID]:
    """Give the custom fields of a kind of record, or of an object's, that must have a value."""
    rows = await db.connection().fetch(_REQUIRED, actor.tenant_id, subject, object_id)
    return frozenset(row["id"] for row in rows)


async def ensure_given(
    actor: Actor,
    wanted: Collection[UUID],
    records: Sequence[Mapping[str, Any]],
    *,
    place: str = "",
) -> None:
    """Refuse new records that lack a value that they must have.

    :param place: the path of a record's fields in the request, with its number.
    :raises CustomFieldRequired: and names the field.
    """
    if not wanted:
        return
    for number, fields in enumerate(records):
        given = {definition_of(name) for name, value in fields.items() if value not in (None, "")}
        for missing in sorted(each for each in wanted if str(each) not in given):
            row = await db.connection().fetchrow(_CALLED, actor.tenant_id, missing)
            assert row is not None, "it was read in this transaction"
            name = custom_name(CustomType(row["type"]), str(missing))
            path = f"{place.format(number)}.{name}" if place else name
            raise CustomFieldRequired(f"{row['label_zh']} must have a value.", field=path)
