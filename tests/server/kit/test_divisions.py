"""The tree of divisions is one, and an address finds its place in it and says how."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.kit import divisions
from server.kit.divisions import Clue, DivisionUnknown, Level
from world.places import CITIES

PROVINCES = divisions.inside(None)
CODES = [code for each in PROVINCES for code in divisions.subtree(each.code)]


def test_the_tree_is_one() -> None:
    """Each place lies in exactly one, one level higher or two, and is found from above once."""
    assert len(CODES) == len(set(CODES)) > 3_000
    assert len(PROVINCES) == 34
    for code in CODES:
        place = divisions.get(code)
        assert (place.parent is None) == (place.level is Level.PROVINCE)
        assert divisions.lineage(code)[-1] == code
        assert all(divisions.is_within(code, above) for above in divisions.lineage(code))
    with pytest.raises(DivisionUnknown):
        divisions.get("110100")  # the second 北京市, which no map has


@given(st.sampled_from(CODES), st.sampled_from(CODES))
def test_a_place_lies_in_another_where_the_other_holds_it(one: str, other: str) -> None:
    assert divisions.is_within(one, other) == (one in set(divisions.subtree(other)))


@given(st.sampled_from(CODES), st.text(max_size=10))
@example("130371", "")
@example("711493", "")
def test_s02_an_address_that_spells_its_place_is_found(code: str, rest: str) -> None:
    """Whatever street follows, the place is this one or inside it.

    An address may also write one name twice, so a town called like its city is not told from it.
    """
    found = divisions.locate(address=f"{divisions.spelled(code)}{rest}")

    assert found.code is not None
    is_its_namesake = divisions.get(found.code).name == divisions.get(code).name
    assert divisions.spelled(found.code).startswith(divisions.spelled(code)) or is_its_namesake


def test_no_place_is_held_twice() -> None:
    spellings = [divisions.spelled(code) for code in CODES]
    for code in CODES:
        above = divisions.get(code).parent
        if above is not None:
            name = divisions.get(above).name + divisions.get(code).name
            assert divisions.spelled(above) + name not in spellings, code


def test_the_demos_cities_stand_in_the_tree() -> None:
    for city in CITIES:
        for district in city.districts:
            found = divisions.locate(city=city.name, district=district)
            assert found.is_whole
            assert found.code is not None
            assert divisions.is_within(found.code, city.code)


@pytest.mark.parametrize(
    ("words", "place", "clues"),
    [
        ({"city": "金华", "district": "义乌"}, "浙江省金华市义乌市", (Clue.NAMED, Clue.WITHIN)),
        ({"city": "浙江省 金华市"}, "浙江省金华市", (Clue.NAMED, Clue.WITHIN)),
        ({"city": "吉林"}, "吉林省吉林市", (Clue.NAMED,)),
        ({"city": "重庆", "district": "渝中"}, "重庆市渝中区", (Clue.NAMED, Clue.WITHIN)),
        ({"city": "恩施"}, "湖北省恩施土家族苗族自治州", (Clue.NAMED,)),
        ({"city": "新疆", "district": "喀什市"}, "新疆维吾尔自治区喀什地区喀什市", None),
        ({"district": "鼓楼区", "city": "徐州"}, "江苏省徐州市鼓楼区", None),
        # What contradicts is not heard, and said.
        ({"city": "金华", "district": "西湖区"}, "浙江省金华市", (Clue.NAMED, Clue.ELSEWHERE)),
        # A street may be called like a city.
        ({"city": "宁波", "address": "上海市场路 3 号"}, "浙江省宁波市", (Clue.NAMED,)),
        # One of four, in four provinces: nothing is sure.
        ({"district": "鼓楼区"}, None, (Clue.AMBIGUOUS,)),
        ({"city": "演示城"}, None, (Clue.UNKNOWN,)),
        ({}, None, ()),
    ],
)
def test_s02_an_address_says_how_its_place_was_found(
    words: dict[str, str], place: str | None, clues: tuple[Clue, ...] | None
) -> None:
    found = divisions.locate(**words)

    assert (found.code and divisions.spelled(found.code)) == place
    assert clues is None or tuple(step.clue for step in found.steps) == clues
