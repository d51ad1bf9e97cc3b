"""Ask which rules hold, what they did, and what others would have done."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.activities import queries as activities
from server.automation import rules
from server.automation.rules import Sla, Step, Terms
from server.automation.schemas import EscalationView, NewTrial, TrialView
from server.kit import db

_SLA: Final = """
SELECT version, terms FROM sla_policy WHERE tenant_id = $1 ORDER BY version DESC LIMIT 1
"""
_STEPS: Final = """
SELECT task_id, step, due_at, sla_version, told_at FROM task_escalation
WHERE tenant_id = $1 AND task_id = $2 ORDER BY told_at, step
"""
_PAST: Final = """
SELECT due_at, coalesce(done_at, cancelled_at, $3) AS ended_at FROM task
WHERE tenant_id = $1 AND is_must_do = 1 AND due_at >= $2 AND due_at < $3 AND NOT deleted
ORDER BY due_at DESC LIMIT $4
"""


async def sla(actor: Actor) -> Sla:
    """Give the terms that hold for must-do tasks, and their version."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        return await sla_of(actor.tenant_id)


async def sla_of(tenant_id: UUID) -> Sla:
    """Give the terms of a company, inside an open transaction of the tenant."""
    row = await db.connection().fetchrow(_SLA, tenant_id)
    if row is None:
        return Sla(0, Terms())
    return Sla(row["version"], msgspec.json.decode(row["terms"], type=Terms))


async def escalations(actor: Actor, task_id: UUID) -> list[EscalationView]:
    """List the steps that word of a task went, the first to the last.

    :raises NotFound: there is no such task within sight.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await activities.task(actor, task_id)
        rows = await db.connection().fetch(_STEPS, actor.tenant_id, task_id)
    return [msgspec.convert(dict(row), EscalationView) for row in rows]


async def trial(actor: Actor, asked: NewTrial, *, now: datetime) -> TrialView:
    """Say what terms would have done with the must-do tasks of the past. Nothing is changed.

    :raises NeverOpen, BadSla: the terms are none.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    rules.ensure_sound(asked.terms)
    since = now - timedelta(days=asked.days)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            _PAST, actor.tenant_id, since, now, rules.TRIAL_TASKS_MAX + 1
        )
    steps = [
        step
        for row in rows[: rules.TRIAL_TASKS_MAX]
        for step in rules.reached(asked.terms, row["due_at"], row["ended_at"])
    ]
    return TrialView(
        tasks=min(len(rows), rules.TRIAL_TASKS_MAX),
        warned=steps.count(Step.WARNED),
        manager=steps.count(Step.MANAGER),
        owner=steps.count(Step.OWNER),
        is_cut=len(rows) > rules.TRIAL_TASKS_MAX,
    )
