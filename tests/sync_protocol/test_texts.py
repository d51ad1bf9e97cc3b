"""Two people write on in one text, and the words of both stay."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.merge import texts as merging
from sync_protocol.merge.texts import merge_texts
from sync_protocol.messages import Edit
from tests.sync_protocol.stories import LI, SHOP, WANG, tenant_with_shop

clauses = st.lists(
    st.sampled_from(["周三到货，", "要发票。", "门口好停车\n", "A", "b;"]), max_size=6
)
texts = clauses.map("".join)


@given(texts, texts, texts)
def test_the_order_of_the_two_does_not_matter(was: str, one: str, other: str) -> None:
    assert merge_texts(was, one, other) == merge_texts(was, other, one)


@given(texts, texts)
def test_who_changed_nothing_is_not_asked(was: str, one: str) -> None:
    assert merge_texts(was, one, was) == one
    assert merge_texts(was, one, one) == one


@given(texts, texts, texts, texts, texts)
def test_what_both_add_is_there(was: str, begin: str, one: str, other: str, end: str) -> None:
    """Additions at either end, and at the same end, stay whole."""
    was = f"{was}中间。"
    apart = merge_texts(was, f"{begin}首。{was}", f"{was}{end}尾。")
    together = merge_texts(was, f"{was}{one}甲。", f"{was}{other}乙。")

    assert apart == f"{begin}首。{was}{end}尾。"
    assert together in (f"{was}{one}甲。{other}乙。", f"{was}{other}乙。{one}甲。")


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_texts_are_merged_or_not(was: str, one: str, other: str) -> None:
    merged = merge_texts(was, one, other)

    assert merged is None or set(merged) <= set(was + one + other)


def test_the_same_clause_changed_in_two_ways_is_for_a_person() -> None:
    assert merge_texts("周三到货。要发票。", "周四到货。要发票。", "周五到货。要发票。") is None
    assert merge_texts("周三到货。要发票。", "周四到货。要发票。", "周三到货。") == "周四到货。"


def test_a_very_long_text_is_not_compared() -> None:
    long = "".join(f"{n}，" for n in range(400))

    assert merge_texts(long, long[::-1], f"{long[:-8]}尾") is None


def write(number: int, remark: str, was: str | None, *, base: int = 1) -> Edit:
    """Write a remark over another."""
    return Edit(
        number=number, kind="customer", id=SHOP, fields={"remark": remark}, was={"remark": was},
        at_ms=10, base=base,
    )  # fmt: skip


def test_two_who_write_on_in_a_remark_lose_no_word() -> None:
    tenant = tenant_with_shop(remark="周三到货\n")
    tenant.push(WANG, write(1, "周三到货\n要发票\n", "周三到货\n"))

    result = tenant.push(LI, write(1, "老板姓陈\n周三到货\n", "周三到货\n"))

    assert tenant.field("remark") == "老板姓陈\n周三到货\n要发票\n"
    assert (result.outcomes[0].status, result.outcomes[0].code) == ("merged", "text_merged")
    assert tenant.conflicts == []


def test_who_writes_on_without_having_seen_the_merged_text_takes_no_word_away() -> None:
    tenant = tenant_with_shop(remark="甲\n")
    tenant.push(WANG, write(1, "甲\n乙\n", "甲\n"))
    tenant.push(LI, write(1, "丙\n甲\n", "甲\n"))

    tenant.push(LI, write(2, "丙\n甲\n丁\n", "丙\n甲\n"))

    assert set(tenant.field("remark").split()) == {"甲", "乙", "丙", "丁"}
    assert tenant.conflicts == []


@pytest.mark.parametrize("was", [None, "说不上来"])
def test_texts_that_cannot_be_merged_are_both_kept(was: str | None) -> None:
    tenant = tenant_with_shop(remark="周三到货\n")
    tenant.push(WANG, write(1, "周四到货\n", "周三到货\n"))
    edit = write(1, "周五到货\n", was) if was else write(1, "周五到货\n", "周三到货\n")

    result = tenant.push(LI, edit)

    kept_and_other = {value for _, kept, other in tenant.conflicts for value in (kept, other)}
    assert result.outcomes[0].code == "merged"
    assert kept_and_other == {"周四到货\n", "周五到货\n"}


def test_a_merged_text_that_is_too_long_is_not_held() -> None:
    tenant = tenant_with_shop(remark="甲\n")
    tenant.push(WANG, write(1, "甲\n" + "乙" * 4_000, "甲\n"))

    tenant.push(LI, write(1, "丙" * 4_000 + "\n甲\n", "甲\n"))

    assert [field for field, _, _ in tenant.conflicts] == ["remark"]


def _table(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Give the places of a longest common subsequence from the table of all lengths."""
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row, column in product(reversed(range(len(old))), reversed(range(len(new)))):
        lengths[row][column] = (
            lengths[row + 1][column + 1] + 1
            if old[row] == new[column]
            else max(lengths[row + 1][column], lengths[row][column + 1])
        )
    pairs, row, column = [], 0, 0
    while row < len(old) and column < len(new):
        if old[row] == new[column]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1
    return pairs


_FEW = st.lists(st.sampled_from("abc"), max_size=70)


@given(old=_FEW, new=_FEW)
def test_what_two_texts_have_in_common_is_that_of_the_whole_table(
    old: list[str], new: list[str]
) -> None:
    assert merging._common(old, new) == _table(old, new)


@given(
    was=st.lists(st.sampled_from("ab"), max_size=12),
    one=st.lists(st.sampled_from("abc"), max_size=12),
    other=st.lists(st.sampled_from("abd"), max_size=12),
)
def test_changes_collide_where_any_two_touch(
    was: list[str], one: list[str], other: list[str]
) -> None:
    ours, theirs = merging._hunks(was, one), merging._hunks(was, other)
    assert ours is not None
    assert theirs is not None

    assert merging._collide(ours, theirs) == any(
        merging._touch(mine, yours) for mine in ours for yours in theirs
    )
