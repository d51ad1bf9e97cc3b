"""Ask about relationships. Nothing here changes anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from server.access import Actor
from server.customers import queries as customers
from server.customers.schemas import ContactView
from server.kit import db
from server.kit.calendars import ZONE
from server.pipeline import queries as pipeline
from server.relationships import rules
from server.relationships.rules import Kind, Missing, Stakeholder, Touch
from server.relationships.schemas import GapView, MapView, StakeholderView
from sync_protocol.process.definition import LADDER, Canonical
from sync_protocol.process.gates import State

_SINCE: Final = 12 * rules.HALF_LIFE
"""What lies further back weighs less than a four-thousandth."""
_TOUCHES: Final = """
SELECT 'visit' AS kind, checked_in_at AS at, contact_id FROM visit
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND cancelled_at IS NULL
    AND checked_in_at BETWEEN $3 AND $4
UNION ALL
SELECT CASE WHEN result IS NULL THEN 'done' ELSE 'answered' END, done_at, contact_id FROM task
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND done_at BETWEEN $3 AND $4
UNION ALL
SELECT 'answered', called_at, contact_id FROM call
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND outcome = 'answered'
    AND called_at BETWEEN $3 AND $4
UNION ALL
SELECT 'case', opened_at, NULL FROM service_case
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND opened_at BETWEEN $3 AND $4
"""
_ORDERED: Final = (
    "SELECT id FROM task WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted"
)


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> MapView:
    """Show a customer's people, how well we know them, and what is missing (S75).

    :raises NotFound: there is no such customer within sight.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        contacts = (await customers.detail(actor, customer_id)).contacts
        deals = await pipeline.of_customer(actor, customer_id, now=now)
        versions = await pipeline.versions(actor)
        key = (actor.tenant_id, customer_id)
        rows = await db.connection().fetch(_TOUCHES, *key, now - _SINCE, now)
        reached = [
            versions[deal.process_id].definition.stage(deal.stage)
            for deal in deals
            if deal.state == State.OPEN
        ]
        stage = max(
            (Canonical(each.canonical) for each in reached if each is not None),
            key=LADDER.index,
            default=Canonical.LEAD,
        )
        touches = [Touch(Kind(row["kind"]), row["at"], row["contact_id"]) for row in rows]
        people = _people(contacts, touches, now)
        before = _people(contacts, touches, now - rules.BEFORE)
        missing = rules.missing(stage, people)
        tasks = {task_id_of(customer_id, each, now): each for each in missing}
        given = await ordered(actor.tenant_id, list(tasks))
    names = {each.id: each.name for each in people}
    return MapView(
        customer_id=customer_id,
        stage=str(stage),
        score=rules.score(people),
        score_before=rules.score(before),
        people=[
            _shown(contact, one, earlier, touches)
            for contact, one, earlier in zip(contacts, people, before, strict=True)
        ],
        gaps=[
            GapView(
                gap=each.gap,
                contact_id=each.contact_id,
                name=names[each.contact_id] if each.contact_id else None,
                task_id=task_id if task_id in given else None,
            )
            for task_id, each in tasks.items()
        ],
    )


async def ordered(tenant_id: UUID, task_ids: Sequence[UUID]) -> set[UUID]:
    """Give those of the tasks for gaps that were made, in the open transaction."""
    rows = await db.connection().fetch(_ORDERED, tenant_id, list(task_ids))
    return {row["id"] for row in rows}


def task_id_of(customer_id: UUID, missing: Missing, now: datetime) -> UUID:
    """Name the task for a gap: there is one of it in a month, however often it is ordered."""
    month = f"{now.astimezone(ZONE):%Y-%m}"
    return uuid5(customer_id, f"{missing.gap} {missing.contact_id or ''} {month}")


def _people(
    contacts: Sequence[ContactView], touches: Sequence[Touch], now: datetime
) -> list[Stakeholder]:
    """Measure how well we knew a customer's people as of a moment."""
    depths = rules.depths(touches, [contact.id for contact in contacts], now)
    return [
        Stakeholder(
            id=contact.id,
            name=contact.name,
            role=contact.role,
            stance=contact.stance,
            depth=depths[contact.id],
        )
        for contact in contacts
    ]


def _shown(
    contact: ContactView, one: Stakeholder, earlier: Stakeholder, touches: Sequence[Touch]
) -> StakeholderView:
    """Turn a person into a view."""
    own = [touch.at for touch in touches if touch.contact_id == contact.id]
    return StakeholderView(
        id=contact.id,
        name=contact.name,
        title=contact.title,
        role=contact.role,
        stance=contact.stance,
        depth=one.depth,
        depth_before=earlier.depth,
        touched_at=max(own, default=None),
    )
