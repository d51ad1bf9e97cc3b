"""Carry a plan out, portion by portion: killed anywhere and begun again, the same comes of it.

What only has to be written down is so at once. What moves something is done a thing at a time, each
step under an id that follows from the thing's, and marked when it is whole.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.exits import queries, rules
from server.exits.rules import SETTLED_BY_WORD, Fate, Kind
from server.exits.schemas import Plan, Seen
from server.exits.service import drawing, handing
from server.kit import db, outbox

CARRY: Final = "exits.carry"
"""Of an agent that leaves: do the next portion of the plan."""
PORTION: Final = 50
_FATES: Final = """
UPDATE exit_item i SET fate = u.fate, successor_id = u.successor_id
FROM UNNEST($2::text[], $3::uuid[], $4::text[], $5::uuid[]) AS u(kind, ref, fate, successor_id)
WHERE i.exit_id = $1 AND i.kind = u.kind AND i.ref = u.ref
"""
_BEGIN: Final = "UPDATE agent_exit SET state = 'carrying' WHERE id = $1"
_BY_WORD: Final = """
UPDATE exit_item SET done_at = $4
WHERE exit_id = $1 AND kind = $2 AND fate = ANY ($3::text[]) AND done_at IS NULL
"""
_NEXT: Final = """
SELECT * FROM exit_item WHERE exit_id = $1 AND done_at IS NULL
ORDER BY customer_ref, kind <> 'customer', kind DESC, ref LIMIT $2
"""
_STATE: Final = "SELECT state FROM agent_exit WHERE id = $1"
_KEY: Final = "SELECT token_key FROM agent_exit WHERE id = $1"
_LATE: Final = """
UPDATE exit_item SET fate = CASE kind WHEN 'customer' THEN 'kept' WHEN 'registration' THEN
    'released' WHEN 'benefit' THEN CASE stands WHEN 'redeemed' THEN 'redeemed' ELSE 'stays' END END
WHERE exit_id = $1 AND fate IS NULL
"""
_END: Final = """
UPDATE agent_exit SET state = 'done', ended_at = $2 WHERE id = $1 AND state = 'carrying'
"""


async def carry_out(actor: Actor, agent_id: UUID, seen: Seen, *, now: datetime) -> Plan:
    """Have the plan that was looked at carried out. Said again, it goes on as it does.

    :raises PlanChanged: it is another by now.
    :raises NothingDrawnUp: nothing was drawn up.
    :raises ExitUnderWay: it is being carried out already.
    :raises NotFound: there is no such agent, or it does not leave.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        held = await drawing.held_open(agent_id)
        rows = await _held_rows(held.id)
        if not rows:
            raise rules.NothingDrawnUp("Draw the plan up first, and look at it.")
        planned = queries.planned_of(held, rows)
        rules.ensure_seen(seen.hash, rules.digest(held.id, planned))
        columns = zip(
            *((each.kind, each.ref, each.fate, each.successor_id) for each in planned), strict=True
        )
        await db.connection().execute(_FATES, held.id, *map(list, columns))
        await db.connection().execute(_BEGIN, held.id)
        await audit.record_platform_read(
            actor, [agent_id], "exit.carried_out", now=now, hash=seen.hash
        )
        await audit.record_platform_write(
            actor, "exit.carried_out", subject_id=held.id, now=now, hash=seen.hash
        )
        await _go_on(agent_id, held.id, now=now)
        return await queries.of(agent_id)


async def _held_rows(exit_id: UUID) -> list[Any]:
    """Give what was drawn up; whoever draws it up anew waits, and finds the plan begun."""
    await db.connection().execute(drawing.HOLD_ROWS, exit_id)
    return list(await db.connection().fetch(queries.ITEMS, exit_id))


async def _go_on(agent_id: UUID, exit_id: UUID, *, now: datetime) -> None:
    """Leave the next portion to the worker."""
    await outbox.add(CARRY, {"exit_id": str(exit_id)}, tenant_id=agent_id, now=now)


async def carry(agent_id: UUID, exit_id: UUID, *, now: datetime) -> bool:
    """Do the next portion, and leave the one after it; say whether anything is left."""
    async with db.job_transaction():
        if await db.connection().fetchval(_STATE, exit_id) != "carrying":
            return False
        for kind, fates in SETTLED_BY_WORD.items():
            await db.connection().execute(_BY_WORD, exit_id, kind, sorted(fates), now)
        rows = await db.connection().fetch(_NEXT, exit_id, PORTION)
    for row in rows:
        await handing.mark(row, await _settle(row, now=now), now=now)
    if not rows and not await _came_late(agent_id, exit_id, now=now):
        async with db.job_transaction():
            await db.connection().execute(_END, exit_id, now)
        return False
    async with db.job_transaction():
        await _go_on(agent_id, exit_id, now=now)
    return True


async def _came_late(agent_id: UUID, exit_id: UUID, *, now: datetime) -> bool:
    """Give a state to what came after the plan, such as an offline edit; say whether any did.

    It is the leaver's: a customer is kept, a benefit holds until its end.
    """
    async with db.tenant_transaction(agent_id):
        key = await db.connection().fetchval(_KEY, exit_id)
        await drawing.list_all(agent_id, exit_id, key, is_new=True, now=now)
        status: str = await db.connection().execute(_LATE, exit_id)
    return not status.endswith(" 0")


async def _settle(row: Any, *, now: datetime) -> Fate:
    """Let become of one thing what was planned, and say what became of it."""
    match Kind(row["kind"]), Fate(row["fate"]):
        case Kind.CUSTOMER, Fate.HANDED:
            return await handing.hand(row, now=now)
        case Kind.REGISTRATION, Fate.PASSED:
            return await handing.pass_on(row, now=now)
        case Kind.REGISTRATION, _:
            return await handing.release(row, now=now)
        case Kind.BENEFIT, Fate.TRANSFERRED:
            return await handing.transfer(row, now=now)
        case Kind.BENEFIT, Fate.REVOKED:
            return await handing.revoke(row, now=now)
        case _, fate:
            return fate
