"""Look up who may work where, on which day."""

from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.kit import db, divisions
from server.partners.rules import territories as rules
from server.partners.rules.territories import Hold, Right
from server.partners.schemas import HolderView, TerritoryView

COLUMNS: Final = "id, agent_id, division, is_exclusive, valid_from, valid_until"

_ON: Final = "valid_from <= $2 AND (valid_until IS NULL OR valid_until >= $2)"
_HOLDS: Final = f"SELECT {COLUMNS} FROM territory WHERE division = ANY ($1::text[]) AND {_ON}"  # noqa: S608 - our own columns
_LIST: Final = f"""
SELECT {COLUMNS} FROM territory
WHERE ($1::text[] IS NULL OR division = ANY ($1)) AND ($2::date IS NULL OR {_ON})
    AND ($3::uuid IS NULL OR agent_id = $3)
ORDER BY division, valid_from, id
"""  # noqa: S608 - our own columns


def view_of(row: Any) -> TerritoryView:
    """Give a territory as it is shown."""
    return msgspec.convert({**row, "place": divisions.spelled(row["division"])}, TerritoryView)


async def territories(
    actor: Actor,
    *,
    within: str | None = None,
    on: date | None = None,
    agent_id: UUID | None = None,
) -> list[TerritoryView]:
    """List the territories by place.

    :param within: a division; those in all that lies in it are listed too.
    :param on: those of a day alone.
    :raises DivisionUnknown: the tree has no such code.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    codes = None if within is None else list(divisions.subtree(divisions.get(within).code))
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_LIST, codes, on, agent_id)
    return [view_of(row) for row in rows]


async def holder(actor: Actor, division: str, *, on: date) -> HolderView:
    """Say who may work in a place on a day, and to whom goes what lies there.

    :raises DivisionUnknown: the tree has no such code.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    divisions.get(division)
    async with db.platform_transaction(actor):
        rows = await _rows(division, on)
    return HolderView(
        division=division,
        place=divisions.spelled(division),
        on=on,
        holder_id=rules.holder_of(_holds(rows)),
        territories=[view_of(row) for row in rows],
    )


async def right(tenant_id: UUID, division: str | None, *, on: date) -> Right:
    """Say what right an agent has to a place on a day, in an open transaction.

    :param division: what is no place of the tree, or not known, is free.
    """
    return rules.right_of(tenant_id, _holds(await _rows(division, on)))


async def _rows(division: str | None, on: date) -> list[Any]:
    """Give the territories that a place lies in on a day."""
    lineage = list(divisions.lineage(division or ""))
    return list(await db.connection().fetch(_HOLDS, lineage, on)) if lineage else []


def _holds(rows: list[Any]) -> list[Hold]:
    """Give territories as the rules see them."""
    return [Hold(row["agent_id"], row["is_exclusive"]) for row in rows]
