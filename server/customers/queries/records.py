"""One customer: itself, all that belongs to it, its history; and the tenant's tags."""

from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Part, Permission, ensure
from server.customers import sight
from server.customers.queries import rows as rows_
from server.customers.queries.rows import COLUMNS, FROM
from server.customers.rules import masks
from server.customers.rules import tags as tag_rules
from server.customers.schemas import (
    ContactView,
    CustomerDetail,
    CustomerView,
    FieldChange,
    HistoryEntry,
    NoteView,
    StoreView,
    TagView,
)
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor

_BelongsT = TypeVar("_BelongsT", StoreView, ContactView)

NOTES_SHOWN: Final = 50
_HISTORY: Final = """
    SELECT h.seq, h.at, h.actor_id, h.device_id, h.kind, h.record_id, h.action, h.patch
    FROM change h
    WHERE h.tenant_id = $1 AND h.root_id = $2 AND (h.seq, h.kind, h.record_id) < ($3, $4, $5)
    ORDER BY h.seq DESC, h.kind DESC, h.record_id DESC LIMIT $6
"""
_LAST_KIND: Final = "\U0010ffff"
_LAST_ID: Final = UUID(int=2**128 - 1)
_LAST_SEQ: Final = 2**62


async def one(
    actor: Actor, customer_id: UUID, *, with_deleted: bool = False, with_shared: bool = False
) -> CustomerView:
    """Give one customer within sight.

    :param with_shared: also one that another team shares, as far as it does.
    :raises NotFound: there is none, it is out of sight, or another tenant's: the same answer.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor, with_deleted=with_deleted, with_shared=with_shared)
    where.add("c.id = {}", customer_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {COLUMNS} FROM {FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return rows_.customer(actor, row)


async def known(actor: Actor, customer_id: UUID) -> CustomerView:
    """Give a customer that the actor has just written, even if it has left the actor's sight."""
    row = await db.connection().fetchrow(
        f"SELECT {COLUMNS} FROM {FROM} WHERE c.tenant_id = $1 AND c.id = $2",  # noqa: S608 - constants
        actor.tenant_id,
        customer_id,
    )
    return rows_.customer(actor, row)


async def detail(actor: Actor, customer_id: UUID, *, with_shared: bool = False) -> CustomerDetail:
    """Give one customer with all that belongs to it, as of one moment.

    :param with_shared: also one that another team shares, as far as it does.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        customer = await one(actor, customer_id, with_shared=with_shared)
        parts = sight.parts_of(actor, customer)
        key = (actor.tenant_id, customer_id)
        children = "FROM {} WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted ORDER BY id"
        stores = await db.connection().fetch(f"SELECT * {children.format('store')}", *key)
        contacts = await db.connection().fetch(f"SELECT * {children.format('contact')}", *key)
        notes = await db.connection().fetch(
            f"SELECT * {children.format('note')} DESC LIMIT {NOTES_SHOWN}", *key
        )
        tags = await _tags_of(actor, customer)
    owner_id = customer.owner_id
    return CustomerDetail(
        customer=customer,
        stores=[
            _shared(parts, masks.view(actor, owner_id, _view(row, StoreView)))
            for row in stores
            if Part.STORES in parts
        ],
        contacts=[
            _shared(parts, masks.view(actor, owner_id, _view(row, ContactView)))
            for row in contacts
            if Part.CONTACTS in parts
        ],
        notes=[
            masks.view(actor, owner_id, _view(row, NoteView))
            for row in notes
            if Part.NOTES in parts
        ],
        tags=tags,
    )


def _shared(parts: frozenset[Part], view: _BelongsT) -> _BelongsT:
    """Give a store or contact without the numbers and own fields that are not shared."""
    without: dict[str, Any] = {}
    if Part.PHONE not in parts:
        without |= {name: None for name in ("phone", "wechat", "email") if hasattr(view, name)}
    if Part.CUSTOM not in parts:
        without["custom"] = {}
    return msgspec.structs.replace(view, **without) if without else view


async def _tags_of(actor: Actor, customer: CustomerView) -> list[TagView]:
    """Give the tags that a customer has."""
    if not customer.tags:
        return []
    rows = await db.connection().fetch(
        "SELECT * FROM tag WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted"
        " ORDER BY id",
        actor.tenant_id,
        customer.tags,
    )
    return [_view(row, TagView) for row in rows]


async def tags(actor: Actor) -> list[TagView]:
    """List the tenant's tags by name, with how much each is used."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT t.*, u.customers FROM tag t"
            " LEFT JOIN tag_use u ON u.tenant_id = t.tenant_id AND u.tag_id = t.id"
            ' WHERE t.tenant_id = $1 AND NOT t.deleted ORDER BY t.name COLLATE "C", t.id',
            actor.tenant_id,
        )
    return [_view(row, TagView) for row in rows]


def may_write_tag(actor: Actor, tag: TagView) -> bool:
    """Say whether somebody changes and retires a tag."""
    return tag_rules.may_write(actor, tag.owner_id)


_ViewT = TypeVar("_ViewT", StoreView, ContactView, NoteView, TagView)


def _view(row: asyncpg.Record, view: type[_ViewT]) -> _ViewT:
    """Turn a row into a view; columns that the view does not show are left out."""
    told = dict(row)
    if "custom" in told:
        told["custom"] = msgspec.json.decode(told["custom"]) if told["custom"] else {}
    return msgspec.convert(told, view)


async def history(
    actor: Actor, customer_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[HistoryEntry]:
    """Tell what was done to a customer and to what belongs to it, the newest first."""
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    place = (_LAST_SEQ, _LAST_KIND, _LAST_ID)
    if cursor is not None:
        place = decode_cursor(cursor, tuple[int, str, UUID])
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        customer = await one(actor, customer_id, with_deleted=True)
        rows = await db.connection().fetch(
            _HISTORY, actor.tenant_id, customer_id, *place, limit + 1
        )
    last = rows[limit - 1] if len(rows) > limit else None
    is_masked = masks.hides(actor, customer.owner_id)
    return Page(
        [_entry(row, is_masked=is_masked) for row in rows[:limit]],
        encode_cursor(last["seq"], last["kind"], last["record_id"]) if last else None,
    )


def _entry(row: asyncpg.Record, *, is_masked: bool) -> HistoryEntry:
    """Turn a line of the history into a view."""
    patch: dict[str, list[Any]] = msgspec.json.decode(row["patch"])
    told = patch
    if is_masked:
        told = {name: [*masks.change(name, row["kind"], patch)] for name in patch}
    return HistoryEntry(
        seq=row["seq"],
        at=row["at"],
        actor_id=row["actor_id"],
        device_id=row["device_id"],
        kind=row["kind"],
        record_id=row["record_id"],
        action=row["action"],
        changes=[
            FieldChange(field=name, old=old, new=new) for name, (old, new) in sorted(told.items())
        ],
    )
