"""Write down which customers want to be handed to another agent: the leaver's owner alone does."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers import references
from server.exits import queries
from server.exits.rules import ConsentTooLate
from server.exits.schemas import NewConsents, Plan
from server.exits.service import drawing
from server.kit import db
from server.kit.errors import NotFound
from server.kit.text import tidied
from server.partners import queries as partners
from server.partners.rules.exits import ExitState, ExitUnderWay, SuccessorWrong
from server.partners.schemas import ExitView

_THERE: Final = """
SELECT id FROM customer WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND NOT deleted
"""
_KEEP: Final = """
INSERT INTO exit_consent (
    tenant_id, exit_id, customer_id, successor_id, carries, said, recorded_by, recorded_at
) SELECT $1, $2, u.id, $4, $5, $6, $7, $8 FROM UNNEST($3::uuid[]) AS u(id)
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET exit_id = EXCLUDED.exit_id,
    successor_id = EXCLUDED.successor_id, carries = EXCLUDED.carries, said = EXCLUDED.said,
    recorded_by = EXCLUDED.recorded_by, recorded_at = EXCLUDED.recorded_at
"""
_TAKE_BACK: Final = "DELETE FROM exit_consent WHERE tenant_id = $1 AND customer_id = ANY ($2)"
_NAME: Final = """
UPDATE exit_item SET successor_id = $3
WHERE exit_id = $1 AND kind = 'customer' AND customer_id = ANY ($2) AND fate IS NULL
"""

# The word is of this very record: merged into another, it is asked for again.
references.register(references.Reference("exit_consent", "customer_id", moves=False))


async def record_consents(actor: Actor, new: NewConsents, *, now: datetime) -> Plan:
    """Write down that customers want to go to one of the successors, or no longer do.

    What travels then, when the plan is carried out, is what the word lets go along: by this act,
    and by nobody's but the owner's. All of them or none. The plan as it was drawn up says so at
    once, and is looked at again.

    :raises SuccessorWrong: the platform did not name this agent, or it leaves itself.
    :raises ExitUnderWay: the plan is being carried out.
    :raises ConsentTooLate: the last day is over, so that the plan can be looked at in peace.
    :raises NotFound: there is no such customer, or the company does not leave.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    said, heir = tidied(new.said, "said"), new.successor_id
    ids = sorted(set(new.customer_ids))
    async with db.job_transaction():
        heir_leaves = heir is not None and await partners.leaves(heir)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _ensure_open(actor, now)
        if len(await db.connection().fetch(_THERE, actor.tenant_id, ids)) < len(ids):
            raise NotFound("One of these customers is not there.", field="customer_ids")
        if heir is None:
            await db.connection().execute(_TAKE_BACK, actor.tenant_id, ids)
        elif heir_leaves or heir not in {each.agent_id for each in held.successors}:
            raise SuccessorWrong(
                "Choose one of the agents that the platform named and that stays.",
                field="successor_id",
            )
        else:
            values = (actor.tenant_id, held.id, ids, heir, new.carries, said)
            await db.connection().execute(_KEEP, *values, actor.user_id, now)
        await db.connection().execute(_NAME, held.id, ids, heir)
        # Whoever began to carry the plan out was waited for.
        await _ensure_open(actor, now)
        for each in ids:
            await _note(actor, new, each, now=now)
        await drawing.leave(held, now=now)
        return await queries.of(actor.tenant_id)


async def _note(actor: Actor, new: NewConsents, customer_id: UUID, *, now: datetime) -> None:
    """Leave a line in the trail of what was said of a customer."""
    action = "exit.consent_recorded" if new.successor_id else "exit.consent_taken_back"
    told = {"successor_id": new.successor_id, "carries": new.carries}
    await audit.record(actor, action, subject_id=customer_id, now=now, **told)


async def _ensure_open(actor: Actor, now: datetime) -> ExitView:
    """Give an exit to which words may still be added.

    :raises ExitUnderWay: the plan is being carried out.
    :raises ConsentTooLate: the last day is over.
    :raises NotFound: the company does not leave.
    """
    held = await partners.last_exit(actor.tenant_id)
    if held is None or not held.holds:
        raise NotFound
    if held.state is not ExitState.OPEN:
        raise ExitUnderWay("The plan is being carried out; nothing is added to it any more.")
    if now >= queries.ends_at(held):
        raise ConsentTooLate("The last day is over; ask the platform about what is still to go.")
    return held
