"""Ask which plays there are, what they did, and what others would have done."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.automation.plays import occurrences, rules
from server.automation.plays.rules import ChoiceReason, PlayTerms
from server.automation.plays.schemas import (
    FiringView,
    NewPlayTrial,
    PlayTrialView,
    PlayView,
    WouldFire,
)
from server.changelog.storage import is_visible
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound

TRIAL_MAX: Final = 5_000
_NEWEST: Final = 20
_FIRINGS: Final = 50
_RECENT: Final = timedelta(days=30)
_PLAYS: Final = """
SELECT p.id, p.version, p.is_on, v.terms, v.published_by, v.published_at,
    (SELECT count(*) FROM play_firing f
     WHERE f.tenant_id = p.tenant_id AND f.play_id = p.id AND f.fired_at > $2) AS fired
FROM play p
JOIN play_version v ON v.tenant_id = p.tenant_id AND v.play_id = p.id AND v.version = p.version
WHERE p.tenant_id = $1 AND ($3::uuid IS NULL OR p.id = $3)
ORDER BY p.is_on DESC, p.id
"""
_DID: Final = """
SELECT f.customer_id, c.name AS customer_name, f.version, f.at, f.fired_at, f.outcome, f.task_id,
    f.person_id, f.why
FROM play_firing f JOIN customer c ON c.tenant_id = f.tenant_id AND c.id = f.customer_id
"""


async def plays(actor: Actor, *, now: datetime) -> list[PlayView]:
    """List the company's plays, those that act first."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_PLAYS, actor.tenant_id, now - _RECENT, None)
    return [_view(row) for row in rows]


async def play(actor: Actor, play_id: UUID, *, now: datetime) -> PlayView:
    """Give one play.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(_PLAYS, actor.tenant_id, now - _RECENT, play_id)
    if row is None:
        raise NotFound
    return _view(row)


def _view(row: asyncpg.Record) -> PlayView:
    """Turn a row into a view."""
    terms = msgspec.json.decode(row["terms"], type=PlayTerms)
    return msgspec.convert({**row, "is_on": row["is_on"] == 1, "terms": terms}, PlayView)


async def firings(actor: Actor, play_id: UUID, *, now: datetime) -> list[FiringView]:
    """List what a play did last for customers within sight, the newest first.

    :raises NotFound: there is no such play.
    """
    where = Where(actor, with_deleted=True)
    where.add("f.tenant_id = {} AND f.play_id = {}", actor.tenant_id, play_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await play(actor, play_id, now=now)
        rows = await db.connection().fetch(
            f"{_DID} WHERE {where.text} ORDER BY f.fired_at DESC, f.key LIMIT {_FIRINGS}",
            *where.args,
        )
    return [
        msgspec.convert(
            {**row, "why": msgspec.json.decode(row["why"], type=list[ChoiceReason])}, FiringView
        )
        for row in rows
    ]


async def trial(actor: Actor, asked: NewPlayTrial, *, now: datetime) -> PlayTrialView:
    """Say what a play would have done in the last days. Nothing is changed.

    :raises PlayPointless: the terms ask for nobody or for nothing.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    rules.ensure_sound(asked.terms)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        since = now - timedelta(days=asked.days)
        found = await occurrences.between(
            actor.tenant_id, asked.terms, since, now, limit=TRIAL_MAX + 1
        )
    came = found[:TRIAL_MAX]
    fires = rules.spaced(came, {}, timedelta(days=asked.terms.again_days))
    seen = [each for each in fires if is_visible(actor, each.owner_id, each.team_id)]
    return PlayTrialView(
        came=len(came),
        fires=len(fires),
        customers=len({each.customer_id for each in fires}),
        newest=[
            WouldFire(customer_id=each.customer_id, customer_name=each.customer_name, at=each.at)
            for each in reversed(seen[-_NEWEST:])
        ],
        is_cut=len(found) > TRIAL_MAX,
    )
