"""A counter-offer is asked of the books, and the same question has the same answer, to the byte."""

import hashlib
import random
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from billing.commissions import offers
from billing.commissions.rules.counter_offer import Assumptions, Policy
from billing.commissions.rules.plans import PlanUnsound, Tier, TierMode
from billing.commissions.schemas import (
    Business,
    CommissionKeyReused,
    OfferNotFound,
    OfferQuestion,
    OfferTooLarge,
    OfferView,
    Refund,
    RivalTiers,
    RivalTimes,
)
from billing.commissions.service import refund
from tests.billing.commissions.test_service import MAKER, a_plan, a_sale, accrue, do
from tests.factories import NOW, new_id

pytestmark = pytest.mark.usefixtures("database")
UNTIL = date(2031, 7, 1)


async def agents_that_sell(*each: tuple[int, int]) -> list[UUID]:
    """Let agents sell so much in May and so much in June of 2031, by a plan of 10 %."""
    plan = await a_plan(begins_on=date(2031, 1, 1))
    sellers = [new_id() for _ in each]
    for agent, (may, june) in zip(sellers, each, strict=True):
        for month, sold in ((5, may), (6, june)):
            sale = msgspec.structs.replace(a_sale(plan, agent, sold), on=date(2031, month, 30))
            await accrue(sale)
    return sellers


def a_question(agent_ids: list[UUID], **about: Any) -> OfferQuestion:
    """Ask about a rival who offers some agents twice their commission."""
    asked: dict[str, Any] = {"rival": RivalTimes(times=2.0), "months_back": 2, "scenarios": 20}
    return OfferQuestion(agent_ids=agent_ids, **asked | about)


async def answered(question: OfferQuestion) -> OfferView:
    """Ask, let it be answered, and look."""
    offer_id = new_id()
    assert await do(offers.ask, offer_id, question, UNTIL, MAKER)
    asked = await do(offers.waiting, offer_id)
    await do(offers.keep, asked, offers.made(asked, random.Random), now=NOW)
    found = await do(offers.one, offer_id)
    assert isinstance(found, OfferView)
    return found


async def test_m8_the_same_question_has_the_same_answer_and_hash_and_another_seed_another() -> None:
    sellers = await agents_that_sell((3_000_00, 1_000_00), (500_00, 700_00))
    question = a_question(sellers)

    first, again = await answered(question), await answered(question)
    other = await answered(msgspec.structs.replace(question, seed=2))

    assert (first.answer, first.hash) == (again.answer, again.hash)
    assert (other.answer, other.hash) != (first.answer, first.hash)
    assert first.answer is not None
    assert [result.policy for result in first.answer.results] == list(Policy)
    assert (first.agents, first.revenue_minor, first.commission_minor) == (2, 2_600_00, 260_00)


async def test_the_hash_is_of_all_that_is_kept() -> None:
    question = a_question(await agents_that_sell((1_000_00, 1_000_00)))
    offer_id = new_id()
    await do(offers.ask, offer_id, question, UNTIL, MAKER)
    asked = await do(offers.waiting, offer_id)
    content = offers.made(asked, random.Random)
    await do(offers.keep, asked, content, now=NOW)
    await do(offers.keep, asked, b"{}", now=NOW)

    kept = await do(offers.one, offer_id)

    whole = b"\n".join((msgspec.json.encode(question), asked.inputs, content))
    assert kept.hash == hashlib.sha256(whole).hexdigest()
    assert msgspec.json.encode(kept.answer) == content
    assert await do(offers.waiting, offer_id) is None


async def test_a_rivals_tiers_are_held_against_what_each_agent_earns() -> None:
    """20 % from 1,000 yuan on is four times the commission of who sells 5,000, and none of 500."""
    small, large = await agents_that_sell((500_00, 500_00), (5_000_00, 5_000_00))
    rival = RivalTiers(
        tiers=[Tier(at_least=0, rate=0), Tier(at_least=1_000_00, rate=200_000)], mode=TierMode.WHOLE
    )
    question = a_question([small, large], rival=rival)
    found = [
        Business(agent_id=small, revenue_minor=500_00, commission_minor=50_00),
        Business(agent_id=large, revenue_minor=5_000_00, commission_minor=250_00),
    ]

    asked = offers.agents_of(question, found)

    assert [each.multiplier for each in asked] == [0.0, 4.0]


async def test_what_was_refunded_and_what_lies_outside_the_months_does_not_count() -> None:
    plan, agent = await a_plan(begins_on=date(2031, 1, 1)), new_id()
    sales = [
        msgspec.structs.replace(a_sale(plan, agent, 1_000_00), on=on)
        for on in (date(2031, 4, 30), date(2031, 5, 1), date(2031, 6, 30), date(2031, 7, 1))
    ]
    for sale in sales:
        await accrue(sale)
    back = Refund(id=new_id(), sale_id=sales[1].id, refunded=400_00)
    await do(refund, back, MAKER)

    found = await answered(a_question([agent]))

    assert (found.revenue_minor, found.commission_minor) == (800_00, 80_00)


async def test_who_earned_nothing_is_left_out_and_counted() -> None:
    plan, agent = await a_plan(begins_on=date(2031, 1, 1)), new_id()
    free = msgspec.structs.replace(a_sale(plan, agent, 1), on=date(2031, 6, 1))
    await accrue(free)

    found = await answered(a_question([agent]))

    assert (found.agents, found.left_out) == (0, 1)


_WRONG: list[tuple[Callable[[OfferQuestion], OfferQuestion], type[Exception]]] = [
    (
        lambda asked: msgspec.structs.replace(
            asked, rival=RivalTiers(tiers=[Tier(at_least=5, rate=1)])
        ),
        PlanUnsound,
    ),
    (lambda asked: msgspec.structs.replace(asked, scenarios=2_000_001), OfferTooLarge),
]


@pytest.mark.parametrize(("wrong", "refusal"), _WRONG)
async def test_what_cannot_be_simulated_is_refused_when_it_is_asked(
    wrong: Callable[[OfferQuestion], OfferQuestion], refusal: type[Exception]
) -> None:
    question = a_question(await agents_that_sell((1_000_00, 1_000_00)))

    with pytest.raises(refusal):
        await do(offers.ask, new_id(), wrong(question), UNTIL, MAKER)


async def test_an_id_is_of_one_question() -> None:
    offer_id, question = new_id(), a_question([new_id()])

    assert await do(offers.ask, offer_id, question, UNTIL, MAKER)
    assert not await do(offers.ask, offer_id, question, UNTIL, MAKER)
    doubted = msgspec.structs.replace(question, believed=Assumptions(months=12))
    with pytest.raises(CommissionKeyReused):
        await do(offers.ask, offer_id, doubted, UNTIL, MAKER)
    with pytest.raises(OfferNotFound):
        await do(offers.one, new_id())
