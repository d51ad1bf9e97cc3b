"""Ask about reviews. The platform sees why, never who; an agent sees its own, without others'."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits import queries as benefits
from server.benefits.reviews import words
from server.benefits.reviews.rules import LOOKS_BACK, Guards, Raised, ReviewState, Signal, Trace
from server.benefits.reviews.schemas import (
    GuardsView,
    OwnReviewView,
    ReviewRecord,
    SignalRecord,
)
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

_TRACES_MAX: Final = 20_000
"""The newest of a program that are looked at together."""
_TRACES: Final = """
SELECT t.issuance_id AS id, t.agent_id, t.person_id, t.customer_token AS customer,
    t.phone_tokens AS phones, t.device_token AS device, t.is_staff,
    t.approved_by IS NOT NULL AS is_approved, t.issued_at,
    (
        SELECT min(r.recorded_at) FROM redemption r
        WHERE r.issuance_id = t.issuance_id AND r.kind = 'redeem' AND r.code = 'recorded'
    ) AS used_at,
    -- Asked of what is new alone: what was screened has its review, or needs none.
    CASE WHEN t.screened_at IS NULL THEN (
        SELECT count(*) FROM issuance own
        JOIN issuance other ON other.program_id = own.program_id
            AND other.customer_token = own.customer_token AND other.state <> 'voided'
            AND (other.issued_at, other.slot) < (own.issued_at, own.slot)
        WHERE own.id = t.issuance_id
    ) ELSE 0 END AS received,
    p.limit_per_customer
FROM benefit_trace t JOIN benefit_program p ON p.id = t.program_id
WHERE t.program_id = $1 AND t.issued_at > $2
ORDER BY t.issued_at DESC LIMIT $3
"""
_GUARDS: Final = """
SELECT version, guards FROM benefit_guard WHERE program_id = $1 ORDER BY version DESC LIMIT 1
"""
_REVIEWS: Final = """
SELECT v.issuance_id, v.agent_id, v.program_id, p.name AS program_name, v.customer_token,
    i.amount_minor, i.currency, v.signals, v.state, v.opened_at, v.due_at, v.owner_id,
    v.decided_at, v.reason, v.appeal, v.settled_reason
FROM benefit_review v
JOIN issuance i ON i.id = v.issuance_id
JOIN benefit_program p ON p.id = v.program_id
"""
_OWN: Final = """
SELECT v.signals, v.state, v.opened_at, v.due_at, v.reason, v.appeal, v.settled_reason
FROM benefit_review v JOIN issuance i ON i.id = v.issuance_id
WHERE i.agent_id = $1 AND i.request_key = $2
"""
_OPEN: Final = (str(ReviewState.WAITING), str(ReviewState.APPEALED))
_OUTCOMES: Final = """
SELECT signal,
    count(*) FILTER (WHERE state IN ('waiting', 'appealed')) AS waiting,
    count(*) FILTER (WHERE state IN ('rejected', 'upheld')) AS rejected,
    count(*) FILTER (WHERE state IN ('released', 'granted')) AS released
FROM (
    SELECT v.state, s ->> 'signal' AS signal
    FROM benefit_review v, jsonb_array_elements(v.signals) s
    WHERE $1::uuid IS NULL OR v.program_id = $1
) seen GROUP BY signal ORDER BY signal
"""


async def traces(program_id: UUID, *, now: datetime) -> list[Trace]:
    """Give what is looked at together, in the platform's open transaction."""
    rows = await db.connection().fetch(_TRACES, program_id, now - LOOKS_BACK, _TRACES_MAX)
    return msgspec.convert([dict(row) for row in rows], list[Trace])


async def guards_of(program_id: UUID) -> GuardsView:
    """Give the guards that hold in a program, in the platform's open transaction."""
    row = await db.connection().fetchrow(_GUARDS, program_id)
    if row is None:
        return GuardsView(version=0, guards=Guards())
    return GuardsView(
        version=row["version"], guards=msgspec.json.decode(row["guards"], type=Guards)
    )


