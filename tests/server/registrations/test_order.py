"""The published order: the same verdict for all, whatever came first and whoever asks."""

import random
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from server.registrations.rules import order, trust, words
from server.registrations.rules.identity import components
from server.registrations.rules.order import Claim, Rule, RuleSet, decide

_SHOP = ("shop",)
few = settings(max_examples=40)


def claim(number: int, **fields: object) -> Claim:
    """Make a claim on one shop, between 09:00 and 10:00 of some day."""
    given_: dict[str, Any] = {
        "keys": _SHOP,
        "earliest_ms": 32_400_000,
        "latest_ms": 36_000_000,
        "lot": f"{number:032x}",
        "places": ("here",),
        **({"territory": "here"} if fields.get("has_territory") else {}),
        **fields,
    }
    return Claim(id=UUID(int=number), **given_)


@st.composite
def claims(draw: st.DrawFn, *, keys: int = 1) -> list[Claim]:
    """Draw claims on one customer, or on some that overlap."""
    numbers = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=7, unique=True))
    lots = draw(st.permutations(range(len(numbers))))
    drawn = []
    for number, lot in zip(numbers, lots, strict=True):
        earliest = draw(st.integers(0, 20))
        held = draw(st.sets(st.sampled_from("abcdef"[:keys]), min_size=1))
        drawn.append(
            claim(
                number,
                keys=tuple(sorted(held)),
                earliest_ms=earliest,
                latest_ms=earliest + draw(st.integers(0, 10)),
                lot=f"{lot:032x}",
                has_territory=draw(st.booleans()),
                places=draw(st.sampled_from([("here",), ("here",), ("there",)])),
                live_since_ms=draw(st.none() | st.integers(0, 20)),
                has_word=draw(st.booleans()),
            )
        )
    return drawn


def test_s67_the_published_order_decides_in_its_order() -> None:
    """Each rule beats all that come after it."""
    lot = claim(1)
    word = claim(2, has_word=True)
    early = claim(3, earliest_ms=30_000_000, latest_ms=32_000_000)
    live = claim(4, live_since_ms=29_000_000, earliest_ms=20_000_000)
    exclusive = claim(5, has_territory=True, earliest_ms=40_000_000, latest_ms=40_000_000)

    order_of_rules = [(exclusive, Rule.TERRITORY), (live, Rule.LIVE), (early, Rule.EVIDENCE)]
    order_of_rules += [(word, Rule.WORD), (lot, Rule.LOT)]
    field = [exclusive, live, early, word, lot, claim(6, lot="f" * 32)]
    for first, by in order_of_rules:
        [ruling] = decide(field).rulings
        assert (ruling.winner, ruling.by) == (first.id, by)
        field.remove(first)


def test_m12_intervals_that_overlap_are_not_earlier() -> None:
    """Only what ended before another can have begun is earlier, never by half an overlap."""
    wide = claim(1, earliest_ms=0, latest_ms=100, lot="f" * 32)
    inside = claim(2, earliest_ms=40, latest_ms=50, lot="0" * 32)
    after = claim(3, earliest_ms=51, latest_ms=60, lot="1" * 32)

    [ruling] = decide([wide, inside, after]).rulings

    assert ruling.trace[2].kept == (wide.id, inside.id)
    assert (ruling.winner, ruling.by) == (inside.id, Rule.LOT)


def test_m12_what_was_protected_after_another_was_made_is_not_before_it() -> None:
    """A phone that comes late with a registration made before is judged by its evidence."""
    holder = claim(1, live_since_ms=50, earliest_ms=20, latest_ms=20)
    late_but_earlier = claim(2, earliest_ms=10, latest_ms=12)
    truly_later = claim(3, earliest_ms=60, latest_ms=60)

    assert decide([holder, truly_later]).rulings[0].by is Rule.LIVE
    assert decide([holder, late_but_earlier]).rulings[0].winner == late_but_earlier.id


