"""Who may have a benefit: the rules as laws, then their story from proposal to explanation."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Role
from server.benefits import queries as benefit_queries
from server.benefits import service as benefits
from server.benefits.eligibility import queries, rules, service, simulation, words
from server.benefits.eligibility.rules import (
    Among,
    AtLeast,
    AtMost,
    Condition,
    Facts,
    IsSo,
    NotAmong,
    NumberFact,
    Requirement,
    RequirementNeverMet,
    Rules,
    RulesPublished,
    SimulationUnseen,
    TextFact,
    YesNoFact,
)
from server.benefits.eligibility.schemas import NewRules, Publish, RulesView
from server.benefits.eligibility.simulation import K, Sample
from server.benefits.rules import NotEligible
from server.benefits.schemas import RequestBenefit
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit.errors import Forbidden, IdReused, NotFound
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
CITIES = ("杭州市", "绍兴市", "台州市")

numbers = st.integers(0, 5)
some_text = st.sampled_from(CITIES)
conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Among, st.sampled_from(TextFact), st.lists(some_text, min_size=1).map(tuple)),
    st.builds(NotAmong, st.sampled_from(TextFact), st.lists(some_text, min_size=1).map(tuple)),
    st.builds(AtLeast, st.sampled_from(NumberFact), numbers),
    st.builds(AtMost, st.sampled_from(NumberFact), numbers),
    st.builds(IsSo, st.sampled_from(YesNoFact), st.booleans()),
)
requirements = st.builds(Requirement, st.lists(conditions, min_size=1, max_size=3).map(tuple))
some_rules = st.builds(Rules, requirements=st.lists(requirements, max_size=3).map(tuple))
some_facts = st.builds(
    Facts,
    **{fact.value: st.none() | some_text for fact in TextFact},
    **{fact.value: st.none() | numbers for fact in NumberFact},
    is_registered=st.none() | st.booleans(),
)


def _plainly(asked: Rules, facts: Facts) -> bool:
    """Judge as one would by hand, from the JSON of the rules."""
    known = msgspec.to_builtins(facts)

    def is_met(condition: dict[str, object]) -> bool:
        saw = known[str(condition["fact"])]
        if saw is None:
            return False
        match condition["kind"]:
            case "among":
                return saw in list(condition["values"])  # type: ignore[call-overload]  # JSON
            case "not_among":
                return saw not in list(condition["values"])  # type: ignore[call-overload]  # JSON
            case "at_least":
                return bool(saw >= condition["number"])
            case "at_most":
                return bool(saw <= condition["number"])
            case _:
                return bool(saw == condition["value"])

    plain = msgspec.to_builtins(asked)
    return all(any(map(is_met, each["any_of"])) for each in plain["requirements"])


@given(some_rules, some_facts)
def test_the_reasons_are_the_answer(asked: Rules, facts: Facts) -> None:
    verdict = rules.judge(asked, facts)
    sentences = words.told(verdict)

    assert verdict.is_eligible == _plainly(asked, facts)
    assert verdict.is_eligible == all(any(s.is_met for s in line) for line in sentences)
    assert [len(line) for line in sentences] == [len(r.any_of) for r in asked.requirements]


@given(some_rules, some_facts, st.sampled_from([*TextFact, *NumberFact, *YesNoFact]))
def test_leaving_a_field_empty_never_earns_a_benefit(asked: Rules, facts: Facts, fact: str) -> None:
    emptied = msgspec.structs.replace(facts, **{str(fact): None})

    assert rules.judge(asked, facts).is_eligible or not rules.judge(asked, emptied).is_eligible


@given(some_rules)
def test_rules_are_data_that_survive_the_wire(asked: Rules) -> None:
    again = msgspec.json.decode(msgspec.json.encode(asked), type=Rules)

    assert (again, again.hash) == (asked, asked.hash)


samples = st.lists(
    st.builds(
        Sample,
        some_facts,
        st.sampled_from([None, "not_eligible", "budget_exhausted"]),
        st.integers(1, 2 * K),
    ),
    max_size=6,
)


@given(samples, some_rules, some_rules)
def test_no_count_tells_of_fewer_than_ten(made: list[Sample], tried: Rules, held: Rules) -> None:
    tally = simulation.simulate(made, tried, held, amount_minor=100)
    mirrored = simulation.simulate(made, held, tried, amount_minor=100)
    whole = sum(sample.count for sample in made)
    told = [tally.would_get, tally.get_now, tally.gain, tally.lose]

    assert all(count is None or count == 0 or count >= K for count in [*told, tally.requests])
    assert all(count is None or whole - count == 0 or whole - count >= K for count in told)
    assert (mirrored.would_get, mirrored.gain) == (tally.get_now, tally.lose)
    if tally.would_get is not None:
        assert tally.cost_minor == 100 * tally.would_get
        if None not in told:
            assert tally.would_get == (tally.get_now or 0) + (tally.gain or 0) - (tally.lose or 0)
    assert simulation.simulate(made, tried, tried, amount_minor=1).gain in {0, None}


def test_numbers_that_nobody_can_have_both_are_refused() -> None:
    low = Requirement((AtLeast(NumberFact.VISITS, 3),))
    high = Requirement((AtMost(NumberFact.VISITS, 2),))
    other_way = Requirement((AtMost(NumberFact.VISITS, 2), IsSo(YesNoFact.IS_REGISTERED)))

    rules.ensure_sensible(Rules(requirements=(low, other_way)))
    with pytest.raises(RequirementNeverMet) as refused:
        rules.ensure_sensible(Rules(requirements=(low, high)))
    assert refused.value.field == "rules.requirements.1"


# ----------------------------------------------------------------------------------- the story

IN_HANGZHOU = Rules(requirements=(Requirement((Among(TextFact.CITY, ("杭州",)),)),), valid_days=30)


async def _publish(program_id: UUID, asked: Rules) -> RulesView:
    """Propose rules, look at what they would have done, publish them."""
    new = NewRules(id=new_id(), rules=asked)
    proposed = await service.propose(stories.OPERATOR, program_id, new, now=NOW)
    shown = await queries.tried(stories.OPERATOR, program_id, proposed.version, until=NOW)
    seen = Publish(
        version=proposed.version,
        simulated_until=NOW,
        simulation_hash=shown.simulation.hash,
    )
    return (await service.publish(stories.OPERATOR, program_id, seen, now=NOW)).version


async def _customer(tenant: Tenant, city: str | None) -> UUID:
    """Let the rep add a customer in a city."""
    return (await customers.create(tenant.rep, NewCustomer(name="老街面馆", city=city), now=NOW)).id


async def test_s05_rules_decide_and_say_why(tenant: Tenant) -> None:
    program = await stories.make_program()
    here, there = await _customer(tenant, "杭州"), await _customer(tenant, "绍兴")
    assert (await stories.request(tenant.rep, there, program.id)).expires_at is None
    published = await _publish(program.id, IN_HANGZHOU)

    issued = await stories.request(tenant.rep, here, program.id)
    asked = RequestBenefit(id=new_id(), customer_id=there, program_id=program.id)
    with pytest.raises(NotEligible):
        await benefits.request(tenant.rep, asked, now=NOW)
    why = await queries.explanation(tenant.rep, asked.id)
    before = await queries.eligibility(tenant.rep, program.id, here, now=NOW)

    assert published.in_force
    assert issued.expires_at == NOW + timedelta(days=30)
    assert (await benefit_queries.benefit(tenant.rep, asked.id)).refusal_code == "not_eligible"
    assert (why.is_eligible, why.rules_version) == (False, published.version)
    assert "绍兴市" in why.reasons[0][0].zh
    assert before.is_eligible
    assert "杭州市" in before.reasons[0][0].en


async def test_s05_a_version_is_published_on_what_was_shown(tenant: Tenant) -> None:
    program = await stories.make_program(2 * K + 1, limit_per_customer=100)
    here = await _customer(tenant, "杭州")
    for _ in range(K):
        await stories.request(tenant.rep, here, program.id)
    there = await _customer(tenant, "绍兴")
    for _ in range(K):
        await stories.request(tenant.rep, there, program.id)
    new = NewRules(id=new_id(), rules=IN_HANGZHOU)
    proposed = await service.propose(stories.OPERATOR, program.id, new, now=NOW)
    assert await service.propose(stories.OPERATOR, program.id, new, now=NOW) == proposed

    shown = (await queries.tried(FINANCE, program.id, 1, until=NOW)).simulation
    tally = shown.tally
    blind = Publish(version=1, simulated_until=NOW, simulation_hash="0" * 64)
    stale = Publish(version=1, simulated_until=NOW - timedelta(days=2), simulation_hash=shown.hash)
    seen = Publish(version=1, simulated_until=NOW, simulation_hash=shown.hash)

    assert (tally.requests, tally.get_now, tally.would_get, tally.lose) == (2 * K, 2 * K, K, K)
    assert tally.cost_minor == K * stories.AMOUNT
    for unseen in (blind, stale):
        with pytest.raises(SimulationUnseen):
            await service.publish(stories.OPERATOR, program.id, unseen, now=NOW)
    later = NOW + timedelta(minutes=1)
    await stories.request(tenant.rep, await _customer(tenant, "杭州"), program.id, now=later)
    published = await service.publish(stories.OPERATOR, program.id, seen, now=later)
    assert published.version.in_force
    with pytest.raises(RulesPublished):
        await service.publish(stories.OPERATOR, program.id, seen, now=later)
    other = msgspec.structs.replace(new, rules=rules.OPEN)
    with pytest.raises(IdReused):
        await service.propose(stories.OPERATOR, program.id, other, now=NOW)


async def test_rules_are_the_platforms_and_a_customer_its_agents(tenant: Tenant) -> None:
    program = await stories.make_program()
    new = NewRules(id=new_id(), rules=IN_HANGZHOU)

    for actor in (FINANCE, tenant.owner):
        with pytest.raises(Forbidden):
            await service.propose(actor, program.id, new, now=NOW)
    with pytest.raises(Forbidden):
        await queries.versions(tenant.owner, program.id)
    for call in (
        queries.eligibility(tenant.rep, program.id, new_id(), now=NOW),
        queries.explanation(tenant.rep, new_id()),
        queries.tried(FINANCE, program.id, 1, until=NOW),
        service.propose(stories.OPERATOR, new_id(), new, now=NOW),
    ):
        with pytest.raises(NotFound):
            await call
