"""Help is called up on a deal's page; the platform's page and the rep's follow each other."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from server.access import PLATFORM_TENANT, Actor
from server.kit import clock, live
from server.requests import queries
from server.requests.queries.platform import ANSWERED
from server.requests.schemas import RequestFilters
from server.settings import Settings
from tests.factories import Tenant
from tests.partner_portal.browser.stage import (
    Site,
    crowded,
    let_in,
    open_page,
    too_small,
    too_wide,
    violations,
)
from tests.server.pipeline.stories import begin, make_customer
from tests.server.requests.test_requests import BRIEFING, ask, deliver, do


@pytest.fixture
async def hub(database: Settings) -> AsyncIterator[None]:
    """Speak to the server's process as the worker does, whose jobs are done here."""
    await live.HUB.open(database.database_url)
    await live.HUB.connected()
    yield
    await live.HUB.close()


@pytest.mark.usefixtures("hub")
async def test_s112_a_request_moves_on_both_open_pages_by_itself(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, browser: Browser, operator: Actor
) -> None:
    customer = await make_customer(shop.manager, "滨江小馆")
    briefing = f"{BRIEFING}，第 {shop.tenant_id.hex[-4:]} 号"
    deal = await begin(shop.manager, customer)
    theirs = await browser.new_context(base_url=site.url, locale="zh-CN")
    await let_in(theirs, site, operator)
    console = await theirs.new_page()
    await open_page(console, "/console/requests")
    await console.wait_for_selector("html[data-live=on]")
    await let_in(context, site, shop.manager)
    await open_page(page, f"/deals/{deal}")
    await page.get_by_role("link", name="申请支援").click()
    await page.fill("[name=subject]", "请平台出一份压测报告")
    await page.fill("[name=briefing]", "滨江小馆要压测报告")
    await page.get_by_role("button", name="申请支援").click()
    await expect(page.locator("#toasts")).to_contain_text("等主管派发")
    await page.get_by_role("button", name="派发").click()
    await page.get_by_role("button", name="派给平台").click()
    await expect(page.get_by_role("alert")).to_contain_text("能看出客户是谁")
    await page.get_by_role("button", name="派发").click()
    await page.fill("#platform-briefing", briefing)
    await page.get_by_role("button", name="派给平台").click()
    await expect(page.locator("#request .top")).to_contain_text("待答复")

    await page.wait_for_selector("html[data-live=on]")

    await deliver(PLATFORM_TENANT, "requests.sent")
    mine = console.locator("#queue .panel", has_text=briefing)
    await expect(mine).to_contain_text("线索")
    assert "滨江小馆" not in await console.content()
    await mine.get_by_role("button", name="接受").click()
    await deliver(shop.tenant_id, ANSWERED)

    await expect(page.locator("#request .top")).to_contain_text("已接受")
    await mine.locator("[name=text]").fill("报告已上传到资料库")
    await mine.get_by_role("button", name="填写结果").click()
    await deliver(shop.tenant_id, ANSWERED)
    await expect(page.locator("#request")).to_contain_text("报告已上传到资料库")
    await page.get_by_role("button", name="评价").click()
    await page.get_by_role("dialog").get_by_role("button", name="评价").click()
    await open_page(page, f"/deals/{deal}")
    await expect(page.locator("[aria-labelledby=h-requests]")).to_contain_text("报告已上传到资料库")
    filters = RequestFilters(opportunity_id=deal)
    (held,) = (await queries.list_page(shop.manager, filters, now=clock.now())).items
    assert (held.state, held.verdict) == ("done", "helped")
    await theirs.close()


async def test_the_pages_of_requests_are_for_everybody(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    browser: Browser,
    operator: Actor,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    customer = await make_customer(shop.rep, "滨江小馆", city="杭州", level="A")
    deal = await begin(shop.rep, customer)
    done = await ask(
        shop.rep, customer_id=customer, opportunity_id=deal, now=now - timedelta(days=3)
    )
    await do(shop.manager, done, "dispatch", helper_id=shop.owner.user_id, now=now)
    await do(shop.owner, done, "accept", now=now)
    await do(shop.owner, done, "complete", now=now, text="压测报告已过会")
    await do(shop.rep, done, "judge", now=now, verdict="helped")
    sent = await ask(
        shop.rep,
        customer_id=customer,
        opportunity_id=deal,
        subject="打样测试",
        resource="sample_test",
        wished_on="2026-12-24",
        now=now,
    )
    await do(shop.manager, sent, "dispatch", now=now)
    await ask(shop.rep, customer_id=customer, subject="总经理拜访", resource="executive", now=now)
    await let_in(context, site, shop.manager)
    theirs = await browser.new_context(base_url=site.url)
    await let_in(theirs, site, operator)
    console = await theirs.new_page()
    visits = {
        "requests": (page, "/requests"),
        "request": (page, f"/requests/{sent}"),
        "request-new": (page, f"/customers/{customer}/requests/new?opportunity_id={deal}"),
        "request-queue": (console, "/console/requests"),
    }
    shots = os.environ.get("TONGLU_SHOTS")
    for language, theme in (("zh-CN", "light"), ("en", "dark")):
        for each in (context, theirs):
            await each.add_cookies(
                [
                    {"name": "language", "value": language, "url": site.url},
                    {"name": "theme", "value": theme, "url": site.url},
                ]
            )
        for name, (shown, path) in visits.items():
            await shown.set_viewport_size({"width": 1440, "height": 900})
            await open_page(shown, path)
            if shots:
                await shown.screenshot(
                    path=Path(shots) / f"{name}-{language}-1440.png", full_page=True
                )
            assert await violations(shown, axe, language) == [], f"{path} {language}"
            assert await crowded(shown) == [], path
            await shown.set_viewport_size({"width": 360, "height": 780})
            if shots:
                await shown.screenshot(
                    path=Path(shots) / f"{name}-{language}-360.png", full_page=True
                )
            assert await too_wide(shown) == [], path
            assert await too_small(shown) == [], path
    await theirs.close()
