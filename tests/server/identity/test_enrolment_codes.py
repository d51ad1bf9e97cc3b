"""Enrolment codes: short, and typing errors are found before anybody is asked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.identity.rules import enrolment_codes
from server.identity.rules.enrolment_codes import ALPHABET, EnrolmentCodeMistyped

CODES = st.integers().map(lambda seed: enrolment_codes.new_code(random.Random(seed).choice))


@given(CODES)
def test_a_code_is_read_as_people_type_it(code: str) -> None:
    assert enrolment_codes.read(code) == code
    assert enrolment_codes.read(enrolment_codes.shown(code)) == code
    assert (
        enrolment_codes.read(f"  {enrolment_codes.shown(code).lower().replace('-', ' ')} ") == code
    )


@given(CODES, st.integers(0, 8), st.sampled_from(ALPHABET))
def test_every_single_wrong_symbol_is_found(code: str, place: int, symbol: str) -> None:
    changed = code[:place] + symbol + code[place + 1 :]
    if changed == code:
        return

    with pytest.raises(EnrolmentCodeMistyped):
        enrolment_codes.read(changed)


@given(CODES, st.integers(0, 7), st.integers(0, 7))
def test_every_swap_of_two_symbols_is_found(code: str, one: int, other: int) -> None:
    symbols = list(code)
    symbols[one], symbols[other] = symbols[other], symbols[one]
    if "".join(symbols) == code:
        return

    with pytest.raises(EnrolmentCodeMistyped):
        enrolment_codes.read("".join(symbols))


@given(st.text(max_size=60))
def test_noise_is_mistyped(text: str) -> None:
    try:
        code = enrolment_codes.read(text)
    except EnrolmentCodeMistyped:
        return
    assert set(code) <= set(ALPHABET)


def test_the_code_stands_behind_the_hash_of_the_address() -> None:
    address = enrolment_codes.uri("ABCDEFGH2", public_url="https://crm.example/")

    assert address == "https://crm.example/enrol#ABCDEFGH2"
