"""Let agents have registered customers for months: something in each state, and a case in court.

The months have gone by already, so services are called here with the moments at which it was, and
this process does what follows as a worker would have done it then. No other worker may run
meanwhile: it would do all of it today, and each agent would have waited for months. What an earlier
run has done is left.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.customers import queries as customers
from server.customers.schemas import Filters as ByName
from server.identity import keys
from server.kit import clock
from server.kit.errors import NotFound
from server.partners.rules.agents import Tier
from server.registrations import queries, service
from server.registrations.queries import Filters
from server.registrations.rules.terms import DAY, Terms
from server.registrations.rules.times import Flag, Interval, online
from server.registrations.schemas import Decide, Evidence, NewRegistration, Show
from server.registrations.service import protection
from server.settings import Settings
from sync_protocol.registering import State, Verb
from world.api import Api
from world.model import Agent, Customer, Person, World
from world.people import new_id
from world.registering import worker

_SETTLED: Final = Terms().settles_after + timedelta(hours=12)
"""So long ago whoever registered is protected by now."""
_GRANTED: Final = 9
"""Of each agent's customers so many are simply protected."""
_OPENED: Final = 7 * DAY
"""So long ago cases were opened whose evidence is in by now, and which wait for the platform."""
_APART: Final = timedelta(hours=5)
_SHOWN: Final = 4 * DAY
"""So long after it was opened a case was brought what there is to show."""
_COURT: Final = "/v1/platform/registrations/cases"
_BECAUSE: Final = "客户负责人来电确认，先与这一方谈的方案"
_KINDS: Final = ("contested", "revoked", "refused")


class Rival(msgspec.Struct, frozen=True):
    """One agent with a customer that another has, too."""

    agent: Agent
    customer: Customer


class Pair(msgspec.Struct, frozen=True):
    """Two agents with one customer, and what comes of it."""

    kind: str
    holder: Rival
    rival: Rival
    met_at: datetime
    """When the second one came."""


async def register(world: World, operator: Api, *, settings: Settings, now: datetime) -> None:
    """Register customers of all agents, some of them two agents'; the database is open here."""
    keys.open_keys(settings)
    shared = _shared(world)
    taken = {each.customer.id for pair in shared for each in pair}
    for agent in world.agents:
        await _alone(agent, taken | {each.id for each in agent.doubles()}, now)
        for double in agent.doubles()[:1]:
            await _made(Rival(agent, double), now - _SETTLED - DAY)
    pairs = list(_parted(shared, now))
    for pair in pairs:
        # Its phone was started anew, so that nobody knows to the hour when that was.
        at = pair.met_at - _SETTLED
        await _made(pair.holder, at, since=at - 3 * DAY)
    await _catch_up(now)
    for pair in pairs:
        since = None if pair.kind == "refused" else pair.met_at - _SETTLED - DAY
        await _made(pair.rival, pair.met_at, since=since)
    for agent in world.agents:
        await _again(agent, now)
    await _catch_up(now)
    for pair in pairs:
        if pair.kind != "refused":
            await _dispute(pair, operator, min(pair.met_at + _SHOWN, now))
    for agent in world.agents:
        await _go_on(agent, now)
    await _catch_up(now)


def _shared(world: World) -> list[tuple[Rival, Rival]]:
    """Give the customers that two agents have, each with both."""
    known: dict[str, Rival] = {}
    pairs, taken = [], set[str]()
    for agent in world.agents:
        for customer in agent.customers:
            code = customer.uscc
            if code in known and known[code].agent is not agent and code not in taken:
                taken.add(code)
                pairs.append((known[code], Rival(agent, customer)))
            known.setdefault(code, Rival(agent, customer))
    return pairs


def _parted(shared: Sequence[tuple[Rival, Rival]], now: datetime) -> Iterator[Pair]:
    """Say of each pair what comes of it and to whom, so that each agent has something of each.

    Every second case is a week old or more.
    """
    had: set[tuple[str, UUID]] = set()
    for place, (one, other) in enumerate(shared):
        wishes = [
            (kind, holder, rival)
            for kind in _KINDS
            for holder, rival in ((one, other), (other, one))
            # Who is revoked was protected before; of the other kinds it is the one who came late.
            if (kind, _who(kind, holder, rival)) not in had
        ]
        kind, holder, rival = wishes[0] if wishes else ("contested", one, other)
        had.add((kind, _who(kind, holder, rival)))
        is_old = kind != "refused" and place % 2 == 0
        met_at = now - _OPENED - place * _APART if is_old else now
        yield Pair(kind, holder, rival, met_at)


def _who(kind: str, holder: Rival, rival: Rival) -> UUID:
    """Say to whom something comes."""
    return (holder if kind == "revoked" else rival).agent.tenant_id


# ------------------------------------------------------------------------------- one agent alone


