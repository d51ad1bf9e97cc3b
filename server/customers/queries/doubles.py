"""Find customers that look like one another; set-based, for one or for a thousand."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure
from server.changelog import storage
from server.customers.rules.duplicates import Likeness, likeness
from server.customers.schemas import Duplicate
from server.kit import db

_SEPARATOR: Final = "\x1f"
"""Stands between values, see `server.customers.index`; keys do not have it."""
_CANDIDATES: Final = r"""
    SELECT u.number, k.record_id
    FROM UNNEST(
        $2::bigint[], string_to_array($3, E'\x1f'), string_to_array($4, E'\x1f')
    ) AS u(number, low, high)
    CROSS JOIN LATERAL (
        SELECT record_id FROM customer_token k
        WHERE k.tenant_id = $1 AND k.token >= u.low AND k.token < u.high
            AND k.before = '' AND k.customer_id IS NULL
        ORDER BY k.token, k.record_id LIMIT 20
    ) k
    UNION ALL SELECT -1, id FROM customer WHERE tenant_id = $1 AND id = ANY($5::uuid[])
"""
_ITSELF: Final = -1
"""Stands for the number of a record that is left out: it is there."""
_CUSTOMERS: Final = """
    SELECT id, name, uscc, phone, owner_id, team_id FROM customer
    WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
"""


async def duplicates(
    actor: Actor, name: str | None, *, uscc: str | None, phone: str | None
) -> list[Duplicate]:
    """Tell which customers of the tenant look like this one; the values are in normal form."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        found = await alike(actor, [likeness(name, uscc=uscc, phone=phone)])
    return [_told(actor, reasons, row) for reasons, row in found.get(0, [])]


async def duplicates_of(
    actor: Actor, likenesses: Sequence[Likeness], *, but: Sequence[UUID]
) -> tuple[dict[int, list[Duplicate]], bool]:
    """Tell the doubles of each of these, by their position, leaving out the records themselves.

    Says, too, whether any of those is there already: the same question finds it out.
    """
    found, are_there = await _alike(actor, likenesses, but)
    told = {
        number: [_told(actor, reasons, row) for reasons, row in rows]
        for number, rows in found.items()
    }
    return told, are_there


async def alike(
    actor: Actor, likenesses: Sequence[Likeness]
) -> dict[int, list[tuple[list[str], asyncpg.Record]]]:
    """Find, for each position, the customers that look like it and why; two statements."""
    found, _ = await _alike(actor, likenesses, ())
    return found


async def _alike(
    actor: Actor, likenesses: Sequence[Likeness], but: Sequence[UUID]
) -> tuple[dict[int, list[tuple[list[str], asyncpg.Record]]], bool]:
    """Do as `alike`, but leave some records out and say whether any of them is there."""
    asked = [
        (number, stretch.prefix, stretch.end)
        for number, each in enumerate(likenesses)
        for stretch in each.stretches()
    ]
    if not (asked or but):
        return {}, False
    connection = db.connection()
    numbers, lows, highs = zip(*asked, strict=True) if asked else ((), (), ())
    pairs = await connection.fetch(
        _CANDIDATES,
        actor.tenant_id,
        numbers,
        _SEPARATOR.join(lows),
        _SEPARATOR.join(highs),
        but,
    )
    are_there = any(row["number"] == _ITSELF for row in pairs)
    ids = {row["record_id"] for row in pairs}.difference(but)
    rows = await connection.fetch(_CUSTOMERS, actor.tenant_id, ids) if ids else []
    customers = {row["id"]: row for row in rows}
    found: dict[int, dict[UUID, tuple[list[str], asyncpg.Record]]] = {}
    for pair in pairs:
        row = customers.get(pair["record_id"])
        if row is None:
            continue
        theirs = likeness(row["name"], uscc=row["uscc"], phone=row["phone"])
        if reasons := likenesses[pair["number"]].reasons(theirs):
            found.setdefault(pair["number"], {})[row["id"]] = (reasons, row)
    return {number: list(by_id.values()) for number, by_id in found.items()}, are_there


def _told(actor: Actor, reasons: list[str], row: asyncpg.Record) -> Duplicate:
    """Tell of a double; of one out of sight no more than that it is there and whose it is."""
    if storage.is_visible(actor, row["owner_id"], row["team_id"]):
        return Duplicate(
            reasons=reasons, owner_id=row["owner_id"], customer_id=row["id"], name=row["name"]
        )
    return Duplicate(reasons=reasons, owner_id=row["owner_id"])
