"""The registry that all agents share: what arrives, what is settled, what ends.

Only the worker comes here, through the outbox; no agent's transaction does. Whoever writes takes
the registry's one lock first and so works as if alone: a hundred registrations of one customer
that come at once are a hundred that come one after the other, and none is decided before all have
come that could.

An agent is told by its id alone that a registration of its own has moved (`MOVED`), and its record
is then brought to what stands here: whatever comes twice, late or in another order.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from server.kit import clock, db, ids, outbox
from server.partners import queries as partners
from server.registrations.queries import identities, rulebook
from server.registrations.rules import order, terms
from server.registrations.rules.order import Claim, Rule, Ruling, Verdict
from server.registrations.rules.states import REASON_OF, CaseState, Reason
from server.registrations.rules.times import Flag
from sync_protocol.registering import LIVE, OPEN, State

ARRIVED: Final = "registrations.arrived"
"""To the registry: an agent has registered somebody."""
MOVED: Final = "registrations.moved"
"""Of an agent: a registration stands elsewhere now."""
WARNED: Final = "registrations.warned"
"""Of an agent: a protection ends soon."""
SETTLE: Final = "registrations.settle"
DUE: Final = "registrations.case_due"
GRACE: Final = timedelta(minutes=10)
"""How long after the window's end is waited for what came in before it and is still on its way."""

_LOCK: Final = "SELECT id FROM registry_clock WHERE id = 1 FOR UPDATE"
_ADD: Final = """
INSERT INTO registry_entry (
    id, tenant_id, state, earliest_ms, latest_ms, clock_flag, has_territory, lot, arrived_at,
    settles_at
) VALUES ($1, $2, 'checking', $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING
"""
_ADD_KEYS: Final = """
INSERT INTO registry_key (key, entry_id) SELECT key, $2 FROM UNNEST($1::text[]) key
"""
_BAIT: Final = "SELECT EXISTS (SELECT FROM registry_honeytoken WHERE key = ANY ($1::text[]))"
_RAISE: Final = """
INSERT INTO registry_alarm (id, agent_id, raised_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
SELECT count(*) FROM registry_entry WHERE tenant_id = $1 AND state = ANY ($2::text[])
"""
_ENTRY: Final = "SELECT * FROM registry_entry WHERE id = $1"
_ENTRIES: Final = "SELECT * FROM registry_entry WHERE id = ANY ($1::uuid[]) ORDER BY id"
_KEYS: Final = """
SELECT entry_id, array_agg(key ORDER BY key) AS keys FROM registry_key
WHERE entry_id = ANY ($1::uuid[]) GROUP BY entry_id
"""
_MEETING: Final = """
SELECT DISTINCT e.id FROM registry_key mine
JOIN registry_key k ON k.key = mine.key AND k.entry_id <> mine.entry_id
JOIN registry_entry e ON e.id = k.entry_id
WHERE mine.entry_id = ANY ($1::uuid[]) AND e.state = ANY ($2::text[])
"""
_VERDICT: Final = """
INSERT INTO registry_verdict (id, case_id, decided_at, rules_version, claims, rulings, hash)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7)
"""
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
SELECT e.*, p.has_word, p.live_since AS was_live_since
FROM registry_party p JOIN registry_entry e ON e.id = p.entry_id
WHERE p.case_id = $1 ORDER BY e.id
"""
_RULED: Final = """
SELECT c.winner_id, v.claims, v.rules_version FROM registry_case c
JOIN registry_verdict v ON v.id = c.verdict_id WHERE c.id = $1 AND c.state IN ('decided', 'closed')
"""
_ENDED: Final = """
SELECT id FROM registry_entry
WHERE state IN ('granted', 'extended', 'converted') AND protected_until <= $1 ORDER BY id
"""
_ENDING: Final = """
SELECT id, tenant_id, protected_until, warned_days FROM registry_entry
WHERE state IN ('granted', 'extended') AND protected_until > $1 AND protected_until <= $2
ORDER BY id
"""
_OVER: Final = """
UPDATE registry_case SET state = 'closed' WHERE state = 'decided' AND appeal_until <= $1
"""
_CONTESTABLE: Final = (Rule.TERRITORY, Rule.LIVE, Rule.EVIDENCE, Rule.WORD)
"""By which of these a newcomer loses to who is protected, it is refused; else there is a case."""

Entry: TypeAlias = asyncpg.Record


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A registration on its way into the registry: hashes, an interval, no word about whom."""

    id: UUID
    tenant_id: UUID
    keys: tuple[str, ...]
    earliest_ms: int
    latest_ms: int
    clock_flag: Flag | None
    has_territory: bool
    arrived_at: datetime


