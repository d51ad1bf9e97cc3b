"""Ask what a person has ahead."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, reads_records
from server.agenda import rules
from server.agenda.rules import Entry
from server.agenda.schemas import Content, FeedView
from server.customers.sight import Where
from server.identity import keys
from server.identity import queries as identity
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import NotFound

_ENTRIES_MAX: Final = 500
"""Of each sort; who has more ahead looks into the product."""
_BACK: Final = timedelta(days=90)
_AHEAD: Final = timedelta(days=400)
_FEED: Final = """
SELECT id, user_id, shows_customers = 1 AS shows_customers, made_at FROM calendar_feed
"""
_TASKS: Final = """
SELECT 'task' AS sort, k.id, k.title, c.name AS customer_name, k.due_at AS at, NULL::date AS on,
    k.created_at, k.is_must_do IS NOT DISTINCT FROM 1 AS is_must_do
FROM task k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE {where} AND k.assignee_id = {user} AND k.done_at IS NULL AND k.cancelled_at IS NULL
    AND NOT k.deleted AND k.due_at >= {since} AND k.due_at < {until}
ORDER BY k.due_at, k.id LIMIT {limit}
"""
_VISITS: Final = """
SELECT 'visit' AS sort, k.id, coalesce(k.purpose, '') AS title, c.name AS customer_name,
    k.planned_at AS at, NULL::date AS on, k.created_at, false AS is_must_do
FROM visit k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE {where} AND k.visitor_id = {user} AND k.checked_in_at IS NULL AND k.cancelled_at IS NULL
    AND NOT k.deleted AND k.planned_at >= {since} AND k.planned_at < {until}
ORDER BY k.planned_at, k.id LIMIT {limit}
"""
_CONTRACTS: Final = """
SELECT 'contract' AS sort, k.id, k.title, c.name AS customer_name, NULL::timestamptz AS at,
    k.ends_on::date AS on, k.created_at, false AS is_must_do
FROM contract k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE {where} AND (k.account_manager_id = {user} OR c.owner_id = {user})
    AND k.state IN ('signed', 'in_force') AND NOT k.deleted
    AND k.ends_on >= {first} AND k.ends_on < {last}
ORDER BY k.ends_on, k.id LIMIT {limit}
"""


async def feed(actor: Actor) -> FeedView | None:
    """Tell what feed the actor has, if any; its address is told when it is made alone."""
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"{_FEED} WHERE tenant_id = $1 AND user_id = $2", actor.tenant_id, actor.user_id
        )
    return None if row is None else msgspec.convert(dict(row), FeedView)


async def content(tenant_id: UUID, token: str, *, now: datetime) -> Content:
    """Write the calendar that a token opens, with what its person may see now.

    :raises NotFound: nobody has this token, or no more, or the person was let go.
    """
    async with db.tenant_transaction(tenant_id, readonly=True):
        row = await db.connection().fetchrow(
            f"{_FEED} WHERE tenant_id = $1 AND token_hash = $2", tenant_id, rules.token_hash(token)
        )
        actor = None if row is None else await identity.job_actor(tenant_id, row["user_id"])
        # Whoever made it as a rep may read figures alone by now.
        if row is None or actor is None or not reads_records(actor.role):
            raise NotFound
        entries = await ahead(actor, now=now)
    body = rules.written(
        entries,
        feed_id=row["id"],
        public_url=keys.current().public_url,
        shows_customers=row["shows_customers"],
    )
    return Content(body, rules.tag(body))


async def ahead(actor: Actor, *, now: datetime) -> list[Entry]:
    """Give what the actor has ahead, and what is late, for customers within sight."""
    today = now.astimezone(ZONE).date()
    found: list[Entry] = []
    async with db.tenant_transaction(actor.tenant_id):
        for question in (_TASKS, _VISITS, _CONTRACTS):
            where = Where(actor)
            asked = question.format(
                where=where.text,
                user=where.param(actor.user_id),
                limit=_ENTRIES_MAX,
                **_window(where, question, now, today),
            )
            rows = await db.connection().fetch(asked, *where.args)
            found += [msgspec.convert(dict(row), Entry) for row in rows]
    return found


def _window(where: Where, question: str, now: datetime, today: date) -> dict[str, str]:
    """Bind from when until when a question asks: days as they are stored, or moments."""
    if question is _CONTRACTS:
        days = (today - _BACK).isoformat(), (today + _AHEAD).isoformat()
        return {"first": where.param(days[0]), "last": where.param(days[1])}
    return {"since": where.param(now - _BACK), "until": where.param(now + _AHEAD)}
