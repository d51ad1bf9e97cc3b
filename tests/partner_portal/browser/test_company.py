"""An agent company looks after itself: who comes in, who leaves, which phones, which words."""

import re

from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor
from server.customers import queries
from server.customers import service as customers
from server.customers.schemas import CustomerEdit, NewContact, NewCustomer
from server.identity import queries as identity
from server.identity import service as identity_service
from server.identity.schemas import Enrolment
from server.kit import clock
from server.tenants import queries as tenants
from tests.factories import NOW, Tenant, new_id
from tests.partner_portal.browser.stage import PASSWORD, Site, let_in, open_page


async def _accept(page: Page, link: str, login: str) -> None:
    """Open an invitation's link as its person does, and choose name and password."""
    await page.goto("about:blank")
    await page.goto(link)
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", PASSWORD)
    await page.get_by_role("button", name="完成并登录").click()
    await expect(page.locator(".toast")).to_contain_text("密码只有您自己知道")


async def test_the_platform_admits_an_agent_whose_owner_sets_the_password(
    operator: Actor, site: Site, context: BrowserContext, page: Page
) -> None:
    name, login = f"诚远 {new_id().hex[-6:]}", f"lin.{new_id().hex[-8:]}"
    await let_in(context, site, operator)
    await open_page(page, "/console/agents/new")
    for field, text in {"name": name, "city": "宁波", "owner_name": "林知远"}.items():
        await page.fill(f"[name={field}]", text)
    await page.get_by_role("button", name="接纳并邀请").click()
    await expect(page.locator(".qr svg")).to_be_visible()
    link = await page.locator(".link-code").inner_text()
    assert "/join#" in link

    await context.clear_cookies()
    await _accept(page, link, login)

    await expect(page.locator(".side .ws").first).to_contain_text(name)
    await open_page(page, "/platform-reads")
    await expect(page.locator("#reads")).to_contain_text("邀请了公司负责人")
    # The same link opens nothing a second time.
    await context.clear_cookies()
    await page.goto("about:blank")
    await page.goto(link)
    await expect(page.get_by_role("alert")).to_contain_text("邀请无效")


async def test_an_owner_adds_a_colleague_lets_them_go_and_takes_it_back(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.owner)
    await open_page(page, "/people")
    await page.keyboard.press("n")
    await page.fill("[name=name]", "陈晓")
    await page.get_by_role("button", name="添加并邀请").click()
    await expect(page.locator(".big-code")).to_have_text(re.compile(r"^(\w{4}-){3}\w{4}$"))
    await page.get_by_role("link", name="完成").click()
    await expect(page.locator(".top .tag")).to_contain_text("已邀请")

    await page.get_by_role("button", name="停用").click()
    await expect(page.locator(".top .tag")).to_contain_text("已停用")
    await page.locator(".toast").get_by_role("button", name="撤销").click()

    await expect(page.locator(".toast")).to_contain_text("已恢复使用")
    held = next(p for p in (await identity.users(shop.owner)).items if p.name == "陈晓")
    assert held.disabled_at is None


async def test_an_owner_decides_that_only_encrypted_devices_are_taken(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.owner)
    await open_page(page, "/devices")
    await page.get_by_label("只允许本机资料已加密的设备").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".toast")).to_be_visible()

    assert (await tenants.company(shop.owner)).lease_only
    await open_page(page, "/devices")
    await expect(page.get_by_label("只允许本机资料已加密的设备")).to_be_checked()
    await page.get_by_label("只允许本机资料已加密的设备").uncheck()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".toast")).to_be_visible()
    assert not (await tenants.company(shop.owner)).lease_only


