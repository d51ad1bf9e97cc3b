"""What numbers may stand in of what was done about a customer: texts that people typed."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.activities.queries.calls import calls_of
from server.activities.queries.tasks import tasks_of
from server.activities.queries.visits import visits_of
from server.activities.schemas import CallView, TaskView, VisitView
from server.customers.reveals.beneath import Holder
from server.kit.errors import NotFound

_OF_VISIT: Final = ("purpose", "summary", "next_step")
_OF_TASK: Final = ("title", "detail", "result")
_OF_CALL: Final = ("note",)


async def visits(actor: Actor, customer_id: UUID, _now: datetime) -> list[Holder]:
    """Give a customer's newest visits."""
    return await _holders(visits_of(actor, customer_id), _OF_VISIT)


async def tasks(actor: Actor, customer_id: UUID, _now: datetime) -> list[Holder]:
    """Give a customer's tasks, as far as its page shows them."""
    return await _holders(tasks_of(actor, customer_id), _OF_TASK)


async def calls(actor: Actor, customer_id: UUID, _now: datetime) -> list[Holder]:
    """Give a customer's newest calls."""
    return await _holders(calls_of(actor, customer_id), _OF_CALL)


async def _holders(
    asked: Awaitable[Sequence[VisitView | TaskView | CallView]], texts: tuple[str, ...]
) -> list[Holder]:
    """Give the texts of records; of a customer that another team shares, these are not shared."""
    try:
        found = await asked
    except NotFound:
        return []
    return [
        Holder(
            record_id=each.id,
            name=each.customer_name,
            fields={name: getattr(each, name) for name in texts},
        )
        for each in found
    ]
