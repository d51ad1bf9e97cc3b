"""What becomes of a text that a person typed."""

import pytest

from server.kit.text import TextTooLong, clean, cleaned


@pytest.mark.parametrize("mark", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_a_mark_that_turns_the_direction_is_left_out(mark: str) -> None:
    assert clean(f"{mark}龙井 {mark} 茶行{mark}") == "龙井 茶行"


def test_a_text_is_measured_as_it_is_stored() -> None:
    assert cleaned("\N{SQUARE M SQUARED}" * 100, "note") == "m2" * 100
    assert cleaned(" " * 300 + "茶", "note") == "茶"

    # One sign that becomes eighteen: eleven fit into a line, twelve do not.
    phrase = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
    assert len(cleaned(phrase * 11, "note")) == 198
    with pytest.raises(TextTooLong) as refusal:
        cleaned(phrase * 12, "note")
    assert refusal.value.field == "note"
