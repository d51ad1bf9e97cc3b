"""Set the rule of must-do tasks, and send word of late ones: each step once."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Role, ensure
from server.activities import service as activities
from server.audit import service as audit
from server.automation import queries, rules
from server.automation.rules import Sla, Step, Terms
from server.identity import queries as identity
from server.identity.rules.absences import day_of
from server.identity.schemas import Colleague
from server.kit import db
from server.kit.errors import Conflict
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word

_BATCH: Final = 200
_SET: Final = """
INSERT INTO sla_policy (tenant_id, version, terms, set_by, set_at)
VALUES ($1, $2, $3::jsonb, $4, $5) ON CONFLICT DO NOTHING RETURNING version
"""
_WAITING: Final = """
SELECT id, due_at FROM task
WHERE tenant_id = $1 AND is_must_do = 1 AND escalation IS DISTINCT FROM 'owner'
    AND done_at IS NULL AND cancelled_at IS NULL AND NOT deleted
    AND due_at < $2 AND (due_at, id) > ($3, $4)
ORDER BY due_at, id LIMIT $5
"""
# What was done or moved since it was read is left alone, and nobody does so meanwhile.
_HOLD: Final = """
SELECT id, title, assignee_id, due_at, escalation FROM task
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND done_at IS NULL AND cancelled_at IS NULL
    AND NOT deleted AND is_must_do = 1
ORDER BY id FOR UPDATE
"""
_GO: Final = """
INSERT INTO task_escalation (tenant_id, task_id, due_at, step, sla_version, told_at)
SELECT $1, w.task_id, w.due_at, w.step, $2, $3
FROM UNNEST($4::uuid[], $5::timestamptz[], $6::text[]) AS w(task_id, due_at, step)
ORDER BY w.task_id, w.step
ON CONFLICT DO NOTHING RETURNING task_id, step
"""
_LOCK: Final = """
SELECT FROM task WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND escalation IS NOT NULL
ORDER BY id FOR UPDATE
"""
_MOVED: Final = """
SELECT t.id FROM task t
WHERE t.tenant_id = $1 AND t.id = ANY($2::uuid[]) AND t.escalation IS NOT NULL AND NOT EXISTS (
    SELECT FROM task_escalation e
    WHERE e.tenant_id = t.tenant_id AND e.task_id = t.id AND e.due_at = t.due_at
)
"""


class SlaChanged(Conflict):
    """Somebody else set the rule at the same moment."""

    code = "sla_changed"


async def set_sla(actor: Actor, terms: Terms, *, now: datetime, base: int | None = None) -> Sla:
    """Set when word of must-do tasks goes where, as the next version; the same again is none.

    :param base: the version that was looked at, where somebody looked.
    :raises NeverOpen, BadSla: naming the field.
    :raises SlaChanged: somebody else was faster.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    rules.ensure_sound(terms)
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.sla_of(actor.tenant_id)
        if held.version and held.terms == terms:
            return held
        if base is not None and base != held.version:
            raise SlaChanged("Somebody else has set this rule meanwhile; look at it again.")
        told = msgspec.json.encode(terms).decode()
        version = await db.connection().fetchval(
            _SET, actor.tenant_id, held.version + 1, told, actor.user_id, now
        )
        if version is None:
            held = await queries.sla_of(actor.tenant_id)
            if held.terms == terms:
                # The same request at the same moment.
                return held
            raise SlaChanged("Somebody else has just set this rule; look at it again.")
        await audit.record(
            actor,
            "sla.set",
            subject_id=actor.tenant_id,
            now=now,
            version=version,
            **msgspec.to_builtins(terms),
        )
    return Sla(version, terms)


