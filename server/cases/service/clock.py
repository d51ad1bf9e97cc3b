"""The clocks of cases run on working time: until when they are due, and who hears of late ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Role, of_the_product
from server.automation import queries as automation
from server.cases import queries, rules
from server.cases.kinds import WRITTEN
from server.changelog import facts
from server.identity import queries as identity
from server.kit import clock, db
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word

_UNDATED: Final = """
SELECT k.id, k.subject, k.severity, k.opened_at, k.opened_by, k.waited_ms, k.assignee_id,
    c.owner_id
FROM service_case k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND k.id = ANY($2::uuid[])
    AND (k.answer_due_at IS NULL OR k.resolve_due_at IS NULL) AND NOT k.deleted
ORDER BY k.id FOR UPDATE OF k
"""
_LATE: Final = """
SELECT k.id, k.subject, k.assignee_id, c.team_id,
    CASE WHEN k.answered_at IS NULL AND k.answer_due_at < $2 THEN 'answer' ELSE 'resolve' END
        AS step,
    CASE WHEN k.answered_at IS NULL AND k.answer_due_at < $2 THEN k.answer_due_at
        ELSE k.resolve_due_at END AS due_at
FROM service_case k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND k.state IN ('open', 'in_progress') AND NOT k.deleted
    AND (k.resolve_due_at < $2 OR k.answered_at IS NULL AND k.answer_due_at < $2)
    AND k.id > $3
ORDER BY k.id LIMIT $4
"""
_BATCH: Final = 200


async def set_dues(tenant_id: UUID, case_ids: Sequence[str], *, now: datetime) -> int:
    """Count until when cases that came, or changed their severity, are due; tell their owners.

    What is dated already stays, so that it may run twice; give how many were dated.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_UNDATED, tenant_id, list(case_ids))
        if not rows:
            return 0
        calendar = (await automation.sla_of(tenant_id)).terms.calendar
        versions = await queries.versions_of(tenant_id)
        unit = {}
        for row in rows:
            waited = timedelta(milliseconds=row["waited_ms"])
            # By what held when it was opened: a later version is for later cases.
            target = rules.in_force(versions, row["opened_at"]).targets.of(row["severity"])
            due = rules.dues(calendar, target, row["opened_at"], waited)
            unit["service_case", str(row["id"])] = {
                "answer_due_at": clock.to_ms(due.answer),
                "resolve_due_at": clock.to_ms(due.resolve),
            }
        await facts.note(product, unit, kinds=WRITTEN, now=now)
        words = [
            _word(row, user_id, Kind.CASE_OPENED, str(user_id))
            for row in rows
            for user_id in {row["owner_id"], row["assignee_id"]} - {None, row["opened_by"]}
        ]
        await notifications.tell_all(tenant_id, words, now=now)
    return len(rows)


async def remind(tenant_id: UUID, *, now: datetime) -> int:
    """Tell of a company's late cases, each step once; give how many words were new."""
    after, new = UUID(int=0), 0
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(_LATE, tenant_id, now, after, _BATCH)
            managers = {
                each.id: each.team_id
                for each in await identity.staff(tenant_id)
                if each.role in {Role.SALES_MANAGER, Role.AGENT_OWNER}
            }
            words = [
                _word(row, user_id, Kind.CASE_OVERDUE, f"{row['step']}:{row['due_at'].isoformat()}")
                for row in rows
                for user_id in _concerned(row, managers)
            ]
            new += await notifications.tell_all(tenant_id, words, now=now)
        if len(rows) < _BATCH:
            return new
        after = rows[-1]["id"]


def _concerned(row: asyncpg.Record, managers: dict[UUID, UUID | None]) -> set[UUID]:
    """Say who hears of a late case: who helps, and who answers for the team."""
    of_team = {each for each, team in managers.items() if team == row["team_id"]}
    return {row["assignee_id"], *(of_team or managers)}


def _word(row: asyncpg.Record, user_id: UUID, kind: Kind, about: str) -> Word:
    """Say what somebody is told of a case."""
    return Word(
        user_id=user_id,
        kind=kind,
        key=f"{kind}:{row['id']}:{about}",
        subject=row["subject"],
        page="/cases",
        subject_id=row["id"],
    )
