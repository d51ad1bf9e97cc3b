"""Of the rows of one file, each that is an earlier one's customer is found."""

from hypothesis import given
from hypothesis import strategies as st

from server.customers.imports.judging import Earlier
from server.customers.rules.duplicates import Likeness

_likes = st.builds(
    Likeness,
    uscc=st.sampled_from([None, "A", "B"]),
    phone=st.sampled_from([None, "1", "2"]),
    name=st.sampled_from(["", "好味道", "永昌"]),
)


@given(st.lists(_likes, max_size=12))
def test_a_row_is_found_exactly_if_an_earlier_one_is_the_same(likes: list[Likeness]) -> None:
    earlier = Earlier()
    for number, like in enumerate(likes):
        same = [at for at in range(number) if like.is_same(likes[at])]

        found = earlier.find(like)

        assert (found is None) == (not same)
        assert found is None or found[0] in same
        earlier.add(like, number, str(number))
