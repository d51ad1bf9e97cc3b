"""A customer is registered by one of many, protected for a time, and free again."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from server.customers import service as customers
from server.customers.schemas import CustomerEdit, NewCustomer
from server.identity import keys
from server.kit import clock, db
from server.kit.errors import IdReused, Invalid, NotFound
from server.partners import queries as territories
from server.partners import service as partners
from server.partners.rules.territories import Right, TerritoryTaken
from server.partners.schemas import NewAgent, NewOwner, NewTerritory
from server.registrations import queries, service
from server.registrations.rules.identity import IdentityMissing
from server.registrations.rules.states import (
    AlreadyRegistered,
    ContestTooLate,
    EvidenceDraft,
    EvidenceOfAnother,
    EvidenceTooOld,
    EvidenceUsed,
    NoExtensionLeft,
    OutsideTerritory,
    RegistrationCooling,
    RegistrationMoved,
    RegistrationNotYours,
    RegistrationQuota,
)
from server.registrations.rules.terms import Terms
from server.registrations.rules.times import Interval
from server.registrations.schemas import Evidence, NewTerms
from server.registrations.service import protection
from server.settings import Settings
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import (
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    at,
    decide,
    make_shop,
    new_phone,
    register,
    seen,
    work,
)


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Five agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(5)]


async def standing(tenant: Tenant, registration: UUID, now: datetime = SETTLED) -> tuple[str, str]:
    """Give where a registration stands, and why."""
    view = await seen(tenant.owner, registration, now=now)
    return str(view.state), view.reason or ""


async def contract_of(tenant: Tenant, customer_id: UUID, *, now: datetime = NOW) -> Evidence:
    """Write a contract and hand it in, which shows work on a customer."""
    record = await contracts.write(tenant.rep, customer_id=customer_id, now=now)
    await contracts.decide(tenant.rep, record, "submit", now=now)
    return Evidence(kind="contract", record_id=record)


async def test_s67_who_registers_a_free_customer_is_protected_after_the_window(
    rivals: list[Tenant],
) -> None:
    """Checking until all have come who could have been offline; then granted, for a time."""
    agent = rivals[0]

    mine = await register(agent.rep)
    await work()
    before = await seen(agent.rep, mine)
    await work(SETTLED)
    after = await seen(agent.rep, mine, now=SETTLED)

    assert (before.state, before.decides_at) == (State.CHECKING, NOW + Terms().settles_after)
    assert after.state is State.GRANTED
    assert after.days_left == 90
    assert after.verbs == ["extend", "release"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_s67_of_a_hundred_at_once_one_wins_whatever_the_order_of_arrival(
    rivals: list[Tenant], seed: int
) -> None:
    """Twenty each of five agents, online and offline, in any order: the first without a doubt."""
    rng, phone = random.Random(seed), new_phone()
    made = [at(NOW + 2 * HOUR + n * HOUR / 60, until=NOW + 9 * HOUR) for n in range(99)]
    made.append(at(NOW + HOUR, until=NOW + 2 * HOUR - HOUR / 60))
    told = [(rivals[n % 5], new_id(), made[n]) for n in range(100)]
    first = told[-1][1]
    rng.shuffle(told)

    places = asyncio.Semaphore(8)

    async def arrive(agent: Tenant, registration: UUID, interval: Interval) -> None:
        arrives = NOW + 10 * HOUR + timedelta(hours=rng.randrange(500))
        actor = agent.actor(agent.rep.role, scope=agent.owner.scope)
        async with places:
            shop = await make_shop(actor, phone)
            await register(
                actor, customer_id=shop, registration_id=registration, made=interval, now=arrives
            )

    await asyncio.gather(*(arrive(*each) for each in told))
    await work(NOW + 520 * HOUR, rng=rng)
    await work(SETTLED + 30 * DAY, rng=rng)

    stand = {reg: await standing(agent, reg) for agent, reg, _ in told}
    assert [reg for reg, (state, _) in stand.items() if state == State.GRANTED] == [first]
    assert {why for reg, why in stand.items() if reg != first} == {
        ("refused", "evidence"),
        ("refused", "already_yours"),
    }


async def test_m12_a_phone_that_comes_later_than_the_window_opens_a_case_and_unseats_nobody(
    rivals: list[Tenant],
) -> None:
    """It was earlier, and came when the other was protected: that is looked at, not decided."""
    online, late, later = rivals[:3]
    phone = new_phone()
    held = await register(online.rep, phone, made=at(NOW))
    await work(SETTLED)

    earlier = await register(late.rep, phone, made=at(NOW - HOUR), now=SETTLED)
    afterwards = await register(later.rep, phone, now=SETTLED + HOUR)
    await work(SETTLED + HOUR)

    assert await standing(online, held) == ("granted", "")
    assert (await standing(late, earlier))[0] == "contested"
    assert await standing(later, afterwards) == ("refused", "live")
    case = await queries.of_registration(late.rep, earlier, now=SETTLED)
    assert [party.is_protected for party in case.parties].count(True) == 1
    assert [party.is_you for party in case.parties].count(True) == 1


async def test_s67_who_comes_when_somebody_is_protected_is_refused_and_may_contest(
    rivals: list[Tenant],
) -> None:
    """The loser gets a case path, for some days."""
    first, second = rivals[:2]
    phone = new_phone()
    await register(first.rep, phone)
    await work(SETTLED)
    refused = await register(second.rep, phone, now=SETTLED)
    await work(SETTLED)
    view = await seen(second.rep, refused, now=SETTLED)

    assert (view.state, view.reason, view.verbs) == (State.REFUSED, "live", ["contest"])
    with pytest.raises(ContestTooLate):
        await decide(second.rep, refused, "contest", now=SETTLED + 8 * DAY)
    await decide(second.rep, refused, "contest", now=SETTLED + DAY)
    await work(SETTLED + DAY)

    view = await seen(second.rep, refused, now=SETTLED + DAY)
    assert (view.state, view.case_id is not None) == (State.CONTESTED, True)


async def test_one_who_lets_go_frees_the_customer(rivals: list[Tenant]) -> None:
    """Early release; who comes then waits for its own window and is protected."""
    first, second = rivals[:2]
    phone = new_phone()
    mine = await register(first.rep, phone)
    await work(SETTLED)

    await decide(first.rep, mine, "release", now=SETTLED)
    await decide(first.rep, mine, "release", now=SETTLED)
    await work(SETTLED)
    theirs = await register(second.rep, phone, now=SETTLED + HOUR)
    await work(SETTLED + HOUR)
    await work(SETTLED + 40 * DAY)

    assert await standing(first, mine) == ("released", "")
    assert await standing(second, theirs) == ("granted", "")


async def test_who_lets_go_or_lets_it_run_out_waits_before_it_registers_again(
    rivals: list[Tenant],
) -> None:
    """The same, a double of it, and what the registry alone knows to be the same; rivals do not."""
    (first, second), phone = rivals[:2], new_phone()
    shop: dict[str, Any] = {"city": "绍兴市", "address": f"解放路{phone}号"}
    mine = await make_shop(first.rep, phone, **shop)
    by_place = await customers.create(first.rep, NewCustomer(name="福满楼餐饮", **shop), now=NOW)
    undecided = await register(first.rep, customer_id=mine)
    await work()
    await decide(first.rep, undecided, "release")
    await work()
    held = await register(first.rep, customer_id=mine)
    await work(SETTLED)
    await decide(first.rep, held, "release", now=SETTLED)
    await work(SETTLED + HOUR)

    with pytest.raises(RegistrationCooling) as refused:
        await register(first.rep, customer_id=mine, now=SETTLED + DAY)
    with pytest.raises(RegistrationCooling):
        await register(first.rep, phone, now=SETTLED + DAY)
    unknown = await register(first.rep, customer_id=by_place.id, now=SETTLED + DAY)
    theirs = await register(second.rep, phone, now=SETTLED + DAY)
    await work(SETTLED + DAY)
    await decide(second.rep, theirs, "release", now=SETTLED + DAY)
    again = await register(first.rep, customer_id=mine, now=SETTLED + 14 * DAY)
    await work(SETTLED + 14 * DAY)

    assert refused.value.extra == {
        "again_at": (SETTLED + 14 * DAY).isoformat(),
        "days": 13,
    }
    assert await standing(first, unknown) == ("refused", "already_yours")
    assert await standing(second, theirs) == ("released", "")
    assert await standing(first, again) == ("checking", "")


async def test_a_registration_is_extended_by_the_terms_that_it_was_made_under(
    rivals: list[Tenant],
) -> None:
    """A day of stricter terms in the meantime changes nothing that was promised.

    Long before all other stories, which go by the terms that the product comes with.
    """
    agent, made_at = rivals[0], NOW - 2_000 * DAY
    strict_at = made_at + (SETTLED - NOW) + DAY
    shop = await make_shop(agent.rep, new_phone(), now=made_at)
    mine = await register(agent.rep, customer_id=shop, now=made_at)
    await work(strict_at - DAY)
    strict = Terms(extension_days=7, extensions_max=0, evidence_age_days=1)
    for since, published in ((strict_at, strict), (strict_at + DAY, Terms())):
        new = NewTerms(holds_from=since, terms=published)
        await service.set_terms(OPERATOR, new, now=made_at)
    shown = await contract_of(agent, shop, now=strict_at)

    [offered] = await queries.showable(agent.rep, mine, now=strict_at)
    view = await decide(agent.rep, mine, "extend", evidence=shown, now=strict_at)

    assert offered.extends
    assert view.protected_until == made_at + Terms().settles_after + (90 + 60) * DAY


async def test_a_protection_is_extended_on_evidence_of_work_and_runs_out_without(
    rivals: list[Tenant],
) -> None:
    """One's own, of this customer, recent, once; and not for ever."""
    agent = rivals[0]
    shop, other = await make_shop(agent.rep, new_phone()), await make_shop(agent.rep, new_phone())
    mine = await register(agent.rep, customer_id=shop)
    await work(SETTLED)
    old = await contract_of(agent, shop, now=NOW - DAY)
    elsewhere = await contract_of(agent, other, now=SETTLED)
    shown = await contract_of(agent, shop, now=SETTLED + HOUR)

    async def extend(evidence: Evidence | None, event: UUID | None = None) -> None:
        await decide(agent.rep, mine, "extend", evidence=evidence, id=event, now=SETTLED + HOUR)

    for evidence, refusal in (
        (None, Invalid),
        (elsewhere, EvidenceOfAnother),
        (Evidence(kind="visit", record_id=shown.record_id), EvidenceOfAnother),
        (old, EvidenceTooOld),
    ):
        with pytest.raises(refusal) as refused:
            await extend(evidence)
        assert str(refused.value.field).startswith("evidence")
    event = new_id()
    await extend(shown, event)
    await extend(shown, event)
    with pytest.raises(EvidenceUsed):
        await extend(shown)
    draft = await contracts.write(agent.rep, customer_id=shop, now=SETTLED + HOUR)
    with pytest.raises(EvidenceDraft):
        await extend(Evidence(kind="contract", record_id=draft))
    with pytest.raises(EvidenceTooOld):
        await extend(await contract_of(agent, shop, now=SETTLED))
    for _ in range(2):
        await extend(await contract_of(agent, shop, now=SETTLED + HOUR))
    with pytest.raises(NoExtensionLeft):
        await extend(await contract_of(agent, shop, now=SETTLED))
    await work(SETTLED + HOUR)
    view = await seen(agent.rep, mine, now=SETTLED)
    assert (view.state, view.extensions, view.days_left) == (State.EXTENDED, 3, 90 + 3 * 60)

    assert view.protected_until is not None
    await protection.sweep(now=view.protected_until - DAY)
    await work(view.protected_until)
    warned = await seen(agent.rep, mine, now=view.protected_until - DAY)
    await protection.sweep(now=view.protected_until)
    await work(view.protected_until)
    assert warned.is_expiring
    assert (await standing(agent, mine))[0] == "expired"
    with pytest.raises(RegistrationMoved):
        await decide(agent.rep, mine, "release")


