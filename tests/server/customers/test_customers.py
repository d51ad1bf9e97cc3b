"""Customers are made, edited, found double, deleted and brought back, all through the changelog."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from server.access import Role
from server.customers import queries, service
from server.customers.rules.status import IllegalTransition
from server.customers.schemas import (
    ContactEdit,
    CustomerBatch,
    CustomerEdit,
    Filters,
    Identity,
    NewContact,
    NewCustomer,
    NewNote,
    NewStore,
)
from server.customers.service.references import UnknownOwner, UnknownTag
from server.customers.service.writing import Stale
from server.kit.errors import Conflict, Forbidden, Invalid, NotFound
from tests.factories import NOW, Tenant, new_id
from tests.server.customers.stories import change, make, make_tag, names

USCC = "91330106MA2KXXXX0K"
LATER = NOW + timedelta(hours=1)


async def test_a_customer_is_kept_in_normal_form_and_belongs_to_who_made_it(tenant: Tenant) -> None:
    saved = await make(
        tenant.rep, "  杭州　龙井茶行 ", phone="０５７１－８８８８００００", city="杭州市"
    )

    customer = saved.customer
    assert (customer.name, customer.phone, customer.city) == (
        "杭州 龙井茶行",
        "+8657188880000",
        "杭州市",
    )
    assert (customer.owner_id, customer.team_id) == (tenant.rep.user_id, tenant.team_id)
    assert customer.status == "potential"
    assert customer.updated_at == NOW


async def test_the_same_request_again_is_answered_the_same(tenant: Tenant) -> None:
    customer_id = new_id()
    first = await make(tenant.rep, id=customer_id, city="杭州")

    again = await make(tenant.rep, id=customer_id, city="杭州")

    assert again.customer == first.customer
    with pytest.raises(Conflict) as refused:
        await make(tenant.rep, id=customer_id, city="绍兴")
    assert refused.value.code == "id_reused"


async def test_the_same_batch_twice_at_once_makes_its_customers_once(tenant: Tenant) -> None:
    rows = [NewCustomer(name=f"常州天合{at}", id=new_id()) for at in range(120)]
    batch = CustomerBatch(customers=rows)

    answers = await asyncio.gather(
        *(service.create_many(tenant.owner, batch, now=NOW) for _ in range(3))
    )

    assert len({answer.seq for answer in answers}) == 1
    assert {answer.ids[0] for answer in answers} == {rows[0].id}


async def test_the_same_request_twice_at_once_makes_one_customer(tenant: Tenant) -> None:
    new = NewCustomer(id=new_id(), name="杭州龙井茶行")

    answers = await asyncio.gather(*(service.create(tenant.rep, new, now=NOW) for _ in range(6)))

    assert {answer.id for answer in answers} == {new.id}
    assert {answer.seq for answer in answers} == {answers[0].seq}
    assert await names(tenant.rep) == ["杭州龙井茶行"]


async def test_only_touched_fields_change(tenant: Tenant) -> None:
    saved = await make(tenant.rep, city="杭州", level="B")

    edited = await change(tenant.rep, saved.id, level="A", city=None)

    assert (edited.customer.level, edited.customer.city, edited.customer.name) == (
        "A",
        None,
        saved.customer.name,
    )
    assert edited.seq > saved.seq


async def test_two_pages_edit_one_field_and_both_values_are_kept(tenant: Tenant) -> None:
    saved = await make(tenant.rep, level="C")
    await change(tenant.manager, saved.id, minutes=1, base=saved.seq, level="B", industry="茶叶")

    merged = await change(tenant.rep, saved.id, minutes=2, base=saved.seq, level="A")

    assert merged.outcome == "merged"
    assert len(merged.conflicts) == 1
    assert (merged.customer.level, merged.customer.industry) == ("A", "茶叶")


async def test_an_edit_may_ask_to_be_refused_instead(tenant: Tenant) -> None:
    saved = await make(tenant.rep, level="C")
    await change(tenant.manager, saved.id, base=saved.seq, level="B")

    with pytest.raises(Stale) as refused:
        await change(tenant.rep, saved.id, base=saved.seq, on_conflict="refuse", level="A")

    assert refused.value.field == "level"
    assert refused.value.extra["fields"] == {"level": {"held": "B", "given": "A"}}
    other_field = await change(
        tenant.rep, saved.id, base=saved.seq, on_conflict="refuse", city="杭州"
    )
    assert other_field.outcome == "applied"


async def test_a_status_goes_only_where_the_machine_leads(tenant: Tenant) -> None:
    saved = await make(tenant.rep)

    with pytest.raises(IllegalTransition) as refused:
        await change(tenant.rep, saved.id, status="signed")
    await change(tenant.rep, saved.id, status="intent")
    signed = await change(tenant.rep, saved.id, status="signed")

    assert refused.value.field == "status"
    assert "intent" in refused.value.extra["allowed"]
    assert signed.customer.status == "signed"


async def test_doubles_are_told_and_not_refused(tenant: Tenant) -> None:
    await make(tenant.manager, "龙井茶行有限公司", phone="13805710001")
    await make(tenant.manager, "另一家", phone="13805710001")

    saved = await make(tenant.manager, "龙井茶行有限责任公司", phone="138 0571 0001")

    reasons = {double.name: double.reasons for double in saved.duplicates}
    assert reasons == {"龙井茶行有限公司": ["phone", "name"], "另一家": ["phone"]}
    before = await service.find_duplicates(tenant.manager, Identity(phone="+86 138-0571-0001"))
    assert {double.customer_id for double in before} >= {saved.id}


async def test_a_double_out_of_sight_is_told_without_its_name(tenant: Tenant) -> None:
    colleague = tenant.actor(Role.SALES_REP)
    await make(colleague, "龙井茶行", phone="13805710001")

    saved = await make(tenant.rep, "别的茶行", phone="13805710001")

    assert [(d.reasons, d.owner_id, d.customer_id, d.name) for d in saved.duplicates] == [
        (["phone"], colleague.user_id, None, None)
    ]


async def test_a_rivals_customer_is_no_double(tenant: Tenant, rival: Tenant) -> None:
    await make(rival.owner, "龙井茶行", phone="13805710001")

    assert (await make(tenant.owner, "龙井茶行", phone="13805710001")).duplicates == []


async def test_a_deleted_customer_is_gone_and_comes_back_as_it_was(tenant: Tenant) -> None:
    saved = await make(tenant.rep, "龙井茶行", phone="13805710001", level="A")
    await service.add_contact(tenant.rep, saved.id, NewContact(name="王小明"), now=NOW)

    await service.delete(tenant.rep, saved.id, base=saved.seq, now=LATER)

    with pytest.raises(NotFound):
        await queries.detail(tenant.rep, saved.id)
    assert await names(tenant.rep, q="龙井") == []
    await service.restore(tenant.rep, saved.id, now=LATER)
    detail = await queries.detail(tenant.rep, saved.id)
    assert detail.customer.level == "A"
    assert [contact.name for contact in detail.contacts] == ["王小明"]
    assert await names(tenant.rep, q="龙井") == ["龙井茶行"]
    assert await names(tenant.rep, q="王小明") == ["龙井茶行"]


async def test_a_contact_that_is_deleted_is_no_longer_found(tenant: Tenant) -> None:
    saved = await make(tenant.rep, "龙井茶行")
    contact = await service.add_contact(
        tenant.rep, saved.id, NewContact(name="王小明", phone="13805719999"), now=NOW
    )
    await service.edit_contact(tenant.rep, contact.id, ContactEdit(name="李大明"), now=NOW)
    assert await names(tenant.rep, q="小明") == []
    assert await names(tenant.rep, q="大明") == ["龙井茶行"]

    await service.delete_contact(tenant.rep, contact.id, base=None, now=LATER)
    assert await names(tenant.rep, q="9999") == []

    await service.restore_contact(tenant.rep, contact.id, now=LATER)
    assert await names(tenant.rep, q="9999") == ["龙井茶行"]


async def test_what_belongs_to_a_customer_is_shown_with_it(tenant: Tenant) -> None:
    tag = await make_tag(tenant.owner)
    saved = await make(tenant.rep, tags=[tag])
    store = await service.add_store(
        tenant.rep, saved.id, NewStore(name="一店", lat=30_250_000, lng=120_160_000), now=NOW
    )
    await service.add_contact(
        tenant.rep,
        saved.id,
        NewContact(name="王", store_id=store.id, email="w@EXAMPLE.com"),
        now=NOW,
    )
    await service.add_note(tenant.rep, saved.id, NewNote(body="初次拜访\n下周再来"), now=NOW)

    detail = await queries.detail(tenant.manager, saved.id)

    assert [(each.name, each.lat) for each in detail.stores] == [("一店", 30_250_000)]
    assert [(each.store_id, each.email) for each in detail.contacts] == [
        (store.id, "w@example.com")
    ]
    assert [(each.body, each.author_id, each.written_at) for each in detail.notes] == [
        ("初次拜访\n下周再来", tenant.rep.user_id, NOW)
    ]
    assert [each.name for each in detail.tags] == ["重点"]


async def test_the_history_tells_who_changed_what(tenant: Tenant) -> None:
    saved = await make(tenant.rep, level="C")
    await service.add_contact(tenant.rep, saved.id, NewContact(name="王"), now=NOW)
    await change(tenant.manager, saved.id, level="A", city="杭州")

    page = await queries.history(tenant.rep, saved.id)
    first_of_pages = await queries.history(tenant.rep, saved.id, limit=1)
    rest = await queries.history(tenant.rep, saved.id, cursor=first_of_pages.next_cursor)

    told = [(entry.kind, entry.action, entry.actor_id) for entry in page.items]
    assert told == [
        ("customer", "edit", tenant.manager.user_id),
        ("contact", "create", tenant.rep.user_id),
        ("customer", "create", tenant.rep.user_id),
    ]
    assert [(each.field, each.old, each.new) for each in page.items[0].changes] == [
        ("city", None, "杭州市"),
        ("level", "C", "A"),
    ]
    assert [*first_of_pages.items, *rest.items] == page.items


async def test_a_batch_is_kept_whole_with_one_sequence(tenant: Tenant) -> None:
    batch = CustomerBatch(
        customers=[NewCustomer(name=f"茶行{at}", phone=f"1380571{at:04}") for at in range(300)]
    )

    done = await service.create_many(tenant.owner, batch, now=NOW)

    listed = await queries.summary(tenant.owner, Filters())
    assert (len(done.ids), listed.customers, done.duplicates) == (300, 300, {})
    assert {(await queries.one(tenant.owner, at)).seq for at in done.ids[::100]} == {done.seq}


async def test_a_batch_with_one_bad_line_is_refused_whole_naming_it(tenant: Tenant) -> None:
    batch = CustomerBatch(
        customers=[NewCustomer(name="甲茶行"), NewCustomer(name="乙茶行", phone="12")]
    )

    with pytest.raises(Invalid) as refused:
        await service.create_many(tenant.owner, batch, now=NOW)

    assert (refused.value.code, refused.value.field) == ("bad_phone", "customers[1].phone")
    assert await names(tenant.owner) == []


async def test_doubles_inside_the_tenant_are_told_for_a_batch(tenant: Tenant) -> None:
    await make(tenant.owner, "甲茶行", phone="13805710001")
    batch = CustomerBatch(
        customers=[NewCustomer(name="乙茶行"), NewCustomer(name="丙茶行", phone="13805710001")]
    )

    done = await service.create_many(tenant.owner, batch, now=NOW)

    assert {at: [d.name for d in doubles] for at, doubles in done.duplicates.items()} == {
        1: ["甲茶行"]
    }


async def test_a_rep_hands_nothing_over_and_nobody_to_a_stranger(tenant: Tenant) -> None:
    saved = await make(tenant.rep)

    with pytest.raises(UnknownOwner):
        await change(tenant.manager, saved.id, owner_id=uuid4())
    with pytest.raises(Forbidden):
        await change(tenant.rep, saved.id, owner_id=None)


async def test_a_tag_that_is_not_there_is_refused(tenant: Tenant, rival: Tenant) -> None:
    foreign = await make_tag(rival.owner)

    for tag in (foreign, uuid4()):
        with pytest.raises(UnknownTag):
            await make(tenant.rep, tags=[tag])


async def test_tags_are_added_and_removed_one_by_one(tenant: Tenant) -> None:
    gold, silver = await make_tag(tenant.owner, "金"), await make_tag(tenant.owner, "银")
    saved = await make(tenant.rep, tags=[gold])

    edited = await change(tenant.rep, saved.id, add_tags=[silver], remove_tags=[gold])

    assert edited.customer.tags == [silver]
    assert await names(tenant.rep, tag=silver) == [saved.customer.name]
    assert await names(tenant.rep, tag=gold) == []


@pytest.mark.parametrize("missing", [uuid4(), None])
async def test_a_foreign_id_is_answered_like_a_missing_one(
    tenant: Tenant, rival: Tenant, missing: UUID | None
) -> None:
    customer_id = missing or (await make(rival.owner)).id
    asked = [
        queries.detail(tenant.owner, customer_id),
        queries.history(tenant.owner, customer_id),
        service.edit(tenant.owner, customer_id, CustomerEdit(level="A"), now=NOW),
        service.delete(tenant.owner, customer_id, base=None, now=NOW),
        service.restore(tenant.owner, customer_id, now=NOW),
        service.add_note(tenant.owner, customer_id, NewNote(body="x"), now=NOW),
    ]

    for question in asked:
        with pytest.raises(NotFound) as refused:
            await question
        assert refused.value.detail == NotFound().detail
