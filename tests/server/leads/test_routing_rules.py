"""Laws of routing: never to who is away, even loads, the same answer for the same facts."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.leads.rules.routing import Decision, Person, Question, Territory, Why, decide

START = datetime(2026, 3, 2, tzinfo=UTC)
IDS = [UUID(int=n) for n in range(1, 9)]
TEAMS = [UUID(int=n) for n in range(101, 104)]
CITIES = ["杭州市", "宁波市", None]
DISTRICTS = ["西湖区", "滨江区", None]


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    chosen = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=8))
    return [
        Person(
            one,
            draw(st.sampled_from([*TEAMS, None])),
            draw(st.integers(0, 3)),
            draw(st.none() | st.integers(0, 5).map(lambda n: START + timedelta(hours=n))),
            draw(st.booleans()),
        )
        for one in chosen
    ]


territories = st.lists(
    st.builds(
        Territory,
        st.sampled_from([*IDS, *TEAMS]),
        st.sampled_from(["杭州市", "宁波市"]),
        st.sampled_from(DISTRICTS),
    ),
    max_size=6,
)
questions = st.builds(
    Question,
    st.sampled_from(CITIES),
    st.sampled_from(DISTRICTS),
    st.none() | st.sampled_from(IDS),
    st.frozensets(st.sampled_from(IDS), max_size=3),
)


@given(questions, people(), territories, st.randoms(use_true_random=False))
def test_s100_nobody_absent_is_chosen_and_the_answer_is_always_the_same(
    question: Question, held: list[Person], places: list[Territory], chance: Random
) -> None:
    decision = decide(question, held, places)

    shuffled = sorted(held, key=lambda _: chance.random())
    again = decide(question, shuffled, list(reversed(places)))
    assert again == decision
    chosen = next((one for one in held if one.id == decision.person_id), None)
    if decision.person_id is None:
        assert decision.reasons[-1].code in {Why.NOBODY, Why.OWNER_ABSENT}
        return
    assert chosen is not None
    assert not chosen.is_absent
    if decision.reasons[0].code is not Why.CUSTOMER_KNOWN:
        assert chosen.id not in question.returned_by
        covering = [one for one in places if one.covers(question.city, question.district)]
        holders = {one.holder_id for one in covering}
        assert not covering or holders & {chosen.id, chosen.team_id}


@pytest.mark.parametrize(
    ("held", "asked", "covers", "meets"),
    [
        (("杭州市", None), ("杭州", "西湖区"), True, True),
        (("杭州", "西湖区"), ("浙江省杭州市", "西湖"), True, True),
        (("杭州市", "西湖区"), ("杭州", None), False, True),
        (("杭州市", "西湖区"), ("杭州", "滨江区"), False, False),
        (("杭州市", "西湖区"), ("南昌市", "西湖区"), False, False),
        (("宁波市", None), ("杭州市", None), False, False),
        # A place that nobody knows is still the one that is written so.
        (("蓬莱仙境", None), ("蓬莱仙境", "瀛洲"), True, True),
        (("蓬莱仙境", None), ("方丈仙境", None), False, False),
        # Of a place that is held only half is known: it is not taken for all of the city.
        (("杭州市", "瀛洲岛"), ("杭州", "西湖区"), False, False),
    ],
)
def test_s02_a_place_is_the_same_however_it_is_written(
    held: tuple[str, str | None], asked: tuple[str, str | None], *, covers: bool, meets: bool
) -> None:
    place = Territory(IDS[0], *held)

    assert (place.covers(*asked), place.meets(*asked)) == (covers, meets)


@given(st.integers(1, 6), st.integers(0, 40))
def test_load_differs_by_one_at_most_where_all_else_is_equal(count: int, leads: int) -> None:
    held = {one: Person(one) for one in IDS[:count]}

    for n in range(leads):
        decision: Decision = decide(Question("杭州市"), list(held.values()), [])
        assert decision.person_id is not None
        person = held[decision.person_id]
        held[person.id] = msgspec.structs.replace(
            person, open_leads=person.open_leads + 1, last_routed_at=START + timedelta(hours=n)
        )

    loads = [person.open_leads for person in held.values()]
    assert max(loads) - min(loads) <= 1
    assert sum(loads) == leads
