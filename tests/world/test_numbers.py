"""Phones and credit codes of a world are valid, never repeat, and are what their standards say."""

import random

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from world import numbers

seeds = st.integers(min_value=0, max_value=2**64)
_GOVERNMENT_EXAMPLE = "91110000600037341L"


@given(seeds)
def test_every_phone_is_a_valid_mobile_and_is_given_once(seed: int) -> None:
    series = numbers.start(random.Random(seed))

    phones = [series.phone() for _ in range(50)]

    assert len(set(phones)) == len(phones)
    for phone in phones:
        parsed = phonenumbers.parse(phone)
        assert phonenumbers.is_valid_number(parsed)
        assert phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
        assert phone == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@given(seeds)
def test_every_credit_code_is_valid_and_is_given_once(seed: int) -> None:
    series = numbers.start(random.Random(seed))

    codes = [series.uscc("330700") for _ in range(50)]

    assert len(set(codes)) == len(codes)
    for code in codes:
        assert uscc.validate(code) == code
        assert code[8:16].startswith("MAX")
        assert code[16] == numbers.organisation_symbol(code[8:16])


@given(seeds)
def test_a_spoilt_credit_code_is_never_valid(seed: int) -> None:
    rng = random.Random(seed)
    code = numbers.start(rng).uscc("330700")

    assert not uscc.is_valid(numbers.broken_uscc(rng, code))


def test_check_symbols_agree_with_a_code_that_is_in_the_register() -> None:
    assert numbers.uscc_symbol(_GOVERNMENT_EXAMPLE[:17]) == _GOVERNMENT_EXAMPLE[17]
    assert numbers.organisation_symbol(_GOVERNMENT_EXAMPLE[8:16]) == _GOVERNMENT_EXAMPLE[16]


def test_a_walk_meets_every_number_once() -> None:
    steps = numbers.walk(random.Random(5), 31**2, 3)

    met = [next(steps) for _ in range(31**2)]

    assert sorted(met) == list(range(31**2))
