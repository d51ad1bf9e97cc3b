"""Finance draws a statement up, its owner disputes a line, is answered, and both sign it."""

from datetime import timedelta
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from server.access import Actor, Role
from server.benefits import jobs as sealing
from server.commissions import jobs as earning
from server.commissions import service as commissions
from server.commissions.schemas import NewRefund, NewSale
from server.identity import service as identity
from server.kit import clock
from server.statements import service as statements
from server.statements.schemas import NewStatement
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.partner_portal.browser.stage import (
    PASSWORD,
    Site,
    let_in,
    look,
    open_page,
    press_surely,
)
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)


async def _earned(shop: Tenant) -> str:
    """Give a month that is over, in which the shop earned 1,280 yuan, less 80 for a refund."""
    await stories.admit(shop)
    now = clock.now()
    then = now.replace(day=1) - timedelta(days=3)
    about: dict[str, Any] = {"id": new_id(), "plan_id": new_id(), "begins_on": then.date()}
    plan = PlanVersion(
        **about,
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=100_000)],
    )
    await commissions.publish(FINANCE, plan, now=then)
    sale = NewSale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        contract_number="合-2026-18",
        on=then.date(),
        sold=12_800_00,
        sellers=[Seller(shop.tenant_id)],
    )
    await commissions.record_sale(FINANCE, sale, now=then)
    await earning.earn(then)
    back = NewRefund(id=new_id(), sale_id=sale.id, refunded=800_00, reason="门店撤回一台")
    await commissions.refund(FINANCE, back, now=then)
    await sealing.seal(now)
    return f"{then:%Y-%m}"


async def _takes_over(context: BrowserContext, site: Site, who: Actor) -> None:
    """Let somebody else sit down at this browser."""
    await context.clear_cookies()
    await let_in(context, site, who)


async def _is_followed(page: Page, home: str) -> None:
    """Follow a refund from its line to the sale, and from there back to the line."""
    line = page.get_by_role("row").filter(has_text="退款追回")
    for said in ("合-2026-18", "售出 ¥12,800", "原佣金 ¥1,280", "本次退款 ¥800", "门店撤回一台"):
        await expect(line).to_contain_text(said)
    await line.get_by_role("link", name="合-2026-18").click()
    refund = page.get_by_role("region", name="退款").get_by_role("row").filter(has_text="撤回一台")
    for said in ("¥800", "-¥80"):
        await expect(refund).to_contain_text(said)
    await page.get_by_role("row").filter(has_text="退款追回").get_by_role("link").last.click()
    await page.wait_for_url(f"**{home}?after=0#line-3")
    await expect(line).to_contain_text("-¥80")


async def test_s06_an_owner_disputes_a_line_is_answered_and_both_sign_what_is_shown(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    month = await _earned(shop)
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)
    for said in ("结算单已出具", "已经出具"):
        await open_page(page, "/console/statements")
        form = page.locator("form", has=page.get_by_role("button", name="出具结算单"))
        await form.get_by_label("代理商").select_option(str(shop.tenant_id))
        await form.get_by_label("月份").fill(month)
        await form.get_by_role("button", name="出具结算单").click()
        await expect(page.locator("#toasts, [role=alert]").filter(has_text=said)).to_be_visible()

    await _takes_over(context, site, shop.owner)
    await look(page, "/statements", axe)
    await page.get_by_role("link", name=month).click()
    await (
        page.get_by_role("row")
        .filter(has_text="佣金确认")
        .get_by_text("提出异议", exact=True)
        .click()
    )
    await page.get_by_role("textbox", name="理由").last.fill("少计一单")
    await page.get_by_role("button", name="提交异议").last.click()
    await expect(page.locator("#toasts")).to_contain_text("异议已提交")
    await expect(page.get_by_role("button", name="签署结算单")).to_have_count(0)
    own = page.url.partition("?")[0].removeprefix(site.url)

    await _takes_over(context, site, FINANCE)
    await look(page, "/console/statements", axe)
    await page.get_by_role("link", name=shop.name).first.click()
    await expect(page.get_by_role("button", name="签署结算单")).to_have_count(0)
    await look(page, f"/console{own}", axe)
    await page.get_by_label("更正金额").fill("50")
    await page.get_by_role("textbox", name="答复").fill("已补记")
    await page.get_by_role("button", name="更正并答复").click()
    await expect(page.locator("#toasts")).to_contain_text("异议已答复")

    await _takes_over(context, site, shop.owner)
    await look(page, own, axe)
    await _is_followed(page, own)
    line = page.get_by_role("row").filter(has_text="佣金确认").get_by_role("link")
    await look(page, str(await line.get_attribute("href")), axe)
    await open_page(page, own)
    await page.get_by_role("button", name="确认本页其余各行").click()
    await expect(page.locator("#toasts")).to_contain_text("已确认")
    await press_surely(page, "签署结算单")
    await expect(page.get_by_text("已签署，待平台")).to_be_visible()

    await _takes_over(context, site, FINANCE)
    await open_page(page, f"/console{own}")
    await _is_followed(page, f"/console{own}")
    await press_surely(page, "签署结算单")
    await expect(page.get_by_text("双方已签署")).to_be_visible()


async def test_without_scripts_what_a_dialog_asks_stands_on_the_page_and_is_signed_there(
    shop: Tenant, site: Site, browser: Browser
) -> None:
    month = await _earned(shop)
    asked = NewStatement(id=new_id(), agent_id=shop.tenant_id, month=month)
    await statements.draw(FINANCE, asked, now=clock.now())
    plain = await browser.new_context(base_url=site.url, locale="zh-CN", java_script_enabled=False)
    await let_in(plain, site, shop.owner)
    page = await plain.new_page()

    await page.goto(f"/statements/{asked.id}")
    await page.get_by_role("button", name="签署结算单").click()

    await expect(page.get_by_text("已签署，待平台")).to_be_visible()
    await plain.close()
