"""A manager writes the next version of how the company sells, publishes it, and moves deals on."""

from playwright.async_api import BrowserContext, Page, expect

from server.kit import clock
from server.pipeline import queries
from tests.factories import Tenant
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_deals import make_deals
from tests.partner_portal.browser.test_pages import look_at, speak


async def test_a_process_is_written_published_and_deals_move_on(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    deals = await make_deals(shop.rep)
    await let_in(context, site, shop.manager)
    await open_page(page, "/processes")
    await page.get_by_role("link", name="新建流程").click()
    form = page.locator("#process-form")
    await form.get_by_label("流程名称").fill("连锁门店")

    # A step is added without losing what was typed; one without a name is refused by its place.
    await form.locator("#s0").get_by_role("button", name="添加步骤").click()
    fresh = form.locator("[id='s0.t2']")
    await expect(fresh).to_be_visible()
    await expect(form.get_by_label("流程名称")).to_have_value("连锁门店")
    await fresh.get_by_label("标题").fill("门店数清单")
    await page.get_by_role("button", name="检查并保存草稿").last.click()
    await expect(form.locator(".banner")).to_contain_text("线索 › 3：请填写名称")
    await fresh.get_by_label("步骤名称").fill("数清门店")
    await page.get_by_role("button", name="检查并保存草稿").last.click()
    await expect(page.locator("#toasts")).to_contain_text("草稿已检查并保存")
    await page.get_by_role("button", name="发布").click()
    await expect(page.locator("#toasts")).to_contain_text("新版本已发布")
    address = page.url.partition("?")[0].removeprefix(site.url)

    await open_page(page, "/processes/built-in")
    await page.get_by_role("link", name="迁移商机").click()
    row = page.locator("tbody tr", has_text="收银与会员 1 店")
    await expect(row).to_contain_text("数清门店")
    await page.get_by_label("全部 3 个进行中的商机").uncheck()
    await row.get_by_role("checkbox").check()
    await page.get_by_role("button", name="迁移", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("商机已迁移")

    moved, stays = [await queries.one(shop.rep, deal, now=clock.now()) for deal in deals[:2]]
    assert (moved.process_id is None, stays.process_id is None) == (False, True)
    for language, theme, paths in (
        ("zh-CN", "light", ["/processes", f"{address}/draft"]),
        ("en", "dark", [address, "/processes/migration?from=built-in"]),
    ):
        await speak(context, site, language)
        for path in paths:
            await look_at(page, path, language, axe, theme)