async def test_a_signature_converts_a_registration_to_the_contracts_last_day(
    rivals: list[Tenant],
) -> None:
    """Signed before it was granted, or after."""
    agent = rivals[0]
    shop = await make_shop(agent.rep, new_phone())
    mine = await register(agent.rep, customer_id=shop)
    await work(SETTLED)

    contract = await contracts.write(
        agent.rep, customer_id=shop, effective_on="2026-04-01", ends_on="2027-03-31", now=SETTLED
    )
    await contracts.sign(agent, contract, now=SETTLED)
    await service.convert(agent.tenant_id, [contract], now=SETTLED)
    await work(SETTLED)

    view = await seen(agent.rep, mine, now=SETTLED)
    assert view.state is State.CONVERTED
    assert view.protected_until is not None
    assert f"{view.protected_until:%Y-%m-%d}" == "2027-03-31"


async def test_a_signature_never_shortens_nor_protects_for_ever_and_ends_with_its_contract(
    rivals: list[Tenant],
) -> None:
    """A short contract, one without an end, and one that is terminated."""
    agent = rivals[0]
    shop = await make_shop(agent.rep, new_phone())
    mine = await register(agent.rep, customer_id=shop)
    await work(SETTLED)
    plain = (await seen(agent.rep, mine, now=SETTLED)).protected_until
    assert plain is not None

    async def signed(**days: str) -> tuple[State, datetime | None, UUID]:
        paper = await contracts.write(
            agent.rep, customer_id=shop, effective_on="2026-04-01", now=SETTLED, **days
        )
        await contracts.sign(agent, paper, now=SETTLED)
        return *await hear(paper), paper

    async def hear(paper: UUID) -> tuple[State, datetime | None]:
        await service.convert(agent.tenant_id, [paper], now=SETTLED)
        await work(SETTLED)
        view = await seen(agent.rep, mine, now=SETTLED)
        return view.state, view.protected_until

    state, until, short = await signed(ends_on="2026-05-01")
    assert (state, until) == (State.CONVERTED, plain)
    state, until, endless = await signed()
    assert until is not None
    assert timedelta(days=729) < until - SETTLED <= timedelta(days=731)
    for paper in (endless, short):
        await contracts.decide(agent.manager, paper, "terminate", remark="客户退货", now=SETTLED)
    assert await hear(endless) == (State.GRANTED, plain)
    await decide(agent.rep, mine, "release", now=SETTLED)