@few
@given(claims(keys=4), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(drawn: list[Claim], rng: random.Random) -> None:
    """A verdict is a function of a set."""
    shuffled = drawn[:]
    rng.shuffle(shuffled)

    assert decide(shuffled) == decide(drawn)


@few
@given(claims())
def test_one_customer_has_one_winner(drawn: list[Claim]) -> None:
    """All others lose to it."""
    [ruling] = decide(drawn).rulings

    assert {ruling.winner, *ruling.losers} == {each.id for each in drawn}


@few
@given(claims(keys=5))
def test_winners_share_no_identity_and_every_loser_does_with_who_beat_it(
    drawn: list[Claim],
) -> None:
    """Nobody loses to a registration of another customer."""
    by_id = {each.id: set(each.keys) for each in drawn}

    verdict = decide(drawn)

    held = [by_id[each] for each in verdict.winners]
    assert sum(map(len, held)) == len(set().union(*held))
    for ruling in verdict.rulings:
        assert all(by_id[ruling.winner] & by_id[each] for each in ruling.losers)


def test_a_made_up_registration_that_names_two_customers_takes_neither() -> None:
    """A bridge between two customers beats only whom it beats itself."""
    left = claim(1, keys=("a",), earliest_ms=0, latest_ms=1)
    right = claim(2, keys=("b",), earliest_ms=5, latest_ms=6)
    bridge = claim(3, keys=("a", "b"), earliest_ms=9, latest_ms=9)

    assert decide([left, right, bridge]).winners == {left.id, right.id}


@few
@given(claims(), st.randoms(use_true_random=False))
def test_exchanging_the_parties_exchanges_the_verdict(
    drawn: list[Claim], rng: random.Random
) -> None:
    """Names do not count: under other names the same one wins."""
    names = [each.id for each in drawn]
    rng.shuffle(names)
    called = {each.id: name for each, name in zip(drawn, names, strict=True)}
    renamed = [msgspec.structs.replace(each, id=called[each.id]) for each in drawn]

    [mine], [theirs] = decide(drawn).rulings, decide(renamed).rulings

    assert (called[mine.winner], mine.by) == (theirs.winner, theirs.by)
    assert {called[each] for each in mine.losers} == set(theirs.losers)


def test_m1_ten_thousand_cases_replay_to_the_same_hashes() -> None:
    """What was decided can be decided again by anyone who has what the rules saw."""
    rng, kept = random.Random(5), []
    for number in range(10_000):
        seen = [
            claim(
                number * 10 + each,
                keys=tuple(rng.sample("abc", rng.randint(1, 2))),
                earliest_ms=(at := rng.randrange(50)),
                latest_ms=at + rng.randrange(10),
                lot=f"{rng.getrandbits(128):032x}",
                has_territory=rng.random() < 0.1,
                live_since_ms=rng.choice([None, None, rng.randrange(50)]),
            )
            for each in range(rng.randint(2, 4))
        ]
        kept.append((msgspec.json.encode(seen), decide(seen).hash))

    replayed = []
    for told, _ in kept:
        again = msgspec.json.decode(told, type=list[Claim])
        rng.shuffle(again)
        replayed.append(decide(again).hash)

    assert replayed == [held for _, held in kept]
    assert len(set(replayed)) == len(replayed)


def test_what_was_decided_under_the_first_version_replays_to_its_hash() -> None:
    """The hashes are those that version 1 wrote."""
    seen = [
        claim(
            n,
            keys=("a",) if n < 3 else ("a", "b"),
            earliest_ms=10 * n,
            latest_ms=10 * n + 5,
            live_since_ms=12 if n == 2 else None,
            places=msgspec.UNSET,
        )
        for n in (1, 2, 3)
    ]

    assert order.FIRST.hash == "99a687792fbd9473198e712d1585a504"
    assert decide(seen, order.FIRST).hash == "9da07a2b744f5fd42b6d85387df74c20"


def test_a_verdict_is_hashed_as_it_was_kept() -> None:
    """Whoever has the kept text finds the hash, whatever the program's shapes are by then."""
    told = decide(seen := [claim(1), claim(2, evidence_ms=3)])
    claims_, rulings = (
        msgspec.json.decode(msgspec.json.encode(each)) for each in (seen, told.rulings)
    )

    assert order.hash_of(claims_, rulings, order.THIRD) == told.hash


def test_what_is_shown_counts_as_evidence_and_leaves_alone_who_was_protected() -> None:
    """Whoever was protected when another registered is before it, whatever that one shows."""
    holder = claim(1, live_since_ms=50, earliest_ms=20, latest_ms=20)
    later = claim(2, earliest_ms=60, latest_ms=60, evidence_ms=1)
    overlapping = claim(3, earliest_ms=40, latest_ms=60, evidence_ms=1)

    assert decide([holder, later]).rulings[0].winner == holder.id
    [ruling] = decide([holder, overlapping]).rulings
    assert (ruling.winner, ruling.by) == (overlapping.id, Rule.EVIDENCE)


@few
@given(claims(keys=4), st.data())
def test_whoever_is_decided_for_beats_whom_it_meets_and_nobody_else(
    drawn: list[Claim], data: st.DataObject
) -> None:
    """The rest is ruled on as if neither it nor they were there."""
    chosen = data.draw(st.sampled_from(drawn))

    first, *others = order.decided_for(drawn, chosen.id, order.THIRD)

    met = {each.id for each in drawn if set(each.keys) & set(chosen.keys)}
    assert {first.winner, *first.losers} == met
    rest = decide([each for each in drawn if each.id not in met])
    assert sorted(others, key=lambda each: each.winner) == list(rest.rulings)


def test_other_rules_have_another_hash_and_say_so_in_the_verdict() -> None:
    """A version's name is no part of what it is; its steps are."""
    other = RuleSet(version=2, steps=(Rule.EVIDENCE, Rule.TERRITORY, Rule.LOT))

    assert RuleSet(version=7).hash == order.THIRD.hash != other.hash
    assert decide([claim(1)], other).hash != decide([claim(1)]).hash


COMPANIES = st.integers(0, 2)


def parted(drawn: list[Claim], of: list[int]) -> list[Claim]:
    """Let claims be of companies, each called by the least id that it has among them."""
    least: dict[int, UUID] = {}
    for each, company in sorted(zip(drawn, of, strict=True), key=lambda pair: pair[0].id):
        least.setdefault(company, each.id)
    return [
        msgspec.structs.replace(each, party=least[company])
        for each, company in zip(drawn, of, strict=True)
    ]


def won(told: list[Claim], rules: RuleSet = order.THIRD) -> set[tuple[str, object]]:
    """Give whose company has which identity in the end."""
    by_id = {each.id: each for each in told}
    winners = [by_id[each] for each in decide(told, rules).winners]
    return {(key, each.party) for each in winners for key in each.keys}


@few
@given(claims(keys=4), st.lists(COMPANIES, min_size=7, max_size=7), st.data())
def test_registering_once_more_changes_nothing_between_companies(
    drawn: list[Claim], of: list[int], data: st.DataObject
) -> None:
    """However often a company registers the same, whatever lots that would draw."""
    told = parted(drawn, of[: len(drawn)])
    again = data.draw(st.sampled_from(told))
    doubles = [
        msgspec.structs.replace(
            again, id=UUID(int=10**7 + n), lot=data.draw(st.text("01", max_size=9))
        )
        for n in range(data.draw(st.integers(1, 4)))
    ]

    assert won([*told, *doubles]) == won(told)


@few
@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=2, max_size=7), st.data())
def test_who_draws_first_loses_nothing_however_many_the_others_have_made(
    keys: list[set[str]], data: st.DataObject
) -> None:
    """By many customers, shops and phones a company has one chance against each that it meets."""
    drawn = [
        claim(n, keys=tuple(sorted(each)), lot=f"{9 - n:032x}") for n, each in enumerate(keys, 1)
    ]
    told = parted(drawn, data.draw(st.lists(COMPANIES, min_size=len(keys), max_size=len(keys))))

    for group in components({each.id: each.keys for each in told}):
        joined = [each for each in told if each.id in group]
        lots = {each.party: next(x.lot for x in joined if x.party == each.party) for each in joined}
        first = min(lots, key=lambda party: lots[party])
        company = {each.id: each.party for each in joined}
        for ruling in decide(joined).rulings:
            if company[ruling.winner] != first:
                assert first not in {company[each] for each in ruling.losers}


