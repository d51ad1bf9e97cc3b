"""Plan visits, check in and out, and speak for and against their scores."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.activities import queries
from server.activities.kinds import BY_NAME
from server.activities.rules import visits as rules
from server.activities.rules.visits import Appeal
from server.activities.schemas import (
    Decision,
    NewAppeal,
    NewVisit,
    VisitEdit,
    VisitFields,
    VisitView,
)
from server.activities.service.told import as_it_travels
from server.audit import service as audit
from server.changelog import facts, storage
from server.changelog import service as changelog
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, db, ids
from server.kit.text import tidy
from server.notifications import service as notifications
from server.notifications.rules import Kind
from sync_protocol.messages import Create, Edit

_KIND: Final = "visit"
_TOLD: Final = VisitFields.__struct_fields__


async def add_visit(actor: Actor, customer_id: UUID, new: NewVisit, *, now: datetime) -> VisitView:
    """Plan a visit to a customer, or tell of one that has begun.

    The same id and content is answered the same, however often it comes.
    """
    visit_id = new.id or ids.new_id(now)
    fields = {"customer_id": str(customer_id), **_as_told(new)}
    if new.store_id is not None:
        fields["store_id"] = str(new.store_id)
    op = Create(
        number=1,
        kind=_KIND,
        id=str(visit_id),
        fields={name: value for name, value in fields.items() if value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        await customers.one(actor, customer_id)
        await changelog.write(actor, [op], kinds=BY_NAME, now=now)
        return await queries.visit(actor, visit_id)


async def change_visit(
    actor: Actor, visit_id: UUID, change: VisitEdit, *, now: datetime
) -> VisitView:
    """Move a visit, cancel it, check in or out, or write what came of it."""
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(visit_id),
        fields=_as_told(change),
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        await changelog.write(actor, [op], kinds=BY_NAME, now=now)
        return await queries.visit(actor, visit_id)


def _as_told(given: VisitFields) -> dict[str, Any]:
    """Give the fields that a request touched, as they travel."""
    touched = {name: getattr(given, name) for name in _TOLD if getattr(given, name) is not UNSET}
    return {name: as_it_travels(value) for name, value in touched.items()}


async def appeal(actor: Actor, visit_id: UUID, said: NewAppeal, *, now: datetime) -> VisitView:
    """Speak against the score of one's own visit, once. The same again changes nothing.

    :raises NotYourVisit: it is somebody else's.
    :raises NothingToAppeal: there is no score yet, or something else was said before.
    """
    sentence = tidy(said.appeal)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, visit_id)
        if held.visitor_id != actor.user_id:
            raise rules.NotYourVisit("Only the visitor may appeal.")
        if held.appeal != sentence:
            rules.ensure_appealable(held.trust_score, held.appeal_state)
            told = {"appeal": sentence, "appeal_state": str(Appeal.OPEN)}
            await facts.note(actor, {(_KIND, str(visit_id)): told}, kinds=BY_NAME, now=now)
            judges = await identity.superiors(actor.tenant_id, actor.user_id)
            await _tell(actor, held, judges, Kind.VISIT_APPEALED, now=now)
        return await queries.visit(actor, visit_id)


async def _hold(actor: Actor, visit_id: UUID) -> VisitView:
    """Lock a visit, so that of two who decide at once the second sees what the first has.

    :raises NotFound: it is not there, or out of sight.
    """
    await storage.load(actor, BY_NAME, [(_KIND, str(visit_id))])
    return await queries.visit(actor, visit_id)


async def _tell(
    actor: Actor, held: VisitView, people: list[UUID], kind: Kind, *, now: datetime
) -> None:
    """Tell people what has become of a visit, in the open transaction."""
    await notifications.tell(
        actor.tenant_id,
        people,
        kind,
        key=f"{kind}:{held.id}",
        subject=held.customer_name,
        page="/visits",
        subject_id=held.id,
        now=now,
    )


async def decide_appeal(
    actor: Actor, visit_id: UUID, decision: Decision, *, now: datetime
) -> VisitView:
    """Take the visit for what its visitor says, or let the score stand.

    The score itself stays what was found out; only what follows from it changes.

    :raises OwnAppeal: the manager is the visitor.
    :raises NothingToAppeal: there is no open appeal.
    """
    ensure(actor, Permission.VISITS_JUDGE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, visit_id)
        if held.visitor_id == actor.user_id:
            raise rules.OwnAppeal("Somebody else decides about your own visit.")
        if held.appeal_state != decision.decision or held.decided_by != actor.user_id:
            rules.ensure_open(held.appeal_state)
            told = {"appeal_state": decision.decision, "decided_by": str(actor.user_id)}
            await facts.note(actor, {(_KIND, str(visit_id)): told}, kinds=BY_NAME, now=now)
            await audit.record(
                actor,
                "visit.appeal_decided",
                subject_id=visit_id,
                now=now,
                **msgspec.to_builtins(decision),
            )
            await _tell(actor, held, [held.visitor_id], Kind.APPEAL_DECIDED, now=now)
        return await queries.visit(actor, visit_id)
