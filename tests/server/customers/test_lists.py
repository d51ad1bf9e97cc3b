"""Lists show what is within sight, filtered, in their order, page by page; search finds."""

from datetime import timedelta

import msgspec
import pytest

from server.access import Role, Scope
from server.customers import queries, service
from server.customers.schemas import Filters, NewContact, NewStore, Sort
from server.kit import db
from server.kit.errors import Invalid
from tests.factories import NOW, Tenant, make_actor
from tests.server.customers.stories import change, make, names


async def test_everybody_sees_what_their_scope_says(tenant: Tenant) -> None:
    colleague = tenant.actor(Role.SALES_REP)
    stranger = make_actor(tenant.tenant_id, Role.SALES_REP)
    await make(tenant.rep, "甲一茶行")
    await make(colleague, "乙二茶行")
    await make(stranger, "丙三茶行")
    team_rep = tenant.actor(Role.SALES_REP, scope=Scope.TEAM)

    assert await names(tenant.rep) == ["甲一茶行"]
    assert set(await names(team_rep)) == {"甲一茶行", "乙二茶行"}
    assert set(await names(tenant.manager, q="茶行")) == {"甲一茶行", "乙二茶行"}
    assert set(await names(tenant.owner, q="茶行")) == {"甲一茶行", "乙二茶行", "丙三茶行"}
    assert await names(tenant.rep, q="乙二茶行") == []
    assert (await queries.summary(tenant.rep, Filters())).customers == 1


async def test_filters_narrow_the_list(tenant: Tenant) -> None:
    await make(tenant.rep, "甲", city="杭州", status="intent", industry="茶叶", level="A")
    await make(tenant.rep, "乙", city="杭州", status="signed", industry="餐饮", source="转介绍")
    await make(tenant.manager, "丙", city="绍兴", status="intent", district="越城区")
    owner = tenant.owner

    assert await names(owner, Sort.NAME, city="杭州市") == ["甲", "乙"]
    assert await names(owner, Sort.NAME, status=("intent",)) == ["丙", "甲"]
    assert await names(owner, Sort.NAME, status=("intent", "signed"), city="杭州") == ["甲", "乙"]
    assert await names(owner, industry="茶叶", level="A") == ["甲"]
    assert await names(owner, source="转介绍") == ["乙"]
    assert await names(owner, district="越城区") == ["丙"]
    assert await names(owner, owner_id=tenant.manager.user_id) == ["丙"]
    assert await names(owner, team_id=tenant.team_id, city="绍兴") == ["丙"]


async def test_lists_have_their_orders_over_pages(tenant: Tenant) -> None:
    revenues = {"张记": 500, "阿里小店": None, "重庆火锅": 500, "北京面馆": 9000, "安庆茶行": 1}
    for name, revenue in revenues.items():
        await make(tenant.rep, name, expected_revenue_minor=revenue)
    first = (await queries.list_page(tenant.rep, Filters(q="北京面馆"))).items[0]
    await change(tenant.rep, first.id, level="A")

    by_name = ["阿里小店", "安庆茶行", "北京面馆", "重庆火锅", "张记"]
    assert await names(tenant.rep, Sort.NAME) == by_name
    assert (await names(tenant.rep, Sort.UPDATED))[0] == "北京面馆"
    by_revenue = await names(tenant.rep, Sort.REVENUE)
    assert by_revenue[0] == "北京面馆"
    assert set(by_revenue[1:3]) == {"张记", "重庆火锅"}
    assert by_revenue[3:] == ["安庆茶行", "阿里小店"]


