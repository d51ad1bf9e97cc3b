"""What speaks against a lead is found at its birth, and nothing is thrown away (S39)."""

from collections import Counter
from typing import Any, Final

import pytest

from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.kit.errors import NotFound
from server.leads import queries, service
from server.leads.rules.states import LeadState, LeadStateUnfit
from server.leads.rules.verdicts import Verdict
from server.leads.schemas import LeadEdit, LeadFilters, NewLead
from tests.factories import NOW, Tenant
from tests.server.leads.stories import a_lead, a_phone, decide, holds, one, ready, receive, route

V = Verdict
OPTED_OUT: Final = "13900000099"
LABELLED: Final[list[tuple[Verdict, dict[str, Any]]]] = [
    (V.CLEAN, {"name": "杭州龙井茶行", "phone": "138 1234 5601", "city": "杭州"}),
    (V.CLEAN, {"name": "宁波海鲜楼", "phone": "+86 138-1234-5602", "city": "宁波市"}),
    (V.CLEAN, {"name": "绍兴黄酒铺", "phone": "０１３８１２３４５６０３"[1:], "city": "杭州"}),
    (V.CLEAN, {"name": "城西文印店", "phone": "0571-88880001", "city": "杭州"}),
    (V.CLEAN, {"name": "没说城市的店", "phone": "13812345604"}),
    (V.CLEAN, {"name": "测量仪器行", "phone": "13812345605", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "少一位", "phone": "1381234560", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "号段不对", "phone": "12812345678", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "没有电话", "phone": "", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "写了无", "phone": "无", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "两个号", "phone": "13812345606/13812345607", "city": "杭州"}),
    (V.INVALID_PHONE, {"name": "科学计数", "phone": "1.38E+10", "city": "杭州"}),
    (V.JUNK, {"name": "测试客户", "phone": "13812345608", "city": "杭州"}),
    (V.JUNK, {"name": "ＴＥＳＴ 123", "phone": "13812345609", "city": "杭州"}),
    (V.JUNK, {"name": "111", "phone": "13812345610", "city": "杭州"}),
    (V.DUPLICATE, {"name": "龙井茶行（杭州）", "phone": "0086 13812345601", "city": "杭州"}),
    (V.DUPLICATE, {"name": "宁波海鲜", "phone": "13812345602", "city": "宁波"}),
    (V.OUT_OF_AREA, {"name": "北京烤鸭店", "phone": "13812345611", "city": "北京"}),
    (V.OUT_OF_AREA, {"name": "上海本帮菜", "phone": "13812345612", "city": "上海市"}),
    (V.OPTED_OUT, {"name": "勿扰客户", "phone": OPTED_OUT, "city": "杭州"}),
]
"""Leads as they come, each with what a person says of it."""


async def test_s39_the_verdicts_on_a_labelled_set_are_those_of_a_person(tenant: Tenant) -> None:
    for city in ("杭州", "宁波"):
        await holds(tenant, tenant.rep.user_id, city)
    await opt_outs.opt_out(tenant.rep, f"+86{OPTED_OUT}", OptOutReason.ASKED, now=NOW)

    saved = await receive(tenant.manager, *(NewLead(**given) for _, given in LABELLED))

    labels = [label for label, _ in LABELLED]
    confusion = Counter(zip(labels, saved.verdicts, strict=True))
    assert confusion == Counter({(label, label): n for label, n in Counter(labels).items()})


async def test_s39_a_duplicate_names_its_twin_and_a_customer_counts_too(tenant: Tenant) -> None:
    first = await ready(tenant, phone="13900001234")
    again = await receive(tenant.manager, a_lead("又来了", phone="139 0000 1234"))
    await route(tenant, first)
    third = await receive(tenant.manager, a_lead("第三次", phone="+8613900001234"))

    told = [(await one(tenant.manager, ids[0])).verdict_values for ids in (again.ids, third.ids)]
    assert told[0] == {"lead_id": str(first)}
    assert "customer_id" in told[1]


