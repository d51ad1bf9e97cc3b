"""Let an agent leave the channel: open its exit, call it off, let it come back."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import IdReused, NotFound
from server.kit.text import tidied
from server.partners import queries
from server.partners.queries.exits import COLUMNS, last_exit
from server.partners.rules import exits as rules
from server.partners.rules.exits import ExitState
from server.partners.schemas import ExitView, NewExit, Successor

_ADD: Final = """
INSERT INTO agent_exit (
    id, agent_id, reason, last_day, frozen_from, state, successors, token_key, opened_by, opened_at
) VALUES ($1, $2, $3, $4, $5, 'open', $6::jsonb, $7, $8, $9) ON CONFLICT (id) DO NOTHING
"""
_EXIT: Final = f"SELECT {COLUMNS} FROM agent_exit WHERE id = $1"  # noqa: S608 - our own columns
_HOLD: Final = f"""
SELECT {COLUMNS} FROM agent_exit WHERE agent_id = $1
ORDER BY state IN ('cancelled', 'returned'), opened_at DESC, id DESC LIMIT 1
FOR UPDATE
"""  # noqa: S608 - our own columns
_END: Final = "UPDATE agent_exit SET state = $2, ended_at = $3 WHERE id = $1"
OPENED: Final = "exit.opened"
CANCELLED: Final = "exit.cancelled"
RETURNED: Final = "exit.returned"


async def open_exit(
    actor: Actor, agent_id: UUID, new: NewExit, *, token_key: bytes, now: datetime
) -> ExitView:
    """Open the exit of an agent, which sees that in its feed. May be repeated under the same id.

    From the freeze on the company registers nobody, requests no benefit and picks nobody from a
    pool; it reads, exports and edits what it has.

    :param token_key: 32 random bytes that name its customers to the platform, which never has them.
    :raises ExitLastDayPast: the last day lies before the freeze.
    :raises ExitOpen: it leaves already.
    :raises SuccessorWrong: it is to succeed itself, or a successor leaves too.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    today = now.astimezone(ZONE).date()
    frozen_on = new.frozen_on or today
    frozen_from = now if frozen_on <= today else datetime.combine(frozen_on, time(), ZONE)
    reason = tidied(new.reason, "reason")
    await queries.agent(actor, agent_id)
    successors = await _successors(actor, agent_id, new.successor_ids)
    async with db.platform_transaction(actor):
        if await db.connection().fetchrow(_EXIT, new.id) is None:
            rules.ensure_days(new.last_day, frozen_on=frozen_on, today=today)
            heirs = msgspec.json.encode(successors).decode()
            values = (new.id, agent_id, reason, new.last_day, frozen_from, heirs)
            await _add(*values, token_key, actor.user_id, now)
            told = {"last_day": new.last_day}
            await audit.record_platform_read(actor, [agent_id], OPENED, now=now, **told)
            await audit.record_platform_write(
                actor, OPENED, subject_id=new.id, now=now, agent_id=agent_id, **told
            )
        view = await last_exit(agent_id)
    if view is None or (view.id, view.reason, view.last_day) != (new.id, reason, new.last_day):
        raise IdReused("This id belongs to another exit; make a new one.", field="id")
    return view


async def _successors(actor: Actor, agent_id: UUID, named: Sequence[UUID]) -> list[Successor]:
    """Give the agents to which customers may be handed, with their names.

    :raises SuccessorWrong: one is the leaver itself, or leaves too.
    :raises NotFound: there is no such agent.
    """
    if agent_id in named:
        raise rules.SuccessorWrong("Name another agent.", field="successor_ids")
    async with db.platform_transaction(actor):
        for each in named:
            if await queries.leaves(each):
                raise rules.SuccessorWrong("This agent leaves too.", field="successor_ids")
    return [
        Successor(each, (await queries.agent(actor, each)).name) for each in dict.fromkeys(named)
    ]


async def _add(*values: object) -> None:
    """Write an exit down.

    :raises ExitOpen: the agent has one.
    """
    try:
        async with db.current().savepoint():
            await db.connection().execute(_ADD, *values)
    except asyncpg.UniqueViolationError as error:
        raise rules.ExitOpen("This agent leaves already; look at its exit.") from error


async def cancel_exit(actor: Actor, agent_id: UUID, *, now: datetime) -> ExitView:
    """Call an exit off before anything of it is carried out. Said again it changes nothing.

    :raises ExitUnderWay: its plan is being carried out, or was.
    :raises NotFound: there is no such agent, or it does not leave.
    """
    return await _end(actor, agent_id, (ExitState.OPEN, ExitState.CANCELLED), CANCELLED, now=now)


async def readmit(actor: Actor, agent_id: UUID, *, now: datetime) -> ExitView:
    """Let a company that has left come back. Said again it changes nothing.

    It begins anew with what it kept: what went elsewhere stays there.

    :raises ExitUnderWay: its exit was not carried out to its end.
    :raises NotFound: there is no such agent, or it does not leave.
    """
    return await _end(actor, agent_id, (ExitState.DONE, ExitState.RETURNED), RETURNED, now=now)


async def _end(
    actor: Actor, agent_id: UUID, steps: tuple[ExitState, ExitState], what: str, *, now: datetime
) -> ExitView:
    """Let an exit be over, from where it may be, and the agent hear of it."""
    ensure(actor, Permission.AGENTS_ADMIT)
    before, after = steps
    async with db.platform_transaction(actor):
        row = await db.connection().fetchrow(_HOLD, agent_id)
        if row is None or (row["state"] in rules.OVER and row["state"] != after):
            raise NotFound
        if row["state"] not in steps:
            raise rules.ExitUnderWay("What was begun is carried out to its end.")
        if row["state"] == before:
            await db.connection().execute(_END, row["id"], after, now)
            await audit.record_platform_read(actor, [agent_id], what, now=now)
            await audit.record_platform_write(
                actor, what, subject_id=row["id"], now=now, agent_id=agent_id
            )
        view = await last_exit(agent_id)
    assert view is not None, "it was held"
    return view
