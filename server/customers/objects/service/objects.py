"""Managers add, change and archive custom objects; no record is touched by any of it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts, storage
from server.customers import sync
from server.customers.objects import rules
from server.customers.objects.queries import objects as queries
from server.customers.objects.schemas import NewObject, ObjectEdit, ObjectView
from server.kit import db, ids
from server.kit.errors import IdReused
from server.kit.text import clean

_KIND: Final = "custom_object"
_TEXTS: Final = ("name_zh", "name_en", "meaning", "title_zh", "title_en")


async def add(actor: Actor, new: NewObject, *, now: datetime) -> ObjectView:
    """Add a custom object. Asked again under the same id, it is answered the same.

    :raises IdReused: the id is another object's.
    :raises TooManyCustomObjects: the company has as many as it may have.
    :raises CustomObjectUnnamed: it does not say what it is.
    :raises CustomObjectNameTaken: another one is called so.
    """
    ensure(actor, Permission.FIELDS_MANAGE)
    object_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        # Who counts objects has the tenant's clock, so that two at once are one after the other.
        await facts.hold_clock(actor.tenant_id)
        held = await queries.listed(actor)
        for each in held:
            if each.id == object_id:
                if each.name_zh != clean(new.name_zh):
                    detail = "This id belongs to another object; make a new one."
                    raise IdReused(detail, field="id")
                return each
        rules.ensure_room(len(held))
        fields = {
            **{name: clean(getattr(new, name)) or None for name in _TEXTS},
            "writers": new.writers,
            "place": len(held),
            "state": "active",
        }
        rules.ensure_possible(fields, held)
        await facts.add(actor, _KIND, str(object_id), fields, kinds=sync.BY_NAME, now=now)
        await audit.record(actor, "custom_object.added", subject_id=object_id, now=now)
        return await queries.one(actor, object_id)


async def change(actor: Actor, object_id: UUID, edit: ObjectEdit, *, now: datetime) -> ObjectView:
    """Change what a custom object is called and means and who writes it, or archive it.

    :raises NotFound: there is none.
    :raises CustomObjectUnnamed: it would not say what it is.
    :raises CustomObjectNameTaken: another one is called so.
    """
    ensure(actor, Permission.FIELDS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        # Whoever writes a record locks its object, and the clock behind it.
        await storage.load(actor, sync.BY_NAME, [(_KIND, str(object_id))])
        await facts.hold_clock(actor.tenant_id)
        before = await queries.one(actor, object_id)
        touched = _touched(edit)
        others = [each for each in await queries.listed(actor) if each.id != object_id]
        rules.ensure_possible({**msgspec.structs.asdict(before), **touched}, others)
        await facts.note(actor, {(_KIND, str(object_id)): touched}, kinds=sync.BY_NAME, now=now)
        told = sorted(touched)
        await audit.record(
            actor, "custom_object.changed", subject_id=object_id, now=now, fields=told
        )
        return await queries.one(actor, object_id)


def _touched(edit: ObjectEdit) -> dict[str, Any]:
    """Give what is to be different, as the record holds it."""
    given = msgspec.structs.asdict(edit)
    touched = {name: value for name, value in given.items() if value is not UNSET}
    return {
        name: clean(value) or None if name in _TEXTS else value for name, value in touched.items()
    }
