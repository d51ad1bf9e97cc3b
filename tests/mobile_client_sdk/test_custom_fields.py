"""Custom fields on phones: defined by managers, written offline, held against their definition."""

from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from mobile_client_sdk.client import Client
from mobile_client_sdk.engine import _VERIFIED
from mobile_client_sdk.records import Customer, CustomField
from server.customers import service as customers
from server.customers.custom import service as fields
from server.customers.custom.schemas import FieldEdit, NewField, OptionGiven
from server.customers.schemas import CustomerEdit
from server.kit import clock
from sync_protocol.schema import ValueRefused
from tests.factories import Tenant
from tests.mobile_client_sdk.people import in_thread, only
from tests.mobile_client_sdk.test_real_server import Field


@pytest.fixture
def field(app: Litestar, tmp_path: Any) -> Field:
    """A company's devices."""
    return Field(app, tmp_path)


async def define(tenant: Tenant, type_: str, label: str, **more: Any) -> Any:
    """Let a manager add a field to customers."""
    wanted = NewField(subject="customer", type=type_, label_zh=label, meaning="店主说的", **more)  # type: ignore[arg-type] # a type's name
    return await fields.add(tenant.manager, wanted, now=clock.now())


async def test_s88_a_phone_writes_a_custom_field_offline(tenant: Tenant, field: Field) -> None:
    many = await define(
        tenant, "choices", "时段", options=[OptionGiven(zh="早"), OptionGiven(zh="晚")]
    )
    floor = await define(tenant, "integer", "楼层", minimum=1, maximum=9)
    morning, evening = (str(each.id) for each in many.options)
    rep, boss = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        assert [each.label_zh for each in rep.custom_fields("customer")] == ["时段", "楼层"]
        shop = rep.create_customer(name="福满楼", custom={floor.name: 3})
        with rep.edit(shop) as draft:
            draft.custom[many.name] = [morning]
        assert only(rep).custom == {floor.name: 3, many.name: [morning]}
        with pytest.raises(ValueRefused, match="more than 9"), rep.edit(shop) as draft:
            draft.custom[floor.name] = 10
        rep.sync()
        boss.sync()
        with boss.edit(only(boss)) as draft:
            draft.custom[many.name] = [morning, evening]
            draft.custom[floor.name] = None
        boss.sync()
        rep.sync()
        assert only(rep).custom == {many.name: sorted([morning, evening])}
        for phone in (rep, boss):
            phone._store.put(_VERIFIED, 0)
            phone.sync()
            # Whose hashes differ from the server's is never done with looking for what differs.
            assert phone._store.get(_VERIFIED) != 0
        assert rep._replica.hashes()["customer"] == boss._replica.hashes()["customer"]

    await in_thread(story)


async def test_s88_two_values_that_met_are_both_kept(tenant: Tenant, field: Field) -> None:
    text = await define(tenant, "text", "门头")
    rep, boss = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        rep.create_customer(name="福满楼", custom={text.name: "红"})
        rep.sync()
        boss.sync()
        for phone, word in ((rep, "蓝"), (boss, "绿")):
            with phone.edit(only(phone)) as draft:
                draft.custom[text.name] = word
        rep.sync()
        boss.sync()
        rep.sync()
        (conflict,) = rep.conflicts()
        assert {conflict.kept, conflict.other} == {"蓝", "绿"}
        assert "自定义字段" in conflict.sentence()
        rep.restore(conflict)
        rep.sync()
        boss.sync()
        assert only(boss).custom == {text.name: conflict.other}

    await in_thread(story)


async def test_s88_a_new_field_and_a_change_of_one_resend_no_customer(
    tenant: Tenant, field: Field
) -> None:
    rep = await field.enrol(tenant.rep, "rep")

    def many() -> None:
        for number in range(50):
            rep.create_customer(name=f"福满楼{number}")
        rep.sync()
        rep.sync()

    await in_thread(many)
    seqs = await in_thread(lambda: _seqs(rep))
    text = await define(tenant, "text", "门头")
    await fields.change(
        tenant.manager, text.id, FieldEdit(label_zh="招牌", state="archived"), now=clock.now()
    )

    def pulled() -> None:
        rep.sync()
        assert rep.custom_fields("customer") == []
        assert [each.label_zh for each in rep.find(CustomField)] == ["招牌"]
        assert _seqs(rep) == seqs
        assert len(seqs) == 50

    await in_thread(pulled)


async def test_s88_what_was_archived_meanwhile_is_kept_when_a_phone_brings_it(
    tenant: Tenant, field: Field
) -> None:
    one = await define(
        tenant, "choice", "经营", options=[OptionGiven(zh="甲"), OptionGiven(zh="乙")]
    )
    rep = await field.enrol(tenant.rep, "rep")
    first, second = one.options

    def offline() -> None:
        rep.create_customer(name="福满楼", custom={one.name: str(first.id)})

    await in_thread(offline)
    left = [OptionGiven(id=second.id, zh="乙")]
    await fields.change(
        tenant.manager, one.id, FieldEdit(options=left, state="archived"), now=clock.now()
    )

    def story() -> None:
        rep.sync()
        rep.sync()
        assert rep.refusals() == []
        assert only(rep).custom == {one.name: str(first.id)}

    await in_thread(story)


async def test_s88_a_second_holder_of_a_unique_value_is_told(tenant: Tenant, field: Field) -> None:
    card = await define(tenant, "text", "卡号", is_unique=True)
    rep, boss = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        shop = rep.create_customer(name="福满楼", custom={card.name: "A1"})
        rep.sync()
        other = boss.create_customer(name="别家")
        boss.sync()
        with boss.edit(other) as draft:
            draft.custom[card.name] = "A1"
        boss.sync()
        (refusal,) = boss.refusals()
        assert (refusal.code, refusal.field) == ("custom_value_taken", card.name)
        assert refusal.values == {card.name: "A1"}
        boss.sync()
        assert held(boss, other) == {}
        assert held(boss, shop) == {card.name: "A1"}

    await in_thread(story)


async def test_s88_an_edit_on_a_page_reaches_the_phone_as_that_field_alone(
    tenant: Tenant, field: Field
) -> None:
    text = await define(tenant, "text", "门头")
    rep = await field.enrol(tenant.rep, "rep")

    def begin() -> str:
        shop = rep.create_customer(name="福满楼", city="杭州市")
        rep.sync()
        return shop.id

    shop_id = await in_thread(begin)
    edit = CustomerEdit(custom={text.name: "红"})
    await customers.edit(tenant.manager, UUID(shop_id), edit, now=clock.now())

    def story() -> None:
        rep.sync()
        assert only(rep).custom == {text.name: "红"}

    await in_thread(story)


def held(phone: Client, customer: Customer) -> dict[str, Any]:
    """Give the custom fields of a customer as a phone shows it."""
    shown = phone.get(Customer, customer.id)
    assert shown is not None, "the phone has it"
    return shown.custom


def _seqs(phone: Client) -> dict[str, int]:
    """Give at which sequence the phone got each customer."""
    return dict(phone._store.rows("SELECT id, seq FROM base_customer"))
