"""Do things about relationships: what is missing becomes work."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.activities import service as activities
from server.activities.service import WantedTask
from server.audit import service as audit
from server.customers import queries as customers
from server.kit import db
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word
from server.relationships import queries, rules
from server.relationships.rules import Missing
from server.relationships.schemas import Ordered

_HOLD: Final = "SELECT FROM customer WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
_UNTIL: Final = timedelta(days=14)
"""How long there is to close a gap."""


async def order(actor: Actor, customer_id: UUID, *, now: datetime) -> Ordered:
    """Make a task of each gap in a customer's relationship that has none this month (S75).

    The task is its owner's, who is told; asked again it makes nothing more.

    :raises NotFound: there is no such customer within sight.
    :raises NotPermitted: giving tasks to others is for managers.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    found = await queries.of_customer(actor, customer_id, now=now)
    async with db.tenant_transaction(actor.tenant_id):
        # Who orders at the same moment is waited for, and has made what is made.
        await db.connection().execute(_HOLD, actor.tenant_id, customer_id)
        customer = await customers.one(actor, customer_id)
        assignee = customer.owner_id or actor.user_id
        if assignee != actor.user_id:
            ensure(actor, Permission.TASKS_ASSIGN)
        wanted = [
            WantedTask(
                id=queries.task_id_of(customer_id, Missing(each.gap, each.contact_id), now),
                customer_id=customer_id,
                assignee_id=assignee,
                title=rules.title(each.gap, each.name or ""),
                due_at=now + _UNTIL,
                priority="high",
                contact_id=each.contact_id,
            )
            for each in found.gaps
            if each.task_id is None
        ]
        made = await queries.ordered(actor.tenant_id, [each.id for each in wanted])
        wanted = [each for each in wanted if each.id not in made]
        await activities.make_tasks(actor, wanted, now=now)
        if wanted:
            await audit.record(
                actor, "relationship.ordered", subject_id=customer_id, now=now, tasks=len(wanted)
            )
        words = [
            Word(
                user_id=assignee,
                kind=Kind.TASK_GIVEN,
                key=f"{Kind.TASK_GIVEN}:{each.id}",
                subject=each.title,
                page="/tasks",
                subject_id=each.id,
            )
            for each in wanted
            if assignee != actor.user_id
        ]
        await notifications.tell_all(actor.tenant_id, words, now=now)
    return Ordered(tasks=len(wanted), map=await queries.of_customer(actor, customer_id, now=now))