async def test_what_changed_since_a_time(tenant: Tenant) -> None:
    old = await make(tenant.rep, "旧的")
    for at in range(5):
        await make(tenant.rep, f"中间{at}")
    await change(tenant.rep, old.id, minutes=90, level="A")

    assert await names(tenant.rep, updated_since=NOW + timedelta(minutes=90)) == ["旧的"]
    assert len(await names(tenant.rep, updated_since=NOW)) == 6
    assert await names(tenant.rep, updated_since=NOW + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "q",
    [
        "龙井",
        "井茶",
        "茶",
        "西湖龙井茶叶有限公司",
        "xihulongjing",
        "xi hu",
        "hangzhou",
        "xhlj",
        "hzxh",
        "13805710001",
        "0001",
        "138 0571",
        "91110000",
        "王小明",
        "小明",
        "66667777",
        "门店一",
    ],
)
async def test_a_customer_is_found_in_every_documented_way(tenant: Tenant, q: str) -> None:
    saved = await make(
        tenant.rep,
        "杭州西湖龙井茶叶有限公司",
        city="杭州",
        phone="13805710001",
        uscc="91110000600037341L",
    )
    contact = NewContact(name="王小明", phone="13966667777")
    await service.add_contact(tenant.rep, saved.id, contact, now=NOW)
    await service.add_store(tenant.rep, saved.id, NewStore(name="门店一"), now=NOW)
    await make(tenant.rep, "绍兴黄酒", city="绍兴", phone="13911112222")

    assert await names(tenant.rep, q=q) == ["杭州西湖龙井茶叶有限公司"]
    assert await names(tenant.rep, Sort.UPDATED, q=q) == ["杭州西湖龙井茶叶有限公司"]
    assert (await queries.summary(tenant.rep, Filters(q=q))).customers == 1


async def test_a_search_shows_each_customer_once_over_all_pages(tenant: Tenant) -> None:
    expected = set()
    for at in range(7):
        saved = await make(tenant.rep, f"龙龙{at}龙井龙龙", phone=f"1380571000{at}")
        expected.add(saved.customer.name)
        for name in ("龙一", "小龙", "龙龙"):
            await service.add_contact(tenant.rep, saved.id, NewContact(name=name), now=NOW)

    for q in ("龙龙", "龙", "long", "ll", "138"):
        found = await names(tenant.rep, q=q)
        assert len(found) == len(set(found)), q
        assert set(found) == expected, q


@pytest.mark.parametrize("q", ["%", "——", "  ", "'; --", "\\"])
async def test_signs_find_nothing(tenant: Tenant, q: str) -> None:
    await make(tenant.rep)

    assert await names(tenant.rep, q=q) == []


async def test_an_edited_name_is_found_anew_and_not_by_the_old(tenant: Tenant) -> None:
    saved = await make(tenant.rep, "杭州龙井茶行", phone="13805710001")

    await change(tenant.rep, saved.id, name="绍兴黄酒坊", phone=None)

    assert await names(tenant.rep, q="龙井") == []
    assert await names(tenant.rep, q="0001") == []
    assert await names(tenant.rep, q="黄酒") == ["绍兴黄酒坊"]


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsIDJd", "A" * 500])
@pytest.mark.parametrize("sort", [*Sort])
async def test_a_cursor_of_another_make_is_refused(tenant: Tenant, cursor: str, sort: Sort) -> None:
    with pytest.raises(Invalid) as refused:
        await queries.list_page(tenant.rep, Filters(q="龙井"), sort=sort, cursor=cursor)

    assert refused.value.code == "bad_cursor"


async def test_a_sum_that_no_client_can_hold_is_the_greatest_that_it_can(tenant: Tenant) -> None:
    greatest = 2**53 - 1
    await make(tenant.rep, "甲茶行")
    await make(tenant.rep, "乙茶行")
    # As if there were a million customers, or devices of a time when there was no bound.
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE customer SET expected_revenue_minor = $2 WHERE tenant_id = $1",
            tenant.tenant_id,
            2**63 - 1,
        )
    await make(tenant.rep, status="signed", expected_revenue_minor=10**13)

    found = await queries.summary(tenant.rep, Filters())

    sums = {each.value: each.expected_revenue_minor for each in found.by_status}
    assert sums["signed"] == 10**13
    assert max(sums.values()) == found.expected_revenue_minor == greatest
    assert msgspec.json.encode(found)


async def test_a_piece_that_an_edit_parted_is_no_longer_found(tenant: Tenant) -> None:
    customer = await make(tenant.rep, "甲乙丙丁茶行")

    await change(tenant.rep, customer.id, name="甲戊丙丁茶行")

    assert await names(tenant.rep, q="戊丙") == ["甲戊丙丁茶行"]
    assert await names(tenant.rep, q="乙丙") == []
    assert await names(tenant.rep, q="丙丁") == ["甲戊丙丁茶行"]
