"""A manager says where leads come from, plans a campaign, and reads what it cost and brought."""

from playwright.async_api import BrowserContext, Page, expect

from server.kit import clock
from server.leads import queries, service
from server.leads.rules.states import Stage
from server.leads.schemas import NewLead
from tests.factories import Tenant
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at, speak


async def test_a_campaign_is_planned_paid_and_measured(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await let_in(context, site, shop.manager)
    await open_page(page, "/campaigns/sources")
    await page.get_by_label("名称").fill("苏州餐饮展")
    await page.get_by_label("渠道类型").select_option("event")
    await page.get_by_label("费用代码").fill("expo2026")
    await page.get_by_role("button", name="添加来源").click()
    await expect(page.locator("#toasts")).to_contain_text("来源已保存")

    await open_page(page, "/campaigns/new")
    await page.get_by_label("活动名称").fill("春季展会")
    await page.get_by_label("来源").select_option(label="苏州餐饮展")
    await page.get_by_label("开始").fill("2026-11-01")
    await page.get_by_label("结束").fill("2030-12-31")
    await page.get_by_label("预算（元）").fill("3000")
    await page.get_by_label("预计线索数").fill("30")
    await page.get_by_role("button", name="建立").click()
    await expect(page.locator("#toasts")).to_contain_text("活动已建立")
    await page.get_by_label("页面标题").fill("领一份试用")
    await page.get_by_role("button", name="生成页面").click()
    await expect(page.get_by_role("img", name="领一份试用的二维码")).to_be_visible()
    for amount, said in (("3000.01", "预算"), ("1200", "费用已记下")):
        await page.get_by_label("金额（元，退款写负数）").fill(amount)
        await page.get_by_role("button", name="记一笔").click()
        await expect(page.locator("main, #toasts").filter(has_text=said).first).to_be_visible()

    [campaign] = await queries.campaigns(shop.manager)
    new = [NewLead(name=f"店{n}", phone=f"1380013800{n}", campaign_id=campaign.id) for n in (1, 2)]
    for each in new:
        saved = await service.receive_typed(shop.manager, each, now=clock.now())
    await service.reached(
        shop.manager, Stage.SIGNED, at=clock.now(), lead_id=saved.ids[0], value_minor=12_800_00
    )
    address = f"/campaigns/{campaign.id}"
    await open_page(page, address)
    await expect(page.locator(".kpis")).to_contain_text("¥600")
    await expect(page.locator(".kpis")).to_contain_text("¥1,200")

    await open_page(page, "/campaigns/terms")
    await page.get_by_label("规则名称").fill("连锁优先")
    await page.get_by_label("词").first.fill("连锁、分店")
    await page.get_by_role("button", name="添加规则").click()
    await expect(page.get_by_text("名称 包含 连锁, 分店")).to_be_visible()
    await page.get_by_role("textbox", name="城市").fill("苏州")
    await page.get_by_role("button", name="划给").click()
    await expect(page.locator("#toasts")).to_contain_text("区域已划给")
    for language, theme, paths in (
        ("zh-CN", "light", ["/campaigns", address]),
        ("en", "dark", ["/campaigns/sources", "/campaigns/terms"]),
    ):
        await speak(context, site, language)
        for path in paths:
            await look_at(page, path, language, axe, theme)
