"""Filters and search as conditions of a question about customers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.changelog import custom
from server.customers.queries.rows import CHANGED_AT, FROM
from server.customers.rules import masks, places, search
from server.customers.rules.search import Question, Stretch
from server.customers.schemas import Filters
from server.customers.sight import Where
from server.kit import db
from sync_protocol.schema.custom import custom_spec

_HAS_KEY: Final = (
    "EXISTS (SELECT FROM customer_token k WHERE k.tenant_id = $1 AND k.token = {}"
    " AND k.record_id = c.id)"
)

_MANY: Final = 400
"""What this many keys find is sooner met along a list of 100,000 than looked up."""


async def where_of(actor: Actor, filters: Filters, *, with_shared: bool = False) -> Where:
    """Turn filters into conditions.

    :param with_shared: also what other teams share, unless it is asked by what they may not.
    """
    where = Where(actor, with_shared=with_shared and not filters.custom)
    if len(filters.status) == 1:
        # An equality lets the list's index give the order too.
        where.add("c.status = {}", filters.status[0])
    elif filters.status:
        where.add("c.status = ANY({}::text[])", list(filters.status))
    for name in ("district", "industry", "level", "source", "owner_id", "team_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"c.{name} = {{}}", value)
    if filters.city is not None:
        where.add("c.city = {}", places.city(filters.city))
    if filters.tag is not None:
        where.add(_HAS_KEY, search.tag_token(str(filters.tag)))
    for name, value in filters.custom.items():
        _has_custom(where, name, value)
        if masks.is_phone(name):
            where.add_own_if_masked()
    if filters.updated_since is not None:
        where.add("c.seq >= {}", await _first_seq_since(where.args[0], filters.updated_since))
    return where


def _has_custom(where: Where, name: str, value: str) -> None:
    """Add a value of a custom field as a condition: by its key, where it has one."""
    if custom_spec(name) is None:
        where.add("FALSE")
    elif search.is_found(name):
        where.add(_HAS_KEY, custom.token(name, value))
    else:
        where.add("c.custom ->> {} = {}", name, value)


def ask(where: Where, text: str | None) -> None:
    """Add what is looked for as a condition, for lists in another order than the search's.

    Said in ways that are no join: what a plan for all companies takes for a handful may be tens of
    thousands in one of them, gone through once for each customer.
    """
    question = _understood(where, text)
    if question is not None and where.sees_all:
        where.add(f"c.id = ANY(ARRAY({_found(where, question)}))")
    elif question is not None:
        where.add(f"(c.id IN ({_found(where, question)})) IS TRUE")


async def ask_in_order(where: Where, text: str | None) -> None:
    """Do as `ask`, for the first few in another order than the search's.

    Where many are found, what is in that order is read until enough of it is among them; else what
    is found is read and put in order.
    """
    question = search.question(text) if text and where.sees_all else None
    if question is not None and question.stretches and await _are_many(where, question):
        where.add(f"(c.id IN ({_found(where, question)})) IS TRUE")
    else:
        ask(where, text)


def _understood(where: Where, text: str | None) -> Question | None:
    """Understand what is looked for by its keys; add what is not at once."""
    question = search.question(text) if text else None
    if question is not None and question.name_holds:
        where.add("strpos(lower(c.name), {}) > 0", question.name_holds)
        return None
    if text and question is None:
        where.add("FALSE")
    return question


async def _are_many(where: Where, question: Question) -> bool:
    """Say whether more keys answer a question than are sooner looked up one by one."""
    keys = Where.of_tenant(where.actor)
    found = _found(keys, question)
    count = await db.connection().fetchval(
        f"SELECT count(*) FROM (SELECT FROM ({found}) AS held LIMIT {_MANY + 1}) AS first",  # noqa: S608 - constants and numbered parameters
        *keys.args,
    )
    return bool(count > _MANY)


def _found(where: Where, question: Question) -> str:
    """Write the SELECT of the customers that a question finds."""
    stretches = (*question.stretches, *question.lent)
    return " UNION ALL ".join(_holders(where, stretch) for stretch in stretches)


def _holders(where: Where, stretch: Stretch) -> str:
    """Write the SELECT of the customers with a key in a stretch, as far as they are found by it."""
    holder = "coalesce(k.customer_id, k.record_id)"
    keys = f"SELECT {holder} AS id FROM customer_token k"  # noqa: S608 - constants
    keys += f" WHERE k.tenant_id = $1 AND {inside(stretch, where)}"
    narrowed = where.by_key(stretch)
    if not narrowed:
        return keys
    found_by_it = f"SELECT c.id FROM customer c WHERE c.tenant_id = $1{narrowed}"  # noqa: S608 - constants and numbered parameters
    return f"{keys} AND ({holder} IN ({found_by_it})) IS TRUE"


def inside(stretch: Stretch, where: Where, *, behind: tuple[str, UUID] | None = None) -> str:
    """Say in SQL that a token (alias ``k``) lies in a stretch, and behind a place in it, if any."""
    if behind is None or not behind[0]:
        text = f"k.token >= {where.param(stretch.prefix)}"
    else:
        # In place of the stretch's beginning: given both, the index would start at this one and
        # read all that lies before the other.
        text = f"(k.token, k.record_id) > ({where.param(behind[0])}, {where.param(behind[1])})"
    text += f" AND k.token < {where.param(stretch.end)}"
    if stretch.before is not None:
        text += f" AND k.before = {where.param(stretch.before)}"
    return text


async def _first_seq_since(tenant_id: UUID, since: datetime) -> int:
    """Find the first sequence of a customer that was written at or after a time, by halving."""
    last = await db.connection().fetchval(
        "SELECT seq FROM tenant_clock WHERE tenant_id = $1", tenant_id
    )
    low, high = 1, int(last or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = await db.connection().fetchrow(
            f"SELECT c.seq, {CHANGED_AT} AS at FROM {FROM} WHERE c.tenant_id = $1 AND c.seq >= $2"  # noqa: S608 - a constant
            " ORDER BY c.seq, c.id LIMIT 1",
            tenant_id,
            middle,
        )
        if row is None or row["at"] is None or row["at"] >= since:
            high = middle
        else:
            low = row["seq"] + 1
    return low
