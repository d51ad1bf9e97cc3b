"""Look at what becomes of a leaver's things: one plan, read from both sides."""

from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.exits import rules
from server.exits.rules import Fate, Item, Kind, Planned
from server.exits.schemas import Plan, Wanted, Word
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.partners import queries as partners
from server.partners.rules.exits import ExitState
from server.partners.schemas import ExitView

PLAN: Final = "exit.plan"
ALL: Final = Wanted()
_FIRST: Final = UUID(int=0)
_WORDS: Final = """
SELECT c.id AS customer_id, c.name, c.city, k.successor_id, k.carries, k.said, k.recorded_at
FROM customer c
LEFT JOIN exit_consent k ON k.tenant_id = c.tenant_id AND k.customer_id = c.id AND k.exit_id = $2
WHERE c.tenant_id = $1 AND NOT c.deleted AND c.id > $3
    AND ($4::boolean IS NULL OR $4 = (k.customer_id IS NOT NULL))
    AND strpos(lower(c.name), lower($5)) > 0
ORDER BY c.id LIMIT $6
"""
ITEMS: Final = """
SELECT kind, ref, customer_ref, stands, until, amount_minor, successor_id, chosen, fate, drawn_at,
    done_at
FROM exit_item WHERE exit_id = $1
"""


async def plan(
    actor: Actor,
    agent_id: UUID,
    wanted: Wanted = ALL,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE_MAX,
    now: datetime,
) -> Plan:
    """Show the platform what becomes of a leaver's things, which the leaver hears of.

    :raises NotFound: there is no such agent, or it does not leave.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        await audit.record_platform_read(actor, [agent_id], PLAN, now=now)
        return await of(agent_id, wanted, cursor=cursor, limit=limit)


async def own(actor: Actor, *, cursor: str | None = None) -> Plan:
    """Show the people who lead a company that leaves what becomes of what is theirs.

    :raises NotFound: it does not leave.
    """
    actor.ensure_agent()
    ensure(actor, Permission.PLATFORM_READS_SEE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await of(actor.tenant_id, cursor=cursor)


async def of(
    agent_id: UUID,
    wanted: Wanted = ALL,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE_MAX,
) -> Plan:
    """Give the plan of an agent's exit, in a transaction of either side.

    :raises NotFound: it does not leave.
    """
    held = await partners.last_exit(agent_id)
    if held is None or not held.holds:
        raise NotFound
    rows = await db.connection().fetch(ITEMS, held.id)
    planned = planned_of(held, rows)
    after = decode_cursor(cursor, tuple[bool, int, UUID]) if cursor else None
    left = sorted(
        (each for each in planned if wanted.takes(each) and (not after or each.place > after)),
        key=lambda each: each.place,
    )
    shown = left[: min(max(limit, 1), PAGE_SIZE_MAX)]
    return Plan(
        exit=held,
        hash=rules.digest(held.id, planned),
        drawn_at=rows[0]["drawn_at"] if rows else None,
        totals=rules.totals(planned),
        count=len(planned),
        done=sum(row["done_at"] is not None for row in rows),
        rows=shown,
        next_cursor=encode_cursor(*shown[-1].place) if len(left) > len(shown) else None,
    )


async def words(
    actor: Actor, *, said: bool | None = None, q: str = "", cursor: str | None = None
) -> Page[Word]:
    """List the customers of a company that leaves, for its owner, with what each has said.

    :param said: those alone that have named a successor, or that have not.
    :param q: a part of the name.
    :raises NotFound: it does not leave.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    after = decode_cursor(cursor, tuple[UUID])[0] if cursor else _FIRST
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        held = await partners.last_exit(actor.tenant_id)
        if held is None or not held.holds:
            raise NotFound
        values = (actor.tenant_id, held.id, after, said, q.strip(), PAGE_SIZE + 1)
        rows = await db.connection().fetch(_WORDS, *values)
    items = msgspec.convert([dict(row) for row in rows[:PAGE_SIZE]], list[Word])
    more = len(rows) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].customer_id) if more else None)


def planned_of(held: ExitView, rows: list[Any]) -> list[Planned]:
    """Give each row's one state: what was written down once it is carried out, else the plan."""
    if held.state in {ExitState.CARRYING, ExitState.DONE}:
        return [_written(row) for row in rows]
    return rules.plan(map(item_of, rows), ends_at=ends_at(held))


def item_of(row: Any) -> Item:
    """Give a row as the rules see it."""
    return msgspec.convert(dict(row), Item)


def ends_at(held: ExitView) -> datetime:
    """Say when a leaver's last day is over."""
    return datetime.combine(held.last_day + timedelta(days=1), time(), ZONE)


def _written(row: Any) -> Planned:
    """Give what was written down of a row."""
    return Planned(
        kind=Kind(row["kind"]),
        ref=row["ref"],
        stands=row["stands"],
        fate=Fate(row["fate"]),
        successor_id=row["successor_id"],
        amount_minor=row["amount_minor"],
        is_chosen=row["chosen"] is not None,
        is_done=row["done_at"] is not None,
    )