async def _alone(agent: Agent, taken: set[UUID], now: datetime) -> None:
    """Register what nobody else has: just now, long ago, and longer ago than it protects."""
    protected = Terms().tiers[Tier(agent.tier)].protected_days * DAY
    free = [each for each in agent.customers if each.id not in taken]
    signed = [each for each in free if each.status == "signed"]
    others = [each for each in free if each.status in {"intent", "need", "potential"}]
    moments = [
        *(now - timedelta(hours=20 * place + 3) for place in range(3)),
        *(now - _SETTLED - 4 * place * DAY for place in range(_GRANTED)),
        *(now - _SETTLED - protected + days * DAY for days in (2, 9)),
        now - _SETTLED - protected - 6 * DAY,
    ]
    for customer, at in zip(others, moments, strict=False):
        await _made(Rival(agent, customer), at)
    for customer in signed[:4]:
        await _made(Rival(agent, customer), now - _SETTLED - 20 * DAY)


async def _again(agent: Agent, now: datetime) -> None:
    """Register once more what somebody entered twice: it is refused, for the company has it."""
    owner = _actor(agent, agent.owner)
    for double in agent.doubles()[:1]:
        found = (await customers.list_page(owner, ByName(q=double.name))).items
        for each in found[:1]:
            await _made(Rival(agent, msgspec.structs.replace(double, id=each.id)), now)


async def _made(rival: Rival, at: datetime, *, since: datetime | None = None) -> None:
    """Let who has a customer register it, at a moment or, where it is not known, since another."""
    customer = rival.customer
    actor = _actor(rival.agent, rival.agent.owner)
    if await queries.of_customer(actor, customer.id, now=at):
        return
    with suppress(NotFound):
        # The rep, unless it has gone to somebody else or into a pool since.
        await customers.one(_rep(rival), customer.id)
        actor = _rep(rival)
    at_ms = clock.to_ms(at)
    made = online(at_ms)
    if since is not None:
        made = Interval(earliest_ms=clock.to_ms(since), latest_ms=at_ms, flag=Flag.UNPROVEN)
    rng = random.Random(f"registration of {customer.id}")
    new = NewRegistration(id=new_id(rng, at.date()), customer_id=customer.id)
    await service.register(actor, new, made=made, now=at)


async def _catch_up(now: datetime) -> None:
    """Do what is due, and end what has run out."""
    await worker.work_until(now)
    await protection.sweep(now=now)
    await worker.work_until(now)


def _rep(rival: Rival) -> Actor:
    """Give the rep who had a customer first."""
    [person] = [one for one in rival.agent.people if one.id == rival.customer.owner_id]
    return _actor(rival.agent, person)


def _actor(agent: Agent, person: Person) -> Actor:
    """Give somebody of an agent, as an edge makes it."""
    return Actor(
        user_id=person.id,
        tenant_id=agent.tenant_id,
        role=Role(person.role),
        scope=Scope(person.scope),
        team_id=person.team_id,
        name=person.name,
    )


async def _go_on(agent: Agent, now: datetime) -> None:
    """Extend the first that there is work to show for; give another back. Once."""
    owner = _actor(agent, agent.owner)
    if (await queries.list_page(owner, Filters(state=State.RELEASED), now=now)).items:
        return
    live = (await queries.list_page(owner, Filters(is_live=True), now=now, limit=100)).items
    live = [each for each in live if each.state is State.GRANTED and each.case_id is None]
    for each in live:
        shown = await queries.showable(owner, each.id, now=now)
        recent = next((one for one in shown if one.extends), None)
        if recent is not None:
            evidence = Evidence(kind=recent.kind, record_id=recent.record_id)
            asked = Decide(verb=Verb.EXTEND, evidence=evidence)
            await service.decide(owner, each.id, asked, now=now)
            live.remove(each)
            break
    given_back = [each for each in live if not each.is_expiring][:1]
    for each in given_back:
        await service.decide(owner, each.id, Decide(verb=Verb.RELEASE), now=now)


# ----------------------------------------------------------------------------------------- court


async def _dispute(pair: Pair, operator: Api, now: datetime) -> None:
    """Bring what there is to show to a case; let the platform decide those that are to be over."""
    rival = pair.rival
    actor = _actor(rival.agent, rival.agent.owner)
    [mine, *_] = await queries.of_customer(actor, rival.customer.id, now=now)
    for each in await queries.showable(actor, mine.id, now=now):
        if each.in_case:
            shown = Show(evidence=Evidence(kind=each.kind, record_id=each.record_id))
            await service.show(actor, mine.id, shown, now=now)
            break
    await worker.work_until(now)
    if pair.kind == "revoked" and mine.state == "contested":
        for side in (pair.holder, rival):
            owner = _actor(side.agent, side.agent.owner)
            [theirs, *_] = await queries.of_customer(owner, side.customer.id, now=now)
            await service.waive(owner, theirs.id, now=now)
        await worker.work_until(now)
        verdict = {"winner_id": mine.id, "reason": _BECAUSE}
        await operator.post(f"{_COURT}/{mine.case_id}/verdict", verdict)