async def test_what_cannot_be_registered_is_refused_with_what_to_do(
    rivals: list[Tenant],
) -> None:
    """Without identity, twice, a stranger's, under a used id, beyond the day's quota."""
    agent, other = rivals[3:]
    rep = agent.actor(agent.rep.role, scope=agent.owner.scope)
    nobody = await make_shop(rep, new_phone())
    await customers.edit(rep, nobody, CustomerEdit(phone=None), now=NOW)
    with pytest.raises(IdentityMissing):
        await register(rep, customer_id=nobody)
    theirs = await make_shop(other.rep, new_phone())
    with pytest.raises(NotFound):
        await register(rep, customer_id=theirs)
    shop = await make_shop(rep, new_phone())
    mine = await register(rep, customer_id=shop)
    assert await register(rep, customer_id=shop, registration_id=mine) == mine
    with pytest.raises(AlreadyRegistered):
        await register(rep, customer_id=shop)
    with pytest.raises(IdReused):
        await register(rep, customer_id=nobody, registration_id=mine)
    colleague = agent.actor(agent.rep.role, scope=agent.owner.scope)
    with pytest.raises(RegistrationNotYours):
        await decide(colleague, mine, "release")
    for _ in range(Terms().per_day_rep - 1):
        await register(rep)
    with pytest.raises(RegistrationQuota):
        await register(rep)
    await register(rep, now=NOW + DAY)


