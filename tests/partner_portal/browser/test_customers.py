"""What people do with customers in a browser."""

import os
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor
from server.customers import queries, service
from server.customers.schemas import CustomerBatch, CustomerEdit, Filters, NewCustomer
from server.identity import service as identity
from server.identity.schemas import Enrolment
from server.kit import clock
from server.sync import merging
from tests.factories import NOW, Tenant
from tests.partner_portal.browser.stage import Site, let_in, open_page, sign_in, violations


@pytest.fixture
async def desk(context: BrowserContext, site: Site, shop: Tenant, page: Page) -> Page:
    """The manager's tab."""
    await let_in(context, site, shop.manager)
    return page


async def make(actor: Actor, name: str, **fields: object) -> UUID:
    """Create a customer of the actor's own."""
    new = {"name": name, "owner_id": actor.user_id, "team_id": actor.team_id, **fields}
    return (await service.create(actor, NewCustomer(**new), now=NOW)).id  # type: ignore[arg-type] # a story names what it needs


async def make_many(actor: Actor, count: int) -> None:
    """Create customers whose names end in their number."""
    batch = [
        NewCustomer(name=f"太仓物流 {n:03d}", owner_id=actor.user_id, status="need")
        for n in range(count)
    ]
    await service.create_many(actor, CustomerBatch(customers=batch), now=NOW)


async def test_a_person_signs_in_works_and_signs_out(shop: Tenant, site: Site, page: Page) -> None:
    await make(shop.rep, "昆山德力精工")

    await sign_in(page, shop.manager, wanted="/customers")
    await expect(page.get_by_role("link", name="昆山德力精工")).to_be_visible()

    await page.click(".side details summary")
    await page.get_by_role("button", name="退出登录").first.click()
    await expect(page.get_by_text("已退出登录")).to_be_visible()
    await open_page(page, "/customers")
    assert page.url.endswith("/sign-in?next=/customers")


async def test_a_wrong_password_is_told_in_words(shop: Tenant, page: Page) -> None:
    await open_page(page, "/sign-in")
    await page.fill("[name=login]", "nobody")
    await page.fill("[name=password]", "not the password")

    await page.click("form.panel button[type=submit]")

    await expect(page.get_by_role("alert")).to_have_text("账号或密码不对，请再试一次")
    await expect(page.locator("[name=login]")).to_have_value("nobody")


async def test_the_list_is_searched_by_pinyin_while_typing(desk: Page, shop: Tenant) -> None:
    await make(shop.rep, "昆山德力精工", status="intent", city="昆山")
    await make(shop.rep, "苏州恒通机电", status="need")
    await open_page(desk, "/customers")

    await desk.keyboard.press("/")
    await desk.keyboard.type("dljg")

    await expect(desk.locator("a.name")).to_have_text(["昆山德力精工"])
    await expect(desk.locator("#q")).to_be_focused()
    assert desk.url.endswith("/customers?q=dljg")
    await expect(desk.locator(".tabs a").nth(3)).to_contain_text("意向客户 1")


async def test_a_filter_becomes_a_chip_that_takes_itself_away(desk: Page, shop: Tenant) -> None:
    await make(shop.rep, "昆山德力精工", city="苏州")
    await make(shop.rep, "宁波甬联软件", city="宁波")
    await open_page(desk, "/customers")

    await desk.keyboard.press("f")
    await desk.get_by_label("城市").fill("宁波")
    await desk.keyboard.press("Enter")
    await expect(desk.locator("a.name")).to_have_text(["宁波甬联软件"])

    await desk.get_by_role("link", name="去掉筛选").click()
    await expect(desk.locator("a.name")).to_have_count(2)


async def test_the_list_grows_while_one_scrolls_and_loses_nothing(desk: Page, shop: Tenant) -> None:
    await make_many(shop.rep, 120)
    await open_page(desk, "/customers?sort=name")
    await expect(desk.locator(".foot2")).to_contain_text("120 家")

    for shown in (50, 100, 120):
        await expect(desk.locator("a.name")).to_have_count(shown)
        await desk.locator("tbody tr").last.scroll_into_view_if_needed()

    names = await desk.locator("a.name").all_inner_texts()
    assert names == sorted(names)
    assert len(set(names)) == 120


