"""What becomes of a text that a person typed."""

import pytest

from server.kit.text import clean


@pytest.mark.parametrize("mark", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_a_mark_that_turns_the_direction_is_left_out(mark: str) -> None:
    assert clean(f"{mark}龙井 {mark} 茶行{mark}") == "龙井 茶行"
