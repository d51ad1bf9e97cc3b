"""Who stands against whom in the registry: cases begin, are decided, are left.

Who is protected has rivals only in a case. Whatever ends for one is looked at for the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.kit import db, ids, outbox
from server.partners import queries as partners
from server.registrations.queries import rulebook
from server.registrations.rules import order, terms
from server.registrations.rules.order import Claim
from server.registrations.rules.states import CaseState, Reason
from server.registrations.service import entries, waits
from server.registrations.service.entries import Entry
from sync_protocol.registering import LIVE, OPEN, State

DUE: Final = "registrations.case_due"
_OPEN_CASE: Final = """
INSERT INTO registry_case (id, state, opened_at, evidence_until, decide_by)
VALUES ($1, 'open', $2, $3, $4)
"""
_JOIN: Final = """
INSERT INTO registry_party (case_id, entry_id, live_since)
SELECT $1, id, CASE WHEN state = ANY ($3::text[]) THEN live_since END FROM registry_entry
WHERE id = ANY ($2::uuid[]) ON CONFLICT DO NOTHING
"""
_OPEN_CASES: Final = """
SELECT e.id AS entry_id, c.id FROM registry_case c JOIN registry_entry e ON e.case_id = c.id
WHERE e.id = ANY ($1::uuid[]) AND c.state IN ('open', 'appealed') ORDER BY c.opened_at, c.id
"""
_PARTIES: Final = """
SELECT e.*, p.has_word, p.waived_at, p.live_since AS was_live_since
FROM registry_party p JOIN registry_entry e ON e.id = p.entry_id
WHERE p.case_id = $1 ORDER BY e.id
"""
_RULED: Final = """
SELECT c.winner_id, v.claims, v.rules_version FROM registry_case c
JOIN registry_verdict v ON v.id = c.verdict_id WHERE c.id = $1 AND c.state IN ('decided', 'closed')
"""


async def dispute(entry: Entry, rivals: Sequence[Entry], *, now: datetime) -> None:
    """Open a case between a registration and those that it stands against, or join theirs.

    Nobody is taken out of a case that is open: who wins this one is held against it then.
    """
    held = (await rulebook.terms_at(now)).terms
    open_ = await db.connection().fetch(_OPEN_CASES, [each["id"] for each in rivals])
    elsewhere = {row["entry_id"] for row in open_}
    case_id = open_[0]["id"] if open_ else None
    if case_id is None:
        case_id = ids.new_id(now)
        evidence_until = now + held.evidence_days * terms.DAY
        decide_by = now + held.decide_days * terms.DAY
        await db.connection().execute(_OPEN_CASE, case_id, now, evidence_until, decide_by)
        await outbox.add(DUE, {"id": str(case_id)}, tenant_id=None, now=now, run_at=decide_by)
    joining = [each for each in rivals if each["id"] not in elsewhere]
    parties = [entry["id"], *(each["id"] for each in joining)]
    await db.connection().execute(_JOIN, case_id, parties, sorted(LIVE))
    for rival in joining:
        state = State(rival["state"])
        await entries.move(
            rival["id"],
            State.CONTESTED if state is State.CHECKING else state,
            now=now,
            case_id=case_id,
        )
    await entries.move(entry["id"], State.CONTESTED, now=now, case_id=case_id, contest_until=None)


async def apply(case_id: UUID, *, now: datetime) -> None:
    """Bring a case's registrations to what was decided; again changes nothing.

    Who has left since the decision is left out of it, and the rest is decided once more.
    """
    row = await db.connection().fetchrow(_RULED, case_id)
    if row is None:
        return
    parties = {each["id"]: each for each in await left_in(case_id)}
    told = msgspec.json.decode(row["claims"], type=list[Claim])
    claims = [each for each in told if each.id in parties]
    rules = (await rulebook.rules_by_version())[row["rules_version"]]
    rulings = order.decide(claims, rules).rulings
    winner_id = row["winner_id"]
    if winner_id in parties and winner_id not in {each.winner for each in rulings}:
        rulings = order.decided_for(claims, winner_id, rules)
    for ruling in rulings:
        winner, losers = parties[ruling.winner], [parties[each] for each in ruling.losers]
        rivals = [] if winner["state"] in LIVE else await rivals_of(winner["id"], now=now)
        apart = [each for each in rivals if each["id"] not in ruling.losers]
        if apart:
            # It stands against others in another case, and unseats nobody before that is decided.
            await dispute(winner, [*losers, *apart], now=now)
            continue
        for each in losers:
            await _lose(each, now=now)
        await _win(winner, now=now)


async def reopen(case_id: UUID, *, now: datetime) -> None:
    """Let all who lost a case be parties that wait again, and the others hear that it is open."""
    for each in await parties_of(case_id):
        if has_lost(each, case_id):
            await entries.move(each["id"], State.CONTESTED, now=now, reason=None)
        elif _is_in(each, case_id):
            await entries.tell(each, now=now)
    await _leave_alone(case_id, now=now)


def has_lost(entry: Entry, case_id: UUID) -> bool:
    """Say whether a registration lost this case, and is not over for another reason."""
    return (
        entry["state"] in {State.REFUSED, State.REVOKED}
        and entry["case_id"] == case_id
        and entry["reason"] == Reason.VERDICT
    )


async def parties_of(case_id: UUID) -> list[Entry]:
    """Give the registrations that a case is about."""
    return list(await db.connection().fetch(_PARTIES, case_id))


async def left_in(case_id: UUID) -> list[Entry]:
    """Give the registrations about which a case still decides."""
    return [each for each in await parties_of(case_id) if _is_in(each, case_id)]


def _is_in(entry: Entry, case_id: UUID) -> bool:
    """Say whether a case still decides about a party."""
    return entry["state"] in OPEN and entry["case_id"] == case_id


async def _lose(entry: Entry, *, now: datetime) -> None:
    """Let a party of a case not be protected."""
    state = State.REVOKED if entry["state"] in LIVE else State.REFUSED
    await entries.move(
        entry["id"],
        state,
        now=now,
        reason=Reason.VERDICT,
        live_since=None,
        protected_until=None,
        unsigned_until=None,
    )


async def _win(entry: Entry, *, now: datetime) -> None:
    """Let a party of a case be protected, since when it was before."""
    if entry["state"] in LIVE:
        await entries.tell(entry, now=now)
    else:
        await grant(entry, since=now)
        if entry["was_live_since"] is not None:
            await entries.update(entry["id"], live_since=entry["was_live_since"])


async def grant(entry: Entry, *, since: datetime) -> None:
    """Protect a registration from a moment on."""
    held = (await rulebook.terms_at(entry["arrived_at"])).terms
    until = terms.protected_until(held, await partners.tier(entry["tenant_id"]), since)
    await entries.move(
        entry["id"],
        State.GRANTED,
        now=since,
        reason=None,
        contest_until=None,
        live_since=since,
        protected_until=until,
        warned_days=None,
    )


async def end_over(entry: Entry, *, now: datetime) -> bool:
    """End a protection whose time is over; say whether it is.

    An extension, or a signature, that an agent made in time and that is on its way is waited for.
    """
    until = entry["protected_until"]
    for topic in (entries.EXTENDED, entries.CONVERTED):
        if await outbox.is_waited_for(topic, before=until, now=now):
            return False
    await end(entry, State.EXPIRED, since=until, now=now)
    return True


async def end(entry: Entry, state: State, *, since: datetime | None = None, now: datetime) -> None:
    """End a registration; of an open case's parties who is left alone is protected.

    :param since: when its agent let it go, if the worker hears of it later.
    """
    await waits.end([entry["id"]], now=now)
    await entries.move(
        entry["id"],
        state,
        now=now,
        let_go_at=(since or now) if entry["state"] in LIVE else None,
        live_since=None,
        protected_until=None,
        unsigned_until=None,
        contest_until=None,
    )
    for row in await db.connection().fetch(_OPEN_CASES, [entry["id"]]):
        await _leave_alone(row["id"], now=now)


async def _leave_alone(case_id: UUID, *, now: datetime) -> None:
    """Close an open case in which at most one party is left, and protect that one."""
    left = await left_in(case_id)
    if len(left) > 1:
        return
    await waits.end([each["id"] for each in left], now=now)
    await db.connection().execute(
        "UPDATE registry_case SET state = $2, winner_id = $3, decided_at = $4 WHERE id = $1",
        *(case_id, CaseState.CLOSED, left[0]["id"] if left else None, now),
    )
    for each in left:
        rivals = [] if each["state"] in LIVE else await rivals_of(each["id"], now=now)
        if rivals:
            await dispute(each, rivals, now=now)
        else:
            await _win(each, now=now)


async def rivals_of(entry_id: UUID, *, now: datetime) -> list[Entry]:
    """Give who is protected or disputed and shares an identity with a registration.

    Who is protected no longer is ended first, as the sweep would have done by and by.
    """
    standing = (*LIVE, State.CONTESTED)
    for each in await entries.meeting([entry_id], standing):
        if each["state"] in LIVE and each["protected_until"] <= now:
            await end_over(each, now=now)
    return await entries.meeting([entry_id], standing)