async def test_a_phone_is_enrolled_by_a_code_that_counts_down_and_ended_with_a_warning(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.owner)
    await open_page(page, "/devices/new")
    await page.select_option("[name=user_id]", label=shop.rep.name)
    await page.get_by_role("button", name="生成绑定码").click()
    await expect(page.locator("[data-left]")).to_have_text(re.compile(r"^1[45]:\d\d$"))
    code = await page.locator(".big-code").inner_text()
    command = f".venv/bin/tonglu-device --home ~/tonglu login {site.url} {code}"
    await expect(page.get_by_text(command, exact=True)).to_be_visible()
    [qr] = await page.locator(".link-code").filter(has_text="/enrol#").all_inner_texts()
    there = await context.new_page()
    await open_page(there, qr.removeprefix(site.url))
    await expect(there.get_by_text(command, exact=True)).to_be_visible()
    phone = Enrolment(code=code, device_name="赵磊的手机", platform="android", app_version="1.4")
    await identity_service.enrol(phone, address=shop.tenant_id.hex, now=clock.now())

    await page.get_by_role("link", name="完成").click()
    row = page.locator("tbody tr", has_text="赵磊的手机")
    await expect(row).to_contain_text("锁定")
    await row.get_by_role("link", name="停用").click()
    await expect(page.locator(".points")).to_contain_text("清除本机上的客户资料")
    await page.get_by_role("button", name="停用").click()

    await expect(page.locator(".toast")).to_contain_text("设备已停用")
    [device] = (await identity.devices(shop.owner)).items
    assert device.revoked_at is not None


async def test_a_contact_is_changed_and_deleted_and_the_customer_too_and_all_comes_back(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    made = await customers.create(
        shop.rep, NewCustomer(name="昆山德力精工", owner_id=shop.rep.user_id), now=NOW
    )
    contact = NewContact(name="何国强", phone="13900001111")
    await customers.add_contact(shop.rep, made.id, contact, now=NOW)
    await let_in(context, site, shop.rep)
    await open_page(page, f"/customers/{made.id}")

    await page.get_by_role("link", name="编辑联系人").click()
    await page.fill("[name=title]", "采购经理")
    await page.get_by_role("button", name="保存").click()
    contacts = page.locator("section", has=page.locator("#h-contacts"))
    await expect(contacts).to_contain_text("采购经理")

    await page.get_by_role("link", name="编辑联系人").click()
    await page.get_by_role("button", name="删除联系人").click()
    await expect(contacts).not_to_contain_text("何国强")
    await page.locator(".toast").get_by_role("button", name="撤销").click()
    await expect(contacts).to_contain_text("何国强")

    await page.locator("summary[aria-label=更多]").click()
    await page.get_by_role("button", name="删除客户").click()
    await expect(page.locator(".toast")).to_contain_text("客户已删除")
    await page.locator(".toast").get_by_role("button", name="撤销").click()
    await expect(page.locator("#record-head h1")).to_have_text("昆山德力精工")

    # The toast is gone some day; the customer's own page still offers it.
    await customers.delete(shop.rep, made.id, base=None, now=clock.now())
    await open_page(page, f"/customers/{made.id}")
    await page.get_by_role("button", name="恢复客户").click()
    await expect(page.locator("#record-head h1")).to_have_text("昆山德力精工")
    assert (await queries.detail(shop.rep, made.id)).contacts[0].title == "采购经理"


async def test_a_conflict_is_settled_in_the_inbox_by_one_tap(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    made = await customers.create(
        shop.rep, NewCustomer(name="昆山德力精工", owner_id=shop.rep.user_id), now=NOW
    )
    now = clock.now()
    await customers.edit(shop.owner, made.id, CustomerEdit(industry="机械"), now=now)
    late = CustomerEdit(industry="五金", base=made.seq)
    await customers.edit(shop.manager, made.id, late, now=now)
    await let_in(context, site, shop.rep)
    await open_page(page, "/conflicts")
    dispute = page.locator(".dispute", has_text="昆山德力精工")
    await expect(dispute).to_contain_text("机械")
    kept = await dispute.locator(".side-value.kept b").inner_text()

    await dispute.get_by_role("button", name="改用另一个").click()

    await expect(page.locator("#inbox")).to_contain_text("没有待处理的冲突")
    assert (await queries.one(shop.rep, made.id)).industry == ({"机械", "五金"} - {kept}).pop()


async def test_ones_own_password_is_changed_and_a_wrong_one_is_told_beside_its_field(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.rep)
    await open_page(page, "/account")
    for current, said in (("not my password", ".err"), (PASSWORD, ".toast")):
        await page.fill("[name=current_password]", current)
        await page.fill("[name=new_password]", "my own quiet harbour")
        await page.get_by_role("button", name="修改密码").click()
        await expect(page.locator(said)).to_be_visible()

    await expect(page.locator(".toast")).to_contain_text("密码已修改")
