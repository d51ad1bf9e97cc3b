"""Who sees what: the analyst's figures, hidden phones and who looked at them."""

import os
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from server.access import Role
from server.customers import service
from server.customers.schemas import NewContact
from server.identity import service as identity
from server.identity.schemas import PhoneMaskView
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from tests import factories
from tests.factories import NOW, Tenant
from tests.partner_portal.browser.stage import (
    PASSWORD,
    Site,
    crowded,
    let_in,
    open_page,
    too_small,
    too_wide,
    violations,
)
from tests.partner_portal.browser.test_deals import make_deals
from tests.server.customers.stories import make, make_tag


async def test_s109_the_figures_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await make_deals(shop.rep)
    await make_tag(shop.owner)
    analyst = shop.actor(Role.ANALYST)
    await identity.invite(shop.owner, factories.new_user(analyst, team_id=None), now=NOW)
    await factories.join(shop.owner, analyst, PASSWORD)
    await let_in(context, site, analyst)
    paths = {
        "analyses": "/analyses",
        "crossed": "/analyses?subject=deals&rows=stage&columns=level&measure=deals",
    }
    await _look(page, context, site, axe, paths)

    await context.clear_cookies()
    await let_in(context, site, shop.owner)
    await open_page(page, "/people")
    row = page.get_by_role("row").filter(has_text=analyst.name)
    await expect(row).to_contain_text("只看统计")
    await expect(row).not_to_contain_text("的客户")


async def test_a_hidden_phone_is_shown_and_a_view_saved(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    customer = await make(shop.rep, "西湖藕粉铺", phone="13912345678")
    await service.add_contact(
        shop.rep, customer.id, NewContact(name="王芳", phone="13800000001"), now=NOW
    )
    mask = PhoneMaskView(roles=["sales_manager"], reveals_per_day=3, wants_reason=True)
    await identity.set_phone_mask(shop.owner, mask, now=NOW)
    await let_in(context, site, shop.manager)
    await open_page(page, f"/customers/{customer.id}")
    await expect(page.locator("#cell-phone")).to_contain_text("139 **** 5678")
    await page.get_by_role("button", name="显示号码").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="显示号码").click()
    await expect(page.locator(".err")).to_contain_text("请填写查看原因")
    await page.fill("[name=reason]", "客户急找")
    await page.get_by_role("button", name="显示号码").click()
    await expect(page.get_by_role("link", name="138 0000 0001")).to_be_visible()

    await let_in(context, site, shop.manager)
    await open_page(page, "/customers?level=A&sort=name")
    await page.get_by_text("视图", exact=True).click()
    await page.get_by_role("link", name="保存当前视图").click()
    await page.fill("[name=name]", "A customers")
    await page.select_option("[name=audience]", "team")
    await page.uncheck("[value=industry]")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#toasts")).to_contain_text("视图已保存")
    assert "level=A" in page.url
    await expect(page.get_by_role("columnheader", name="行业")).to_have_count(0)
    for path, name in (("/deals/list?is_stale=1", "stale"), ("/leads?state=ready", "ready")):
        await open_page(page, path)
        await page.get_by_text("视图", exact=True).click()
        await page.get_by_role("link", name="保存当前视图").click()
        await page.fill("[name=name]", name)
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator("#toasts")).to_contain_text("视图已保存")
        await page.get_by_text("视图", exact=True).click()
        await page.get_by_role("link", name=name, exact=True).click()
        assert page.url.endswith(path)
    paths = {"views": "/views/new?list=customers", "deals": "/deals/list", "leads": "/leads"}
    await _look(page, context, site, axe, paths)


async def test_s110_a_branch_sees_what_another_shares(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    customer = await make(shop.rep, "西湖藕粉铺", phone="13912345678")
    person = NewContact(name="王芳", phone="13800000001")
    await service.add_contact(shop.rep, customer.id, person, now=NOW)
    branch = await tenants.create_team(shop.owner, NewTeam(name="滨江分部"), now=NOW)
    await let_in(context, site, shop.owner)
    await open_page(page, "/people/rights")
    await page.select_option("[name=to_team_id]", str(branch.id))
    await page.check("[name=part_contacts]")
    await page.get_by_role("button", name="新增共享").click()
    await expect(page.locator("#toasts")).to_contain_text("共享已新增")
    await expect(page.get_by_text("一队 → 滨江分部")).to_be_visible()
    await _look(page, context, site, axe, {"rights": "/people/rights"})
    colleague = shop.actor(Role.SALES_REP, team_id=branch.id)
    await identity.invite(shop.owner, factories.new_user(colleague, team_id=branch.id), now=NOW)
    await factories.join(shop.owner, colleague, PASSWORD)
    await let_in(context, site, colleague)
    await open_page(page, f"/customers/{customer.id}")
    await expect(page.locator(".top .tag")).to_contain_text("Shared")
    await expect(page.get_by_text("王芳")).to_be_visible()
    await expect(page.get_by_text("5678")).to_have_count(0)
    await _look(page, context, site, axe, {"shared": f"/customers/{customer.id}"})


async def _look(
    page: Page, context: BrowserContext, site: Site, axe: tuple[str, str], paths: dict[str, str]
) -> None:
    """Look at pages in both languages, wide and narrow."""
    shots = os.environ.get("TONGLU_SHOTS")
    for language, theme in (("zh-CN", "light"), ("en", "dark")):
        await context.add_cookies(
            [
                {"name": "language", "value": language, "url": site.url},
                {"name": "theme", "value": theme, "url": site.url},
            ]
        )
        for name, path in paths.items():
            await page.set_viewport_size({"width": 1440, "height": 900})
            await open_page(page, path)
            if shots:
                await page.screenshot(
                    path=Path(shots) / f"{name}-{language}-1440.png", full_page=True
                )
            assert await violations(page, axe, language) == [], f"{path} {language}"
            assert await crowded(page) == [], path
            await page.set_viewport_size({"width": 360, "height": 780})
            if shots:
                await page.screenshot(
                    path=Path(shots) / f"{name}-{language}-360.png", full_page=True
                )
            assert await too_wide(page) == [], path
            assert await too_small(page) == [], path
