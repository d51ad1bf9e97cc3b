"""What is stored and what is asked meet for every documented way to search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.customers.rules import pinyin, search
from server.customers.rules.search import Stretch

_HAN = "杭州西湖龙井茶叶绍兴越城好味道餐饮宁波海曙永昌建材温瑞安金满堂福星汽修美佳超市"
cores = st.text(_HAN + "abk9", min_size=2, max_size=20)
forms = st.sampled_from(["", "有限公司", "有限责任公司", "股份有限公司", "集团"])


def finds(tokens: search.Tokens, text: str) -> bool:
    """Answer as the database would: any stretch of the question that holds a token."""
    question = search.question(text)
    return question is not None and any(
        _holds(stretch, token, before)
        for stretch in question.stretches
        for token, before in tokens.items()
    )


def _holds(stretch: Stretch, token: str, before: str) -> bool:
    is_inside = stretch.prefix.encode() <= token.encode() < stretch.end.encode()
    return is_inside and stretch.before in {None, before}


def tokens_of(name: str) -> search.Tokens:
    return search.customer_tokens(name, phone=None, uscc=None, city=None)


@given(cores, forms, st.data())
def test_any_part_of_a_name_finds_it(core: str, form: str, data: st.DataObject) -> None:
    key = search.name_key(core + form)
    start = data.draw(st.integers(0, len(search.core(core + form)) - 2))
    end = data.draw(st.integers(start + 2, len(key)))

    assert finds(tokens_of(core + form), key[start:end])


@given(cores, cores)
def test_what_is_not_in_a_name_does_not_find_it(name: str, other: str) -> None:
    question = search.question(other)
    assert question is not None
    han_only = [stretch for stretch in question.stretches if stretch.prefix[0] == "n"]

    found = any(
        _holds(stretch, token, before)
        for stretch in han_only
        for token, before in tokens_of(name).items()
    )

    assert found == (search.name_key(other)[: search.TOKEN_MAX] in search.name_key(name))


@pytest.mark.parametrize(
    "typed",
    [
        "杭州西湖",
        "西湖",
        "湖龙",
        "龙井茶叶有限公司",
        "ＸＩＨＵ",
        "xi hu long",
        "hangzhouxi",
        "xhlj",
        "HZXH",
        "13805710001",
        "138 0571",
        "0001",
        "10001",
        "+86 138-0571-0001",
        "8613805710001",
        "91110000600037341l",
        "9111 0000 6000",
    ],
)
def test_the_tea_house_is_found(typed: str) -> None:
    tokens = search.customer_tokens(
        "杭州西湖龙井茶叶有限公司", phone="+8613805710001", uscc="91110000600037341L", city="杭州"
    )

    assert finds(tokens, typed)
    assert len(tokens) <= 11


def test_a_place_is_skipped_with_and_without_its_suffix() -> None:
    for name in ("浙江省绍兴市越城区好味道", "绍兴好味道", "浙江绍兴好味道"):
        tokens = search.customer_tokens(name, phone=None, uscc=None, city="绍兴")
        assert finds(tokens, "hwd"), name
        assert finds(tokens, "haowei"), name
        assert finds(tokens, "".join(pinyin.syllables(name))[:24]), name


def test_one_character_is_looked_for_in_the_name_itself() -> None:
    assert search.question("茶") == search.Question(name_holds="茶")


@pytest.mark.parametrize("typed", ["", "  ", "——", "%", "_", "'"])
def test_signs_alone_ask_nothing(typed: str) -> None:
    assert search.question(typed) is None


@given(st.text(max_size=80))
def test_any_text_may_be_asked(text: str) -> None:
    question = search.question(text)
    for stretch in question.stretches if question else ():
        assert stretch.prefix.encode() < stretch.end.encode()


def test_two_spellings_of_a_name_have_one_core() -> None:
    assert search.core("杭州（西湖）茶叶有限公司") == search.core("杭州(西湖) 茶叶有限责任公司")
    assert search.core("有限公司") == "有限公司"
