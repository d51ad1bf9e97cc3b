"""Decide for each row of a chunk whose record it is, and what is to be done with it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg
import msgspec

from server.access import Actor
from server.changelog import storage
from server.customers.objects.imports.rows import Known, Reading, reading_of
from server.customers.queries import doubles
from server.customers.rules import masks
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.kit import db

_HELD: Final = """
SELECT k.id::text AS id, k.deleted, k.customer_id, k.object_id, k.title, k.custom,
    c.owner_id, c.team_id
FROM custom_record k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND (
    k.id = ANY($2::uuid[])
    OR (k.customer_id = ANY($3::uuid[]) AND k.title = ANY($4::text[]) AND NOT k.deleted)
)
"""
_STORES: Final = """
SELECT customer_id, name, id::text AS id FROM store
WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted AND name IS NOT NULL
ORDER BY id DESC
"""
_Key = tuple[UUID, UUID, str]
"""What tells a record from another in a file: its customer, its object, its title."""
_SURE: Final = frozenset({"uscc", "phone"})
"""By these a customer is told from others of its name."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a row's record goes, or what it is already."""

    customer_id: UUID
    store_id: str | None
    held: Mapping[str, Any] = {}
    """Values of custom fields that the record has."""


class Judge:
    """Judges the rows of one import, chunk after chunk."""

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy, known: Known) -> None:
        self._actor = actor
        self._import_id = import_id
        self._policy = policy
        self._known = known
        self._earlier: dict[_Key, tuple[int, str]] = {}
        self._written: dict[str, int] = {}
        """The first row of each record."""
        self._before: list[Interpreted] = []
        """Rows that an earlier run wrote, until their customers are looked up."""
        self.places: dict[int, Place] = {}
        """By the number of a row that is to be written."""

    def note(self, row: Interpreted) -> None:
        """Put a row that was written before among the earlier ones."""
        self._before.append(row)

    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge the rows of a chunk; set-based, in the open transaction."""
        await self._take_earlier()
        good = [row for row in rows if not row.problems]
        owners = await self._owners(good)
        customers = {each["id"] for rows_ in owners.values() for each in rows_}
        held = await db.connection().fetch(
            _HELD,
            self._actor.tenant_id,
            [row.id for row in good if row.id],
            list(customers),
            [reading_of(row).title for row in good],
        )
        customers |= {each["customer_id"] for each in held}
        stores = await db.connection().fetch(_STORES, self._actor.tenant_id, list(customers))
        around = _Around(
            by_id={each["id"]: each for each in held},
            by_key={
                (each["customer_id"], each["object_id"], each["title"]): each
                for each in held
                if not each["deleted"]
            },
            stores={(each["customer_id"], each["name"]): each["id"] for each in stores},
        )
        return [
            Verdict(row, Action.REFUSE, problems=row.problems)
            if row.problems
            else self._judge_one(row, owners[row.number], around)
            for row in rows
        ]

    async def _take_earlier(self) -> None:
        """Put rows that were written before among the earlier ones."""
        before, self._before = self._before, []
        owners = await self._owners(before) if before else {}
        for row in before:
            target = row.id or self._row_id(row.number)
            self._written.setdefault(target, row.number)
            if len(owners[row.number]) == 1:
                key = _key(owners[row.number][0], reading_of(row))
                self._earlier.setdefault(key, (row.number, target))

    async def _owners(self, rows: Sequence[Interpreted]) -> dict[int, Sequence[asyncpg.Record]]:
        """Give the customers that rows may mean, by the rows' numbers."""
        found = await doubles.alike(self._actor, [reading_of(row).customer for row in rows])
        return {
            row.number: self._customers(reading_of(row), found.get(at, []))
            for at, row in enumerate(rows)
        }

    def _customers(
        self, reading: Reading, alike: Sequence[tuple[list[str], asyncpg.Record]]
    ) -> Sequence[asyncpg.Record]:
        """Give the customers within sight whom a row may mean: of its name, and by code or phone.

        Of several of one name that one is meant whose code or phone the row gives.
        """
        seen = [
            (reasons, each)
            for reasons, each in alike
            if storage.is_visible(self._actor, each["owner_id"], each["team_id"])
        ]
        named = [(reasons, each) for reasons, each in seen if each["name"] == reading.called]
        meant = named or seen
        sure = [each for reasons, each in meant if not _SURE.isdisjoint(reasons)]
        return sure if len(sure) == 1 else [each for _, each in meant]

    def _judge_one(
        self, row: Interpreted, owners: Sequence[asyncpg.Record], around: "_Around"
    ) -> Verdict:
        """Judge a row that is good in itself."""
        reading = reading_of(row)
        if row.id and (row.id in self._written or row.id in around.by_id):
            return self._judge_named(row, row.id, owners, around)
        if len(owners) != 1:
            code = "ambiguous_customer" if owners else "unknown_customer"
            detail = "Several customers are called so." if owners else "No customer is called so."
            return _refused(row, "name", code, detail)
        (owner,) = owners
        target, key = row.id or self._row_id(row.number), _key(owner, reading)
        if (before := self._earlier.get(key)) and self._policy is not Policy.CREATE:
            return _again(row, *before)
        held = around.by_key.get((owner["id"], reading.object.id, reading.title))
        if held is not None and self._policy is not Policy.CREATE:
            return self._judge_held(row, held, around)
        if (wrong := self._unready(row)) is not None:
            return wrong
        return self._placed(row, Action.CREATE, target, owner["id"], around)

    def _judge_named(
        self,
        row: Interpreted,
        record_id: str,
        owners: Sequence[asyncpg.Record],
        around: "_Around",
    ) -> Verdict:
        """Judge a row that names a record by its id: what an export wrote comes back."""
        if (first := self._written.get(record_id)) is not None:
            return _again(row, first, record_id)
        held = around.by_id[record_id]
        is_hidden = masks.hides(self._actor, held["owner_id"])
        if is_hidden or not storage.is_visible(self._actor, held["owner_id"], held["team_id"]):
            return _refused(row, "id", "not_found", "No such record.")
        if held["deleted"]:
            return _refused(row, "id", "record_deleted", "This record was deleted; restore it.")
        if held["object_id"] != reading_of(row).object.id:
            return _refused(row, "object", "id_reused", "The record is of another object.")
        # A customer may have been renamed since the export; the name of another one is another's.
        named = {each["id"] for each in owners if each["name"] == reading_of(row).called}
        if named and held["customer_id"] not in named:
            return _refused(row, "name", "id_reused", "The record is another customer's.")
        return self._judge_held(row, held, around)

    def _judge_held(self, row: Interpreted, held: asyncpg.Record, around: "_Around") -> Verdict:
        """Judge a row whose record is there."""
        if self._policy is Policy.SKIP or masks.hides(self._actor, held["owner_id"]):
            return Verdict(row, Action.SKIP, held["id"])
        if (first := self._written.get(held["id"])) is not None:
            return _again(row, first, held["id"])
        custom = msgspec.json.decode(held["custom"] or "{}")
        return self._placed(
            row, Action.UPDATE, held["id"], held["customer_id"], around, custom=custom
        )

    def _placed(
        self,
        row: Interpreted,
        action: Action,
        target: str,
        customer_id: UUID,
        around: "_Around",
        custom: Mapping[str, Any] | None = None,
    ) -> Verdict:
        """Let a row be written, at the store that it names."""
        reading, store_id = reading_of(row), None
        if reading.store is not None:
            store_id = around.stores.get((customer_id, reading.store))
            if store_id is None:
                return _refused(row, "store", "unknown_store", "The customer has no such store.")
        key = customer_id, reading.object.id, reading.title
        self._earlier.setdefault(key, (row.number, target))
        self._written.setdefault(target, row.number)
        place = Place(customer_id=customer_id, store_id=store_id, held=custom or {})
        self.places[row.number] = place
        return Verdict(row, action, target)

    def _unready(self, row: Interpreted) -> Verdict | None:
        """Refuse a new record that lacks what it must have, or whose object was archived."""
        reading = reading_of(row)
        if reading.object.state == "archived":
            detail = "This object was archived; take it back up to add records."
            return _refused(row, "object", "custom_object_archived", detail)
        for each in self._known.of(str(reading.object.id)):
            if each.is_required and reading.custom.get(each.name) in (None, "", []):
                detail = f"{each.label_zh} must have a value."
                return _refused(row, each.name, "field_required", detail)
        return None

    def _row_id(self, number: int) -> str:
        """Give the id of the record that a row makes: the same however often the import is run."""
        return str(uuid5(self._import_id, str(number)))


class _Around(msgspec.Struct, frozen=True):
    """What is known about the surroundings of a chunk's rows."""

    by_id: Mapping[str, asyncpg.Record]
    by_key: Mapping[tuple[UUID, UUID, str], asyncpg.Record]
    stores: Mapping[tuple[UUID, str], str]


def _key(owner: asyncpg.Record, reading: Reading) -> _Key:
    """Give what tells a record from another in a file."""
    return owner["id"], reading.object.id, reading.title


def _again(row: Interpreted, first: int, target: str) -> Verdict:
    """Leave out a row whose record an earlier one has written."""
    problem = Problem("", "duplicate_in_file", f"Row {first} is the same record.")
    return Verdict(row, Action.SKIP, target, (problem,))


def _refused(row: Interpreted, field: str, code: str, detail: str) -> Verdict:
    """Refuse a row."""
    return Verdict(row, Action.REFUSE, problems=(Problem(field, code, detail),))
