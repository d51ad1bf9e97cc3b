"""The registry that all agents share: what arrives, and what is settled.

Only the worker comes here, through the outbox; no agent's transaction does. Whoever writes takes
the registry's one lock first and so works as if alone: a hundred registrations of one customer
that come at once are a hundred that come one after the other, and none is decided before all have
come that could.

An agent is told by its id alone that a registration of its own has moved (`entries.MOVED`), and
its record is then brought to what stands here: whatever comes twice, late or in another order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.kit import clock, db, outbox
from server.partners import queries as partners
from server.registrations.queries import identities, rulebook
from server.registrations.rules import order, terms, trust
from server.registrations.rules.order import Rule, Ruling, Verdict
from server.registrations.rules.states import REASON_OF, Reason
from server.registrations.rules.times import Flag
from server.registrations.rules.waits import Wait
from server.registrations.service import disputes, entries, waits
from server.registrations.service.entries import Entry
from sync_protocol.registering import LIVE, OPEN, State

ARRIVED: Final = "registrations.arrived"
"""To the registry: an agent has registered somebody."""
SETTLE: Final = "registrations.settle"
GRACE: Final = timedelta(minutes=10)
"""How long after the window's end is waited for what came in before it and is still on its way."""
_ADD: Final = """
INSERT INTO registry_entry (
    id, tenant_id, state, earliest_ms, latest_ms, clock_flag, has_territory, lot, arrived_at,
    settles_at, places, territory, floor_ms, ceiling_ms
) VALUES ($1, $2, 'checking', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO NOTHING
"""
_ADD_KEYS: Final = """
INSERT INTO registry_key (key, entry_id) SELECT key, $2 FROM UNNEST($1::text[]) key
"""
_BAIT: Final = """
SELECT EXISTS (
    SELECT FROM registry_honeytoken
    WHERE key = ANY ($1::text[]) AND (ends_at IS NULL OR ends_at > $2)
)
"""
_RAISE: Final = """
INSERT INTO registry_alarm (id, agent_id, raised_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
SELECT count(*) FROM registry_entry
WHERE tenant_id = $1 AND (state = ANY ($2::text[]) OR told_from > $3)
"""
_LET_GO: Final = """
SELECT DISTINCT e.arrived_at, e.let_go_at FROM registry_key mine
JOIN registry_key k ON k.key = mine.key AND k.entry_id <> mine.entry_id
JOIN registry_entry e ON e.id = k.entry_id
WHERE mine.entry_id = $1 AND e.tenant_id = $2 AND e.let_go_at IS NOT NULL
"""
_CONTESTABLE: Final = (Rule.TERRITORY, Rule.LIVE, Rule.EVIDENCE, Rule.WORD)
"""By which of these a newcomer loses to who is protected, it is refused; else there is a case."""


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
    places: tuple[str, ...] = ()
    """Hashes of the divisions in which its customer lies."""
    territory: str | None = None
    """That of the division to which its agent has the exclusive right."""
    floor_ms: int | None = None
    """It was made not before this and not after `ceiling_ms` as the server itself knows, where a
    phone's word says more."""
    ceiling_ms: int | None = None
    is_answered: bool = True
    """Its company had an answer left on that day, and hears at once if somebody stands there."""


