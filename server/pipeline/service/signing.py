"""A contract was signed: its deal is won where the gates let it, its customer is a signed one."""

from datetime import datetime
from uuid import UUID

from server.access import Actor
from server.kit import db
from server.leads import service as leads
from server.leads.rules.states import Stage
from server.pipeline import rules
from server.pipeline.queries import deals, processes
from server.pipeline.schemas import Move, OpportunityEdit
from server.pipeline.service.deals import edit
from server.pipeline.service.moves import move, raise_customers
from sync_protocol.process.definition import Canonical
from sync_protocol.process.gates import State, Verb


async def sign(
    actor: Actor,
    customer_id: UUID,
    opportunity_id: UUID | None,
    *,
    amount_minor: int | None,
    now: datetime,
) -> None:
    """Win an open deal with what was signed, and raise its customer; in the caller's transaction.

    A strict gate keeps the deal where it is, worth what was signed: the page says what is open.
    The customer is a signed one all the same, for what was signed is signed.

    :param amount_minor: what the deal is worth now, in fen; None leaves it as it is.
    """
    async with db.tenant_transaction(actor.tenant_id):
        if opportunity_id is not None:
            await _win(actor, opportunity_id, amount_minor, now=now)
        else:
            # No deal will tell the lead that the customer came of.
            await leads.reached(
                actor, Stage.SIGNED, at=now, customer_id=customer_id, value_minor=amount_minor
            )
        await raise_customers(actor, {customer_id: Canonical.SIGNED}, now=now)


async def _win(
    actor: Actor, opportunity_id: UUID, amount_minor: int | None, *, now: datetime
) -> None:
    """Win a deal if it is open and nothing strict is."""
    deal = await deals.one(actor, opportunity_id, now=now)
    if deal.state != State.OPEN:
        return
    if amount_minor is not None:
        await edit(actor, opportunity_id, OpportunityEdit(amount_minor=amount_minor), now=now)
    process = await processes.process(actor, deal.process_id)
    try:
        asked = Move(verb=Verb.ADVANCE, to_stage=process.definition.signed.id)
        await move(actor, opportunity_id, asked, now=now)
    except rules.GateClosed:
        # Judged before anything was written, so that nothing is to be undone.
        return