@few
@given(
    claims(keys=3), st.lists(COMPANIES, min_size=7, max_size=7), st.randoms(use_true_random=False)
)
def test_companies_are_only_told_apart(
    drawn: list[Claim], of: list[int], rng: random.Random
) -> None:
    """What a company is called, and in which order its claims come, changes no winner."""
    told = parted(drawn, of[: len(drawn)])
    called = {each.party: UUID(int=rng.getrandbits(100)) for each in told}
    renamed = [msgspec.structs.replace(each, party=called[each.party]) for each in told]
    rng.shuffle(renamed)

    assert decide(renamed).winners == decide(told).winners


def test_fifteen_doubles_against_one_are_one_chance_in_two() -> None:
    """Fifteen shops of one company, each with one of the rival's phones, draw one lot."""
    rival = claim(1, keys=tuple("abcdefghijklmno"), lot="1", party=UUID(int=1))
    doubles = [
        claim(n + 2, keys=(key,), lot="2" if n == 0 else "0", party=UUID(int=2))
        for n, key in enumerate("abcdefghijklmno")
    ]

    assert decide([rival, *doubles]).winners == {rival.id}
    assert decide([rival, *doubles], order.SECOND).winners != {rival.id}


def test_a_phones_word_alone_is_told_from_what_the_server_knows() -> None:
    """Only against another company, and only where the server's own bounds overlap."""
    said = claim(1, earliest_ms=5, latest_ms=6, bounds=(0, 90), party=UUID(int=1))
    known = msgspec.structs.replace(said, bounds=(0, 49))
    later = claim(2, earliest_ms=50, latest_ms=50, party=UUID(int=2))
    ours = msgspec.structs.replace(later, party=said.party)
    lot = claim(3, earliest_ms=0, latest_ms=60, party=UUID(int=3))

    for told, leans in (
        ([said, later], True),
        ([known, later], False),
        ([said, ours], False),
        ([said, lot], False),
    ):
        [ruling] = decide(told).rulings
        assert trust.leans_on_a_word(ruling, told) is leans