async def test_a_list_that_has_grown_stays_as_long_when_a_phone_syncs(
    desk: Page, shop: Tenant, site: Site
) -> None:
    await make_many(shop.rep, 120)
    await open_page(desk, "/customers?sort=name")
    await desk.wait_for_selector("html[data-live=on]")
    await desk.locator("tbody tr").last.scroll_into_view_if_needed()
    await expect(desk.locator("a.name")).to_have_count(100)
    [first] = (await queries.list_page(shop.rep, Filters(q="太仓物流 003"))).items

    await _sync_from_a_phone(site, shop.rep, first.id, {"level": "A"})

    await expect(desk.locator("tr", has_text="太仓物流 003").locator(".tag")).to_have_text("A")
    await expect(desk.locator("a.name")).to_have_count(100)


async def test_the_keyboard_walks_the_rows_and_opens_one(desk: Page, shop: Tenant) -> None:
    for name in ("丙", "乙", "甲"):
        await make(shop.rep, f"{name}公司")
    await open_page(desk, "/customers?sort=name")
    rows = desk.locator("a.name")

    await desk.keyboard.press("j")
    await desk.keyboard.press("j")
    await expect(rows.nth(1)).to_be_focused()
    await desk.keyboard.press("k")
    await expect(rows.nth(0)).to_be_focused()
    opened = await rows.nth(0).inner_text()

    await desk.keyboard.press("Enter")
    await expect(desk.locator("h1")).to_have_text(opened)


async def test_the_palette_finds_a_customer_from_anywhere(desk: Page, shop: Tenant) -> None:
    await make(shop.rep, "昆山德力精工")
    await open_page(desk, "/benefits")

    await desk.keyboard.press("Control+k")
    await desk.keyboard.type("德力")
    await expect(desk.locator("#palette-found mark")).to_have_text("德力")
    await desk.keyboard.press("Enter")

    await expect(desk.locator("h1")).to_have_text("昆山德力精工")


async def test_help_opens_and_escape_closes_it(desk: Page) -> None:
    await open_page(desk, "/customers")

    await desk.keyboard.press("?")
    await expect(desk.locator("#help")).to_be_visible()
    await desk.keyboard.press("Escape")

    await expect(desk.locator("#help")).to_be_hidden()


