"""Deals and processes of the two companies that must never meet."""

from uuid import UUID

from server.kit import clock
from server.pipeline import service
from server.pipeline.schemas import (
    Move,
    NewOpening,
    NewOpportunity,
    OpportunityEdit,
    Publish,
    SaveDraft,
)
from server.pipeline.service import counting
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.gates import Verb
from tests.factories import Tenant, new_id


async def new_process(tenant: Tenant, name: str) -> UUID:
    """Publish a process; give the version."""
    return await _publish(tenant, new_id(), name)


async def new_family(tenant: Tenant, name: str) -> UUID:
    """Publish a process and begin its next version; give what the versions share."""
    family_id = new_id()
    await _publish(tenant, family_id, name)
    await _draft(tenant, family_id, name)
    return family_id


async def _publish(tenant: Tenant, family_id: UUID, name: str) -> UUID:
    """Publish the first version of a process."""
    revision = await _draft(tenant, family_id, name)
    asked = Publish(id=new_id(), revision=revision)
    await service.publish(tenant.owner, family_id, asked, now=clock.now())
    return asked.id


async def _draft(tenant: Tenant, family_id: UUID, name: str) -> int:
    """Save a draft; give its revision."""
    saved = SaveDraft(family_id=family_id, name=name, definition=BUILT_IN)
    return (await service.save_draft(tenant.owner, saved, now=clock.now())).revision


async def new_opportunity(tenant: Tenant, customer_id: UUID, name: str) -> UUID:
    """Begin a deal that moves once, with a text in every field; count it."""
    rep, now = tenant.rep, clock.now()
    new = NewOpportunity(
        customer_id=customer_id,
        name=name,
        amount_minor=1_000_000,
        expected_on="2031-01-01",
        competitor=f"{name}的友商",
        remark=f"{name}的备注",
    )
    deal = (await service.create(rep, new, now=now)).id
    step = BUILT_IN.first.steps[0]
    opening = NewOpening(template_id=UUID(step.templates[0].id))
    await service.open_template(rep, deal, opening, now=now)
    done = OpportunityEdit(do_steps=[UUID(step.id)])
    await service.edit(rep, deal, done, now=now)
    remark = f"{name}的说明"
    await service.move(rep, deal, Move(verb=Verb.ADVANCE, remark=remark), now=now)
    await counting.count(tenant.tenant_id)
    return deal