def test_a_right_to_a_place_counts_where_all_say_that_the_customer_lies_there() -> None:
    """Whoever writes its own city on another's customer gains nothing, and the trace says so."""
    own = claim(1, places=("p", "p.c", "p.c.d"))
    right = claim(
        2, has_territory=True, territory="p.c", places=("p", "p.c", "p.c.e"), lot="f" * 32
    )
    liar = msgspec.structs.replace(right, territory="q.c", places=("q", "q.c"))
    beside = claim(3, keys=("other",), places=("q",))

    [ruling] = decide([own, right]).rulings
    assert (ruling.winner, ruling.by) == (right.id, Rule.TERRITORY)
    assert right.id in decide([own, right, beside]).winners
    [ruling] = decide([own, liar]).rulings
    assert (ruling.winner, ruling.by) == (own.id, Rule.LOT)
    names = {own.id: ("甲方", "Party A"), liar.id: ("乙方", "Party B")}
    assert "地点不一致" in words.trace(ruling, names, 0)[0]
    assert "different places" in words.trace(ruling, names, 1)[0]
    assert decide([own, liar], order.SECOND).winners == {liar.id}


@few
@given(claims(keys=3))
def test_a_trace_is_told_in_both_languages_and_names_each_rule(drawn: list[Claim]) -> None:
    """Whoever reads it finds what was compared and what came of it."""
    names = {each.id: (f"第{n}方", f"party {n}") for n, each in enumerate(drawn)}
    for ruling in decide(drawn).rulings:
        for lang in (0, 1):
            told = words.trace(ruling, names, lang)
            assert len(told) == len(ruling.trace) + 1
            assert ruling.by is None or names[ruling.winner][lang] in told[-1]


@few
@given(st.dictionaries(st.integers(0, 9), st.sets(st.sampled_from("abcdefg"), min_size=1)))
def test_components_part_what_shares_nothing(keys: dict[int, set[str]]) -> None:
    """Two of one group are joined by a chain; two groups have no hash in common."""
    groups = components(keys)

    assert sorted(each for group in groups for each in group) == sorted(keys)
    held = [set().union(*(keys[each] for each in group)) for group in groups]
    assert sum(map(len, held)) == len(set().union(*held))
