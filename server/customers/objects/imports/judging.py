"""Decide for each row of a chunk whose record it is, and what is to be done with it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from typing_extensions import override

from server.access import Actor
from server.customers.imports import beneath
from server.customers.imports.beneath import Called
from server.customers.imports.whose import Whose
from server.customers.objects.imports.rows import Known, reading_of
from server.imports.rules.rows import Interpreted, Policy, Problem
from server.kit import db
from server.kit.text import clean

_HELD: Final = """
SELECT k.id::text AS id, k.deleted, k.customer_id, k.object_id, k.title, k.custom,
    c.owner_id, c.team_id
FROM custom_record k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND (
    k.id = ANY($2::uuid[])
    OR (k.customer_id = ANY($3::uuid[]) AND normalize(k.title, NFKC) = ANY($4::text[])
        AND NOT k.deleted)
)
ORDER BY k.id
"""
_STORES: Final = """
SELECT customer_id, name, id::text AS id FROM store
WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted AND name IS NOT NULL
ORDER BY id DESC
"""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a row's record goes, or what it is already."""

    customer_id: UUID
    store_id: str | None
    held: Mapping[str, Any] = {}
    """Values of custom fields that the record has."""


class Judge(beneath.Judge):
    """Judges the rows of one import, chunk after chunk."""

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy, known: Known) -> None:
        super().__init__(actor, import_id, policy)
        self._known = known
        self._stores: Mapping[tuple[UUID, str], str] = {}
        """Of the customers of the chunk, by what they are called."""
        self.places: dict[int, Place] = {}
        """By the number of a row that is to be written."""

    @override
    def whose(self, row: Interpreted) -> Whose:
        return reading_of(row).customer

    @override
    def called(self, row: Interpreted) -> Called:
        reading = reading_of(row)
        return reading.object.id, clean(reading.title)

    @override
    def is_called(self, held: asyncpg.Record) -> Called:
        return held["object_id"], clean(held["title"])

    @override
    async def look(
        self, rows: Sequence[Interpreted], customer_ids: Collection[UUID]
    ) -> Sequence[asyncpg.Record]:
        tenant_id, customers = self._actor.tenant_id, {*customer_ids}
        held: Sequence[asyncpg.Record] = await db.connection().fetch(
            _HELD,
            tenant_id,
            [row.id for row in rows if row.id],
            list(customers),
            [clean(reading_of(row).title) for row in rows],
        )
        customers |= {each["customer_id"] for each in held}
        stores = await db.connection().fetch(_STORES, tenant_id, list(customers))
        self._stores = {(each["customer_id"], clean(each["name"])): each["id"] for each in stores}
        return held

    @override
    def mistaken(self, row: Interpreted, held: asyncpg.Record) -> Problem | None:
        if held["object_id"] == reading_of(row).object.id:
            return None
        return Problem("object", "id_reused", "The record is of another object.")

    @override
    def place(
        self, row: Interpreted, customer_id: UUID, held: asyncpg.Record | None
    ) -> Problem | None:
        """Let a row be written, at the store that it names."""
        reading, store_id = reading_of(row), None
        if held is None and (lacking := self._lacking(row)) is not None:
            return lacking
        if reading.store is not None:
            store_id = self._stores.get((customer_id, reading.store))
            if store_id is None:
                return Problem("store", "unknown_store", "The customer has no such store.")
        custom = msgspec.json.decode(held["custom"] or "{}") if held else {}
        self.places[row.number] = Place(customer_id=customer_id, store_id=store_id, held=custom)
        return None

    def _lacking(self, row: Interpreted) -> Problem | None:
        """Say what a new record lacks that it must have, or that its object was archived."""
        reading = reading_of(row)
        if reading.object.state == "archived":
            detail = "This object was archived; take it back up to add records."
            return Problem("object", "custom_object_archived", detail)
        return beneath.lacking(self._known.of(str(reading.object.id)), reading.custom)
