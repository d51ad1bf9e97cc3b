"""Find customers that look like one another; set-based, for one or for a thousand."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.changelog import storage
from server.customers.rules import masks
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
    UNION ALL SELECT -2, id FROM custom_field
    WHERE tenant_id = $1 AND subject = 'customer' AND is_required = 1 AND state = 'active'
"""
_ITSELF: Final = -1
"""Stands for the number of a record that is left out: it is there."""
_REQUIRED: Final = -2
"""Stands for the number of what must be given: a custom field's id. Asked along, since whoever
makes a customer has to know, and a round trip more is a fifth of the whole."""
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


class Surroundings(msgspec.Struct, frozen=True):
    """What one question finds out about customers that are to be made."""

    doubles: dict[int, list[Duplicate]]
    """Who looks like them, by their position."""
    are_there: bool
    """Whether any of those that were left out is there already."""
    required: frozenset[UUID]
    """The custom fields that each must have a value of."""


async def duplicates_of(
    actor: Actor, likenesses: Sequence[Likeness], *, but: Sequence[UUID]
) -> Surroundings:
    """Tell the doubles of each of these, leaving out the records themselves."""
    found, are_there, required = await _alike(actor, likenesses, but)
    told = {
        number: [_told(actor, reasons, row) for reasons, row in rows]
        for number, rows in found.items()
    }
    return Surroundings(told, are_there, required)


async def alike(
    actor: Actor, likenesses: Sequence[Likeness]
) -> dict[int, list[tuple[list[str], asyncpg.Record]]]:
    """Find, for each position, the customers that look like it and why; two statements."""
    found, _, _ = await _alike(actor, likenesses, ())
    return found


async def _alike(
    actor: Actor, likenesses: Sequence[Likeness], but: Sequence[UUID]
) -> tuple[dict[int, list[tuple[list[str], asyncpg.Record]]], bool, frozenset[UUID]]:
    """Do as `alike`, but leave some records out; say whether any is there, and what is required."""
    asked = [
        (number, stretch.prefix, stretch.end)
        for number, each in enumerate(likenesses)
        for stretch in each.stretches()
    ]
    if not (asked or but):
        return {}, False, frozenset()
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
    required = frozenset(row["record_id"] for row in pairs if row["number"] == _REQUIRED)
    ids = {row["record_id"] for row in pairs if row["number"] >= 0}.difference(but)
    rows = await connection.fetch(_CUSTOMERS, actor.tenant_id, ids) if ids else []
    customers = {row["id"]: row for row in rows}
    found: dict[int, dict[UUID, tuple[list[str], asyncpg.Record]]] = {}
    for pair in pairs:
        row = customers.get(pair["record_id"])
        if row is None:
            continue
        # A number that is hidden from somebody is not found out by trying numbers, either.
        phone = None if masks.hides(actor, row["owner_id"]) else row["phone"]
        theirs = likeness(row["name"], uscc=row["uscc"], phone=phone)
        if reasons := likenesses[pair["number"]].reasons(theirs):
            found.setdefault(pair["number"], {})[row["id"]] = (reasons, row)
    alike_ = {number: list(by_id.values()) for number, by_id in found.items()}
    return alike_, are_there, required


def _told(actor: Actor, reasons: list[str], row: asyncpg.Record) -> Duplicate:
    """Tell of a double; of one out of sight no more than that it is there and whose it is."""
    if storage.is_visible(actor, row["owner_id"], row["team_id"]):
        return Duplicate(
            reasons=reasons, owner_id=row["owner_id"], customer_id=row["id"], name=row["name"]
        )
    return Duplicate(reasons=reasons, owner_id=row["owner_id"])
