"""Tasks: one, a list, those of a customer, those that come first."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.activities.schemas import Moment, TaskFilters, TaskState, TaskView
from server.customers import queries as customers
from server.customers.rules import masks
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.kit.schema import or_else

_TASKS: Final = """
SELECT t.*, t.is_must_do IS NOT DISTINCT FROM 1 AS must_do,
    c.name AS customer_name, c.owner_id AS customer_owner_id
FROM task t JOIN customer c ON c.tenant_id = t.tenant_id AND c.id = t.customer_id
"""
_DUE: Final = or_else("t.due_at", "timestamptz '9999-12-31 00:00:00+00'")
_OPEN: Final = "t.done_at IS NULL AND t.cancelled_at IS NULL AND NOT t.deleted"
_STATES: Final = {
    TaskState.OPEN: _OPEN,
    TaskState.DONE: "t.done_at IS NOT NULL",
    TaskState.CANCELLED: "t.cancelled_at IS NOT NULL",
}
_LAST: Final = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
_SHOWN_OF_CUSTOMER: Final = 50


async def task(actor: Actor, task_id: UUID) -> TaskView:
    """Give one task for a customer within sight.

    :raises NotFound: there is none, or it is out of sight, or another company's.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor)
    where.add("t.id = {}", task_id)
    found = await _fetch(actor, where, "")
    if not found:
        raise NotFound
    return found[0]


async def tasks(
    actor: Actor, filters: TaskFilters, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[TaskView]:
    """List tasks: open ones by when they are due, others the last written down first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where = Where(actor)
    where.add("t.tenant_id = {}", actor.tenant_id)
    if filters.customer_id is not None:
        where.add("t.customer_id = {}", filters.customer_id)
    if filters.assignee_id is not None:
        where.add("t.assignee_id = {}", filters.assignee_id)
    if filters.state is not None:
        where.add(_STATES[filters.state])
    if filters.is_must_do:
        where.add("t.is_must_do = 1")
    if filters.due_before is not None:
        where.add(f"{_DUE} < {{}}", filters.due_before)
    is_by_due = filters.state is TaskState.OPEN
    if cursor is not None and is_by_due:
        where.add(f"({_DUE}, t.id) > ({{}}, {{}})", *decode_cursor(cursor, tuple[Moment, UUID]))
    elif cursor is not None:
        where.add("t.id < {}", *decode_cursor(cursor, tuple[UUID]))
    order = f"{_DUE}, t.id" if is_by_due else "t.id DESC"
    found = await _fetch(actor, where, f"ORDER BY {order} LIMIT {where.param(limit + 1)}")
    if len(found) <= limit:
        return Page(found)
    last = found[limit - 1]
    key = (last.due_at or _LAST, last.id) if is_by_due else (last.id,)
    return Page(found[:limit], encode_cursor(*key))


async def tasks_of(actor: Actor, customer_id: UUID) -> list[TaskView]:
    """List a customer's tasks, the newest first.

    :raises NotFound: the customer is not there, or out of sight.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await customers.one(actor, customer_id)
        page = await tasks(actor, TaskFilters(customer_id=customer_id), limit=_SHOWN_OF_CUSTOMER)
    return page.items


async def _fetch(actor: Actor, where: Where, order: str) -> list[TaskView]:
    """Read the tasks that conditions leave."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(f"{_TASKS} WHERE {where.text} {order}", *where.args)
    return [
        masks.view(
            actor,
            row["customer_owner_id"],
            msgspec.convert({**row, "is_must_do": row["must_do"]}, TaskView),
        )
        for row in rows
    ]