# ------------------------------------------------------------------------------------ arriving


async def admit(arrival: Arrival, *, now: datetime) -> None:
    """Write down what has arrived; again changes nothing.

    What meets nobody who is protected waits for the window's end. What meets somebody is refused
    by the published order, or opens a case; it never unseats.
    """
    async with db.job_transaction():
        await lock()
        held = (await rulebook.terms_at(arrival.arrived_at)).terms
        settles_at = arrival.arrived_at + held.settles_after
        status = await db.connection().execute(
            _ADD,
            *(arrival.id, arrival.tenant_id, arrival.earliest_ms, arrival.latest_ms),
            *(arrival.clock_flag, arrival.has_territory, identities.lot(arrival.id)),
            *(arrival.arrived_at, settles_at),
        )
        if not status.endswith(" 1"):
            return
        await db.connection().execute(_ADD_KEYS, list(arrival.keys), arrival.id)
        tier = await partners.tier(arrival.tenant_id)
        count = await db.connection().fetchval(_COUNT, arrival.tenant_id, sorted(OPEN))
        if count > held.tiers[tier].live_max:
            await move(arrival.id, State.REFUSED, now=now, reason=Reason.QUOTA_LIVE)
        elif await is_bait(arrival.keys):
            await raise_alarm(arrival.tenant_id, arrival.id, now=now)
            await move(arrival.id, State.REFUSED, now=now, reason=Reason.LIVE)
        elif not await _meet_protected(arrival.id, now=now):
            await _settle_at(arrival.id, settles_at + GRACE, now=now)


async def is_bait(keys: Collection[str]) -> bool:
    """Say whether one of these is a customer that does not exist."""
    return bool(await db.connection().fetchval(_BAIT, list(keys)))


async def raise_alarm(agent_id: UUID, cause_id: UUID, *, now: datetime) -> None:
    """Write down for the platform that an agent asked for a customer that does not exist.

    :param cause_id: of what it asked with; the same again is one alarm.
    """
    await db.connection().execute(_RAISE, cause_id, agent_id, now)


