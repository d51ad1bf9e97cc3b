"""Look at what becomes of a leaver's things: one plan, read from both sides."""

from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.exits import rules
from server.exits.rules import Fate, Item, Kind, Planned
from server.exits.schemas import Plan
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.partners import queries as partners
from server.partners.rules.exits import ExitState
from server.partners.schemas import ExitView

PLAN: Final = "exit.plan"
_ROWS_MAX: Final = 200
ITEMS: Final = """
SELECT kind, ref, customer_ref, stands, until, amount_minor, successor_id, chosen, fate, drawn_at,
    done_at
FROM exit_item WHERE exit_id = $1
"""


async def plan(actor: Actor, agent_id: UUID, *, now: datetime) -> Plan:
    """Show the platform what becomes of a leaver's things, which the leaver hears of.

    :raises NotFound: there is no such agent, or it does not leave.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        await audit.record_platform_read(actor, [agent_id], PLAN, now=now)
        return await of(agent_id)


async def own(actor: Actor) -> Plan:
    """Show the people who lead a company that leaves what becomes of what is theirs.

    :raises NotFound: it does not leave.
    """
    actor.ensure_agent()
    ensure(actor, Permission.PLATFORM_READS_SEE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await of(actor.tenant_id)


async def of(agent_id: UUID) -> Plan:
    """Give the plan of an agent's exit, in a transaction of either side.

    :raises NotFound: it does not leave.
    """
    held = await partners.last_exit(agent_id)
    if held is None or not held.holds:
        raise NotFound
    rows = await db.connection().fetch(ITEMS, held.id)
    planned = planned_of(held, rows)
    plain = (Fate.KEPT, Fate.REDEEMED)
    return Plan(
        exit=held,
        hash=rules.digest(held.id, planned),
        drawn_at=rows[0]["drawn_at"] if rows else None,
        totals=rules.totals(planned),
        count=len(planned),
        done=sum(row["done_at"] is not None for row in rows),
        rows=sorted(planned, key=lambda each: each.fate in plain)[:_ROWS_MAX],
    )


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
    )
