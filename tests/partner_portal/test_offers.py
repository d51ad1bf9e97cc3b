"""The form of a counter-offer says what the books believe, in words that people write."""

import pytest

from billing.commissions.rules.counter_offer import Assumptions
from billing.commissions.schemas import OfferQuestion, RivalTimes
from partner_portal import forms
from partner_portal.console import offers
from server.commissions.schemas import NewCounterOffer
from server.kit.errors import Invalid
from tests.factories import new_id

USUAL = {"id": str(new_id()), **{each.name: each.usual for each in offers.NUMBERS}}


def _asked(**other: str) -> NewCounterOffer:
    return forms.taken(offers._question({**USUAL, **other}, []), NewCounterOffer)


def test_what_is_usual_in_the_form_is_what_the_api_believes_unless_told() -> None:
    asked = _asked()

    # Where the API has a logarithm, 1.5, people write a number of times, 4.5.
    assert asked.question.believed.elasticity == pytest.approx(1.5, abs=0.01)
    believed = Assumptions(elasticity=asked.question.believed.elasticity)
    assert asked.question == OfferQuestion(rival=RivalTimes(times=2), believed=believed)


def test_a_question_is_written_into_the_form_again_as_it_was() -> None:
    other = {"times": "2.75", "base_hazard": "0.125", "margin_ppm": "33.333", "seed": "4294967295"}
    asked = _asked(**other)

    written = {each.name: offers._written(each, asked) for each in offers.NUMBERS}

    assert {"id": USUAL["id"], **written} == {**USUAL, **other}


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("times", "twice", "question.rival.times"),
        ("times", "0.5", "question.rival.times"),
        ("times", "11", "question.rival.times"),
        ("months", "", "question.believed.months"),
        ("months", "0", "question.believed.months"),
        ("elasticity", "0", "question.believed.elasticity"),
        ("elasticity", "0.99", "question.believed.elasticity"),
        ("margin_ppm", "100.5", "question.margin_ppm"),
        ("seed", "4294967296", "question.seed"),
    ],
)
def test_a_number_that_is_none_is_refused_beside_its_field(
    name: str, text: str, place: str
) -> None:
    with pytest.raises(Invalid) as refused:
        _asked(**{name: text})

    assert refused.value.field == place
