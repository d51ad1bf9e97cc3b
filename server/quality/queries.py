"""Ask how good customers' records are: one as of now, all as they were last looked through."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.changelog import storage
from server.customers import queries as customers
from server.customers.queries import doubles
from server.customers.rules import masks
from server.customers.rules.duplicates import likeness
from server.customers.sight import Where
from server.kit import db
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.quality import rules
from server.quality.rules import Check, Facts
from server.quality.schemas import (
    Average,
    MissingView,
    QualityFilters,
    QualityLine,
    QualityView,
)
from server.sync import queries as sync

_POOR: Final = 60
"""Points below which a record is hard to work with."""
_FACTS: Final = """
SELECT c.id, c.name, c.uscc, c.phone, c.city, c.industry, c.level, c.source, c.created_at,
    c.owner_id, c.team_id,
    coalesce(c.address, (
        SELECT s.address FROM store s WHERE s.tenant_id = $1 AND s.customer_id = c.id
            AND NOT s.deleted AND s.address IS NOT NULL LIMIT 1
    )) AS address,
    people.contacts, people.deciders, people.phones,
    (SELECT count(*) FROM call_ban b WHERE b.tenant_id = $1 AND b.customer_id = c.id
        AND NOT b.deleted AND b.lifted_at IS NULL
        AND (b.phone = c.phone OR b.phone = ANY(people.phones))) AS banned,
    greatest(
        (SELECT max(v.checked_in_at) FROM visit v
            WHERE v.tenant_id = $1 AND v.customer_id = c.id AND NOT v.deleted),
        (SELECT max(k.called_at) FROM call k WHERE k.tenant_id = $1 AND k.customer_id = c.id
            AND NOT k.deleted AND k.outcome = 'answered'),
        (SELECT max(t.done_at) FROM task t
            WHERE t.tenant_id = $1 AND t.customer_id = c.id AND NOT t.deleted)
    ) AS touched_at
FROM customer c CROSS JOIN LATERAL (
    SELECT count(*) AS contacts, count(*) FILTER (WHERE p.role = 'decides') AS deciders,
        coalesce(array_agg(p.phone) FILTER (WHERE p.phone IS NOT NULL), '{}') AS phones
    FROM contact p WHERE p.tenant_id = $1 AND p.customer_id = c.id AND NOT p.deleted
) people
WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND NOT c.deleted
"""
_FROM: Final = "customer c JOIN customer_quality q ON q.tenant_id = c.tenant_id AND q.id = c.id"


class Assessed(msgspec.Struct, frozen=True):
    """What was found out about one record."""

    score: int
    missing: list[Check]
    double_ids: list[UUID]
    is_double_by_phone: bool
    """By neither name nor credit code."""


class _Told(msgspec.Struct, frozen=True):
    """What is told of the records as they were kept, in SQL."""

    score: str = "q.score"
    missing: str = "q.missing"


_OPEN: Final = _Told()
_BLIND: Final = _Told(
    score=f"""(q.score + CASE WHEN q.is_double_by_phone AND q.missing ? '{Check.SINGLE}'
        THEN {rules.WORTH[Check.SINGLE].points} ELSE 0 END)""",
    missing=f"""(CASE WHEN q.is_double_by_phone THEN q.missing - '{Check.SINGLE}'
        ELSE q.missing END)""",
)
"""To whom phones are hidden from: that two are alike would tell the one by the other."""


def _told(actor: Actor) -> _Told:
    """Say what is told to an actor of what was kept."""
    return _BLIND if actor.masks_phones else _OPEN


async def assess(
    actor: Actor, customer_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, Assessed]:
    """Look at records as they stand, in the open transaction; four statements for any number."""
    rows = await db.connection().fetch(_FACTS, actor.tenant_id, list(customer_ids))
    # That a hidden phone is one's own customer's too would tell it.
    likes = [
        likeness(
            row["name"],
            uscc=row["uscc"],
            phone=None if masks.hides(actor, row["owner_id"]) else row["phone"],
        )
        for row in rows
    ]
    alike = await doubles.alike(actor, likes)
    apart = await sync.told_apart(actor.tenant_id, customer_ids)
    found = {}
    for number, row in enumerate(rows):
        others = [
            other
            for _, other in alike.get(number, [])
            if other["id"] != row["id"]
            and frozenset((other["id"], row["id"])) not in apart
            and likes[number].is_same(
                likeness(other["name"], uscc=other["uscc"], phone=other["phone"])
            )
        ]
        lacks = rules.missing(_facts(row, len(others)), now)
        seen = [
            other["id"]
            for other in others
            if storage.is_visible(actor, other["owner_id"], other["team_id"])
        ]
        without = likeness(row["name"], uscc=row["uscc"], phone=None)
        by_phone = bool(others) and not any(
            without.is_same(likeness(other["name"], uscc=other["uscc"], phone=None))
            for other in others
        )
        found[row["id"]] = Assessed(rules.score(lacks), lacks, seen, by_phone)
    return found


def _facts(row: asyncpg.Record, doubled: int) -> Facts:
    """Turn a row into what is known of a record."""
    own = [row["phone"]] if row["phone"] else []
    return Facts(
        uscc=row["uscc"],
        city=row["city"],
        industry=row["industry"],
        level=row["level"],
        source=row["source"],
        address=row["address"],
        phones=(*own, *row["phones"]),
        contacts=row["contacts"],
        deciders=row["deciders"],
        banned=row["banned"],
        doubles=doubled,
        entered_at=row["created_at"],
        touched_at=row["touched_at"],
    )


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> QualityView:
    """Say how good a customer's record is, and what mending it is worth.

    :raises NotFound: there is no such customer within sight.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await customers.one(actor, customer_id)
        found = (await assess(actor, [customer_id], now=now))[customer_id]
    return QualityView(
        customer_id=customer_id,
        score=found.score,
        missing=[
            MissingView(
                check=each, aspect=rules.WORTH[each].aspect, points=rules.WORTH[each].points
            )
            for each in found.missing
        ],
        double_ids=found.double_ids,
    )


