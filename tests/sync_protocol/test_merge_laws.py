"""Laws of merging that hold for every history."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.messages import Delete, Edit, RecordOp, SetChange
from tests.sync_protocol.stories import (
    HELD_KEY,
    LI,
    NEAR,
    VIP,
    WANG,
    ZHAO,
    edit,
    tag,
    tenant_with_shop,
)

DEVICES = (WANG, LI, ZHAO)
CREATOR = "00000000-0000-7000-8000-00000000000d"
CITIES = ("杭州", "宁波", "温州", "绍兴", None)
Chain = list[tuple[int, dict[str, Any]]]


def _chains() -> st.SearchStrategy[list[Chain]]:
    """Make for each device what it writes, in order, without ever pulling."""
    fields = st.dictionaries(
        st.sampled_from(["city", "district"]), st.sampled_from(CITIES), min_size=1
    )
    chain = st.lists(st.tuples(st.integers(1, 20), fields), max_size=4).map(_only_changes)
    return st.tuples(chain, chain, chain).map(list)


def _only_changes(chain: Chain) -> Chain:
    """Leave out what would say again what the device knows, and let its time go forward.

    Devices send what they change, and the floor of ``EditClock`` keeps the times of one in order.
    """
    known: dict[str, object] = {"city": None, "district": None}
    changes: Chain = []
    at_ms = 0
    for later_ms, fields in chain:
        at_ms = max(at_ms, later_ms)
        new = {name: value for name, value in fields.items() if known[name] != value}
        known.update(new)
        if new:
            changes.append((at_ms, new))
    return changes


def _in_some_order(chains: list[Chain], picks: Iterable[int]) -> list[tuple[str, Edit]]:
    """Interleave the chains; each keeps its own order."""
    waiting = [
        [edit(number, at_ms, 1, **fields) for number, (at_ms, fields) in enumerate(chain, 1)]
        for chain in chains
    ]
    every_turn = (*picks, *(0, 1, 2) * 4)
    return [(DEVICES[pick], waiting[pick].pop(0)) for pick in every_turn if waiting[pick]]


picks = st.lists(st.integers(0, 2), max_size=12)


@given(_chains(), picks, picks)
def test_the_order_of_arrival_does_not_matter(
    chains: list[Chain], one: list[int], other: list[int]
) -> None:
    held = []
    for order in (one, other):
        tenant = tenant_with_shop(CREATOR)
        for device, op in _in_some_order(chains, order):
            tenant.push(device, op)
        held.append(dict(tenant.records[HELD_KEY].fields))

    assert held[0] == held[1]


@given(_chains(), picks)
def test_no_value_is_lost_in_silence(chains: list[Chain], order: list[int]) -> None:
    """Each device's last word on a field is held, or in a conflict."""
    tenant = tenant_with_shop(CREATOR)
    last_words: dict[tuple[str, str], object] = {}
    for device, op in _in_some_order(chains, order):
        tenant.push(device, op)
        last_words.update({(device, name): value for name, value in op.fields.items()})

    for (_, name), value in last_words.items():
        told = [
            each
            for field, kept, other in tenant.conflicts
            if field == name
            for each in (kept, other)
        ]
        assert value in [tenant.field(name), *told]


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(CITIES)), max_size=8))
def test_a_device_alone_has_no_conflicts(words: list[tuple[int, str | None]]) -> None:
    tenant = tenant_with_shop(CREATOR)
    for number, (at_ms, city) in enumerate(words, 1):
        tenant.push(WANG, edit(number, at_ms, 1, city=city))
        assert tenant.field("city") == city

    assert tenant.conflicts == []


@given(_chains(), picks)
def test_settling_again_what_is_held_changes_nothing(chains: list[Chain], order: list[int]) -> None:
    """A server that was restored gets old ops again, in the order in which it had them."""
    tenant = tenant_with_shop(CREATOR)
    last: tuple[str, Edit] | None = None
    for last in _in_some_order(chains, order):
        tenant.push(*last)
    if last is None:
        return
    before = dict(tenant.records[HELD_KEY].fields)

    tenant.push(*last)

    assert dict(tenant.records[HELD_KEY].fields) == before


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from([VIP, NEAR]), st.booleans()),
        max_size=10,
    )
)
def test_a_tag_is_there_if_an_addition_was_not_seen_by_a_removal(
    steps: list[tuple[int, bool, str, bool]],
) -> None:
    """Compare with a model: additions with an author and a place, removals of what was seen."""
    tenant = tenant_with_shop(CREATOR)
    additions: dict[tuple[str, str, int], bool] = {}
    for number, (who, adds, name, has_pulled) in enumerate(steps, 1):
        device = DEVICES[who]
        base = tenant.seq if has_pulled else 1
        for author, element, seq in list(additions):
            if element == name and (author == device or seq <= base):
                del additions[author, element, seq]
        if adds:
            additions[device, name, tenant.seq + 1] = True
        tenant.push(device, tag(number, base=base, **{"add" if adds else "remove": (name,)}))

    assert tenant.field("tags") == sorted({element for _, element, _ in additions})


def _any_op() -> st.SearchStrategy[RecordOp]:
    number = st.integers(1, 5)
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3))
    )
    names = st.sampled_from(["name", "city", "phone", "owner_id", "tags", "shoe_size", "level"])
    record = st.sampled_from([HELD_KEY[1], VIP, "x" * 36])
    edits = st.builds(
        Edit,
        number=number,
        kind=st.sampled_from(["customer", "contact", "conflict", "deal"]),
        id=record,
        fields=st.dictionaries(names, values, max_size=3),
        sets=st.dictionaries(names, st.builds(SetChange, add=st.tuples(st.text(max_size=3)))),
        at_ms=st.integers(-(2**53), 2**53),
        base=st.integers(0, 5),
    )
    deletes = st.builds(
        Delete,
        number=number,
        kind=st.just("customer"),
        id=record,
        at_ms=number,
        base=st.integers(0, 5),
    )
    return st.one_of(edits, deletes)


@given(st.lists(_any_op(), max_size=6))
def test_every_op_has_an_outcome_and_none_breaks_the_batch(ops: list[RecordOp]) -> None:
    result = tenant_with_shop(CREATOR).push(WANG, *ops)

    assert [outcome.number for outcome in result.outcomes] == [op.number for op in ops]
