"""What people write is kept with the signs of Chinese writing, and compared without."""

from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.texts import CHINESE_SIGNS, folded, tidy

written = st.text(
    st.one_of(st.sampled_from(f"{CHINESE_SIGNS}店Ａ１ 　。\u202e\u0301"), st.characters())
)


def test_signs_stay_and_letters_digits_and_spaces_are_half_width() -> None:
    said = "　西湖（一号）店：ＡＢ１２，请进！～１８：００？… 好；"

    assert tidy(said) == "西湖（一号）店：AB12，请进！～18：00？… 好；"
    assert folded(said) == "西湖(一号)店:AB12,请进!~18:00?... 好;"


@given(written)
def test_a_tidy_text_stays_as_it_is_and_is_compared_as_before(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert folded(tidy(text)) == folded(text)
    assert {*CHINESE_SIGNS}.isdisjoint(folded(text))


@given(written)
def test_what_was_kept_folded_is_tidy(text: str) -> None:
    assert tidy(folded(text)) == folded(text)
