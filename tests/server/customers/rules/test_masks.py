"""What is shown of a phone to somebody from whom it is hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor, Role, Scope, hidden
from server.customers.rules import masks
from tests.factories import new_id


@given(st.from_regex(r"\+86[0-9]{11}|\+[1-9][0-9]{5,14}", fullmatch=True))
def test_a_masked_phone_keeps_its_middle_to_itself(phone: str) -> None:
    masked = masks.masked(phone)

    assert masked is not None
    assert "****" in masked
    begin, end = masked.split("****")
    assert phone.startswith(begin)
    assert phone.endswith(end)
    # At least three digits are not to be told.
    assert len(phone) - len(begin) - len(end) >= 3


def test_nothing_is_masked_where_nothing_is() -> None:
    assert masks.masked(None) is None


def test_numbers_stand_in_fields_of_their_type_and_in_wechat_ids() -> None:
    custom_phone = f"custom_phone_{new_id().hex}"
    assert masks.value(custom_phone, "+8613812345678") == "+86138****5678"
    assert masks.value("wechat", "13812345678") == "138****5678"
    assert masks.value("wechat", "wang-xiaoming") == "wang-xiaoming"
    assert masks.value("name", "13812345678") == "13812345678"


def test_a_persons_own_customers_are_never_hidden() -> None:
    me = Actor(
        user_id=new_id(),
        tenant_id=new_id(),
        role=Role.SALES_MANAGER,
        scope=Scope.TENANT,
        masks_phones=True,
    )

    assert not masks.hides(me, me.user_id)
    assert masks.hides(me, new_id())
    assert masks.hides(me, None), "what lies in a pool is nobody's"


@given(
    st.text("王 ，找:：（）a9-", max_size=20),
    st.integers(0, 10**8 - 1),
    st.sampled_from(["", "+86", "86 "]),
)
def test_a_mobile_in_a_text_keeps_its_middle_to_itself(text: str, last: int, code: str) -> None:
    number = f"138{last:08d}"

    shown = hidden.in_text(f"{text}找{code}{number}。{text}")

    assert number not in shown
    assert f"找138****{number[-4:]}。" in shown
    assert hidden.in_text(shown) == shown


@pytest.mark.parametrize(
    "number",
    [
        "１３８１２３４５６７８",
        "138.1234.5678",
        "+86 138－1234－5678",
        "＋８６　１３８　１２３４　５６７８",
        "138—1234—5678",
    ],
)
def test_a_mobile_is_one_however_it_is_typed(number: str) -> None:
    shown = hidden.in_text(f"找王姐：{number}，晚上打")

    assert "****" in shown
    assert hidden.numbers_in(f"{number}。") == ["+8613812345678"]
    with pytest.raises(hidden.PhoneHidden):
        hidden.ensure_not_written_over(number, hidden.in_text(number), "remark")


@pytest.mark.parametrize(
    "text",
    [
        "91330106MA27XYZ01X",
        "91330100138123456782",
        "订单 202611281381234567",
        "019cac0f-2680-7b18-8812-345678901234",
        "138****5678",
        "0571-88123456",
        "2026-11-28",
    ],
)
def test_what_is_no_mobile_stays(text: str) -> None:
    assert hidden.in_text(text) == text


def test_stars_stand_for_a_number_only_where_one_is_hidden() -> None:
    hidden.ensure_not_written_over("138****5678", "138****5678 已打", "remark")
    hidden.ensure_not_written_over("13812345678", "换号了", "remark")
    with pytest.raises(hidden.PhoneHidden):
        hidden.ensure_not_written_over("打13812345678", "打138****5678", "remark")