async def list_page(
    actor: Actor,
    filters: QualityFilters,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[QualityLine]:
    """List the records within sight, the poorest first, as they were last looked through."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where, told = Where(actor), _told(actor)
    if filters.owner_id is not None:
        where.add("c.owner_id = {}", filters.owner_id)
    if filters.check is not None:
        where.add(f"{told.missing} ? {{}}", str(filters.check))
    if cursor is not None:
        where.add(f"({told.score}, q.id) > ({{}}, {{}})", *decode_cursor(cursor, tuple[int, UUID]))
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT c.id AS customer_id, c.name AS customer_name, c.owner_id, q.assessed_at,"  # noqa: S608 - constants and numbered parameters
            f" {told.score} AS score, {told.missing} AS missing FROM {_FROM} WHERE {where.text}"
            f" ORDER BY {told.score}, q.id LIMIT {limit + 1}",
            *where.args,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [
            msgspec.convert({**row, "missing": msgspec.json.decode(row["missing"])}, QualityLine)
            for row in rows[:limit]
        ],
        encode_cursor(last["score"], last["customer_id"]) if last else None,
    )


async def averages(actor: Actor) -> list[Average]:
    """Say how good records within sight are: of all, by team, and by person."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where, score = Where(actor), _told(actor).score
    poor = where.param(_POOR)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT c.owner_id, c.team_id, count(*) AS customers,"  # noqa: S608 - constants and numbered parameters
            f" avg({score})::float8 AS score, count(*) FILTER (WHERE {score} < {poor}) AS poor"
            f" FROM {_FROM} WHERE {where.text}"
            " GROUP BY GROUPING SETS ((), (c.team_id), (c.team_id, c.owner_id))"
            # Of nothing there is no average.
            " HAVING count(*) > 0"
            " ORDER BY GROUPING(c.team_id, c.owner_id) DESC, score, c.team_id, c.owner_id",
            *where.args,
        )
    return [msgspec.convert(dict(row), Average) for row in rows]
