"""Search in its own order: along the search keys, each customer where it first matches.

Only the rows of the page are fetched, however many customers match. First come the customers whose
own name, phone or code matches, then those with a contact or a store that does.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.changelog import storage
from server.customers import index
from server.customers.queries import rows as rows_
from server.customers.queries.filters import inside, where_of
from server.customers.queries.rows import COLUMNS, FROM
from server.customers.rules import masks
from server.customers.rules.search import Question, Stretch, Tokens
from server.customers.schemas import CustomerView, Filters
from server.customers.sight import Where
from server.kit import db
from server.kit.pages import Page, decode_cursor, encode_cursor

_FIRST_ID: Final = UUID(int=0)
_CHILDREN: Final = """
    SELECT id, customer_id, name, phone FROM contact
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
    UNION ALL
    SELECT id, customer_id, name, phone FROM store
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
"""


class _Leg(msgspec.Struct, frozen=True):
    """One walk along a stretch of keys: of customers themselves, or of what belongs to them."""

    stretch: Stretch
    is_lent: bool

    def holds(self, token: str, before: str) -> bool:
        """Say whether a key lies on this leg."""
        return token.startswith(self.stretch.prefix) and self.stretch.before in {None, before}


class _Place(msgspec.Struct, frozen=True, order=True):
    """Where a search has come to: the leg, and on it the token and the record."""

    leg: int
    token: str
    record_id: UUID


async def page(
    actor: Actor, filters: Filters, question: Question, cursor: str | None, limit: int
) -> Page[CustomerView]:
    """Fetch a page in the order of the search, each customer where it first matches."""
    # These statements have many parts and one good plan each: planning them again for every
    # question would take longer than running them.
    await db.connection().execute("SET LOCAL plan_cache_mode = force_generic_plan")
    legs = _legs(question)
    place = _Place(0, "", _FIRST_ID)
    if cursor is not None:
        place = _Place(*decode_cursor(cursor, tuple[int, str, UUID]))
    found: dict[UUID, CustomerView] = {}
    width = 1
    while 0 <= place.leg < len(legs):
        # Most pages are full after the first leg; the others are walked together.
        walked = range(place.leg, min(place.leg + width, len(legs)))
        rows, end = await _behind(actor, filters, legs, walked, place, limit + 1)
        # On a first page whatever lies before has been seen; later ones have to compute it.
        firsts = await _first_places(actor, rows, legs) if cursor is not None else {}
        for row in rows:
            here = _Place(row["leg"], row["token"], row["record_id"])
            if row["id"] not in found and firsts.get(row["id"], here) >= here:
                if len(found) == limit:
                    behind = encode_cursor(place.leg, place.token, place.record_id)
                    return Page(list(found.values()), behind)
                found[row["id"]] = rows_.customer(actor, row)
            place = here
        if end is not None:
            place = _Place(end, "", _FIRST_ID)
        width = len(legs)
    return Page(list(found.values()))


def _legs(question: Question) -> list[_Leg]:
    """Give the legs of a search in their order."""
    return [
        *(_Leg(stretch, is_lent=False) for stretch in question.stretches),
        *(_Leg(stretch, is_lent=True) for stretch in question.lent),
    ]


async def _behind(
    actor: Actor,
    filters: Filters,
    legs: Sequence[_Leg],
    walked: range,
    place: _Place,
    limit: int,
) -> tuple[list[asyncpg.Record], int | None]:
    """Fetch what lies behind a place on some legs, up to the first leg with more than asked for.

    Says, too, which leg comes next, unless there is more on the last. One statement; the customer
    is looked up key by key, so that the keys are read in their order and no further than needed.
    """
    where = await where_of(actor, filters, with_shared=True)
    walks = [
        _walk(number, legs[number], where, place if number == place.leg else None, limit)
        for number in walked
    ]
    rows: list[asyncpg.Record] = await db.connection().fetch(" UNION ALL ".join(walks), *where.args)
    rows.sort(key=lambda row: (row["leg"], row["token"], row["record_id"]))
    counts = Counter(row["leg"] for row in rows)
    full = next((leg for leg in sorted(counts) if counts[leg] == limit), None)
    if full is None:
        return rows, walked.stop
    return [row for row in rows if row["leg"] <= full], None


def _walk(number: int, leg: _Leg, where: Where, place: _Place | None, limit: int) -> str:
    """Write the SELECT that walks along one leg, from its beginning or from a place on it."""
    behind = (place.token, place.record_id) if place else None
    key = "k.customer_id" if leg.is_lent else "k.record_id"
    narrowed = where.by_key(leg.stretch)
    return f"""(
        SELECT {number} AS leg, k.token, k.record_id, found.* FROM customer_token k
        CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM {FROM} WHERE c.id = {key} AND {where.text}{narrowed} LIMIT 1
        ) AS found
        WHERE k.tenant_id = $1 AND {inside(leg.stretch, where, behind=behind)}{where.may_see(key)}
        ORDER BY k.token, k.record_id LIMIT {limit:d}
    )"""  # noqa: S608 - constants and numbered parameters


async def _first_places(
    actor: Actor, rows: Sequence[asyncpg.Record], legs: Sequence[_Leg]
) -> dict[UUID, _Place]:
    """Compute where in the whole search each customer of the rows comes up first."""
    firsts: dict[UUID, _Place] = {}
    hidden = {row["id"] for row in rows if masks.hides(actor, row["owner_id"])}
    shared = {
        row["id"] for row in rows if not storage.is_visible(actor, row["owner_id"], row["team_id"])
    }
    own = [(number, leg) for number, leg in enumerate(legs) if not leg.is_lent]
    lent = [(number, leg) for number, leg in enumerate(legs) if leg.is_lent]
    for row in rows:
        fields: dict[str, Any] = {name: row[name] for name in ("name", "phone", "uscc", "city")}
        if row["id"] in hidden | shared:
            fields["phone"] = None
        if row["id"] in shared:
            fields["uscc"] = None
        tokens = index.customer_tokens({**fields, "tags": None})
        _note_first(firsts, row["id"], row["id"], tokens, own)
    with_children = [row["id"] for row in rows if legs[row["leg"]].is_lent]
    if with_children:
        for child in await db.connection().fetch(_CHILDREN, actor.tenant_id, with_children):
            tokens = index.child_tokens(
                {**child, "phone": None} if child["customer_id"] in hidden else child
            )
            _note_first(firsts, child["customer_id"], child["id"], tokens, lent)
    return firsts


def _note_first(
    firsts: dict[UUID, _Place],
    customer_id: UUID,
    record_id: UUID,
    tokens: Tokens,
    legs: Sequence[tuple[int, _Leg]],
) -> None:
    """Keep the first place at which one of a record's tokens answers the search."""
    for number, leg in legs:
        for token, before in tokens.items():
            if leg.holds(token, before):
                place = _Place(number, token, record_id)
                firsts[customer_id] = min(firsts.get(customer_id, place), place)
