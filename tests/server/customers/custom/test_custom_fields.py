"""Managers give the company's records fields of their own, and every door asks the definition."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from server.access import Actor
from server.changelog.custom import CustomValueTaken
from server.customers import queries, service
from server.customers.custom import queries as customs
from server.customers.custom import rules
from server.customers.custom import service as fields
from server.customers.custom.schemas import FieldEdit, NewField, OptionGiven
from server.customers.exports import service as exports
from server.customers.schemas import (
    ContactEdit,
    Filters,
    NewContact,
    NewCustomer,
    NewStore,
    Sort,
)
from server.imports import queries as import_queries
from server.imports import service as imports
from server.imports.schemas import Policy, StartImport
from server.kit.errors import Forbidden, Refusal
from server.pipeline import queries as deals
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity, OpportunityEdit
from server.sync import merging, unmerging
from tests.factories import NOW, Tenant
from tests.server.customers.custom.stories import choice, field
from tests.server.customers.stories import change, make, names

LATER = NOW + timedelta(hours=1)


async def refused(actor: Actor, **custom: Any) -> tuple[str, str | None]:
    """Make a customer that is refused; give the code and the field."""
    with pytest.raises(Refusal) as refusal:
        await make(actor, custom=custom)
    return refusal.value.code, refusal.value.field


async def test_s88_a_customer_has_a_value_of_each_type(tenant: Tenant) -> None:
    boss = tenant.manager
    made = {kind: await field(boss, kind) for kind in ("text", "lines", "integer", "decimal")}
    made |= {kind: await field(boss, kind) for kind in ("date", "flag", "phone")}
    one = await choice(boss, "加盟", "直营")
    many = await choice(boss, "早", "中", "晚", type_="choices")
    given: dict[str, Any] = {
        made["text"].name: "  三号\u3000货架 ",
        made["lines"].name: "第一行\r\n第二行",
        made["integer"].name: -7,
        made["decimal"].name: 1250,
        made["date"].name: "2027-01-31",
        made["flag"].name: 0,
        made["phone"].name: "138 0013 8000",
        one.name: str(one.options[1].id),
        many.name: [str(each.id) for each in many.options[:2]],
    }

    saved = await make(tenant.rep, custom=given)

    assert saved.customer.custom == given | {
        made["text"].name: "三号 货架",
        made["lines"].name: "第一行\n第二行",
        made["phone"].name: "+8613800138000",
        many.name: sorted(given[many.name]),
    }
    assert (await queries.one(tenant.rep, saved.id)).custom == saved.customer.custom


async def test_s88_stores_contacts_and_deals_have_fields_of_their_own(tenant: Tenant) -> None:
    of = {
        kind: await field(tenant.manager, subject=kind)
        for kind in ("store", "contact", "opportunity")
    }
    shop = (await make(tenant.rep)).id

    await service.add_store(
        tenant.rep, shop, NewStore(name="一店", custom={of["store"].name: "靠窗"}), now=NOW
    )
    contact = await service.add_contact(
        tenant.rep, shop, NewContact(name="陈", custom={of["contact"].name: "属虎"}), now=NOW
    )
    deal = await pipeline.create(
        tenant.rep,
        NewOpportunity(customer_id=shop, name="三年", custom={of["opportunity"].name: "急"}),
        now=NOW,
    )
    await service.edit_contact(
        tenant.rep, contact.id, ContactEdit(custom={of["contact"].name: "属龙"}), now=LATER
    )
    await pipeline.edit(
        tenant.rep, deal.id, OpportunityEdit(custom={of["opportunity"].name: None}), now=LATER
    )

    found = await queries.detail(tenant.rep, shop)
    assert found.stores[0].custom == {of["store"].name: "靠窗"}
    assert found.contacts[0].custom == {of["contact"].name: "属龙"}
    assert (await deals.one(tenant.rep, deal.id, now=LATER)).custom == {}


async def test_s88_a_value_that_the_definition_does_not_take_is_refused(tenant: Tenant) -> None:
    boss = tenant.manager
    number = await field(boss, "integer", minimum=1, maximum=9)
    one = await choice(boss, "加盟", "直营")
    of_store = await field(boss, "text", "门店的", subject="store")
    needed = await field(boss, "text", "必填", is_required=True)
    good = {needed.name: "有"}

    assert await refused(tenant.rep, **good, **{number.name: 10}) == ("value_invalid", number.name)
    assert await refused(tenant.rep, **good, **{number.name: "7"}) == ("value_invalid", number.name)
    assert await refused(tenant.rep, **good, **{one.name: str(uuid4())}) == (
        "value_invalid",
        one.name,
    )
    assert await refused(tenant.rep, **good, **{of_store.name: "x"}) == (
        "field_unknown",
        of_store.name,
    )
    missing = f"custom_text_{uuid4().hex}"
    assert await refused(tenant.rep, **good, **{missing: "x"}) == ("field_unknown", missing)
    assert await refused(tenant.rep) == ("field_required", needed.name)
    kept = await make(tenant.rep, custom=good)
    with pytest.raises(Refusal) as emptied:
        await change(tenant.rep, kept.id, custom={needed.name: None})
    assert emptied.value.code == "field_required"


async def test_s88_a_new_requirement_does_not_stand_in_the_way_of_other_edits(
    tenant: Tenant,
) -> None:
    shop = await make(tenant.rep)
    await field(tenant.manager, is_required=True)

    edited = await change(tenant.rep, shop.id, city="杭州市")

    assert edited.customer.city == "杭州市"


async def test_s88_no_two_customers_have_a_value_that_is_unique(tenant: Tenant) -> None:
    number = await field(tenant.manager, "phone", "会员卡", is_unique=True)
    first = await make(tenant.rep, custom={number.name: "13800138000"})

    with pytest.raises(CustomValueTaken) as taken:
        await make(tenant.manager, "另一家", custom={number.name: "+86 138 0013 8000"})
    assert taken.value.field == number.name
    await change(tenant.rep, first.id, custom={number.name: "13800138001"})
    second = await make(tenant.manager, "另一家", custom={number.name: "13800138000"})

    await service.delete(tenant.manager, second.id, base=None, now=LATER)
    again = await change(tenant.rep, first.id, 90, custom={number.name: "13800138000"})
    assert again.customer.custom == {number.name: "+8613800138000"}


async def test_s88_an_edit_leaves_other_custom_fields_alone_and_its_history_tells(
    tenant: Tenant,
) -> None:
    first, second = await field(tenant.manager, label="甲"), await field(tenant.manager, label="乙")
    many = await choice(tenant.manager, "早", "中", "晚", type_="choices")
    morning, noon, evening = (str(each.id) for each in many.options)
    shop = await make(tenant.rep, custom={first.name: "1", many.name: [morning, noon]})

    saved = await change(tenant.rep, shop.id, custom={second.name: "2"})
    saved = await change(tenant.rep, shop.id, 2, custom={many.name: [noon, evening]})

    assert saved.customer.custom == {
        first.name: "1",
        second.name: "2",
        many.name: sorted([noon, evening]),
    }
    told = [entry.changes for entry in (await queries.history(tenant.rep, shop.id)).items]
    assert [(each.field, each.old, each.new) for each in told[1]] == [(second.name, None, "2")]
    assert [each.field for each in told[0]] == [many.name]


async def test_s88_a_definition_is_changed_and_archived_and_values_stay(tenant: Tenant) -> None:
    boss = tenant.manager
    one = await choice(boss, "加盟", "直营")
    shop = await make(tenant.rep, custom={one.name: str(one.options[0].id)})
    direct = one.options[1]

    changed = await fields.change(
        boss,
        one.id,
        FieldEdit(
            label_zh="经营方式",
            options=[OptionGiven(id=direct.id, zh="自营", en="Own"), OptionGiven(zh="联营")],
        ),
        now=LATER,
    )
    assert [(each.zh, each.archived) for each in changed.options] == [
        ("自营", False),
        ("联营", False),
        ("加盟", True),
    ]
    await fields.change(boss, one.id, FieldEdit(state="archived"), now=LATER)

    assert await customs.definitions(boss, "customer") == []
    assert (await queries.one(tenant.rep, shop.id)).custom == {one.name: str(one.options[0].id)}
    held = await queries.one(tenant.rep, shop.id)
    assert held.seq == shop.seq


async def test_s88_what_makes_no_field_is_refused_in_words(tenant: Tenant) -> None:
    boss = tenant.manager
    await field(boss, label="楼层")
    hardly: list[tuple[type[Refusal], dict[str, Any]]] = [
        (rules.CustomLabelTaken, {"label_zh": "楼层"}),
        (rules.CustomLabelEmpty, {"meaning": "　"}),
        (rules.CustomOptionsBad, {"type": "choice"}),
        (rules.CustomOptionsBad, {"options": [OptionGiven(zh="甲")]}),
        (rules.CustomBoundsBad, {"type": "decimal"}),
        (rules.CustomBoundsBad, {"type": "integer", "minimum": 3, "maximum": 2}),
        (rules.CustomBoundsBad, {"type": "text", "minimum": 3}),
        (rules.CustomUniqueBad, {"type": "lines", "is_unique": True}),
    ]
    for refusal, wanted in hardly:
        given: dict[str, Any] = {"subject": "customer", "type": "text", "label_zh": "新"}
        given["meaning"] = "有"
        with pytest.raises(refusal):
            await fields.add(boss, NewField(**(given | wanted)), now=NOW)
    with pytest.raises(Forbidden):
        await field(tenant.rep, label="别的")
    assert [each.label_zh for each in await customs.fields(boss)] == ["楼层"]


async def test_s88_there_are_sixty_fields_of_a_kind_and_no_more(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "FIELDS_MAX", 3)
    for label in ("甲", "乙", "丙"):
        made = await field(tenant.manager, label=label)
    await fields.change(tenant.manager, made.id, FieldEdit(state="archived"), now=LATER)

    with pytest.raises(rules.TooManyCustomFields):
        await field(tenant.manager, label="丁")
    await field(tenant.manager, label="丁", subject="store")


async def test_s88_a_field_does_not_become_unique_over_values_that_repeat(tenant: Tenant) -> None:
    text = await field(tenant.manager)
    first = await make(tenant.rep, custom={text.name: "一样"})
    await make(tenant.rep, "另一家", custom={text.name: "一样"})

    with pytest.raises(rules.CustomValuesRepeat):
        await fields.change(tenant.manager, text.id, FieldEdit(is_unique=True), now=LATER)

    await change(tenant.rep, first.id, custom={text.name: "不一样"})
    await fields.change(tenant.manager, text.id, FieldEdit(is_unique=True), now=LATER)


async def test_s88_another_companys_field_is_none(tenant: Tenant, rival: Tenant) -> None:
    theirs = await field(rival.manager)

    assert await refused(tenant.rep, **{theirs.name: "x"}) == ("field_unknown", theirs.name)
    assert await customs.fields(tenant.manager) == []


async def test_s88_customers_are_found_by_a_custom_value(tenant: Tenant) -> None:
    boss = tenant.manager
    one = await choice(boss, "加盟", "直营")
    many = await choice(boss, "早", "晚", type_="choices")
    yes, price = await field(boss, "flag"), await field(boss, "decimal")
    joined, own = (str(each.id) for each in one.options)
    morning, evening = (str(each.id) for each in many.options)
    await make(boss, "甲店", custom={one.name: joined, many.name: [morning, evening]})
    await make(boss, "乙店", custom={one.name: own, yes.name: 1, price.name: 1250})
    last = await make(boss, "丙店", custom={one.name: own, yes.name: 0})

    assert await names(boss, Sort.NAME, custom={one.name: own}) == ["丙店", "乙店"]
    assert await names(boss, custom={one.name: own, yes.name: "1"}) == ["乙店"]
    assert await names(boss, custom={many.name: evening}) == ["甲店"]
    assert await names(boss, custom={price.name: "1250"}) == ["乙店"]
    await change(boss, last.id, custom={one.name: joined})
    assert await names(boss, Sort.NAME, custom={one.name: own}) == ["乙店"]
    assert await names(boss, custom={f"custom_text_{uuid4().hex}": "x"}) == []


async def test_s88_what_an_export_wrote_comes_back_and_changes_nothing(tenant: Tenant) -> None:
    boss = tenant.owner
    one = await choice(boss, "加盟", "直营", label="经营方式")
    many = await choice(boss, "早", "晚", type_="choices", label="时段")
    price, day = await field(boss, "decimal", "单价"), await field(boss, "date", "开业")
    yes = await field(boss, "flag", "冷柜")
    shop = await make(
        boss,
        custom={
            one.name: str(one.options[0].id),
            many.name: [str(each.id) for each in many.options],
            price.name: 1250,
            day.name: "2027-01-31",
            yes.name: 1,
        },
    )

    for words in exports.Words:
        lines = await exports.as_csv(boss, Filters(), words, now=NOW)
        sheet = b"".join([block async for block in lines])
        assert "加盟,早;晚,12.50,2027-01-31,是" in sheet.decode()
        view = await imports.upload(boss, "客户.csv", sheet, target="customers", now=NOW)
        assert {one.name, many.name, price.name, day.name, yes.name} <= {*view.plan.columns}
        await imports.start(boss, view.id, StartImport(duplicates=Policy.UPDATE), now=NOW)
        await imports.run(boss, view.id, now=NOW)
        done = await import_queries.one(boss, view.id)
        assert (done.counts.updated, done.counts.refused) == (0, 0)
    assert (await queries.one(boss, shop.id)).seq == shop.seq


async def test_s88_a_sheet_is_read_as_people_write_and_what_is_wrong_is_told(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    one = await choice(boss, "加盟", "直营", label="经营方式", is_required=True)
    day, count = await field(boss, "date", "开业"), await field(boss, "integer", "货架数")
    sheet = (
        "客户名称,经营方式,开业,货架数\n"
        "好店,直营,2027年1月31日,12.0\n"
        "无方式,,2027/1/31,\n"
        "坏店,代理,三月,十二\n"
        "表格日期,加盟,46418,7\n"
    ).encode()

    view = await imports.upload(boss, "客户.csv", sheet, target="customers", now=NOW)
    seen = await import_queries.preview(boss, view.id, StartImport())

    told = {(each.row, each.field, each.code) for each in seen.problems}
    assert told == {
        (3, one.name, "field_required"),
        (4, one.name, "bad_custom_value"),
        (4, day.name, "bad_custom_value"),
        (4, count.name, "bad_custom_value"),
    }
    await imports.start(boss, view.id, StartImport(), now=NOW)
    await imports.run(boss, view.id, now=NOW)
    held = (await queries.list_page(boss, Filters(), sort=Sort.NAME)).items
    assert {each.name: each.custom.get(day.name) for each in held} == {
        "好店": "2027-01-31",
        "表格日期": "2027-01-31",
    }
    assert held[1].custom.get(count.name) in {12, 7}


async def test_s88_a_merge_keeps_custom_values_and_is_taken_back_exactly(tenant: Tenant) -> None:
    boss = tenant.manager
    text, lines = await field(boss, "text"), await field(boss, "lines")
    many = await choice(boss, "早", "晚", type_="choices")
    morning, evening = (str(each.id) for each in many.options)
    old = await make(boss, "旧", custom={text.name: "红", lines.name: "旧话", many.name: [morning]})
    into = await make(boss, "新", custom={text.name: "蓝", many.name: [evening]})

    merged = await merging.merge(boss, old.id, into.id, now=LATER)

    after = (await queries.one(boss, into.id)).custom
    assert after == {
        text.name: "蓝",
        lines.name: "旧话",
        many.name: sorted([morning, evening]),
    }
    await unmerging.unmerge(boss, into.id, merged.id, now=LATER)
    assert (await queries.one(boss, into.id)).custom == into.customer.custom
    assert (await queries.one(boss, old.id)).custom == old.customer.custom


async def test_the_first_field_of_a_company_is_made_once(tenant: Tenant) -> None:
    field_id = uuid4()

    answers = await asyncio.gather(
        *(field(tenant.manager, label="门店面积", id=field_id) for _ in range(4))
    )

    assert all(answer == answers[0] for answer in answers)


async def test_the_first_fields_of_a_company_do_not_share_a_name(tenant: Tenant) -> None:
    answers = await asyncio.gather(
        *(field(tenant.manager, label="门店面积") for _ in range(4)), return_exceptions=True
    )

    assert sum(isinstance(each, rules.CustomLabelTaken) for each in answers) == 3


async def test_a_field_is_changed_while_values_are_written(tenant: Tenant) -> None:
    made = await field(tenant.manager, is_unique=True)

    async def write(at: int) -> None:
        new = NewCustomer(name=f"客户{at}号", custom={made.name: f"A-{at}"})
        await service.create(tenant.rep, new, now=NOW)

    # Whoever locked in another order would wait for who waits for them, and be thrown out.
    for at in range(0, 40, 8):
        await asyncio.gather(
            *(write(at + each) for each in range(4)),
            *(
                fields.change(tenant.manager, made.id, FieldEdit(meaning=f"第{at + n}版"), now=NOW)
                for n in range(4)
            ),
        )
