"""The clocks of requests run on working time: who is told of new ones, and of late ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Role, of_the_product
from server.automation import queries as automation
from server.changelog import facts
from server.identity import queries as identity
from server.kit import clock, db
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word
from server.requests import rules
from server.requests.kinds import WRITTEN
from sync_protocol.helping import State

_UNDATED: Final = """
SELECT k.id, k.subject, k.requested_at, k.requested_by, c.team_id
FROM resource_request k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND k.id = ANY($2::uuid[]) AND k.state = 'requested' AND k.due_at IS NULL
    AND NOT k.deleted
ORDER BY k.id FOR UPDATE OF k
"""
_LATE: Final = """
SELECT k.id, k.subject, k.state, k.helper_id, k.requested_by, k.due_at, c.team_id
FROM resource_request k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND k.due_at < $2 AND NOT k.deleted AND k.id > $3
ORDER BY k.id LIMIT $4
"""
_BATCH: Final = 200

_Managers = dict[UUID, UUID | None]


async def set_dues(tenant_id: UUID, request_ids: Sequence[str], *, now: datetime) -> int:
    """Count until when new requests are to be sent on, and tell who does that.

    What is dated already stays, so that it may run twice; give how many were dated.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_UNDATED, tenant_id, list(request_ids))
        if not rows:
            return 0
        calendar = (await automation.sla_of(tenant_id)).terms.calendar
        unit = {}
        for row in rows:
            due = rules.due(calendar, State.REQUESTED, row["requested_at"])
            assert due is not None, "what was asked for is to be sent on"
            unit["resource_request", str(row["id"])] = {"due_at": clock.to_ms(due)}
        await facts.note(product, unit, kinds=WRITTEN, now=now)
        managers = await _managers(tenant_id)
        words = [
            _word(row, person, Kind.RESOURCE_ASKED, "requested")
            for row in rows
            for person in _in_charge(row, managers) - {row["requested_by"]}
        ]
        await notifications.tell_all(tenant_id, words, now=now)
    return len(rows)


async def remind(tenant_id: UUID, *, now: datetime) -> int:
    """Tell of a company's late requests, each step once; give how many words were new."""
    after, new = UUID(int=0), 0
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(_LATE, tenant_id, now, after, _BATCH)
            managers = await _managers(tenant_id) if rows else {}
            words = [
                _word(row, person, Kind.RESOURCE_OVERDUE, f"{row['state']}:{row['due_at']}")
                for row in rows
                for person in {row["helper_id"], *_in_charge(row, managers)} - {None}
            ]
            new += await notifications.tell_all(tenant_id, words, now=now)
        if len(rows) < _BATCH:
            return new
        after = rows[-1]["id"]


async def _managers(tenant_id: UUID) -> _Managers:
    """Give who sends requests on, with their teams."""
    return {
        each.id: each.team_id
        for each in await identity.staff(tenant_id)
        if each.role in {Role.SALES_MANAGER, Role.AGENT_OWNER}
    }


def _in_charge(row: asyncpg.Record, managers: _Managers) -> set[UUID]:
    """Say who answers for a customer: its team's managers, or all where it has none."""
    of_team = {each for each, team in managers.items() if team == row["team_id"]}
    return of_team or set(managers)


def _word(row: asyncpg.Record, user_id: UUID, kind: Kind, about: str) -> Word:
    """Say what somebody is told of a request."""
    return Word(
        user_id=user_id,
        kind=kind,
        key=f"{kind}:{row['id']}:{about}",
        subject=row["subject"],
        page="/requests",
        subject_id=row["id"],
    )
