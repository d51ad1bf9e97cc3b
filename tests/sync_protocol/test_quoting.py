"""What a quote comes to is exactly the sum of its lines, in whole minor units."""

from collections.abc import Sequence
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.quoting import lines as quoting
from sync_protocol.quoting.lines import Line, LinesInvalid
from sync_protocol.quoting.states import LEADS, OPEN, State, Verb, is_possible

PRODUCT = "0193d0c0-0000-7000-8000-00000000000a"


def line(number: int = 1, quantity_milli: int = 1_000, price: int = 100, tax: int = 0) -> Line:
    return Line(
        id=f"0193d0c0-0000-7000-8000-{number:012x}",
        product_id=PRODUCT,
        name="收银机",
        unit="台",
        quantity_milli=quantity_milli,
        list_minor=price,
        price_minor=price,
        tax_bp=tax,
    )


QUOTES = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(0, 10**7), st.sampled_from((0, 100, 600, 1_300))),
    max_size=12,
).map(lambda given: [line(number, *each) for number, each in enumerate(given)])
DISCOUNTS = st.fractions(0, 1)


def discount_of(lines: Sequence[Line], share: Fraction) -> int:
    return int(quoting.totals(lines).amount_minor * share)


@given(QUOTES, DISCOUNTS)
def test_the_sum_of_the_lines_is_the_total(lines: list[Line], share: Fraction) -> None:
    discount = discount_of(lines, share)

    whole = quoting.totals(lines, discount)

    each = whole.lines.values()
    assert sum(line.amount_minor for line in each) == whole.amount_minor
    assert sum(line.discount_minor for line in each) == whole.discount_minor == discount
    assert sum(line.net_minor for line in each) == whole.net_minor
    assert sum(line.tax_minor for line in each) == whole.tax_minor
    assert whole.amount_minor - whole.discount_minor == whole.net_minor
    for counted in each:
        assert counted.amount_minor - counted.discount_minor == counted.net_minor >= 0
        assert counted.discount_minor >= 0


@given(QUOTES, DISCOUNTS, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(
    lines: list[Line], share: Fraction, chance: object
) -> None:
    discount, shuffled = discount_of(lines, share), list(lines)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random

    assert quoting.totals(shuffled, discount) == quoting.totals(lines, discount)
    hashes = {
        quoting.content_hash(PRODUCT, quoting.write(each), discount, None)
        for each in (lines, shuffled)
    }
    assert len(hashes) == 1


@given(QUOTES, DISCOUNTS)
def test_nothing_is_further_from_the_exact_than_a_minor_unit(
    lines: list[Line], share: Fraction
) -> None:
    discount = discount_of(lines, share)

    whole = quoting.totals(lines, discount)

    for each in lines:
        counted = whole.lines[each.id]
        exact = Fraction(each.quantity_milli * each.price_minor, 1_000)
        assert abs(counted.amount_minor - exact) <= Fraction(1, 2)
        if whole.amount_minor:
            fair = Fraction(discount * counted.amount_minor, whole.amount_minor)
            assert abs(counted.discount_minor - fair) < 1
        tax = Fraction(counted.net_minor * each.tax_bp, 10_000 + each.tax_bp)
        assert abs(counted.tax_minor - tax) <= Fraction(1, 2)


def test_half_a_fen_is_rounded_up() -> None:
    assert quoting.amount(500, 1) == 1
    assert quoting.amount(499, 1) == 0
    assert quoting.amount(1_500, 333) == 500


@pytest.mark.parametrize("changed", ["quantity_milli", "price_minor", "list_minor", "tax_bp"])
def test_another_number_is_another_content(changed: str) -> None:
    before = line()
    after = msgspec.structs.replace(before, **{changed: getattr(before, changed) + 1})

    said = {
        quoting.content_hash(PRODUCT, quoting.write([each]), 0, None) for each in (before, after)
    }

    assert len(said) == 2


def test_another_discount_day_or_book_is_another_content() -> None:
    text = quoting.write([line()])
    said = {
        quoting.content_hash(*each)
        for each in (
            (PRODUCT, text, 0, None),
            (PRODUCT, text, 1, None),
            (PRODUCT, text, 0, "2026-04-01"),
            (line().id, text, 0, None),
        )
    }
    assert len(said) == 4


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nonsense", "lines"),
        ("{}", "lines"),
        ('[{"id":"x"}]', "lines[0].id"),
        (quoting.write([line(), line()]), "lines"),
        (quoting.write([line(number) for number in range(101)]), "lines"),
        (
            quoting.write([line()]).replace('"quantity_milli":1000', '"quantity_milli":0'),
            "lines[0].quantity_milli",
        ),
        (quoting.write([line()]).replace('"tax_bp":0', '"bonus":1'), "lines[0]"),
        (quoting.write([line()]).replace("收银机", "\\u0000"), "lines[0]"),
        ("[" * 100_000, "lines"),
    ],
)
def test_what_is_no_quote_is_refused_and_named(text: str, field: str) -> None:
    with pytest.raises(LinesInvalid) as refused:
        quoting.read(text)

    assert refused.value.field.startswith(field)


def test_a_discount_is_at_most_the_whole() -> None:
    with pytest.raises(LinesInvalid) as refused:
        quoting.totals([line(price=100)], 101)

    assert refused.value.field == "discount_minor"
    assert quoting.totals([line(price=100)], 100).net_minor == 0


def test_every_quote_can_come_to_an_end_and_an_end_is_one() -> None:
    ends = {State.ACCEPTED, State.WITHDRAWN}
    for state in State:
        led = {LEADS[verb][1] for verb in Verb if is_possible(verb, state)}
        assert bool(led) == (state not in ends)
    # Nothing is sent that was not approved, nothing accepted that was not sent.
    assert LEADS[Verb.SEND][0] == {State.APPROVED}
    assert LEADS[Verb.ACCEPT][0] == {State.SENT}
    assert State.SENT not in OPEN
