"""Write down which customers want to be handed to another agent: the leaver's owner alone does."""

from datetime import datetime
from typing import Final

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers import queries as customers
from server.customers import references
from server.exits import queries
from server.exits.schemas import NewConsent, Plan
from server.exits.service import drawing
from server.kit import db
from server.kit.errors import NotFound
from server.kit.text import cleaned
from server.partners import queries as partners
from server.partners.rules.exits import ExitState, ExitUnderWay, SuccessorWrong

_KEEP: Final = """
INSERT INTO exit_consent (
    tenant_id, exit_id, customer_id, successor_id, said, recorded_by, recorded_at
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET exit_id = EXCLUDED.exit_id,
    successor_id = EXCLUDED.successor_id, said = EXCLUDED.said,
    recorded_by = EXCLUDED.recorded_by, recorded_at = EXCLUDED.recorded_at
"""
_TAKE_BACK: Final = "DELETE FROM exit_consent WHERE tenant_id = $1 AND customer_id = $2"

# The word is of this very record: merged into another, it is asked for again.
references.register(references.Reference("exit_consent", "customer_id", moves=False))


async def record_consent(actor: Actor, new: NewConsent, *, now: datetime) -> Plan:
    """Write down that a customer wants to go to one of the successors, or no longer does.

    What travels then is the customer's own card, when the plan is carried out: by this act, and by
    nobody's but the owner's. The people of the customer did not say anything, and stay.

    :raises SuccessorWrong: the platform did not name this agent.
    :raises ExitUnderWay: the plan is being carried out.
    :raises NotFound: there is no such customer, or the company does not leave.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    said = cleaned(new.said, "said")
    async with db.tenant_transaction(actor.tenant_id):
        held = await partners.last_exit(actor.tenant_id)
        if held is None or not held.holds:
            raise NotFound
        if held.state is not ExitState.OPEN:
            raise ExitUnderWay("The plan is being carried out; nothing is added to it any more.")
        await customers.one(actor, new.customer_id)
        if new.successor_id is None:
            await db.connection().execute(_TAKE_BACK, actor.tenant_id, new.customer_id)
        elif new.successor_id not in {each.agent_id for each in held.successors}:
            raise SuccessorWrong(
                "Choose one of the agents that the platform named.", field="successor_id"
            )
        else:
            values = (actor.tenant_id, held.id, new.customer_id, new.successor_id, said)
            await db.connection().execute(_KEEP, *values, actor.user_id, now)
        action = "exit.consent_recorded" if new.successor_id else "exit.consent_taken_back"
        told = {"successor_id": new.successor_id}
        await audit.record(actor, action, subject_id=new.customer_id, now=now, **told)
        await drawing.leave(held, now=now)
        return await queries.of(actor.tenant_id)
