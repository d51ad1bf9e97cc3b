"""Which customer a row is about, where its record hangs beneath one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from server.access import Actor
from server.changelog import storage
from server.customers.queries import doubles
from server.customers.rules import fields as rules
from server.customers.rules.duplicates import Likeness, likeness
from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Problem
from server.kit import db
from server.kit.text import clean

_READ: Final = ("name", "uscc", "phone")
_SURE: Final = frozenset({"uscc", "phone"})
"""By these a customer is told from others of its name."""
_BY_ID: Final = """
    SELECT id, name, uscc, phone, owner_id, team_id FROM customer
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
"""


class Whose(msgspec.Struct, frozen=True):
    """What a row says of its customer."""

    like: Likeness
    called: str | None = None
    """The customer's name, as names are compared."""
    id: str | None = None

    @property
    def is_said(self) -> bool:
        """Say whether it names one at all."""
        return bool(self.id or self.like.keys)


def read(given: Mapping[str, str], columns: Mapping[str, str]) -> tuple[Whose, list[Problem]]:
    """Read whose a row is. Pure.

    :param columns: in which column a field of the customer stands: name, uscc, phone, id.
    """
    problems: list[Problem] = []
    customer_id: str | None = None
    told: dict[str, Any] = {}
    for field, column in columns.items():
        if not (text := given.get(column)):
            continue
        try:
            if field == "id":
                customer_id = cells.record_id(text)
            else:
                told[field] = text if field == "name" else cells.digits(text)
        except CellUnread as problem:
            problems.append(Problem(column, problem.code, problem.detail))
    held, refusals = rules.examine("customer", told)
    problems += [
        Problem(columns.get(each.field or "", ""), each.code, each.detail) for each in refusals
    ]
    if cells.is_sum(held.get("name")):
        detail = "This row adds up others; it is no record."
        problems.append(Problem(columns["name"], "sum_row", detail))
    name, uscc, phone = (held.get(field) for field in _READ)
    called = clean(name) if name else None
    return Whose(likeness(name, uscc=uscc, phone=phone), called, customer_id), problems


async def customers(actor: Actor, asked: Sequence[Whose]) -> list[Sequence[asyncpg.Record]]:
    """Give the customers within sight that each of these may mean; set-based.

    Who names one by its id means that one; else of its name, and of several by code or phone.
    """
    found = await doubles.alike(actor, [each.like for each in asked])
    ids = [each.id for each in asked if each.id]
    rows = await db.connection().fetch(_BY_ID, actor.tenant_id, ids) if ids else []
    by_id = {str(row["id"]): row for row in rows if _is_seen(actor, row)}
    return [
        ([by_id[each.id]] if each.id in by_id else [])
        if each.id
        else _meant(actor, each, found.get(at, []))
        for at, each in enumerate(asked)
    ]


def _meant(
    actor: Actor, asked: Whose, alike: Sequence[tuple[list[str], asyncpg.Record]]
) -> Sequence[asyncpg.Record]:
    """Give the customers that a row may mean: by code or phone, and by name.

    Of several of one name that one is meant whose code or phone the row gives. Where the name says
    one and the number another, nobody can tell.
    """
    seen = [(reasons, each) for reasons, each in alike if _is_seen(actor, each)]
    sure = [each for reasons, each in seen if not _SURE.isdisjoint(reasons)]
    named = [each for _, each in seen if clean(each["name"]) == asked.called]
    both = [each for each in sure if each in named]
    return both or [*sure, *named] or [each for _, each in seen]


def _is_seen(actor: Actor, row: asyncpg.Record) -> bool:
    """Say whether a customer is within sight."""
    return storage.is_visible(actor, row["owner_id"], row["team_id"])


def unclear(found: Sequence[asyncpg.Record], column: str) -> Problem | None:
    """Say why a row's customer is not known, if it is not one."""
    if len(found) == 1:
        return None
    if found:
        detail = "Several customers are called so; give the code, the phone or the id."
        return Problem(column, "ambiguous_customer", detail)
    return Problem(column, "unknown_customer", "No customer is called so.")
