"""Pairs of customers that may be one: found after a device has made one, and told to people.

A creation is always accepted. A worker looks afterwards, so that no push waits for it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.customers.queries import doubles
from server.customers.rules import masks
from server.customers.rules.duplicates import NAME, PHONE, likeness
from server.kit import db, outbox
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.sync import scopes
from server.sync.schemas import PairView

TOPIC: Final = "customers.made"
_LAST: Final = UUID(int=2**128 - 1)
_MADE: Final = """
SELECT id, name, uscc, phone, district FROM customer
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
"""
_DISTRICTS: Final = (
    "SELECT id, district FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])"
)
_KEEP: Final = """
INSERT INTO duplicate_pair (tenant_id, first_id, second_id, reasons, found_at, state)
SELECT $1, least(a, b), greatest(a, b), r, $5, 'open'
FROM UNNEST($2::uuid[], $3::uuid[], $4::text[]) AS u(a, b, r)
ON CONFLICT DO NOTHING
"""

_APART: Final = """
SELECT first_id, second_id FROM duplicate_pair
WHERE tenant_id = $1 AND state = 'apart'
    AND (first_id = ANY($2::uuid[]) OR second_id = ANY($2::uuid[]))
"""


async def look_later(actor: Actor, made: Collection[str], now: datetime) -> None:
    """Leave customers that were just made to the worker, in the open transaction."""
    await outbox.add(TOPIC, {"ids": sorted(made)}, tenant_id=actor.tenant_id, now=now)


async def find(tenant_id: UUID, payload: dict[str, Any], *, now: datetime) -> int:
    """Keep each pair of these customers and others that look like them; give how many."""
    async with db.tenant_transaction(tenant_id):
        made = await db.connection().fetch(_MADE, tenant_id, payload["ids"])
        likes = [likeness(row["name"], uscc=row["uscc"], phone=row["phone"]) for row in made]
        everybody = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="worker")
        found = await doubles.alike(everybody, likes)
        pairs = [
            (made[at], other["id"], reasons)
            for at, others in found.items()
            for reasons, other in others
            if other["id"] != made[at]["id"]
        ]
        rows = await db.connection().fetch(
            _DISTRICTS, tenant_id, [other_id for _, other_id, _ in pairs]
        )
        district_of = {row["id"]: row["district"] for row in rows}
        kept = [
            (row["id"], other_id, reasons)
            for row, other_id, reasons in pairs
            # Two restaurants of one name in two districts are two.
            if reasons != [NAME]
            or None in (row["district"], district_of[other_id])
            or row["district"] == district_of[other_id]
        ]
        if kept:
            firsts, seconds, whys = zip(*kept, strict=True)
            texts = [" ".join(reasons) for reasons in whys]
            await db.connection().execute(_KEEP, tenant_id, firsts, seconds, texts, now)
    return len(kept)


async def pairs(actor: Actor, *, cursor: str | None = None) -> Page[PairView]:
    """List the open pairs of which the actor sees both customers, the newest customers first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    before = decode_cursor(cursor, tuple[UUID, UUID]) if cursor else (_LAST, _LAST)
    within = [scopes.predicate(actor.scope, alias, user="$2", team="$3") for alias in "ab"]
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"""
            SELECT p.first_id, a.name AS first_name, p.second_id, b.name AS second_name,
                string_to_array(p.reasons, ' ') AS reasons, p.found_at,
                a.owner_id AS first_owner, b.owner_id AS second_owner
            FROM duplicate_pair p
            JOIN customer a ON a.tenant_id = p.tenant_id AND a.id = p.first_id AND NOT a.deleted
            JOIN customer b ON b.tenant_id = p.tenant_id AND b.id = p.second_id AND NOT b.deleted
            WHERE p.tenant_id = $1 AND p.state = 'open' AND {within[0]} AND {within[1]}
                AND (p.second_id, p.first_id) < ($4, $5)
            ORDER BY p.second_id DESC, p.first_id DESC LIMIT $6
            """,  # noqa: S608 - predicates are constants of server.sync.scopes
            *(actor.tenant_id, actor.user_id, actor.team_id, *before, PAGE_SIZE + 1),
        )
    shown = rows[:PAGE_SIZE]
    items = [view for row in shown if (view := _told(actor, row)).reasons]
    if len(rows) <= PAGE_SIZE:
        return Page(items)
    return Page(items, encode_cursor(shown[-1]["second_id"], shown[-1]["first_id"]))


def _told(actor: Actor, row: asyncpg.Record) -> PairView:
    """Turn a row into a view; that one's own phone is a hidden one's too would tell that one."""
    is_hidden = any(masks.hides(actor, row[name]) for name in ("first_owner", "second_owner"))
    reasons = [each for each in row["reasons"] if not (is_hidden and each == PHONE)]
    return msgspec.convert({**row, "reasons": reasons}, PairView)


async def told_apart(tenant_id: UUID, customer_ids: Collection[UUID]) -> set[frozenset[UUID]]:
    """Give the pairs with one of these customers that somebody said are two; in a transaction."""
    rows = await db.connection().fetch(_APART, tenant_id, list(customer_ids))
    return {frozenset((row["first_id"], row["second_id"])) for row in rows}
