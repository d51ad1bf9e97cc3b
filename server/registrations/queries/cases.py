"""Cases, as those concerned see them: by letters, times and rules, never by customer.

A party reads its own case through its own registration; the platform's arbitrators read all, and
each agent among the parties hears of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, ensure
from server.audit import service as audit
from server.kit import clock, db
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.registrations.queries import registrations, rulebook
from server.registrations.rules import retelling, words
from server.registrations.rules.order import Ruling
from server.registrations.rules.retelling import Retold
from server.registrations.rules.states import CaseState, Reason
from server.registrations.rules.terms import DAY
from server.registrations.schemas import AlarmView, CaseLine, CaseView, EvidenceView, PartyView
from sync_protocol.registering import LIVE, State

QUEUE: Final = "registrations.queue"
SEEN: Final = "registrations.case"
ALARMS: Final = "registrations.alarms"

_CASE: Final = """
SELECT c.*, v.rules_version, v.claims, v.rulings, v.hash FROM registry_case c
LEFT JOIN registry_verdict v ON v.id = c.verdict_id WHERE c.id = $1
"""
_PARTIES: Final = """
SELECT e.*, p.has_word, p.waived_at FROM registry_party p JOIN registry_entry e ON e.id = p.entry_id
WHERE p.case_id = $1 ORDER BY md5(p.case_id::text || e.id::text)
"""
_EVIDENCE: Final = """
SELECT entry_id, kind, happened_at, is_vouched FROM registry_evidence
WHERE case_id = $1 ORDER BY happened_at, id, entry_id
"""
_LINES: Final = """
SELECT c.id, c.state, c.opened_at, c.evidence_until, c.decide_by, count(*) AS parties,
    count(e.clock_flag) AS flagged, array_agg(DISTINCT e.tenant_id) AS agents
FROM registry_case c JOIN registry_party p ON p.case_id = c.id
JOIN registry_entry e ON e.id = p.entry_id
WHERE c.state = ANY ($1::text[]) AND (c.decide_by, c.id) > ($2, $3)
GROUP BY c.id ORDER BY c.decide_by, c.id LIMIT $4
"""
_ALARMS: Final = """
SELECT id, agent_id, raised_at FROM registry_alarm ORDER BY raised_at DESC, id DESC LIMIT 100
"""
_FIRST: Final = (datetime.fromisoformat("0001-01-02T00:00:00+00:00"), UUID(int=0))
_HEAVENLY: Final = "甲乙丙丁戊己庚辛壬癸"
_HOUR_S: Final = 3600


async def of_registration(actor: Actor, registration_id: UUID, *, now: datetime) -> CaseView:
    """Show a company the case in which a registration of its own stands.

    :raises NotFound: it is not there, out of sight, or in no case.
    """
    own = await registrations.one(actor, registration_id, now=now)
    if own.case_id is None:
        raise NotFound
    async with db.job_transaction():
        return await _view(own.case_id, own={registration_id}, now=now)


async def case(actor: Actor, case_id: UUID, *, now: datetime) -> CaseView:
    """Show an arbitrator a case; the agents concerned hear of it.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.CASES_RULE)
    async with db.platform_transaction(actor):
        agents = [row["tenant_id"] for row in await db.connection().fetch(_PARTIES, case_id)]
        await audit.record_platform_read(actor, agents, SEEN, now=now, case_id=case_id)
        return await _view(case_id, own=None, now=now)


async def queue(
    actor: Actor,
    *,
    is_over: bool = False,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
    now: datetime,
) -> Page[CaseLine]:
    """List the cases that wait for a decision, or those that are over, by when they are due."""
    ensure(actor, Permission.CASES_RULE)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    place = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else _FIRST
    wanted = (
        (CaseState.DECIDED, CaseState.CLOSED)
        if is_over
        else (*(CaseState.OPEN, CaseState.APPEALED),)
    )
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_LINES, list(map(str, wanted)), *place, limit + 1)
        shown = [agent for row in rows[:limit] for agent in row["agents"]]
        await audit.record_platform_read(actor, shown, QUEUE, now=now)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [_line(row, now) for row in rows[:limit]],
        encode_cursor(last["decide_by"], last["id"]) if last else None,
    )


async def alarms(actor: Actor, *, now: datetime) -> list[AlarmView]:
    """List who asked for customers that do not exist, the last first; each agent hears of it."""
    ensure(actor, Permission.CASES_RULE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_ALARMS)
        shown = [row["agent_id"] for row in rows]
        await audit.record_platform_read(actor, shown, ALARMS, now=now)
    return [msgspec.convert(dict(row), AlarmView) for row in rows]