async def test_s02_an_exclusive_territory_comes_first_and_keeps_others_out(
    rivals: list[Tenant],
) -> None:
    """Dated: before its first day anybody may register, from then on its holder alone."""
    operator, city = make_platform_actor(), "舟山"
    first_day = (NOW + 5 * DAY).date()
    holders = []
    for _ in range(2):
        admitted = await partners.admit(
            operator, NewAgent(name="区域代理", city=city, owner=NewOwner(name="老板")), now=NOW
        )
        holders.append(admitted.tenant_id)
    right = NewTerritory(
        id=new_id(),
        agent_id=holders[0],
        division="330900",
        is_exclusive=True,
        valid_from=first_day,
    )
    granted = await partners.grant_territory(operator, right, now=NOW)
    assert await partners.grant_territory(operator, right, now=NOW) == granted
    overlapping = NewTerritory(
        agent_id=holders[1], division="330902", is_exclusive=True, valid_from=first_day
    )
    with pytest.raises(TerritoryTaken):
        await partners.grant_territory(operator, overlapping, now=NOW)

    agent = rivals[0]
    before = await register(agent.rep, city=city)
    inside = await make_shop(agent.rep, new_phone(), address="浙江省舟山市普陀区东海西路 1 号")
    for shop in (inside, await make_shop(agent.rep, new_phone(), city=city)):
        with pytest.raises(OutsideTerritory):
            await register(agent.rep, customer_id=shop, now=NOW + 5 * DAY)
    await work(SETTLED)

    assert await standing(agent, before) == ("granted", "")
    async with db.tenant_transaction(holders[0]):
        held = await territories.right(holders[0], "330902", on=first_day)
    assert held is Right.EXCLUSIVE


