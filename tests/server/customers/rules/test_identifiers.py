"""Credit codes, phones and e-mail have one spelling each."""

from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as reference

from server.customers.rules import identifiers
from server.kit.errors import Invalid

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_TO_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def full_width(text: str) -> str:
    return text.translate(_TO_FULL_WIDTH)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    district = draw(st.sampled_from(["110000", "330100", "330602", "500112", "440300"]))
    organisation = draw(st.text(_ALPHABET, min_size=9, max_size=9))
    body = draw(st.sampled_from(["91", "92", "93"])) + district + organisation
    return body + reference.calc_check_digit(body)


@st.composite
def chinese_mobiles(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(["138", "139", "150", "177", "188", "199", "166", "191"]))
    return head + draw(st.text("0123456789", min_size=8, max_size=8))


@given(credit_codes(), st.sampled_from(["", " ", "-", "\u3000"]))
def test_a_credit_code_is_one_text_however_it_is_typed(code: str, separator: str) -> None:
    spelled = separator.join([code[:8], code[8:]])

    assert identifiers.uscc(full_width(spelled.lower())) == code
    assert identifiers.uscc(identifiers.uscc(spelled)) == code


@given(credit_codes(), st.integers(8, 17), st.sampled_from(_ALPHABET))
def test_one_wrong_character_in_a_credit_code_is_refused(code: str, at: int, other: str) -> None:
    wrong = code[:at] + other + code[at + 1 :]

    if wrong == code:
        assert identifiers.uscc(wrong) == code
    else:
        with pytest.raises(identifiers.BadUscc):
            identifiers.uscc(wrong)


@given(chinese_mobiles(), st.sampled_from(["", "+86", "0086", "86", "+86 ", "(+86)"]))
def test_a_mobile_is_one_text_however_it_is_typed(number: str, country: str) -> None:
    spellings = [
        f"{country}{number}",
        f"{country}{number[:3]} {number[3:7]} {number[7:]}",
        f"{country}{number[:3]}-{number[3:7]}－{number[7:]}",
        full_width(f"{country}{number}"),
    ]

    assert {identifiers.phone(spelling) for spelling in spellings} == {f"+86{number}"}


@given(chinese_mobiles())
def test_the_short_way_for_mobiles_agrees_with_phonenumbers(number: str) -> None:
    parsed = phonenumbers.parse(number, "CN")

    assert phonenumbers.is_valid_number(parsed)
    assert identifiers.phone(number) == phonenumbers.format_number(
        parsed, phonenumbers.PhoneNumberFormat.E164
    )
    assert identifiers.dialled(identifiers.phone(number)) == number


@pytest.mark.parametrize(
    ("typed", "kept", "dialled"),
    [
        ("0571-88880000", "+8657188880000", "057188880000"),
        ("(0571)88880000", "+8657188880000", "057188880000"),
        ("０５７１－８８８８００００", "+8657188880000", "057188880000"),
        ("010 62551234", "+861062551234", "01062551234"),
        ("400-800-1234", "+864008001234", "4008001234"),
        ("+1 650 253 0000", "+16502530000", "16502530000"),
    ],
)
def test_landlines_and_foreign_numbers(typed: str, kept: str, dialled: str) -> None:
    assert identifiers.phone(typed) == kept
    assert identifiers.dialled(kept) == dialled


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "88880000",
        "1380571000",
        "138057100011",
        "13805710001/13805710002",
        "0571-88880000转801",
        "无",
        "1e10",
        "9" * 5000,
        "+",
        "+86",
    ],
)
def test_what_cannot_be_dialled_is_refused(typed: str) -> None:
    with pytest.raises(identifiers.BadPhone):
        identifiers.phone(typed)


@given(st.text(max_size=60))
def test_any_text_is_a_phone_in_normal_form_or_refused(text: str) -> None:
    try:
        kept = identifiers.phone(text)
    except identifiers.BadPhone:
        return
    assert kept.startswith("+")
    assert identifiers.phone(kept) == kept


def test_an_email_keeps_its_person_and_lowers_its_domain() -> None:
    assert identifiers.email(" Li.Ming@Example.COM ") == "Li.Ming@example.com"

    for wrong in ("li", "li@", "@example.com", "li@example", "a b@example.com"):
        with pytest.raises(identifiers.BadEmail):
            identifiers.email(wrong)


@pytest.mark.parametrize(
    ("normaliser", "valid"),
    [
        (identifiers.uscc, "91110000600037341L"),
        (identifiers.phone, "13805710001"),
        (identifiers.email, "li@example.com"),
    ],
)
def test_a_text_that_is_far_too_long_is_refused_unread(
    normaliser: Callable[[str], str], valid: str
) -> None:
    assert normaliser(f"  {valid} ")

    with pytest.raises(Invalid) as refused:
        normaliser(valid + " " * 900_000)

    assert refused.value.field
