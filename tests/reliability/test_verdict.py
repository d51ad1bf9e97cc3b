"""The judge of the trials by fire: it finds what is lost and what is doubled, and nothing else."""

from collections import Counter

import msgspec

from world.faults.phone import Line
from world.faults.verdict import Held, Online, judge

SHOP = "0197-shop"
FIRST = Line("w1", "field", saved=True, record=SHOP, field="city", over="苏州")
SECOND = Line("w2", "field", saved=True, record=SHOP, field="city", over="w1")
BESIDE = Line("w3", "field", saved=True, record=SHOP, field="city", over="苏州")
NOTE = Line("n1", "note", saved=True)
TAG = Line("t1", "tag", saved=True)
TAGGED = Line("t1", "tagged", saved=True, record=SHOP, field="0197-tag")
GONE = Line("d1", "gone", saved=True, record="0197-contact")
PHOTO = Line("p1", "photo", saved=True)
ASKED = Line("b1", "benefit", saved=True, record="0197-benefit")


def server(**changes: object) -> Held:
    """Tell of a server that has everything."""
    held = Held(
        notes=Counter({"n1": 1}),
        customers={SHOP: {"id": SHOP, "name": "福满楼", "city": "w2"}},
        created=Counter({SHOP: 1}),
        written=Counter({(SHOP, "city", "w1"): 1, (SHOP, "city", "w2"): 1}),
        kept_beside={(SHOP, "city", "w2"), (SHOP, "city", "w3")},
        conflicts=1,
        names=Counter({"t1": 1, "p1": 1}),
        there={
            ("tag", "t1", ""),
            ("tagged", SHOP, "0197-tag"),
            ("gone", "0197-contact", ""),
            ("photo", "p1", ""),
        },
        benefits=Counter({"0197-benefit": 1}),
        promised_minor=1_000,
    )
    return msgspec.structs.replace(held, **changes)


def judged(held: Held, *told: str) -> tuple[list[str], list[str]]:
    """Give what is lost and what is doubled."""
    lines = [FIRST, SECOND, BESIDE, NOTE, TAG, TAGGED, GONE, PHOTO, ASKED]
    verdict = judge(lines, Online(customers={SHOP: "福满楼"}), held, told=set(told))
    assert verdict.saved == 10
    return verdict.lost, verdict.doubled


def test_what_is_held_replaced_with_knowledge_or_kept_beside_is_not_lost() -> None:
    assert judged(server()) == ([], [])


def test_a_value_that_a_concurrent_edit_buried_is_lost() -> None:
    assert judged(server(kept_beside=set())) == (["w3"], [])


def test_a_value_that_nobody_replaced_is_lost() -> None:
    held = server(customers={SHOP: {"name": "福满楼", "city": "somewhere"}}, kept_beside=set())
    assert judged(held) == (["w2", "w3"], [])


def test_notes_customers_and_benefits_that_are_nowhere_are_lost() -> None:
    held = server(notes=Counter(), benefits=Counter(), promised_minor=0)
    assert judged(held) == (["n1", "b1"], [])


def test_tags_deletions_and_photos_that_are_nowhere_are_lost() -> None:
    assert judged(server(there=set())) == (["t1", "t1", "d1", "p1"], [])
    assert judged(server(names=Counter({"t1": 2, "p1": 1})))[1] == ["t1"]


def test_what_was_refused_and_told_is_not_lost() -> None:
    held = server(there=set(), notes=Counter())
    assert judged(held, "n1", "0197-contact", SHOP) == (["t1", "p1"], [])


def test_what_is_there_twice_is_doubled() -> None:
    assert judged(server(notes=Counter({"n1": 2})))[1] == ["n1"]
    assert judged(server(created=Counter({SHOP: 2})))[1] == [SHOP]
    came_again = Counter({(SHOP, "city", "w1"): 2})
    assert judged(server(written=came_again))[1] == ["w1"]


def test_a_budget_that_is_poorer_than_its_benefits_is_found() -> None:
    assert judged(server(promised_minor=2_000))[1] == ["a budget without its benefit"]
    assert judged(server(promised_minor=0))[0] == ["a benefit without its budget"]
