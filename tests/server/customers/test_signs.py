"""Chinese signs stay in what people read; what is compared and searched does not mind them."""

import pytest

from server.cases import queries as cases
from server.cases.schemas import CaseFilters
from server.changelog.custom import CustomValueTaken
from server.customers import queries, service
from server.customers.schemas import NewNote, Sort
from server.imports.schemas import Policy
from server.pipeline import queries as deals
from tests.factories import NOW, Tenant
from tests.server.cases.test_cases import open_case
from tests.server.customers.custom.stories import field
from tests.server.customers.spreadsheets import bring_in, everything, sheet
from tests.server.customers.stories import change, make, names
from tests.server.pipeline.stories import begin
from tests.server.pipeline.test_imports import brought_in

TYPED = "杭州　龙井（西湖）茶行！"
KEPT = "杭州 龙井（西湖）茶行！"


async def test_what_is_typed_in_chinese_is_shown_so_and_found_either_way(tenant: Tenant) -> None:
    made = await make(tenant.rep, TYPED, address="龙井路１号，二楼", industry="茶（叶）")
    await service.add_note(tenant.rep, made.id, NewNote(body="好，明天来。"), now=NOW)

    held = (await queries.detail(tenant.rep, made.id)).customer
    assert (held.name, held.address, held.industry) == (KEPT, "龙井路1号，二楼", "茶(叶)")
    for asked in ("龙井(西湖)", "龙井（西湖）", "西湖茶行", "hzljxh"):
        assert await names(tenant.rep, q=asked) == [KEPT]
    again = await make(tenant.rep, "杭州 龙井(西湖)茶行!")
    assert [each.customer_id for each in again.duplicates] == [made.id]


async def test_names_sort_as_they_did(tenant: Tenant) -> None:
    for name in ("茶（乙）", "茶(甲)", "茶（丙）"):
        await make(tenant.rep, name)

    assert await names(tenant.rep, Sort.NAME) == ["茶（丙）", "茶(甲)", "茶（乙）"]


async def test_a_unique_text_is_not_had_twice_in_other_signs(tenant: Tenant) -> None:
    licence = (await field(tenant.owner, label="牌照", is_unique=True)).name
    first = await make(tenant.rep, "甲店", custom={licence: "浙（2026）1"})
    second = await make(tenant.rep, "乙店")

    with pytest.raises(CustomValueTaken):
        await change(tenant.rep, second.id, custom={licence: "浙(2026)1"})

    held = await queries.one(tenant.rep, first.id)
    assert held.custom == {licence: "浙（2026）1"}
    assert await names(tenant.rep, custom={licence: "浙(2026)1"}) == ["甲店"]


async def test_a_sheet_means_what_is_there_whichever_signs_it_has(tenant: Tenant) -> None:
    shop = await make(tenant.rep, KEPT)
    await begin(tenant.owner, shop.id, name="一单（春）", amount_minor=100)

    content = sheet("杭州 龙井(西湖)茶行!,苏州", header="客户名称,城市")
    done = await bring_in(tenant, content, Policy.UPDATE)
    await brought_in(
        tenant.owner, "客户名称,商机名称,金额\n杭州 龙井(西湖)茶行!,一单(春),2\n", Policy.UPDATE
    )

    assert (done.counts.updated, done.counts.created) == (1, 0)
    assert len(await everything(tenant)) == 1
    (deal,) = await deals.of_customer(tenant.owner, shop.id, now=NOW)
    assert deal.amount_minor == 200


async def test_a_list_is_narrowed_by_either_signs(tenant: Tenant) -> None:
    shop = await make(tenant.rep, "甲店")
    await open_case(tenant.rep, customer_id=shop.id, subject="打印（小票）坏了！")

    for asked in ("（小票）", "(小票)"):
        page = await cases.list_page(tenant.rep, CaseFilters(q=asked), now=NOW)
        assert [each.subject for each in page.items] == ["打印（小票）坏了！"]
