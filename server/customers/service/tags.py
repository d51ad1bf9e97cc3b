"""Tags: marks with a meaning, an owner and an end (S15)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.changelog import facts
from server.customers.rules import tags as rules
from server.customers.schemas import NewTag, Saved, TagEdit, TagView
from server.customers.service import writing
from server.customers.service.references import teams_of
from server.kit import db, ids
from server.kit.errors import Conflict
from server.kit.text import clean

_HOLD: Final = "SELECT FROM tag WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_OWN_ID: Final = frozenset({"id"})


class TagNameTaken(Conflict):
    """The company has another tag of this name."""

    code = "tag_name_taken"


async def create_tag(actor: Actor, new: NewTag, *, now: datetime) -> Saved:
    """Create a tag.

    :raises TagNameTaken: there is another of this name.
    """
    tag_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        await teams_of(actor, {str(new.owner_id) if new.owner_id else None})
        await _ensure_name_free(actor, new.name, tag_id)
        op = writing.creation("tag", tag_id, writing.fields_of(new, but=_OWN_ID), now=now)
        applied = await writing.settle(actor, [op], now=now)
    return writing.saved(tag_id, applied.result.outcomes[0])


async def edit_tag(actor: Actor, tag_id: UUID, change: TagEdit, *, now: datetime) -> Saved:
    """Edit a tag's touched fields.

    :raises TagNameTaken: there is another of this name.
    :raises NotYourTag: somebody else answers for it, and the actor is no manager.
    """
    fields = writing.fields_of(change)
    async with db.tenant_transaction(actor.tenant_id):
        await teams_of(actor, {fields.get("owner_id")})
        if "name" in fields:
            await _ensure_name_free(actor, fields["name"], tag_id)
        return await writing.edit_record(actor, "tag", tag_id, fields, change, now=now)


async def delete_tag(actor: Actor, tag_id: UUID, *, base: int | None, now: datetime) -> Saved:
    """Retire a tag; customers that have it show it no longer.

    :raises NotYourTag: somebody else answers for it, and the actor is no manager.
    """
    return await writing.delete_record(actor, "tag", tag_id, base=base, now=now)


def ensure_writes_tag(actor: Actor, tag: TagView) -> None:
    """Refuse whoever would open somebody else's tag to change it.

    :raises NotYourTag: ask its owner or a manager.
    """
    rules.ensure_may_write(actor, tag.owner_id)


async def _ensure_name_free(actor: Actor, name: str, tag_id: UUID) -> None:
    """Refuse a second tag of one name. Devices that are offline may still make one.

    Whoever asks has the tenant's clock, behind the tag itself: of two at once the second sees the
    first.
    """
    await db.connection().execute(_HOLD, actor.tenant_id, tag_id)
    await facts.hold_clock(actor.tenant_id)
    taken = await db.connection().fetchval(
        "SELECT EXISTS (SELECT FROM tag WHERE tenant_id = $1 AND name = $2 AND id <> $3"
        " AND NOT deleted)",
        actor.tenant_id,
        clean(name),
        tag_id,
    )
    if taken:
        raise TagNameTaken("There is a tag of this name already; use that one.", field="name")
