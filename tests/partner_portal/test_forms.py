"""What people type is read as what they mean, and what cannot be kept is refused."""

from typing import Any

import pytest

from partner_portal import forms
from partner_portal.customers.fields import BY_NAME, NotANumber, read
from partner_portal.plays import clock, form
from partner_portal.words import Language, catalogue
from server.automation.plays import rules
from server.automation.plays.rules import PlayAgainTooSoon, PlayTerms
from server.automation.schemas import Terms
from server.customers.custom.texts import BadCustomValue
from server.customers.custom.texts import read as read_custom
from server.kit.errors import Invalid
from sync_protocol.custom_fields import Definition
from sync_protocol.schema import CustomType
from tests.factories import new_id

NO_NUMBERS = ("²", "９x", "9" * 5000, "1e99999999", "1e900000", "NaN", "-", "1 000")


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_refused_and_no_fault(text: str) -> None:
    assert forms.whole(text) is None
    with pytest.raises(Invalid):
        forms.number(text, "days")


@pytest.mark.parametrize("text", ["1e99999999", "1e900000", "9" * 5000, "NaN", "Infinity"])
def test_a_giant_is_no_amount(text: str) -> None:
    definition = Definition(
        id=str(new_id()), subject="customer", type=CustomType.INTEGER, label_zh="数"
    )

    with pytest.raises(NotANumber):
        read(BY_NAME["expected_revenue_minor"], text)
    with pytest.raises(BadCustomValue):
        read_custom(definition, text)


def test_a_number_is_read() -> None:
    assert [forms.whole(text) for text in ("", "0", "007", "999999999999999")] == [
        None,
        0,
        7,
        10**15 - 1,
    ]
    assert forms.number("", "days") is None
    assert read(BY_NAME["expected_revenue_minor"], "¥12,800.50") == 12_800_50


@pytest.mark.parametrize(
    ("text", "minor"), [("12800", 12_800_00), ("1.28万", 12_800_00), ("￥１２,800.5元", 12_800_50)]
)
def test_an_amount_is_typed_as_a_sheet_writes_it(text: str, minor: int) -> None:
    assert forms.fen(text) == minor
    assert read(BY_NAME["expected_revenue_minor"], text) == minor


@pytest.mark.parametrize(
    "text",
    ["-5", "1.234", "12,8a", "1.2亿万", "9" * 5000, "0." + "9" * 5000, "1200①", "100²", "12⑩"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        forms.fen(text)
    with pytest.raises(NotANumber):
        read(BY_NAME["expected_revenue_minor"], text)


@pytest.mark.parametrize("trigger", ["event", "silence", "date", "stage"])
def test_s56_a_rule_can_be_tried_as_its_form_begins(trigger: str) -> None:
    said = {"trigger": trigger, "name": "唤醒", "title": "联系客户", "detail": ""}
    given: dict[str, Any] = form.FIRST | said | {"statuses": []}

    rules.ensure_sound(forms.taken(form.terms_of(given), PlayTerms))


@pytest.mark.parametrize("language", Language)
def test_s56_a_rule_that_comes_again_too_soon_says_when_it_may(language: Language) -> None:
    refusal = PlayAgainTooSoon("", field="again_days", at_least=365)
    wrong = forms.problem(refusal, catalogue(language))

    assert "365" in wrong.errors["again_days"]


def test_the_clock_of_must_do_tasks_is_read_back_as_it_is_shown() -> None:
    for terms in (
        Terms(),
        Terms(warn_minutes=90, opens_minute=0, closes_minute=1440, weekdays=(5, 6)),
        Terms(owner_minutes=43_200, keeps_holidays=False, weekdays=(0, 2)),
    ):
        assert clock.terms_of(clock.shown(terms)) == terms


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("opens", "9h", "opens_minute"),
        ("opens", "09:75", "opens_minute"),
        ("closes", "25:00", "closes_minute"),
        ("warn", "0.001", "warn_minutes"),
        ("owner", "999999", "owner_minutes"),
    ],
)
def test_a_clock_that_cannot_be_is_refused_beside_its_field(
    name: str, text: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        clock.terms_of({**clock.shown(Terms()), name: text})

    assert refusal.value.field == field
