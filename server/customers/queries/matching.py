"""Search in its own order: along the search keys, each customer where it first matches.

Only the rows of the page are fetched, however many customers match.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.customers import index
from server.customers.queries import rows as rows_
from server.customers.queries.filters import inside, where_of
from server.customers.queries.rows import COLUMNS, FROM
from server.customers.rules import search
from server.customers.rules.search import Question
from server.customers.schemas import CustomerView, Filters
from server.kit import db
from server.kit.pages import Page, decode_cursor, encode_cursor

_FIRST_ID: Final = UUID(int=0)


class _Place(msgspec.Struct, frozen=True, order=True):
    """Where a search has come to: the stretch, and in it the token and the record."""

    stretch: int
    token: str
    record_id: UUID


async def page(
    actor: Actor, filters: Filters, question: Question, cursor: str | None, limit: int
) -> Page[CustomerView]:
    """Fetch a page in the order of the search, each customer where it first matches."""
    if cursor is None:
        place = _Place(0, "", _FIRST_ID)
    else:
        place = _Place(*decode_cursor(cursor, tuple[int, str, UUID]))
    found: dict[UUID, CustomerView] = {}
    while place.stretch < len(question.stretches) and len(found) <= limit:
        rows = await _in_stretch(actor, filters, question, place, limit + 1)
        firsts = await _first_places(actor, rows, question)
        for row in rows:
            here = _Place(place.stretch, row["token"], row["record_id"])
            if firsts.get(row["id"], here) < here or row["id"] in found:
                place = here
                continue
            if len(found) == limit:
                return Page(
                    list(found.values()), encode_cursor(place.stretch, place.token, place.record_id)
                )
            place = here
            found[row["id"]] = rows_.customer(row)
        if len(rows) <= limit:
            place = _Place(place.stretch + 1, "", _FIRST_ID)
    return Page(list(found.values()))


async def _in_stretch(
    actor: Actor, filters: Filters, question: Question, place: _Place, limit: int
) -> list[asyncpg.Record]:
    """Fetch what lies in one stretch behind a place."""
    where = await where_of(actor, filters)
    here = inside(question.stretches[place.stretch], where)
    behind = (
        f"(k.token, k.record_id) > ({where.param(place.token)}, {where.param(place.record_id)})"
    )
    rows: list[asyncpg.Record] = await db.connection().fetch(
        f"SELECT {COLUMNS}, k.token, k.record_id FROM customer_token k"  # noqa: S608 - constants and numbered parameters
        f" JOIN {FROM} ON c.tenant_id = k.tenant_id AND c.id = coalesce(k.customer_id, k.record_id)"
        f" WHERE k.tenant_id = $1 AND {here} AND {behind} AND {where.text}"
        f" ORDER BY k.token, k.record_id LIMIT {where.param(limit)}",
        *where.args,
    )
    return rows


async def _first_places(
    actor: Actor, rows: Sequence[asyncpg.Record], question: Question
) -> dict[UUID, _Place]:
    """Compute where in the whole search each customer of the rows comes up first."""
    firsts: dict[UUID, _Place] = {}
    for row in rows:
        tokens = index.customer_tokens(
            {name: row[name] for name in ("name", "phone", "uscc", "city")} | {"tags": None}
        )
        _note_first(firsts, row["id"], row["id"], tokens, question)
    with_children = [row["id"] for row in rows if row["record_id"] != row["id"]]
    if with_children:
        for child in await _children(actor, with_children):
            tokens = index.child_tokens(child)
            _note_first(firsts, child["customer_id"], child["id"], tokens, question)
    return firsts


def _note_first(
    firsts: dict[UUID, _Place],
    customer_id: UUID,
    record_id: UUID,
    tokens: search.Tokens,
    question: Question,
) -> None:
    """Keep the first place at which one of a record's tokens answers the question."""
    for number, stretch in enumerate(question.stretches):
        for token, before in tokens.items():
            if token.startswith(stretch.prefix) and stretch.before in {None, before}:
                place = _Place(number, token, record_id)
                firsts[customer_id] = min(firsts.get(customer_id, place), place)


async def _children(actor: Actor, customer_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Fetch names and phones of the contacts and stores of some customers."""
    rows: list[asyncpg.Record] = await db.connection().fetch(
        """
        SELECT id, customer_id, name, phone FROM contact
        WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
        UNION ALL
        SELECT id, customer_id, name, phone FROM store
        WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
        """,
        actor.tenant_id,
        customer_ids,
    )
    return rows