async def escalate(tenant_id: UUID, *, now: datetime) -> int:
    """Send word of a company's must-do tasks that have reached a step; say how many were gone.

    It may run twice, at once or late: a step that was gone is not gone again.
    """
    gone, after = 0, (datetime.fromtimestamp(0, now.tzinfo), UUID(int=0))
    while True:
        async with db.tenant_transaction(tenant_id):
            held = await queries.sla_of(tenant_id)
            ends = rules.horizon(held.terms, now)
            rows = await db.connection().fetch(_WAITING, tenant_id, ends, *after, _BATCH)
            late = [row["id"] for row in rows if rules.reached(held.terms, row["due_at"], now)]
            if late:
                gone += await _go(tenant_id, held, late, now)
        if len(rows) < _BATCH:
            return gone
        after = (rows[-1]["due_at"], rows[-1]["id"])


async def _go(tenant_id: UUID, held: Sla, task_ids: list[UUID], now: datetime) -> int:
    """Go the steps that tasks have reached and that nobody has gone, in the open transaction."""
    tasks = await db.connection().fetch(_HOLD, tenant_id, task_ids)
    steps = [
        (task["id"], task["due_at"], str(step))
        for task in tasks
        for step in rules.reached(held.terms, task["due_at"], now)
    ]
    if not steps:
        return 0
    columns = [list(column) for column in zip(*steps, strict=True)]
    new = await db.connection().fetch(_GO, tenant_id, held.version, now, *columns)
    fresh: dict[UUID, list[Step]] = defaultdict(list)
    for row in new:
        fresh[row["task_id"]].append(Step(row["step"]))
    if fresh:
        moved = [task for task in tasks if task["id"] in fresh]
        await _tell(tenant_id, held, moved, fresh, now)
        known = {task["id"]: str(max(fresh[task["id"]], key=_ORDER.index)) for task in moved}
        await activities.note_escalations(tenant_id, known, now=now)
    return len(new)


_ORDER: Final = tuple(Step)


async def _tell(
    tenant_id: UUID,
    held: Sla,
    tasks: Sequence[asyncpg.Record],
    fresh: dict[UUID, list[Step]],
    now: datetime,
) -> None:
    """Tell for each step whom it concerns, naming the rule and its version."""
    staff = {each.id: each for each in await identity.staff(tenant_id)}
    away = await identity.absent_on(tenant_id, day_of(now))
    words = [
        Word(
            user_id=user_id,
            kind=Kind.TASK_DUE if now < task["due_at"] else Kind.TASK_OVERDUE,
            key=f"{rules.SLA}:{task['id']}:{task['due_at'].isoformat()}:{step}",
            subject=task["title"],
            page="/tasks",
            subject_id=task["id"],
            rule=(rules.SLA, held.version),
        )
        for task in tasks
        for step in fresh[task["id"]]
        for user_id in _concerned(step, task["assignee_id"], staff, away)
    ]
    await notifications.tell_all(tenant_id, words, now=now)


def _concerned(
    step: Step, assignee_id: UUID, staff: dict[UUID, Colleague], away: set[UUID]
) -> list[UUID]:
    """Say who hears of a task: who is away is stood in for by whoever comes next."""
    owners = [each.id for each in staff.values() if each.role is Role.AGENT_OWNER]
    at_hand = [each for each in owners if each not in away] or owners
    assignee = staff.get(assignee_id)
    if step is Step.WARNED and assignee is not None and assignee_id not in away:
        return [assignee_id]
    if step is Step.OWNER or assignee is None:
        return at_hand
    managers = [
        each.id
        for each in staff.values()
        if each.role is Role.SALES_MANAGER
        and each.team_id == assignee.team_id
        and each.id != assignee_id
        and each.id not in away
    ]
    return managers or at_hand


async def restart(tenant_id: UUID, task_ids: Sequence[str], *, now: datetime) -> None:
    """Begin anew with tasks that were moved to another time after word of them had gone out."""
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_LOCK, tenant_id, list(task_ids))
        rows = await db.connection().fetch(_MOVED, tenant_id, list(task_ids))
        if rows:
            known = dict.fromkeys((row["id"] for row in rows), None)
            await activities.note_escalations(tenant_id, known, now=now)
