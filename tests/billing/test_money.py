"""Money is split and put together without losing a fen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import CurrencyMismatch
from billing.money import MINOR_MAX, Money

amounts = st.integers(-MINOR_MAX, MINOR_MAX)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amounts, weights)
def test_the_parts_sum_to_the_whole(amount_minor: int, shares: list[int]) -> None:
    parts = Money(amount_minor, "CNY").allocate(shares)

    assert sum(part.amount_minor for part in parts) == amount_minor


@given(amounts, weights)
def test_no_part_is_a_whole_unit_away_from_its_share(amount_minor: int, shares: list[int]) -> None:
    parts = Money(amount_minor, "CNY").allocate(shares)

    total = sum(shares)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part.amount_minor * total - amount_minor * share) < total


@given(amounts, weights)
def test_undoing_a_split_undoes_each_part(amount_minor: int, shares: list[int]) -> None:
    money = Money(amount_minor, "CNY")

    assert (-money).allocate(shares) == [-part for part in money.allocate(shares)]


@given(st.integers(1, MINOR_MAX), weights)
def test_who_has_no_share_gets_nothing(amount_minor: int, shares: list[int]) -> None:
    parts = Money(amount_minor, "CNY").allocate(shares)

    assert all(
        part.amount_minor == 0 for part, share in zip(parts, shares, strict=True) if share == 0
    )


def test_the_units_left_over_go_to_the_largest_remainders() -> None:
    parts = Money(100, "CNY").allocate([1, 1, 1])

    assert [part.amount_minor for part in parts] == [34, 33, 33]
    assert [part.amount_minor for part in Money(10, "CNY").allocate([5, 3, 7])] == [3, 2, 5]


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "CNY") + Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        Money(1, "CNY") - Money(1, "POINTS")


@given(amounts, amounts)
def test_what_is_added_can_be_taken_away(one: int, other: int) -> None:
    assert Money(one, "CNY") + Money(other, "CNY") - Money(other, "CNY") == Money(one, "CNY")