async def test_s39_what_was_discarded_comes_back_with_its_history(tenant: Tenant) -> None:
    [lead_id] = (await receive(tenant.manager, a_lead("测试路小卖部"))).ids
    assert (await one(tenant.manager, lead_id)).verdict is Verdict.JUNK

    await service.discard(tenant.manager, decide([lead_id], "看着像测试"), now=NOW)
    assert (await one(tenant.manager, lead_id)).state is LeadState.DISCARDED
    await service.restore(tenant.owner, decide([lead_id], "真有这家店"), now=NOW)

    detail = await queries.detail(tenant.manager, lead_id)
    assert detail.lead.state is LeadState.READY
    assert [(each.kind, each.detail["reason"]) for each in detail.events] == [
        ("discard", "看着像测试"),
        ("restore", "真有这家店"),
    ]
    assert (await route(tenant, lead_id)).person_id == tenant.rep.user_id


async def test_a_decision_about_many_is_done_for_all_or_none(tenant: Tenant) -> None:
    good, routed = await ready(tenant), await ready(tenant)
    await route(tenant, routed)

    with pytest.raises(LeadStateUnfit):
        await service.discard(tenant.manager, decide([good, routed]), now=NOW)

    assert (await one(tenant.manager, good)).state is LeadState.READY


async def test_another_companys_leads_are_not_there(tenant: Tenant, rival: Tenant) -> None:
    lead_id = await ready(tenant)

    with pytest.raises(NotFound):
        await service.discard(rival.manager, decide([lead_id]), now=NOW)
    with pytest.raises(NotFound):
        await queries.detail(rival.owner, lead_id)
    assert (await queries.list_page(rival.owner, LeadFilters())).items == []


async def test_s39_a_completed_lead_is_judged_anew(tenant: Tenant) -> None:
    [lead_id] = (await receive(tenant.manager, a_lead(phone="1381234"))).ids
    assert (await one(tenant.manager, lead_id)).state is LeadState.SUSPECT

    detail = await service.edit(tenant.manager, lead_id, LeadEdit(phone=a_phone()), now=NOW)

    assert (detail.lead.verdict, detail.lead.state) == (Verdict.CLEAN, LeadState.READY)
    assert detail.events[-1].detail == {"fields": ["phone"], "verdict": "clean"}


async def test_who_has_opted_out_is_not_kept(tenant: Tenant) -> None:
    phone = a_phone()
    await opt_outs.opt_out(tenant.rep, f"+86{phone}", OptOutReason.COMPLAINT, now=NOW)
    [lead_id] = (await receive(tenant.manager, a_lead(phone=phone))).ids

    with pytest.raises(OptedOut):
        await service.keep(tenant.manager, decide([lead_id]), now=NOW)


async def test_leads_are_found_by_a_part_of_the_name_by_pinyin_and_by_phone(
    tenant: Tenant,
) -> None:
    lead_id = await ready(tenant, name="绍兴古越龙山黄酒铺", city="绍兴", phone="13877665544")
    await ready(tenant, name="别的店")

    for q in ("龙山", "黄酒", "guyue", "sxgy", "5544", "138776"):
        page = await queries.list_page(tenant.manager, LeadFilters(q=q))
        assert [lead.id for lead in page.items] == [lead_id], q


async def test_pages_follow_one_another_in_both_orders(tenant: Tenant) -> None:
    for n in range(5):
        await ready(tenant, name=f"第{n}家", amount_minor=100 * (n % 3))

    for sort in ("received", "amount"):
        whole = await queries.list_page(tenant.manager, LeadFilters(), sort=sort)
        cursor, seen = None, []
        while True:
            page = await queries.list_page(
                tenant.manager, LeadFilters(), sort=sort, cursor=cursor, limit=2
            )
            seen += page.items
            if (cursor := page.next_cursor) is None:
                break
        assert seen == whole.items
        assert len(seen) == 5