async def test_a_value_is_edited_in_its_place(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工", status="need")
    await open_page(desk, f"/customers/{customer}")

    await desk.click("#cell-phone button")
    await desk.fill("#edit-phone", "138 6214 7705")
    await desk.keyboard.press("Enter")

    await expect(desk.locator("#cell-phone")).to_contain_text("138 6214 7705")
    await expect(desk.locator("#moments li").first).to_contain_text("电话")
    held = await queries.one(shop.manager, customer)
    assert held.phone == "+8613862147705"


async def test_a_bad_value_is_told_beside_its_field(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工")
    await open_page(desk, f"/customers/{customer}")

    await desk.click("#cell-phone button")
    await desk.fill("#edit-phone", "12")
    await desk.keyboard.press("Enter")
    await expect(desk.locator("#cell-phone .err")).to_have_text("电话号码不对")

    await desk.keyboard.press("Escape")
    await expect(desk.locator("#cell-phone")).to_contain_text("未填写")


async def test_escape_counts_also_when_the_focus_has_gone(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工")
    await open_page(desk, f"/customers/{customer}")
    await desk.click("#cell-phone button")
    await expect(desk.locator("#edit-phone")).to_be_focused()

    await desk.evaluate("document.activeElement.blur()")
    await desk.keyboard.press("Escape")

    await expect(desk.locator("#cell-phone")).to_contain_text("未填写")


async def test_a_stale_edit_shows_both_values_and_the_person_decides(
    desk: Page, shop: Tenant
) -> None:
    customer = await make(shop.rep, "昆山德力精工", district="昆山")
    await open_page(desk, f"/customers/{customer}")
    await desk.click("#cell-district button")
    await desk.fill("#edit-district", "吴中")

    await service.edit(shop.rep, customer, CustomerEdit(district="相城"), now=clock.now())
    await desk.keyboard.press("Enter")

    cell = desk.locator("#cell-district")
    await expect(cell.locator(".side-value b")).to_have_text(["相城", "吴中"])
    assert (await queries.one(shop.manager, customer)).district == "相城"

    await cell.get_by_role("button", name="用我的").click()
    await expect(cell.locator("button.cell")).to_contain_text("吴中")
    assert (await queries.one(shop.manager, customer)).district == "吴中"


async def test_the_whole_form_saves_only_what_was_touched(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工", district="昆山", city="苏州")
    await open_page(desk, f"/customers/{customer}/edit")

    await service.edit(shop.rep, customer, CustomerEdit(city="无锡"), now=clock.now())
    await desk.get_by_label("预计金额").fill("12,800.50")
    await desk.get_by_role("button", name="保存").click()

    await expect(desk.locator("#cell-expected_revenue_minor")).to_contain_text("¥12,800.50")
    held = await queries.one(shop.manager, customer)
    assert (held.city, held.expected_revenue_minor) == ("无锡市", 1_280_050)


async def test_a_stale_form_shows_what_stands_now(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工", city="苏州")
    await open_page(desk, f"/customers/{customer}/edit")
    await desk.get_by_label("城市").fill("常州")

    await service.edit(shop.rep, customer, CustomerEdit(city="无锡"), now=clock.now())
    await desk.get_by_role("button", name="保存").click()
    await expect(desk.locator(".side-value.kept")).to_have_text("无锡市")
    await desk.get_by_role("button", name="保存").click()

    await expect(desk.locator("#cell-city")).to_contain_text("常州")


async def test_a_customer_who_is_here_already_is_noticed(desk: Page, shop: Tenant) -> None:
    await make(shop.rep, "昆山德力精工", phone="13862147705")
    await open_page(desk, "/customers")
    await desk.keyboard.press("n")
    await desk.get_by_label("客户名称").fill("德力精工二厂")
    await desk.get_by_label("电话").fill("13862147705")

    await desk.get_by_role("button", name="新建").click()
    await expect(desk.locator("#h-alike")).to_be_visible()
    await expect(desk.get_by_role("link", name="昆山德力精工")).to_be_visible()
    await desk.get_by_label("不是同一家").check()
    await desk.get_by_role("button", name="新建").click()

    await expect(desk.locator("h1")).to_have_text("德力精工二厂")
    assert (await queries.summary(shop.manager, Filters())).customers == 2


async def test_notes_contacts_and_tags_are_added_on_the_page(desk: Page, shop: Tenant) -> None:
    customer = await make(shop.rep, "昆山德力精工")
    await open_page(desk, f"/customers/{customer}")

    await desk.fill("#note", "约了下周二看样机")
    await desk.get_by_role("button", name="记录", exact=True).click()
    await expect(desk.locator("#moments .body").first).to_have_text("约了下周二看样机")
    await expect(desk.locator("#note")).to_have_value("")

    await desk.get_by_role("button", name="添加联系人").click()
    await desk.locator("#new-contacts").get_by_label("姓名").fill("何国强")
    await desk.locator("#new-contacts").get_by_role("button", name="保存").click()
    await expect(desk.locator("#new-contacts")).to_be_hidden()
    await expect(desk.locator(".cards")).to_contain_text("何国强")


async def test_a_page_shows_what_a_phone_has_just_synced_and_keeps_what_is_being_typed(
    desk: Page, shop: Tenant, site: Site
) -> None:
    customer = await make(shop.rep, "昆山德力精工", district="昆山")
    await open_page(desk, f"/customers/{customer}")
    await desk.wait_for_selector("html[data-live=on]")
    await desk.fill("#note", "正在写的一句话")
    await desk.click("#cell-remark button")
    await desk.fill("#edit-remark", "也在写")

    await _sync_from_a_phone(site, shop.rep, customer, {"district": "吴中"})

    await expect(desk.locator("#cell-district")).to_contain_text("吴中")
    await expect(desk.locator("#moments li").first).to_contain_text("赵磊的手机")
    await expect(desk.locator("#note")).to_have_value("正在写的一句话")
    await expect(desk.locator("#edit-remark")).to_have_value("也在写")
    await expect(desk.locator("#edit-remark")).to_be_focused()


async def test_only_one_tab_holds_the_stream_and_all_of_them_hear(
    desk: Page, context: BrowserContext, shop: Tenant, site: Site
) -> None:
    customer = await make(shop.rep, "昆山德力精工", district="昆山")
    tabs = [desk, *[await context.new_page() for _ in range(7)]]
    for tab in tabs:
        await open_page(tab, f"/customers/{customer}")
        await tab.wait_for_selector("html[data-live=on]")

    await _sync_from_a_phone(site, shop.rep, customer, {"district": "吴中"})

    for tab in tabs:
        await tab.bring_to_front()
        await expect(tab.locator("#cell-district")).to_contain_text("吴中")


async def test_two_values_stand_side_by_side_until_somebody_decides(
    desk: Page, shop: Tenant, site: Site
) -> None:
    customer = await make(shop.rep, "昆山德力精工", district="昆山")
    seen = (await queries.one(shop.rep, customer)).seq
    await service.edit(shop.manager, customer, CustomerEdit(district="相城"), now=clock.now())
    await _sync_from_a_phone(site, shop.rep, customer, {"district": "吴中"}, base=seen)
    await open_page(desk, f"/customers/{customer}")
    values = desk.locator(".dispute .side-value b")
    await expect(values).to_have_count(2)
    kept, other = await values.all_inner_texts()
    assert {kept, other} == {"相城", "吴中"}

    await desk.get_by_role("button", name="改用另一个").click()

    await expect(desk.locator(".dispute")).to_have_count(0)
    await expect(desk.locator("#cell-district")).to_contain_text(other)


async def test_the_theme_and_the_language_are_remembered(desk: Page) -> None:
    await open_page(desk, "/customers")
    await desk.click(".side details summary")
    await desk.locator(".side theme-toggle button").click()
    await expect(desk.locator("html")).to_have_attribute("data-theme", "dark")
    await desk.click(".side button[name=language]")

    await expect(desk.locator("html")).to_have_attribute("lang", "en")
    await expect(desk.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(desk.locator("h1")).to_have_text("Customers")


async def _sync_from_a_phone(
    site: Site, rep: Actor, customer: UUID, fields: dict[str, str], *, base: int | None = None
) -> None:
    """Push one edit as the rep's phone does, over HTTP."""
    code = await identity.new_enrolment_code(rep, now=clock.now())
    phone = Enrolment(code=code.code, device_name="赵磊的手机", platform="ios")
    enrolled = await identity.enrol(phone, address="10.0.0.9", now=clock.now())
    seen = base if base is not None else (await queries.one(rep, customer)).seq
    op = {
        "op": "edit",
        "number": 1,
        "kind": "customer",
        "id": str(customer),
        "fields": fields,
        "at_ms": int(datetime.now(UTC).timestamp() * 1000),
        "base": seen,
    }
    async with httpx.AsyncClient(base_url=site.url) as http:
        answer = await http.post(
            "/v1/sync/push",
            json={"protocol": 1, "schema": 1, "device_time_ms": op["at_ms"], "ops": [op]},
            headers={"Authorization": f"Bearer {enrolled.access_token}"},
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcomes"][0]["status"] in {"applied", "merged"}, answer.text


async def test_a_merge_is_taken_back_on_the_page(
    desk: Page, shop: Tenant, axe: tuple[str, str]
) -> None:
    old = await make(shop.rep, "恒通机电旧档", phone="+8613800138001")
    into = await make(shop.rep, "苏州恒通机电")
    await merging.merge(shop.manager, old, into, now=clock.now())
    await open_page(desk, f"/customers/{into}")
    shots = os.environ.get("TONGLU_SHOTS")
    if shots:
        await desk.screenshot(path=f"{shots}/merge.png", full_page=True)
    assert await violations(desk, axe, "zh-CN") == []

    await desk.get_by_role("button", name="拆开 恒通机电旧档").click()

    await expect(desk.locator("#toasts")).to_contain_text("两个客户已分开")
    await expect(desk.get_by_role("button", name="拆开 恒通机电旧档")).to_have_count(0)
    assert (await queries.one(shop.manager, old)).phone == "+8613800138001"
    assert (await queries.one(shop.manager, into)).phone is None


async def test_an_open_page_of_somebody_signed_out_hears_nothing_and_complains_of_nothing(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.rep)
    await open_page(page, "/customers")
    await page.wait_for_selector("html[data-live=on]")

    await context.clear_cookies()
    state = await page.evaluate(
        """() => new Promise((resolve) => {
            const stream = new EventSource("/live");
            stream.onerror = () => resolve(stream.readyState);
        })"""
    )

    # EventSource.CLOSED: it does not come again.
    assert state == 2