async def guards(actor: Actor, program_id: UUID) -> GuardsView:
    """Give the guards of a program.

    :raises NotFound: there is no such program.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        await benefits.program(actor, program_id)
        return await guards_of(program_id)


async def reviews(
    actor: Actor, *, now: datetime, with_decided: bool = False, cursor: str | None = None
) -> Page[ReviewRecord]:
    """List the reviews that wait for somebody, the first due first; each agent is told.

    :param with_decided: all of them, the last opened first.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    last_at, last_id = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else (None, None)
    if with_decided:
        where = "true AND ($1::timestamptz IS NULL OR (v.opened_at, v.issuance_id) < ($1, $2))"
        order = "v.opened_at DESC, v.issuance_id DESC"
    else:
        where = (
            f"v.state IN {_OPEN}"
            " AND ($1::timestamptz IS NULL OR (v.due_at, v.issuance_id) > ($1, $2))"
        )
        order = "v.due_at, v.issuance_id"
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(
            f"{_REVIEWS} WHERE {where} ORDER BY {order} LIMIT $3::bigint",
            *(last_at, last_id or UUID(int=0), PAGE_SIZE + 1),
        )
        items = [_record(row) for row in rows[:PAGE_SIZE]]
        agents = [item.agent_id for item in items]
        await audit.record_platform_read(actor, agents, "benefits.reviews", now=now)
    if len(rows) <= PAGE_SIZE:
        return Page(items, None)
    last = items[-1]
    return Page(
        items,
        encode_cursor(last.opened_at if with_decided else last.due_at, last.issuance_id),
    )


async def review(actor: Actor, issuance_id: UUID, *, now: datetime) -> ReviewRecord:
    """Give one review to the platform; its agent is told.

    :raises NotFound: there is none of this benefit.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        found = await one(issuance_id)
        await audit.record_platform_read(
            actor, [found.agent_id], "benefits.reviews", now=now, issuance_id=issuance_id
        )
    return found


async def one(issuance_id: UUID) -> ReviewRecord:
    """Give one review, in the platform's open transaction.

    :raises NotFound: there is none of this benefit.
    """
    row = await db.connection().fetchrow(f"{_REVIEWS} WHERE v.issuance_id = $1", issuance_id)
    if row is None:
        raise NotFound
    return _record(row)


async def outcomes(actor: Actor, *, program_id: UUID | None = None) -> list[SignalRecord]:
    """Count what came of reviews by signal: over all agents, or in one program."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_OUTCOMES, program_id)
    return [
        SignalRecord(**row, zh=words.said(row["signal"], 0), en=words.said(row["signal"], 1))
        for row in rows
    ]


async def own(actor: Actor, request_id: UUID) -> OwnReviewView | None:
    """Give the review of a benefit of a customer within sight; None where there is none.

    :raises NotFound: there is no such benefit for who asks.
    """
    ensure(actor, Permission.BENEFITS_REQUEST)
    async with db.tenant_transaction(actor.tenant_id):
        await benefits.benefit(actor, request_id)
        row = await db.connection().fetchrow(_OWN, actor.tenant_id, request_id)
    if row is None:
        return None
    signals = words.told(_raised(row), with_counts=False)
    return msgspec.convert({**row, "signals": signals}, OwnReviewView)


def _record(row: asyncpg.Record) -> ReviewRecord:
    """Write a review as the platform sees it."""
    signals = words.told(_raised(row), with_counts=True)
    return msgspec.convert({**row, "signals": signals}, ReviewRecord)


def _raised(row: Any) -> list[Raised]:
    """Read the signals of a review."""
    return [
        Raised(Signal(each["signal"]), each["count"], each["limit"])
        for each in msgspec.json.decode(row["signals"])
    ]
