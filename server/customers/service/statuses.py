"""Statuses that follow what happens to customers elsewhere, of many customers at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from server.access import Actor
from server.changelog import service as changelog
from server.customers.rules.status import Status
from server.customers.service import writing
from server.kit import clock, db
from sync_protocol.messages import Edit


async def lead(actor: Actor, steps: Mapping[UUID, Sequence[Status]], *, now: datetime) -> None:
    """Lead customers through statuses, each a legal step from the one before.

    A step of all of them is a unit of work, so that the history of each tells every step.

    :raises IllegalTransition: a status does not lead to the next.
    :raises NotFound: a customer is not there, or out of sight.
    """
    async with db.tenant_transaction(actor.tenant_id):
        for at in range(max(map(len, steps.values()), default=0)):
            aims = {customer: each[at] for customer, each in steps.items() if len(each) > at}
            ops = [
                Edit(
                    number=number,
                    kind="customer",
                    id=str(customer),
                    fields={"status": status.value},
                    at_ms=clock.to_ms(now),
                    base=changelog.base_of_now(),
                )
                for number, (customer, status) in enumerate(aims.items(), 1)
            ]
            await writing.settle(actor, ops, now=now)