async def _meet_protected(entry_id: UUID, *, now: datetime) -> bool:
    """Hold a newcomer against who is protected already, or disputed; say whether there is any."""
    rivals = await _rivals(entry_id, now=now)
    if not rivals:
        return False
    new = await _entry(entry_id)
    if any(each["tenant_id"] == new["tenant_id"] for each in rivals):
        await move(entry_id, State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
        return True
    live = [each for each in rivals if each["state"] in LIVE]
    verdict = await _decide([new, *live], now=now)
    ruling = verdict.ruling_of(entry_id)
    if live and ruling.winner != entry_id and ruling.by in _CONTESTABLE:
        await _refuse(new, ruling, now=now)
    else:
        await _dispute(new, rivals, now=now)
    return True


# ------------------------------------------------------------------------------------ settling


async def settle(entry_id: UUID, *, now: datetime) -> None:
    """Decide all together what came in for one customer within the window; again changes nothing.

    The window begins with the first of them. What came later is held against who is protected now.
    What came in time and is still on its way here, since the worker was down, is waited for.
    """
    async with db.job_transaction():
        await lock()
        entry = await db.connection().fetchrow(_ENTRY, entry_id)
        if entry is None or entry["state"] != State.CHECKING:
            return
        group = await _group(entry)
        until = min(each["settles_at"] for each in group)
        if now < until + GRACE:
            return
        if await outbox.is_waited_for(ARRIVED, before=until, now=now):
            await _settle_at(entry_id, now + GRACE, now=now)
            return
        within = [each for each in group if each["arrived_at"] < until]
        verdict = await _decide(within, now=until)
        by_id = {each["id"]: each for each in within}
        for ruling in verdict.rulings:
            winner = by_id[ruling.winner]
            await _grant(winner, since=until)
            for loser in (by_id[each] for each in ruling.losers):
                if loser["tenant_id"] == winner["tenant_id"]:
                    await move(loser["id"], State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
                else:
                    await _refuse(loser, ruling, now=now)
        for late in group:
            if late["id"] not in by_id:
                await _meet_protected(late["id"], now=now)


async def _settle_at(entry_id: UUID, run_at: datetime, *, now: datetime) -> None:
    """Have it decided at a moment, with all that belong to it by then."""
    await outbox.add(SETTLE, {"id": str(entry_id)}, tenant_id=None, now=now, run_at=run_at)


async def _group(entry: Entry) -> list[Entry]:
    """Give all that waits and is joined to a registration by identities, through others too."""
    held, edge = {entry["id"]: entry}, [entry["id"]]
    while edge:
        found = {each["id"]: each for each in await _meeting(edge, (State.CHECKING,))}
        edge = [each for each in found if each not in held]
        held |= found
    return [held[each] for each in sorted(held)]


async def _grant(entry: Entry, *, since: datetime) -> None:
    """Protect a registration from a moment on."""
    held = (await rulebook.terms_at(entry["arrived_at"])).terms
    until = terms.protected_until(held, await partners.tier(entry["tenant_id"]), since)
    await move(
        entry["id"],
        State.GRANTED,
        now=since,
        reason=None,
        contest_until=None,
        live_since=since,
        protected_until=until,
        warned_days=None,
    )


async def _refuse(entry: Entry, ruling: Ruling, *, now: datetime) -> None:
    """Refuse a registration that lost, and say until when that can be contested."""
    assert ruling.by is not None, "who is alone wins"
    held = (await rulebook.terms_at(entry["arrived_at"])).terms
    until = now + held.contest_days * terms.DAY
    await move(
        entry["id"], State.REFUSED, now=now, reason=REASON_OF[ruling.by], contest_until=until
    )


# ----------------------------------------------------------------------------- what agents move


async def extend(entry_id: UUID, *, until: datetime, number: int, now: datetime) -> None:
    """Protect for longer, if it is protected still; the same or an earlier one changes nothing.

    :param number: how many extensions that makes; `until` has the earlier ones in it.
    """
    async with db.job_transaction():
        await lock()
        entry = await _entry(entry_id)
        if entry["state"] in LIVE and entry["extensions"] < number:
            state = State.EXTENDED if entry["state"] != State.CONVERTED else State.CONVERTED
            longer = max(until, entry["protected_until"])
            await move(
                entry_id,
                state,
                now=now,
                extensions=number,
                protected_until=longer,
                warned_days=None,
            )
        else:
            await _tell(entry, now=now)


async def convert(entry_id: UUID, *, until: datetime, now: datetime) -> None:
    """Protect a customer that has signed, to the contract's last day."""
    async with db.job_transaction():
        await lock()
        entry = await _entry(entry_id)
        if entry["state"] in LIVE and (entry["state"], entry["protected_until"]) != (
            State.CONVERTED,
            until,
        ):
            await move(entry_id, State.CONVERTED, now=now, protected_until=until)


async def release(entry_id: UUID, *, now: datetime) -> None:
    """Let a customer go; whoever stood against this one alone is protected now."""
    async with db.job_transaction():
        await lock()
        entry = await _entry(entry_id)
        if entry["state"] in OPEN:
            await _end(entry, State.RELEASED, now=now)
        else:
            await _tell(entry, now=now)


async def contest(entry_id: UUID, *, now: datetime) -> None:
    """Open a case against who is protected; where nobody is any more, try once more."""
    async with db.job_transaction():
        await lock()
        entry = await _entry(entry_id)
        is_over = entry["contest_until"] is None or now >= entry["contest_until"]
        if entry["state"] not in {State.REFUSED, State.REVOKED} or is_over:
            await _tell(entry, now=now)
            return
        rivals = await _rivals(entry_id, now=now)
        if any(each["tenant_id"] == entry["tenant_id"] for each in rivals):
            await move(entry_id, State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
            return
        if rivals:
            await _dispute(entry, rivals, now=now)
            return
        held = (await rulebook.terms_at(now)).terms
        settles_at = now + held.settles_after
        await move(entry_id, State.CHECKING, now=now, reason=None, settles_at=settles_at)
        await _settle_at(entry_id, settles_at + GRACE, now=now)


async def sweep(*, now: datetime) -> None:
    """End what has run out, warn of what ends soon, close cases that nobody appealed."""
    async with db.job_transaction():
        await lock()
        for row in await db.connection().fetch(_ENDED, now):
            await _end(await _entry(row["id"]), State.EXPIRED, now=now)
        days = (await rulebook.terms_at(now)).terms.warn_days
        soon = now + max(days, default=0) * terms.DAY
        for row in await db.connection().fetch(_ENDING, now, soon):
            left = terms.days_left(row["protected_until"], now)
            due = min((day for day in days if left <= day), default=None)
            if due is not None and (row["warned_days"] is None or row["warned_days"] > due):
                await _update(row["id"], warned_days=due)
                told = {"id": str(row["id"]), "days": due}
                await outbox.add(WARNED, told, tenant_id=row["tenant_id"], now=now)
        await db.connection().execute(_OVER, now)


# ---------------------------------------------------------------------------------------- cases


async def _dispute(entry: Entry, rivals: Sequence[Entry], *, now: datetime) -> None:
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
        await _update(rival["id"], case_id=case_id)
        await _tell(rival, now=now)
    await move(entry["id"], State.CONTESTED, now=now, case_id=case_id, contest_until=None)


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
        rivals = [] if winner["state"] in LIVE else await _rivals(winner["id"], now=now)
        apart = [each for each in rivals if each["id"] not in ruling.losers]
        if apart:
            # It stands against others in another case, and unseats nobody before that is decided.
            await _dispute(winner, [*losers, *apart], now=now)
            continue
        for each in losers:
            await _lose(each, now=now)
        await _win(winner, now=now)


def _is_in(entry: Entry, case_id: UUID) -> bool:
    """Say whether a case still decides about a party."""
    return entry["state"] in OPEN and entry["case_id"] == case_id


async def _lose(entry: Entry, *, now: datetime) -> None:
    """Let a party of a case not be protected."""
    state = State.REVOKED if entry["state"] in LIVE else State.REFUSED
    await move(
        entry["id"],
        state,
        now=now,
        reason=Reason.VERDICT,
        live_since=None,
        protected_until=None,
    )


async def _win(entry: Entry, *, now: datetime) -> None:
    """Let a party of a case be protected, since when it was before."""
    if entry["state"] in LIVE:
        await _tell(entry, now=now)
    else:
        await _grant(entry, since=now)
        if entry["was_live_since"] is not None:
            await _update(entry["id"], live_since=entry["was_live_since"])


async def reopen(case_id: UUID, *, now: datetime) -> None:
    """Let all who lost a case be parties that wait again."""
    for each in await parties_of(case_id):
        if has_lost(each, case_id):
            await move(each["id"], State.CONTESTED, now=now, reason=None)
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


async def _end(entry: Entry, state: State, *, now: datetime) -> None:
    """End a registration; of an open case's parties who is left alone is protected."""
    await move(
        entry["id"],
        state,
        now=now,
        live_since=None,
        protected_until=None,
        contest_until=None,
    )
    for row in await db.connection().fetch(_OPEN_CASES, [entry["id"]]):
        await _leave_alone(row["id"], now=now)


async def _leave_alone(case_id: UUID, *, now: datetime) -> None:
    """Close an open case in which at most one party is left, and protect that one."""
    left = await left_in(case_id)
    if len(left) > 1:
        return
    await db.connection().execute(
        "UPDATE registry_case SET state = $2, winner_id = $3, decided_at = $4 WHERE id = $1",
        *(case_id, CaseState.CLOSED, left[0]["id"] if left else None, now),
    )
    for each in left:
        rivals = [] if each["state"] in LIVE else await _rivals(each["id"], now=now)
        if rivals:
            await _dispute(each, rivals, now=now)
        else:
            await _win(each, now=now)


# --------------------------------------------------------------------------------------- pieces


async def lock() -> None:
    """Let nobody else write the registry before the open transaction ends."""
    await db.connection().execute(_LOCK)


async def move(entry_id: UUID, state: State, *, now: datetime, **fields: Any) -> None:
    """Let a registration stand somewhere else, and its agent hear of it."""
    await _update(entry_id, state=str(state), **fields)
    await _tell(await _entry(entry_id), now=now)


async def write_verdict(
    verdict: Verdict, claims: Iterable[Claim], *, case_id: UUID | None, now: datetime
) -> UUID:
    """Keep what the rules saw and said, so that it can be said again."""
    verdict_id = ids.new_id(now)
    by_id = sorted(claims, key=lambda claim: claim.id)
    told = [msgspec.json.encode(each).decode() for each in (by_id, verdict.rulings)]
    await db.connection().execute(
        _VERDICT, verdict_id, case_id, now, verdict.rules_version, *told, verdict.hash
    )
    return verdict_id


async def _decide(entries: Sequence[Entry], *, now: datetime) -> Verdict:
    """Decide between registrations by the rules that hold, and keep it."""
    claims = await claims_of(entries)
    first = min(each["arrived_at"] for each in entries)
    verdict = order.decide(claims, await rulebook.rules_at(first))
    verdict_id = await write_verdict(verdict, claims, case_id=None, now=now)
    for each in entries:
        await _update(each["id"], verdict_id=verdict_id)
    return verdict


async def claims_of(entries: Sequence[Entry]) -> list[Claim]:
    """Give registrations as the rules see them, by the hashes of their customers."""
    keyed = await db.connection().fetch(_KEYS, [each["id"] for each in entries])
    keys = {row["entry_id"]: tuple(row["keys"]) for row in keyed}
    return [_claim_of(each, keys[each["id"]]) for each in entries]


def _claim_of(entry: Entry, keys: tuple[str, ...]) -> Claim:
    """Give a registration as the rules see it."""
    is_live = entry["state"] in LIVE
    return Claim(
        id=entry["id"],
        keys=keys,
        earliest_ms=entry["earliest_ms"],
        latest_ms=entry["latest_ms"],
        lot=entry["lot"],
        has_territory=entry["has_territory"],
        live_since_ms=clock.to_ms(entry["live_since"]) if is_live else None,
    )


async def _entry(entry_id: UUID) -> Entry:
    """Give a registration as the registry knows it."""
    row = await db.connection().fetchrow(_ENTRY, entry_id)
    assert row is not None, "what an agent tells of was admitted"
    return row


async def _meeting(entry_ids: Sequence[UUID], states: Iterable[str]) -> list[Entry]:
    """Give the registrations in these states that share an identity with any of some."""
    found = await db.connection().fetch(_MEETING, list(entry_ids), sorted(states))
    others = [row["id"] for row in found if row["id"] not in set(entry_ids)]
    return list(await db.connection().fetch(_ENTRIES, others)) if others else []


async def _rivals(entry_id: UUID, *, now: datetime) -> list[Entry]:
    """Give who is protected or disputed and shares an identity with a registration.

    Who is protected no longer is ended first, as the sweep would have done by and by.
    """
    standing = (*LIVE, State.CONTESTED)
    for each in await _meeting([entry_id], standing):
        if each["state"] in LIVE and each["protected_until"] <= now:
            await _end(each, State.EXPIRED, now=now)
    return await _meeting([entry_id], standing)


async def _update(entry_id: UUID, **fields: Any) -> None:
    """Write fields of a registration."""
    written = ", ".join(f"{name} = ${number}" for number, name in enumerate(fields, 2))
    await db.connection().execute(
        f"UPDATE registry_entry SET {written} WHERE id = $1",  # noqa: S608 - names of columns in this file
        entry_id,
        *fields.values(),
    )


async def _tell(entry: Entry, *, now: datetime) -> None:
    """Let an agent hear that a registration of its own has moved."""
    told = {"id": str(entry["id"])}
    await outbox.add(MOVED, told, tenant_id=entry["tenant_id"], now=now)