def _line(row: asyncpg.Record, now: datetime) -> CaseLine:
    """Turn a row into a line of the queue."""
    left_s = (row["decide_by"] - now).total_seconds()
    told = {name: value for name, value in row.items() if name != "agents"}
    return CaseLine(**told, hours_left=max(int(left_s // _HOUR_S), 0))


async def _view(case_id: UUID, *, own: set[UUID] | None, now: datetime) -> CaseView:
    """Give a case as a party sees it, or, without `own`, as an arbitrator does."""
    row = await db.connection().fetchrow(_CASE, case_id)
    if row is None:
        raise NotFound
    parties = await db.connection().fetch(_PARTIES, case_id)
    shown = await db.connection().fetch(_EVIDENCE, case_id)
    names = {each["id"]: _called(place) for place, each in enumerate(parties)}
    winner = None if row["winner_id"] is None else names[row["winner_id"]][0]
    lost = any(
        each["id"] in (own or ())
        and each["case_id"] == case_id
        and each["reason"] == Reason.VERDICT
        for each in parties
    )
    is_before = row["appeal_until"] is not None and now < row["appeal_until"]
    rulings = msgspec.json.decode(row["rulings"], type=list[Ruling]) if row["rulings"] else []
    return CaseView(
        id=case_id,
        state=row["state"],
        opened_at=row["opened_at"],
        evidence_until=row["evidence_until"],
        decide_by=row["decide_by"],
        decided_at=row["decided_at"],
        by_arbitrator=row["decided_by"] is not None,
        reason=row["reason"],
        winner=winner,
        appeal_until=row["appeal_until"],
        appeal_reason=row["appeal_reason"],
        first_reason=row["first_reason"],
        may_appeal=row["state"] == CaseState.DECIDED and lost and is_before and not row["appeals"],
        parties=[
            _party(each, names[each["id"]][0], own, is_shut=now < row["evidence_until"])
            for each in parties
        ],
        evidence=[
            EvidenceView(
                party=names[each["entry_id"]][0],
                kind=each["kind"],
                happened_at=each["happened_at"],
                is_vouched=each["is_vouched"],
            )
            for each in shown
        ],
        trace_zh=_trace(rulings, names, 0, named=row["winner_id"]),
        trace_en=_trace(rulings, names, 1, named=row["winner_id"]),
        rules_version=row["rules_version"],
        verdict_hash=row["hash"],
        replay=await _replay(row, names),
    )


async def _replay(row: asyncpg.Record, names: Mapping[UUID, tuple[str, str]]) -> Retold | None:
    """Give what a verdict was decided by, without a word about whom; none before there is one."""
    if row["hash"] is None:
        return None
    claims, rulings = (msgspec.json.decode(row[name]) for name in ("claims", "rulings"))
    rules = (await rulebook.rules_by_version())[row["rules_version"]]
    letters = {UUID(each["id"]): names[UUID(each["id"])][0] for each in claims}
    return retelling.retell(claims, rulings, rules, names=letters)


def _party(row: asyncpg.Record, label: str, own: set[UUID] | None, *, is_shut: bool) -> PartyView:
    """Give a party by its letter.

    :param is_shut: evidence is still brought, and of the other side a party sees the days alone.
    """
    is_you = own is not None and row["id"] in own
    is_seen = own is None or is_you or not is_shut
    day = _day_of(row["earliest_ms"])[0], _day_of(row["latest_ms"])[1]
    earliest_ms, latest_ms = (row["earliest_ms"], row["latest_ms"]) if is_seen else day
    return PartyView(
        label=label,
        is_you=is_you,
        registration_id=row["id"] if is_you or own is None else None,
        state=State(row["state"]),
        earliest_ms=earliest_ms,
        latest_ms=latest_ms,
        clock_flag=row["clock_flag"] if is_seen else None,
        has_territory=row["has_territory"] and is_seen,
        has_word=row["has_word"],
        has_waived=row["waived_at"] is not None,
        is_protected=row["state"] in LIVE,
        is_house=row["tenant_id"] == PLATFORM_TENANT,
    )


def _day_of(at_ms: int) -> tuple[int, int]:
    """Give the beginning and the end of a moment's day in China."""
    day = clock.from_ms(at_ms).astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return clock.to_ms(day), clock.to_ms(day + DAY) - 1


def _trace(
    rulings: list[Ruling], names: Mapping[UUID, tuple[str, str]], lang: int, *, named: UUID | None
) -> list[str]:
    """Write what the rules said, and whom an arbitrator named instead."""
    told = [line for ruling in rulings for line in words.trace(ruling, names, lang)]
    if rulings and named is not None and named not in {each.winner for each in rulings}:
        told.append(words.otherwise(names[named][lang], lang))
    return told


def _called(place: int) -> tuple[str, str]:
    """Give a party's letter, in Chinese and in English."""
    turn = place // len(_HEAVENLY)
    more = str(turn + 1) if turn else ""
    letter = _HEAVENLY[place % len(_HEAVENLY)]
    return f"{letter}方{more}", f"Party {chr(ord('A') + place % len(_HEAVENLY))}{more}"