async def admit(arrival: Arrival, *, now: datetime) -> None:
    """Write down what has arrived; again changes nothing.

    What meets nobody who is protected waits for the window's end. What meets somebody is refused
    by the published order, or opens a case; it never unseats. Once its company's answers of the day
    are spent, what would tell of others is not told before the window's end: till then it looks as
    if nobody stood there. A case that it would open, it may ask for then.
    """
    async with db.job_transaction():
        await entries.lock()
        held = (await rulebook.terms_at(arrival.arrived_at)).terms
        settles_at = arrival.arrived_at + held.settles_after
        told_from = None if arrival.is_answered else settles_at + GRACE
        status = await db.connection().execute(
            _ADD,
            *(arrival.id, arrival.tenant_id, arrival.earliest_ms, arrival.latest_ms),
            *(arrival.clock_flag, arrival.has_territory, identities.lot(arrival.id)),
            *(arrival.arrived_at, settles_at, arrival.places, arrival.territory),
            *(arrival.floor_ms, arrival.ceiling_ms),
        )
        if not status.endswith(" 1"):
            return
        await db.connection().execute(_ADD_KEYS, list(arrival.keys), arrival.id)
        await waits.note(
            arrival.id, arrival.tenant_id, Wait.ARRIVAL, since=arrival.arrived_at, now=now
        )
        tier = await partners.tier(arrival.tenant_id)
        count = await db.connection().fetchval(_COUNT, arrival.tenant_id, sorted(OPEN), now)
        if count > held.tiers[tier].live_max:
            await entries.move(arrival.id, State.REFUSED, now=now, reason=Reason.QUOTA_LIVE)
        elif await _is_cooling(arrival):
            # It was refused with a date where its own company's records show that.
            await entries.move(arrival.id, State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
        elif await is_bait(arrival.keys, now=now):
            await raise_alarm(arrival.tenant_id, arrival.id, now=now)
            if not await _meet_protected(arrival.id, told_from=told_from, now=now):
                # Laid before such customers had an entry of their own.
                new = await entries.one(arrival.id)
                await _refuse(new, Reason.LIVE, told_from=told_from, now=now)
        elif not await _meet_protected(arrival.id, told_from=told_from, now=now):
            await _settle_at(arrival.id, settles_at + GRACE, now=now)


async def _is_cooling(arrival: Arrival) -> bool:
    """Say whether its company had the customer protected, and let it go a short while ago."""
    for row in await db.connection().fetch(_LET_GO, arrival.id, arrival.tenant_id):
        held = (await rulebook.terms_at(row["arrived_at"])).terms
        if arrival.arrived_at < row["let_go_at"] + held.cooling_days * terms.DAY:
            return True
    return False


async def is_bait(keys: Collection[str], *, now: datetime) -> bool:
    """Say whether one of these is a customer that does not exist."""
    return bool(await db.connection().fetchval(_BAIT, list(keys), now))


async def admit_bait(key: str, ids: tuple[UUID, UUID], *, ends_at: datetime, now: datetime) -> None:
    """Let a customer that does not exist be protected like any other; again changes nothing.

    Whoever registers it is refused, may contest, and has a case, as against anybody.

    :param ids: of the registration, and of the company that does not exist.
    """
    entry_id, nobody = ids
    async with db.job_transaction():
        await entries.lock()
        since = now - (await rulebook.terms_at(now)).terms.settles_after
        made_ms = clock.to_ms(since)
        status = await db.connection().execute(
            _ADD,
            *(entry_id, nobody, made_ms, made_ms, None, False, identities.lot(entry_id)),
            *(since, now, (), None, None, None),
        )
        if status.endswith(" 1"):
            await db.connection().execute(_ADD_KEYS, [key], entry_id)
            await entries.update(
                entry_id, state=str(State.GRANTED), live_since=since, protected_until=ends_at
            )


async def raise_alarm(agent_id: UUID, cause_id: UUID, *, now: datetime) -> None:
    """Write down for the platform that an agent asked for a customer that does not exist.

    :param cause_id: of what it asked with; the same again is one alarm.
    """
    await db.connection().execute(_RAISE, cause_id, agent_id, now)


async def _meet_protected(
    entry_id: UUID, *, told_from: datetime | None = None, now: datetime
) -> bool:
    """Hold a newcomer against who is protected already, or disputed; say whether there is any.

    :param told_from: when its agent may hear of it, if not at once; it is refused then in any case.
    """
    rivals = await disputes.rivals_of(entry_id, now=now)
    if not rivals:
        return False
    new = await entries.one(entry_id)
    if any(each["tenant_id"] == new["tenant_id"] for each in rivals):
        # That tells of its own company alone.
        await entries.move(entry_id, State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
        return True
    live = [each for each in rivals if each["state"] in LIVE]
    verdict = await _decide([new, *live], now=now)
    ruling = verdict.ruling_of(entry_id)
    if live and ruling.winner != entry_id and ruling.by in _CONTESTABLE:
        await _refuse(new, REASON_OF[ruling.by], told_from=told_from, now=now)
    elif told_from is not None:
        await _refuse(new, Reason.LIVE, told_from=told_from, now=now)
    else:
        await disputes.dispute(new, rivals, now=now)
    return True


async def settle(entry_id: UUID, *, now: datetime) -> None:
    """Decide all together what came in for one customer within the window; again changes nothing.

    The window begins with the first of them. What came later is held against who is protected now;
    what shares nothing with anybody whose own window is over waits for its own.
    What came in time and is still on its way here, since the worker was down, is waited for.
    """
    async with db.job_transaction():
        await entries.lock()
        entry = await entries.find(entry_id)
        if entry is None or entry["state"] != State.CHECKING:
            return
        group = await _group(entry)
        until = min(each["settles_at"] for each in group)
        if now < until + GRACE:
            return
        if await outbox.is_waited_for(ARRIVED, before=until, now=now):
            await _settle_at(entry_id, now + GRACE, now=now)
            return
        await waits.end([each["id"] for each in group], now=now)
        within = [each for each in group if each["arrived_at"] < until]
        verdict = await _decide(within, now=until)
        by_id = {each["id"]: each for each in within}
        claims = await entries.claims_of(within)
        due = {each["id"] for each in within if each["settles_at"] + GRACE <= now}
        over = [each for each in verdict.rulings if order.meets(claims, each.winner, due)]
        for ruling in over:
            is_word = trust.leans_on_a_word(ruling, claims)
            await _follow(ruling, by_id, is_word=is_word, since=until, now=now)
        # Others are joined to a window that has ended through others alone, and wait for their own;
        # but who has lost there, and meets somebody who is first now, waits for nothing more.
        first = {each.winner for each in over}
        for ruling in verdict.rulings:
            if ruling not in over:
                lost = [each for each in ruling.losers if order.meets(claims, each, first)]
                await _refuse_all([by_id[each] for each in lost], ruling, now=now)
        for late in group:
            if late["id"] not in by_id:
                await _meet_protected(late["id"], now=now)


async def _follow(
    ruling: Ruling, by_id: Mapping[UUID, Entry], *, is_word: bool, since: datetime, now: datetime
) -> None:
    """Protect who has won and refuse the others.

    :param is_word: a phone's word alone put it before another company; they have a case first.
    """
    winner = by_id[ruling.winner]
    losers = [by_id[each] for each in ruling.losers]
    others = [each for each in losers if each["tenant_id"] != winner["tenant_id"]]
    for each in losers:
        if each not in others:
            await entries.move(each["id"], State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
    if is_word:
        await disputes.dispute(winner, others, now=now)
        return
    await disputes.grant(winner, since=since)
    await _refuse_all(others, ruling, now=now)


async def _settle_at(entry_id: UUID, run_at: datetime, *, now: datetime) -> None:
    """Have it decided at a moment, with all that belong to it by then."""
    await outbox.add(SETTLE, {"id": str(entry_id)}, tenant_id=None, now=now, run_at=run_at)


async def _group(entry: Entry) -> list[Entry]:
    """Give all that waits and is joined to a registration by identities, through others too."""
    held, edge = {entry["id"]: entry}, [entry["id"]]
    while edge:
        found = {each["id"]: each for each in await entries.meeting(edge, (State.CHECKING,))}
        edge = [each for each in found if each not in held]
        held |= found
    return [held[each] for each in sorted(held)]


async def _refuse_all(lost: Iterable[Entry], ruling: Ruling, *, now: datetime) -> None:
    """Refuse those who lost by a ruling."""
    for each in lost:
        assert ruling.by is not None, "who is alone wins"
        await _refuse(each, REASON_OF[ruling.by], now=now)


async def _refuse(
    entry: Entry, reason: Reason, *, told_from: datetime | None = None, now: datetime
) -> None:
    """Refuse a registration that lost, and say until when that can be contested."""
    held = (await rulebook.terms_at(entry["arrived_at"])).terms
    until = (told_from or now) + held.contest_days * terms.DAY
    await entries.move(
        entry["id"],
        State.REFUSED,
        now=now,
        told_from=told_from,
        reason=reason,
        contest_until=until,
    )


async def _decide(among: Sequence[Entry], *, now: datetime) -> Verdict:
    """Decide between registrations by the rules that hold, and keep it."""
    claims = await entries.claims_of(among)
    first = min(each["arrived_at"] for each in among)
    rules = await rulebook.rules_at(first)
    verdict = order.decide(claims, rules)
    verdict_id = await entries.write_verdict(verdict, claims, rules, case_id=None, now=now)
    for each in among:
        await entries.update(each["id"], verdict_id=verdict_id)
    return verdict


async def contest(entry_id: UUID, *, asked_at: datetime, now: datetime) -> None:
    """Open a case against who is protected; where nobody is any more, try once more.

    :param asked_at: when an agent did, which was in time or not, whenever the worker hears of it.
    """
    async with db.job_transaction():
        await entries.lock()
        entry = await entries.one(entry_id)
        await waits.note(entry_id, entry["tenant_id"], Wait.CONTEST, since=asked_at, now=now)
        is_over = entry["contest_until"] is None or asked_at >= entry["contest_until"]
        if entry["state"] not in {State.REFUSED, State.REVOKED} or is_over:
            await entries.tell(entry, now=now)
            return
        rivals = await disputes.rivals_of(entry_id, now=now)
        if any(each["tenant_id"] == entry["tenant_id"] for each in rivals):
            await entries.move(entry_id, State.REFUSED, now=now, reason=Reason.ALREADY_YOURS)
            return
        if rivals:
            await disputes.dispute(entry, rivals, now=now)
            return
        held = (await rulebook.terms_at(now)).terms
        settles_at = now + held.settles_after
        await entries.move(entry_id, State.CHECKING, now=now, reason=None, settles_at=settles_at)
        await _settle_at(entry_id, settles_at + GRACE, now=now)
