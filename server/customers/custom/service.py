"""Managers add, change and archive custom fields; no record is touched by any of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts, storage
from server.customers import sync
from server.customers.custom import queries, rules
from server.customers.custom.schemas import FieldEdit, FieldView, NewField, OptionGiven
from server.customers.objects.queries import objects
from server.kit import db, ids
from server.kit.errors import IdReused
from server.kit.text import clean, tidy
from sync_protocol.custom_fields import Definition, Option
from sync_protocol.schema import CustomType

_KIND: Final = "custom_field"
_REPEATED: Final = """
SELECT EXISTS (
    SELECT FROM {table} WHERE tenant_id = $1 AND NOT deleted AND custom ? $2
    GROUP BY normalize(custom ->> $2, NFKC) HAVING count(*) > 1
)
"""


async def add(actor: Actor, new: NewField, *, now: datetime) -> FieldView:
    """Add a custom field. Asked again under the same id, it is answered the same.

    :raises TooManyCustomFields: this kind of record has as many as it may have.
    :raises CustomLabelTaken: another one is called so.
    :raises CustomSubjectBad: custom records have an object, others have none.
    :raises NotFound: there is no such object.
    :raises IdReused: the id is another field's.
    """
    ensure(actor, Permission.FIELDS_MANAGE)
    rules.ensure_subject(new.subject, new.object_id)
    field_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        # Fields are added seldom: who counts them has the tenant's clock, so that two at once are
        # one after the other.
        await facts.hold_clock(actor.tenant_id)
        held = await queries.fields(actor)
        same = [each for each in held if each.id == field_id]
        if same:
            is_same = (same[0].subject, same[0].type, same[0].object_id) == (
                *(new.subject, new.type, new.object_id),
            )
            if not is_same:
                raise IdReused("This id belongs to another field; make a new one.", field="id")
            return same[0]
        if new.object_id is not None:
            await objects.one(actor, new.object_id)
        beside = [
            each for each in held if (each.subject, each.object_id) == (new.subject, new.object_id)
        ]
        rules.ensure_room(len(beside))
        definition = _definition(new, field_id, place=len(beside), now=now)
        rules.ensure_possible(definition, map(_as_definition, beside))
        await facts.add(
            actor, _KIND, str(field_id), _fields(definition), kinds=sync.BY_NAME, now=now
        )
        await audit.record(actor, "custom_field.added", subject_id=field_id, now=now)
        return await queries.field(actor, field_id)


async def change(actor: Actor, field_id: UUID, edit: FieldEdit, *, now: datetime) -> FieldView:
    """Change what a custom field is called, means and takes, or archive it; values stay.

    :raises CustomLabelTaken: another one is called so.
    :raises CustomValuesRepeat: it is to be unique, and records have the same value.
    """
    ensure(actor, Permission.FIELDS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        # Whoever writes a value locks its definition, and the clock behind it.
        await storage.load(actor, sync.BY_NAME, [(_KIND, str(field_id))])
        await facts.hold_clock(actor.tenant_id)
        held = await queries.field(actor, field_id)
        before = _as_definition(held)
        after = msgspec.structs.replace(before, **_touched(edit, before, now))
        rules.ensure_possible(
            after, map(_as_definition, await queries.fields(actor, before.subject, held.object_id))
        )
        if after.is_unique and not before.is_unique:
            await _ensure_unlike(actor, after)
        await facts.note(
            actor, {(_KIND, str(field_id)): _fields(after)}, kinds=sync.BY_NAME, now=now
        )
        told = sorted(name for name, value in _given(edit).items() if value is not UNSET)
        await audit.record(actor, "custom_field.changed", subject_id=field_id, now=now, fields=told)
        return await queries.field(actor, field_id)


async def _ensure_unlike(actor: Actor, definition: Definition) -> None:
    """Refuse to make a field unique of which two records have one value."""
    # The kinds are those of the schema; a table is called like its kind.
    statement = _REPEATED.format(table=definition.subject)
    if await db.connection().fetchval(statement, actor.tenant_id, definition.name):
        detail = "Several records have the same value; mend them first."
        raise rules.CustomValuesRepeat(detail, field="is_unique")


def _given(edit: FieldEdit) -> dict[str, Any]:
    """Give the parts of an edit by name."""
    return msgspec.structs.asdict(edit)


def _touched(edit: FieldEdit, before: Definition, now: datetime) -> dict[str, Any]:
    """Give what is to be different, as a definition holds it."""
    touched = {name: value for name, value in _given(edit).items() if value is not UNSET}
    for name in ("label_zh", "label_en", "meaning"):
        if name in touched:
            touched[name] = clean(touched[name])
    if "options" in touched:
        wanted = _options(touched["options"], now)
        touched["options"] = rules.with_archived(before.options, wanted)
    if "state" in touched:
        touched["is_archived"] = touched.pop("state") == "archived"
    return touched


def _definition(new: NewField, field_id: UUID, *, place: int, now: datetime) -> Definition:
    """Turn what was asked for into a definition."""
    return Definition(
        id=str(field_id),
        subject=new.subject,
        type=CustomType(new.type),
        label_zh=clean(new.label_zh),
        label_en=clean(new.label_en),
        meaning=tidy(new.meaning),
        options=_options(new.options, now),
        decimals=new.decimals,
        minimum=new.minimum,
        maximum=new.maximum,
        is_required=new.is_required,
        is_unique=new.is_unique,
        place=place,
        object_id=None if new.object_id is None else str(new.object_id),
    )


def _options(given: Sequence[OptionGiven], now: datetime) -> tuple[Option, ...]:
    """Give options with ids."""
    return tuple(
        Option(
            id=str(each.id or ids.new_id(now)),
            zh=clean(each.zh),
            en=clean(each.en),
            archived=each.archived,
        )
        for each in given
    )


def _as_definition(view: FieldView) -> Definition:
    """Give the definition behind a view."""
    told = msgspec.to_builtins(view)
    return msgspec.convert({**told, "is_archived": view.state == "archived"}, Definition)


def _fields(definition: Definition) -> dict[str, Any]:
    """Give a definition as its record holds it."""
    return {
        "subject": definition.subject,
        "type": str(definition.type),
        "label_zh": definition.label_zh,
        "label_en": definition.label_en or None,
        "meaning": definition.meaning,
        "options": msgspec.to_builtins(definition.options) or None,
        "decimals": definition.decimals or None,
        "minimum": definition.minimum,
        "maximum": definition.maximum,
        "is_required": int(definition.is_required),
        "is_unique": int(definition.is_unique),
        "place": definition.place,
        "state": "archived" if definition.is_archived else "active",
        "object_id": definition.object_id,
    }
