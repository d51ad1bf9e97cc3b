"""What is shown of a phone to somebody from whom it is hidden."""

from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor, Role, Scope
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
