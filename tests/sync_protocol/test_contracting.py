"""A payment plan comes to the contract's amount; a contract stands where its days say."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.contracting import plan as planning
from sync_protocol.contracting.plan import Instalment, PlanInvalid
from sync_protocol.contracting.states import LEADS, OPEN, State, Verb, by_days, is_possible


def instalment(number: int, amount_minor: int, due_on: str = "2026-06-30") -> Instalment:
    id_ = f"0193d0c0-0000-7000-8000-{number:012x}"
    return Instalment(id=id_, name="分期款", due_on=due_on, amount_minor=amount_minor)


DAYS = st.dates().map(str)
PLANS = st.lists(st.tuples(st.integers(1, 10**9), DAYS), min_size=1, max_size=12).map(
    lambda given: [instalment(number, *each) for number, each in enumerate(given)]
)


@given(PLANS, st.integers(-(10**9), 10**9))
def test_s106_a_plan_comes_to_the_amount_or_is_none(plan: list[Instalment], off: int) -> None:
    amount = sum(each.amount_minor for each in plan)

    planning.ensure_balanced(plan, amount)
    if off:
        with pytest.raises(PlanInvalid):
            planning.ensure_balanced(plan, amount + off)


def test_a_contract_without_a_plan_may_come_to_anything() -> None:
    assert planning.write([]) is None
    assert planning.read(None) == ()
    planning.ensure_balanced((), 500_00)


@given(PLANS, st.randoms(use_true_random=False))
def test_one_plan_has_one_form(plan: list[Instalment], chance: object) -> None:
    shuffled = list(plan)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a Random

    text = planning.write(shuffled)

    assert text == planning.write(plan)
    held = planning.read(text)
    assert set(held) == set(plan)
    assert [each.due_on for each in held] == sorted(each.due_on for each in plan)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nonsense", "plan"),
        ("{}", "plan"),
        ('[{"id": "x"}]', "plan[0].id"),
        (
            '[{"id": "0193d0c0-0000-7000-8000-000000000001", "name": "首付", "amount_minor": 1}]',
            "plan[0]",
        ),
        (planning.write([instalment(1, 1, "2026-02-30")]), "plan[0].due_on"),
        (planning.write([instalment(1, 1), instalment(1, 2)]), "plan"),
        (planning.write([instalment(n, 1) for n in range(planning.MAX_INSTALMENTS + 1)]), "plan"),
    ],
)
def test_what_is_no_plan_is_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(PlanInvalid) as refused:
        planning.read(text)

    assert refused.value.field == field


@given(st.none() | DAYS, st.none() | DAYS, st.lists(DAYS, min_size=2, max_size=8))
def test_days_only_lead_onwards(effective: str | None, ends: str | None, days: list[str]) -> None:
    order: Sequence[State] = (State.SIGNED, State.IN_FORCE, State.ENDED)

    stood = [order.index(by_days(effective, ends, day)) for day in sorted(days)]

    assert stood == sorted(stood)


def test_the_last_day_is_a_day_in_force() -> None:
    days = ("2026-03-01", "2026-03-31")

    assert by_days(*days, "2026-02-28") is State.SIGNED
    assert by_days(*days, "2026-03-01") is State.IN_FORCE
    assert by_days(*days, "2026-03-31") is State.IN_FORCE
    assert by_days(*days, "2026-04-01") is State.ENDED
    assert by_days(None, None, "2026-04-01") is State.IN_FORCE


def test_what_was_signed_is_never_open_again() -> None:
    reached, new = {State.SIGNED}, {State.SIGNED}
    while new:
        new = {LEADS[verb][1] for verb in Verb for at in new if is_possible(verb, at)} - reached
        reached |= new

    assert not reached & OPEN
    assert State.VOID not in reached


FIELDS = {
    "title": "年度框架",
    "party_a": "甲",
    "party_b": "乙",
    "currency": "CNY",
    "amount_minor": 100,
    "plan": None,
    "effective_on": "2026-03-01",
    "ends_on": "2027-02-28",
    "remark": "随便写",
    "number": "HT-1",
}


@pytest.mark.parametrize("name", planning.CONTENT)
def test_an_approval_is_about_each_part_of_the_content(name: str) -> None:
    other = {**FIELDS, name: "x"}

    assert planning.content_hash(other, None) != planning.content_hash(FIELDS, None)
    assert planning.content_hash(FIELDS, "[]") != planning.content_hash(FIELDS, None)
    noted = {**FIELDS, "remark": "别的", "number": "HT-2"}
    assert planning.content_hash(noted, None) == planning.content_hash(FIELDS, None)
