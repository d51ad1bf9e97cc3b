"""What becomes of each thing of a leaver's: one state each, and nothing twice."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.exits import rules
from server.exits.rules import Fate, FateImpossible, Item, Kind, PlanChanged, Planned
from sync_protocol.registering import OPEN
from tests.factories import NOW

ENDS = NOW + timedelta(days=30)
HEIR, EXIT, ONE = UUID(int=1), UUID(int=2), UUID(int=3)
STANDS: dict[Kind, list[str]] = {
    Kind.CUSTOMER: ["", "active"],
    Kind.REGISTRATION: sorted(OPEN),
    Kind.BENEFIT: ["issued", rules.USED_IN_PART, "redeemed"],
}


@st.composite
def an_item(draw: st.DrawFn, kind: Kind) -> Item:
    """Draw a thing of one of a few customers, whatever the operator has chosen of it."""
    days = draw(st.none() | st.integers(1, 90))
    customer = UUID(int=draw(st.integers(1, 6)))
    heir = draw(st.sampled_from([None, HEIR])) if kind is Kind.CUSTOMER else None
    return Item(
        kind=kind,
        ref=customer if kind is Kind.CUSTOMER else draw(st.uuids()),
        customer_ref=customer,
        stands=draw(st.sampled_from(STANDS[kind])),
        until=None if days is None else NOW + timedelta(days=days),
        amount_minor=draw(st.integers(0, 10**6)) if kind is Kind.BENEFIT else 0,
        successor_id=heir,
        chosen=draw(st.none() | st.sampled_from(Fate)),
    )


things = st.lists(
    st.sampled_from(Kind).flatmap(an_item), unique_by=lambda each: (each.kind, each.ref)
)


@given(things)
def test_m14_each_thing_has_exactly_one_successor_state(items: list[Item]) -> None:
    planned = rules.plan(items, ends_at=ENDS)

    assert Counter((each.kind, each.ref) for each in planned) == Counter(
        (each.kind, each.ref) for each in items
    )
    for kind in Kind:
        before = [each.amount_minor for each in items if each.kind is kind]
        after = [each for each in rules.totals(planned) if each.kind is kind]
        assert sum(each.count for each in after) == len(before)
        assert sum(each.amount_minor for each in after) == sum(before)


@given(things)
def test_m14_what_is_a_customers_goes_nowhere_without_the_customer(items: list[Item]) -> None:
    planned = {(each.kind, each.ref): each for each in rules.plan(items, ends_at=ENDS)}
    handed = {
        item.customer_ref
        for item in items
        if planned[item.kind, item.ref].fate is Fate.HANDED and item.successor_id == HEIR
    }

    for item in items:
        goes = planned[item.kind, item.ref].fate in {Fate.HANDED, Fate.PASSED, Fate.TRANSFERRED}
        assert (planned[item.kind, item.ref].successor_id == HEIR) == goes
        assert not goes or item.customer_ref in handed


@given(things, st.randoms(use_true_random=False))
def test_a_plan_does_not_hang_on_the_order_of_rows(items: list[Item], rng: object) -> None:
    mixed = list(items)
    rng.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a Random

    def hash_of(rows: list[Item]) -> str:
        return rules.digest(EXIT, rules.plan(rows, ends_at=ENDS))

    assert hash_of(mixed) == hash_of(items)


def one(kind: Kind, stands: str, **fields: object) -> Planned:
    """Plan one thing of a customer that has named a successor, and give its plan."""
    customer = Item(kind=Kind.CUSTOMER, ref=ONE, customer_ref=ONE, stands="", successor_id=HEIR)
    thing = msgspec.convert(
        {"kind": kind, "ref": UUID(int=9), "customer_ref": ONE, "stands": stands, **fields}, Item
    )
    found = rules.plan([customer, thing], ends_at=ENDS)
    return next(each for each in found if each.kind is kind)


def test_m14_the_rule_follows_the_customers_word_and_the_last_day() -> None:
    lasts, ends = ENDS + timedelta(days=1), ENDS

    assert one(Kind.REGISTRATION, "granted", until=lasts).fate is Fate.PASSED
    assert one(Kind.REGISTRATION, "granted", until=ends).fate is Fate.EXPIRED
    assert one(Kind.REGISTRATION, "checking").fate is Fate.RELEASED
    assert one(Kind.BENEFIT, "issued").fate is Fate.TRANSFERRED
    assert one(Kind.BENEFIT, "redeemed", chosen="revoked").fate is Fate.REDEEMED
    assert one(Kind.BENEFIT, "issued", chosen="revoked").is_chosen
    for stands in rules.BOUND:
        assert one(Kind.BENEFIT, stands).fate is Fate.STAYS


def test_a_choice_that_cannot_be_and_a_plan_that_was_not_seen_are_refused() -> None:
    alone = Item(kind=Kind.CUSTOMER, ref=ONE, customer_ref=ONE, stands="")
    with pytest.raises(FateImpossible, match="kept, released"):
        rules.ensure_possible(Fate.HANDED, alone, ends_at=ENDS, heir=None)
    rules.ensure_possible(Fate.HANDED, alone, ends_at=ENDS, heir=HEIR)
    with pytest.raises(PlanChanged):
        rules.ensure_seen("0" * 64, "1" * 64)
