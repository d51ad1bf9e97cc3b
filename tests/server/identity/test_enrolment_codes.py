"""Enrolment codes: short, and typing errors are found before anybody is asked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.identity.rules.codes import ALPHABET
from server.identity.rules.enrolment_codes import CODES, EnrolmentCodeMistyped

ANY_CODE = st.integers().map(lambda seed: CODES.new(random.Random(seed).choice))


@given(ANY_CODE)
def test_a_code_is_read_as_people_type_it(code: str) -> None:
    assert CODES.read(code) == code
    assert CODES.read(CODES.shown(code)) == code
    assert CODES.read(f"  {CODES.shown(code).lower().replace('-', ' ')} ") == code


@given(ANY_CODE, st.integers(0, 8), st.sampled_from(ALPHABET))
def test_every_single_wrong_symbol_is_found(code: str, place: int, symbol: str) -> None:
    changed = code[:place] + symbol + code[place + 1 :]
    if changed == code:
        return

    with pytest.raises(EnrolmentCodeMistyped):
        CODES.read(changed)


@given(ANY_CODE, st.integers(0, 7), st.integers(0, 7))
def test_every_swap_of_two_symbols_is_found(code: str, one: int, other: int) -> None:
    symbols = list(code)
    symbols[one], symbols[other] = symbols[other], symbols[one]
    if "".join(symbols) == code:
        return

    with pytest.raises(EnrolmentCodeMistyped):
        CODES.read("".join(symbols))


@given(st.text(max_size=60))
def test_noise_is_mistyped(text: str) -> None:
    try:
        code = CODES.read(text)
    except EnrolmentCodeMistyped:
        return
    assert set(code) <= set(ALPHABET)


def test_the_code_stands_behind_the_hash_of_the_address() -> None:
    address = CODES.uri("ABCDEFGH2", public_url="https://crm.example/")

    assert address == "https://crm.example/enrol#ABCDEFGH2"
