"""Accept a lead or give it back before its clock runs out (S44); show its phone (S45)."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.changelog import facts
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs.rules import OptedOut
from server.kit import clock, db, ids
from server.kit.errors import NotFound
from server.kit.text import tidied
from server.leads import kinds, sight
from server.leads.queries import ground
from server.leads.rules import handoff
from server.leads.rules.states import LeadState, Stage, ensure_may
from server.leads.schemas import Phone, Return
from server.leads.service import holding, intake, progress

_ACCEPT: Final = """
UPDATE raw_lead SET state = 'accepted', accept_by = NULL, updated_at = $3
WHERE tenant_id = $1 AND id = $2
"""
_BACK: Final = """
UPDATE raw_lead SET state = 'ready', accept_by = NULL, assignee_id = NULL, updated_at = $3,
    return_count = return_count + 1
WHERE tenant_id = $1 AND id = $2
"""
_CALLS: Final = """
SELECT id FROM lead_call WHERE tenant_id = $1 AND phone = $2 AND called_at > $3
"""
# Several leads may have one phone: who calls it is counted one after the other.
_HOLD_PHONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2, 0))"
_CALL: Final = """
INSERT INTO lead_call (tenant_id, id, phone, lead_id, user_id, called_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def accept(actor: Actor, lead_id: UUID, *, now: datetime) -> None:
    """Take on a lead that was routed to one; again changes nothing.

    :raises NotFound: it is not the actor's.
    :raises LeadStateUnfit: it was given back, or the clock has run out.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        row = await holding.hold_own(actor, lead_id)
        if row["state"] == LeadState.ACCEPTED:
            return
        ensure_may("accept", LeadState(row["state"]))
        await db.connection().execute(_ACCEPT, actor.tenant_id, lead_id, now)
        await holding.note(actor, [lead_id], "accept", [{}], now=now)
        await progress.reached(actor, Stage.PRE_OPPORTUNITY, lead_id=lead_id, at=now)
        await _tell_phone(actor, lead_id, "accepted", now=now)


async def give_back(actor: Actor, lead_id: UUID, given: Return, *, now: datetime) -> None:
    """Give a lead back that was routed to one; somebody else gets it. Again changes nothing.

    :raises NotFound: it is not the actor's, or its customer is somebody else's by now.
    :raises LeadStateUnfit: it was accepted.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        [row] = await holding.hold(actor, [lead_id])
        if row["assignee_id"] != actor.user_id:
            if await _was_given_back(actor, lead_id):
                return
            raise NotFound("There is no such lead.", field="lead_id")
        if not await sight.is_beside_customer(actor, lead_id):
            raise NotFound("There is no such lead.", field="lead_id")
        ensure_may("return", LeadState(row["state"]))
        detail = {
            "person": str(actor.user_id),
            "reason": given.reason,
            "note": tidied(given.note, "note"),
        }
        await _take_back(actor, row, "return", detail, now=now)
        await _tell_phone(actor, lead_id, "returned", reason=given.reason, now=now)


async def _was_given_back(actor: Actor, lead_id: UUID) -> bool:
    """Say whether the actor gave this lead back before."""
    return bool(
        await db.connection().fetchval(
            "SELECT EXISTS (SELECT FROM lead_event WHERE tenant_id = $1 AND lead_id = $2"
            " AND kind = 'return' AND actor_id = $3)",
            actor.tenant_id,
            lead_id,
            actor.user_id,
        )
    )


async def let_clock_run_out(
    actor: Actor, lead_id: UUID, accept_by: datetime, *, now: datetime
) -> None:
    """Take a lead back that was neither accepted nor returned in time.

    One that has another clock by now is left alone.
    """
    async with db.tenant_transaction(actor.tenant_id):
        [row] = await holding.hold(actor, [lead_id])
        if row["accept_by"] != accept_by or accept_by > now:
            return
        detail = {"person": str(row["assignee_id"]), "accept_by": accept_by.isoformat()}
        await _take_back(actor, row, "overdue", detail, now=now)
        await _tell_phone(actor, lead_id, "overdue", now=now)


async def _take_back(
    actor: Actor, row: Any, kind: str, detail: dict[str, Any], *, now: datetime
) -> None:
    """Put a lead back among those that are ready."""
    await db.connection().execute(_BACK, actor.tenant_id, row["id"], now)
    await holding.note(actor, [row["id"]], kind, [detail], now=now)
    terms = await ground.terms_of(actor.tenant_id)
    await intake.leave_for_routing(actor.tenant_id, terms, now=now)


async def _tell_phone(
    actor: Actor, lead_id: UUID, state: str, *, reason: str | None = None, now: datetime
) -> None:
    """Write what was decided beside the customer."""
    fields = {"state": state, "return_reason": reason, "decided_at": clock.to_ms(now)}
    await facts.note(actor, {("lead", str(lead_id)): fields}, kinds=kinds.BY_NAME, now=now)


async def call(actor: Actor, lead_id: UUID, *, now: datetime) -> Phone:
    """Show a lead's phone to who is about to call it, and count the call.

    :raises OptedOut: it is not to be called, by any company of the channel.
    :raises CalledTooOften: it was called as often as the company allows.
    :raises NotFound: the lead has no phone, or it or its customer is somebody else's.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        if Permission.LEADS_MANAGE in ROLE_PERMISSIONS[actor.role]:
            [row] = await holding.hold(actor, [lead_id])
            if not await sight.is_beside_customer(actor, lead_id):
                raise NotFound("There is no such lead.", field="lead_id")
        else:
            row = await holding.hold_own(actor, lead_id)
        phone: str | None = row["phone"]
        if phone is None:
            raise NotFound("This lead has no phone that can be dialled.", field="lead_id")
        if await opt_outs.among([phone]):
            raise OptedOut("Who has this phone has asked not to be called.", field="lead_id")
        terms = await ground.terms_of(actor.tenant_id)
        since = now - timedelta(days=terms.calls_days)
        await db.connection().execute(_HOLD_PHONE, actor.tenant_id, phone)
        calls = await db.connection().fetch(_CALLS, actor.tenant_id, phone, since)
        handoff.ensure_calls(terms, calls)
        call_id = ids.new_id(now)
        await db.connection().execute(
            _CALL, actor.tenant_id, call_id, phone, lead_id, actor.user_id, now
        )
        await holding.note(actor, [lead_id], "call", [{}], now=now)
    return Phone(phone, terms.calls_max - len(calls) - 1)
