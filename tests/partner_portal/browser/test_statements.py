"""An owner disputes a line of a statement, hears the answer, and signs what the page shows."""

import os
from datetime import timedelta
from typing import Any

from playwright.async_api import BrowserContext, Page, expect

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from billing.statements.schemas import Outcome
from server.access import Role
from server.benefits import jobs as sealing
from server.commissions import jobs as earning
from server.commissions import service as commissions
from server.commissions.schemas import NewSale
from server.kit import clock
from server.statements import service
from server.statements.schemas import NewAnswer, NewStatement, StatementDetail
from tests.factories import Tenant, make_platform_actor, new_id
from tests.partner_portal.browser.stage import (
    Site,
    crowded,
    let_in,
    open_page,
    shoot,
    too_small,
    too_wide,
    violations,
)
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)


async def _drawn(shop: Tenant) -> StatementDetail:
    """Draw up last month, in which the shop earned 1,280 yuan."""
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
        on=then.date(),
        sold=12_800_00,
        sellers=[Seller(shop.tenant_id)],
    )
    await commissions.record_sale(FINANCE, sale, now=then)
    await earning.earn(then)
    await sealing.seal(now)
    new = NewStatement(id=new_id(), agent_id=shop.tenant_id, month=f"{then:%Y-%m}")
    return await service.draw(FINANCE, new, now=now)


async def _look(page: Page, path: str, name: str, axe: tuple[str, str]) -> None:
    """Look at a page as people have it on a phone; wide and in English for a picture alone."""
    sizes = [("zh-CN", 360)]
    if "TONGLU_SHOTS" in os.environ:
        sizes = [("en", 1440), ("zh-CN", 1440), *sizes]
    for language, width in sizes:
        home = "/".join(page.url.split("/")[:3])
        await page.context.add_cookies([{"name": "language", "value": language, "url": home}])
        await page.set_viewport_size({"width": width, "height": 900})
        await open_page(page, path)
        await shoot(page, f"/{name}-{language}-{width}")
        assert await too_wide(page) == [], path
        assert await crowded(page) == [], path
    assert await too_small(page) == [], path
    assert await violations(page, axe, "zh-CN") == [], path
    await page.set_viewport_size({"width": 1440, "height": 900})


async def test_s06_an_owner_disputes_a_line_and_signs_what_is_shown(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    drawn = await _drawn(shop)
    await let_in(context, site, shop.owner)
    await open_page(page, "/statements")
    await _look(page, "/statements", "statements", axe)
    await page.get_by_role("link", name=f"{drawn.month} · CNY").click()
    await page.get_by_text("提出异议", exact=True).last.click()
    await page.get_by_role("textbox", name="理由").last.fill("少计一单")
    await page.get_by_role("button", name="提交异议").last.click()
    await expect(page.locator("#toasts")).to_contain_text("异议已提交")
    await expect(page.get_by_role("button", name="签署结算单")).to_have_count(0)

    said = NewAnswer(line=2, outcome=Outcome.CORRECTED, note="已补记", amount_minor=50_00)
    await service.answer(FINANCE, drawn.id, said, now=clock.now())
    await _look(page, f"/statements/{drawn.id}", "statement", axe)
    await page.get_by_role("button", name="确认本页其余各行").click()
    await expect(page.locator("#toasts")).to_contain_text("已确认")
    await page.get_by_role("button", name="签署结算单").click()

    await expect(page.locator("#toasts")).to_contain_text("结算单已签署")
    await expect(page.get_by_text("已签署，待平台")).to_be_visible()
