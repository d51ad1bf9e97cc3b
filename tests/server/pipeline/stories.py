"""Short ways to say what happens in the stories about deals."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.pipeline import queries, service
from server.pipeline.schemas import (
    Move,
    Moved,
    NewOpportunity,
    OpportunityEdit,
    OpportunityView,
    ProcessView,
    Publish,
    SaveDraft,
)
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import (
    Canonical,
    Definition,
    Gate,
    Need,
    Stage,
    Step,
    Template,
)
from sync_protocol.process.gates import Verb
from tests.factories import NOW, new_id

FIRST, SECOND, THIRD = (
    tuple(step.id for step in stage.steps if step.is_mandatory and step.gate is Gate.STRICT)
    for stage in BUILT_IN.stages[:3]
)
"""The steps that the built-in process insists on, stage by stage."""


async def make_customer(actor: Actor, name: str = "朝阳餐饮管理有限公司", **fields: Any) -> UUID:
    """Let somebody add a customer."""
    new = NewCustomer(name=name, **fields)
    return (await customers.create(actor, new, now=NOW)).id


async def begin(
    actor: Actor, customer_id: UUID | None = None, *, now: datetime = NOW, **fields: Any
) -> UUID:
    """Begin a deal."""
    customer_id = customer_id or await make_customer(actor)
    given = {"name": "收银系统三年", **fields}
    new = NewOpportunity(customer_id=customer_id, **given)
    return (await service.create(actor, new, now=now)).id


async def do(actor: Actor, deal: UUID, *steps: str, now: datetime = NOW) -> None:
    """Mark steps as done."""
    change = OpportunityEdit(do_steps=[UUID(step) for step in steps])
    await service.edit(actor, deal, change, now=now)


async def change(actor: Actor, deal: UUID, *, now: datetime = NOW, **fields: Any) -> None:
    """Edit a deal."""
    await service.edit(actor, deal, msgspec.convert(fields, OpportunityEdit), now=now)


async def move(
    actor: Actor, deal: UUID, verb: str = "advance", *, now: datetime = NOW, **asked: Any
) -> Moved:
    """Move a deal."""
    return await service.move(actor, deal, Move(verb=Verb(verb), **asked), now=now)


async def win(actor: Actor, deal: UUID, *, now: datetime = NOW) -> Moved:
    """Do all that the built-in process asks for, and sign."""
    await do(actor, deal, *FIRST, *SECOND, *THIRD, now=now)
    await change(actor, deal, now=now, amount_minor=500_00, expected_on="2026-04-01")
    return await move(actor, deal, to_stage="signed", now=now)


async def seen(actor: Actor, deal: UUID, *, now: datetime = NOW) -> OpportunityView:
    """Look at a deal."""
    return await queries.one(actor, deal, now=now)


def step(name: str, gate: Gate | None = Gate.STRICT) -> Step:
    """Make a step; without a gate it is not mandatory."""
    template = Template(id=str(new_id()), kind="checklist", title=name, lines=("做完",))
    return Step(
        id=str(new_id()),
        name=name,
        is_mandatory=gate is not None,
        gate=gate or Gate.STRICT,
        templates=(template,),
    )


def process_of(
    *stages: tuple[str, Canonical, int],
    steps: Mapping[str, tuple[Step, ...]] | None = None,
    needs: Mapping[str, tuple[Need, ...]] | None = None,
) -> Definition:
    """Make a process of stages; the signature is added."""
    made = [
        Stage(
            id=id_,
            name=id_,
            canonical=canonical,
            probability=probability,
            steps=(steps or {}).get(id_, ()),
            needs=(needs or {}).get(id_, ()),
        )
        for id_, canonical, probability in stages
    ]
    signed = Stage(id="signed", name="签约", canonical=Canonical.SIGNED, probability=100)
    return Definition(stages=(*made, signed))


async def publish(
    actor: Actor, definition: Definition, *, family_id: UUID | None = None, name: str = "大客户"
) -> ProcessView:
    """Publish a process, or the next version of one."""
    family_id = family_id or new_id()
    saved = SaveDraft(family_id=family_id, name=name, definition=definition)
    draft = await service.save_draft(actor, saved, now=NOW)
    asked = Publish(id=new_id(), revision=draft.revision)
    return await service.publish(actor, family_id, asked, now=NOW)