async def test_the_days_quota_is_of_the_day_on_which_it_was_made(rivals: list[Tenant]) -> None:
    """Three days without a network are three days' worth, not one's."""
    agent = rivals[2]
    rep = agent.actor(agent.rep.role, scope=agent.owner.scope)
    made = [NOW + day * DAY for day in (0, 1)]
    for moment in made:
        for _ in range(Terms().per_day_rep):
            await register(rep, made=at(moment), now=NOW + 3 * DAY)

    with pytest.raises(RegistrationQuota):
        await register(rep, made=at(made[0]), now=NOW + 3 * DAY)


async def test_what_was_asked_in_time_counts_when_the_worker_comes_late(
    rivals: list[Tenant],
) -> None:
    """A contest in its last minute, an extension in its last hour."""
    agent, other = rivals[:2]
    phone = new_phone()
    shop = await make_shop(agent.rep, phone)
    mine = await register(agent.rep, customer_id=shop)
    await work(SETTLED)
    refused = await register(other.rep, phone, now=SETTLED)
    await work(SETTLED)
    last = SETTLED + Terms().contest_days * DAY - HOUR / 60
    await decide(other.rep, refused, "contest", now=last)
    await work(last + HOUR)
    assert (await standing(other, refused))[0] == "contested"
    await decide(other.rep, refused, "release", now=last + HOUR)
    await work(last + HOUR)

    until = (await seen(agent.rep, mine, now=SETTLED)).protected_until
    assert until is not None
    shown = await contract_of(agent, shop, now=until - DAY)
    await decide(agent.rep, mine, "extend", evidence=shown, now=until - HOUR)
    await protection.sweep(now=until + HOUR)
    await work(until + HOUR)

    assert (await standing(agent, mine, until + HOUR))[0] == "extended"


async def test_a_customer_that_is_deleted_is_free_again(rivals: list[Tenant]) -> None:
    """Nobody could have given it back any more."""
    agent, other = rivals[:2]
    phone = new_phone()
    shop = await make_shop(agent.rep, phone)
    await register(agent.rep, customer_id=shop)
    await work(SETTLED)

    await customers.delete(agent.owner, shop, base=None, now=SETTLED)
    await work(SETTLED)
    theirs = await register(other.rep, phone, now=SETTLED + HOUR)
    await work(SETTLED + 40 * DAY)

    assert await standing(other, theirs) == ("granted", "")


async def test_the_wall_counts_what_the_list_shows(rivals: list[Tenant]) -> None:
    """Each figure is the number of registrations behind it."""
    agent = await make_tenant()
    for _ in range(3):
        await register(agent.rep)
    await work(SETTLED)
    await register(agent.rep, now=SETTLED)

    wall = await queries.wall(agent.owner, now=SETTLED + 80 * DAY)
    listed = await queries.list_page(agent.owner, queries.Filters(is_live=True), now=SETTLED)

    assert (wall.protected, wall.expiring, wall.checking) == (3, 3, 1)
    assert len(listed.items) == 3
    assert all(each.earliest_at == clock.from_ms(clock.to_ms(NOW)) for each in listed.items)
