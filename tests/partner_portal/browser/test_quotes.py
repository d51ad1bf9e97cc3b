"""Prices are set, a quote is written, approved by somebody else, and accepted."""

import os
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from server.kit import clock
from server.pipeline import queries as pipeline
from server.sales import queries, service
from server.sales.schemas import QuoteFilters, SetPrice
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
from tests.partner_portal.browser.test_deals import make_deals
from tests.server.sales.stories import decide, reprice, stock, write


async def test_a_manager_puts_a_product_into_a_price_book(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.manager)
    await open_page(page, "/prices")
    await page.fill("#b-name", "二〇二七标准价")
    await page.get_by_role("button", name="新价目表").click()
    await expect(page.locator("#toasts")).to_contain_text("价目表已建")
    await page.fill("#f-name", "收银机")
    await page.get_by_role("button", name="新产品").click()
    await expect(page.locator("#toasts")).to_contain_text("产品已加")
    await page.get_by_label("标价 收银机").fill("1,000.50")
    await page.get_by_label("底价 收银机").fill("1000.51")
    await page.get_by_role("button", name="保存 收银机").click()
    await expect(page.locator("[role=alert]")).to_contain_text("底价不能高于标价")
    await page.get_by_label("标价 收银机").fill("1,000.50")
    await page.get_by_label("底价 收银机").fill("800")
    await page.get_by_role("button", name="保存 收银机").click()
    await expect(page.locator("#toasts")).to_contain_text("价格已保存")

    (book,) = await queries.price_books(shop.manager)
    (price,) = await queries.prices(shop.manager, book.id)
    assert (price.list_minor, price.floor_minor) == (1_000_50, 800_00)


async def test_a_quote_below_the_floor_goes_by_a_manager_to_the_customer(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    shelf = await stock(shop.manager)
    wanted = SetPrice(list_minor=100_00, floor_minor=80_00)
    await service.set_price(shop.manager, shelf.book, shelf.product, wanted, now=clock.now())
    deal = (await make_deals(shop.rep))[2]
    await let_in(context, site, shop.rep)
    await open_page(page, f"/deals/{deal}")
    await page.get_by_role("link", name="写报价").click()
    await page.fill("[name=name]", "收银机报价")
    await page.get_by_role("button", name="写报价").click()
    await page.select_option("[name=product_id]", label="收银机")
    await page.fill("[name=quantity]", "2")
    await page.fill("[name=price]", "79.99")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#toasts")).to_contain_text("报价已保存")
    # Enter in a line saves it, and does not press the bin beside it.
    await page.get_by_label("数量 收银机").fill("2.5")
    await page.get_by_label("数量 收银机").press("Enter")
    await expect(page.get_by_text("¥199.98").first).to_be_visible()
    await expect(page.get_by_text("底价 ¥80")).to_have_count(0)
    await page.get_by_role("button", name="提交").click()
    await expect(page.locator(".top .tag")).to_contain_text("待审批")
    await expect(page.get_by_role("button", name="批准")).to_have_count(0)
    (held,) = (await queries.list_page(shop.rep, QuoteFilters(opportunity_id=deal))).items
    assert held.totals.net_minor == 199_98

    await context.clear_cookies()
    await let_in(context, site, shop.manager)
    await open_page(page, "/quotes?state=waiting")
    await page.get_by_role("link", name="收银机报价").click()
    await expect(page.get_by_text("低于底价", exact=True)).to_be_visible()
    # What the page shows is not what the quote says any more: the approval is about the former.
    await reprice(shop.rep, held.id, 1_00)
    await decide(shop.rep, held.id, "submit", now=clock.now())
    await page.get_by_role("button", name="批准").click()
    await expect(page.locator("[role=alert]")).to_contain_text("报价被改过")
    await page.get_by_role("button", name="批准").click()
    await expect(page.locator(".top .tag")).to_contain_text("可发送")
    await page.get_by_role("button", name="标为已发送").click()
    await page.get_by_role("button", name="客户接受").click()
    await expect(page.locator(".top .tag")).to_contain_text("客户已接受")

    assert (await pipeline.one(shop.rep, deal, now=clock.now())).amount_minor == 2_50


async def test_the_pages_of_quotes_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    shelf = await stock(shop.manager)
    deal = (await make_deals(shop.rep))[2]
    draft = await write(shop, shelf, deal=deal, price_minor=79_99, discount_minor=1_00)
    waiting = await write(shop, shelf, deal=deal, price_minor=79_99, valid_until="2099-12-31")
    await decide(shop.rep, waiting, "submit", now=clock.now())
    await let_in(context, site, shop.manager)
    paths = {
        "quotes": "/quotes",
        "draft": f"/quotes/{draft}",
        "waiting": f"/quotes/{waiting}",
        "new": f"/deals/{deal}/quotes/new",
        "deal": f"/deals/{deal}",
        "prices": "/prices",
    }
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
                await page.screenshot(path=Path(shots) / f"{name}-{language}-1440.png")
            assert await violations(page, axe, language) == [], f"{path} {language}"
            assert await crowded(page) == [], path
            await page.set_viewport_size({"width": 360, "height": 780})
            if shots:
                await page.screenshot(
                    path=Path(shots) / f"{name}-{language}-360.png", full_page=True
                )
            assert await too_wide(page) == [], path
            assert await too_small(page) == [], path
