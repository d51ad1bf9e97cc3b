"""Lists of customers: filtered, sorted, searched, in pages; and how many there are."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Part, Permission, ensure
from server.customers import sight
from server.customers.queries import matching
from server.customers.queries import rows as rows_
from server.customers.queries.filters import ask, ask_in_order, where_of
from server.customers.queries.rows import COLUMNS, FROM
from server.customers.rules import search
from server.customers.schemas import Chosen, Count, CustomerView, Filters, Sort, Summary
from server.customers.sight import Where
from server.kit import db
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.kit.schema import or_else
from sync_protocol.schema import MAX_SAFE_INT

_NO_REVENUE: Final = -(2**53)
"""Where customers without an expected revenue stand in the order; below every amount."""
_REVENUE: Final = or_else("c.expected_revenue_minor", _NO_REVENUE)
_ORDERS: Final[dict[Sort, tuple[str, type[tuple[Any, ...]], str]]] = {
    Sort.NAME: (
        "c.name_pinyin, c.id",
        tuple[str, UUID],
        "(c.name_pinyin, c.id) > ({}, {})",
    ),
    Sort.REVENUE: (
        f"{_REVENUE} DESC, c.id",
        tuple[int, UUID],
        f"{_REVENUE} <= {{0}} AND ({_REVENUE} < {{0}} OR c.id > {{1}})",
    ),
    Sort.UPDATED: (
        "c.seq DESC, c.id DESC",
        tuple[int, UUID],
        "(c.seq, c.id) < ({}, {})",
    ),
}
"""For each order: the columns, the shape of its cursor, and what lies behind a cursor."""


async def list_page(
    actor: Actor,
    filters: Filters,
    *,
    sort: Sort | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[CustomerView]:
    """List customers: in the order of the search, or by name, revenue or last change."""
    ensure(actor, Permission.CUSTOMERS_READ)
    question = search.question(filters.q) if filters.q else None
    sort = sort or (Sort.MATCH if question else Sort.UPDATED)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        if sort is Sort.MATCH and question is not None and question.stretches:
            return await matching.page(actor, filters, question, cursor, limit)
        # An order by what is not shared would tell it.
        is_told = sort is not Sort.REVENUE or all(
            Part.REVENUE in line.parts for line in sight.lines_of(actor)
        )
        where = await where_of(actor, filters, with_shared=is_told)
        await ask_in_order(where, filters.q)
        return await _sorted(where, Sort.NAME if sort is Sort.MATCH else sort, cursor, limit)


async def all_pages(actor: Actor, filters: Filters) -> AsyncIterator[list[CustomerView]]:
    """Give every customer that the filters leave, by name, in pages of a transaction each."""
    cursor: str | None = None
    while True:
        page = await list_page(actor, filters, sort=Sort.NAME, cursor=cursor, limit=PAGE_SIZE_MAX)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


async def chosen(actor: Actor, filters: Filters, *, limit: int) -> list[Chosen]:
    """Name the customers that the filters leave, for what is done with each; up to a bound."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        where = await where_of(actor, filters)
        ask(where, filters.q)
        rows = await db.connection().fetch(
            f"SELECT c.id, c.owner_id FROM customer c WHERE {where.text}"  # noqa: S608 - constants and numbered parameters
            f" ORDER BY c.id LIMIT {where.param(limit)}",
            *where.args,
        )
    return [Chosen(row["id"], row["owner_id"]) for row in rows]


async def summary(actor: Actor, filters: Filters) -> Summary:
    """Count the customers that the filters leave, in all and by status.

    What is expected of customers that other teams share is not summed up.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        where = await where_of(actor, filters, with_shared=True)
        ask(where, filters.q)
        rows = await db.connection().fetch(
            f"""
            SELECT c.status AS value, count(*) AS customers,
                least(
                    coalesce(sum(c.expected_revenue_minor) FILTER (WHERE {where.own}), 0),
                    {MAX_SAFE_INT}
                )::bigint AS expected_revenue_minor
            FROM customer c WHERE {where.text} GROUP BY c.status ORDER BY c.status
            """,  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    counts = [msgspec.convert(dict(row), Count) for row in rows]
    return Summary(
        customers=sum(count.customers for count in counts),
        expected_revenue_minor=min(
            sum(count.expected_revenue_minor for count in counts), MAX_SAFE_INT
        ),
        by_status=counts,
    )


async def _sorted(where: Where, sort: Sort, cursor: str | None, limit: int) -> Page[CustomerView]:
    """Fetch a page of a list in the order of a column."""
    order, shape, behind = _ORDERS[sort]
    if cursor is not None:
        where.add(behind, *decode_cursor(cursor, shape))
    end = f"ORDER BY {order} LIMIT {where.param(limit + 1)}"
    rows = await db.connection().fetch(
        f"SELECT {COLUMNS}, c.name_pinyin FROM {FROM} WHERE {_first(where, end)} {end}",  # noqa: S608 - constants and numbered parameters
        *where.args,
    )
    return Page(
        [rows_.customer(where.actor, row) for row in rows[:limit]],
        _cursor_behind(rows[limit - 1], sort) if len(rows) > limit else None,
    )


def _first(where: Where, end: str) -> str:
    """Give the conditions; where a customer may be seen in several ways, the first by each way.

    Each way has its index, in which the first are found without reading the others.
    """
    if len(where.by_way) < 2:  # noqa: PLR2004 - several
        return where.text
    firsts = " UNION ALL ".join(
        f"(SELECT c.id FROM {FROM} WHERE {text} {end})"  # noqa: S608 - constants and numbered parameters
        for text in where.by_way
    )
    return f"c.tenant_id = $1 AND c.id = ANY(ARRAY({firsts}))"


def _cursor_behind(row: asyncpg.Record, sort: Sort) -> str:
    """Remember where the next page begins."""
    match sort:
        case Sort.NAME:
            return encode_cursor(row["name_pinyin"], row["id"])
        case Sort.REVENUE:
            revenue = row["expected_revenue_minor"]
            return encode_cursor(_NO_REVENUE if revenue is None else revenue, row["id"])
        case _:
            return encode_cursor(row["seq"], row["id"])
