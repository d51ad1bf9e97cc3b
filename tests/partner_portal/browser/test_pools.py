"""Public pools in a browser: a manager opens one, a rep gives up a customer, another picks it."""

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.customers import service as customers
from server.customers.pools import service as pools
from server.customers.pools.schemas import NewPool, Release
from server.customers.schemas import NewCustomer
from server.kit import clock
from tests.factories import NOW, Tenant
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at, speak


async def test_a_customer_goes_through_a_pool(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    new = NewCustomer(name="昆山德力精工机械有限公司", phone="13862147705", city="苏州")
    made = await customers.create(shop.manager, new, now=NOW)
    await let_in(context, site, shop.manager)

    await open_page(page, "/pools/new")
    await page.get_by_label("名称").fill("苏州公海")
    await page.get_by_label("每人每天可捡").fill("2")
    await page.get_by_label("原负责人冷静期（天）").fill("0")
    await page.get_by_label("什么情况").first.select_option("inactivity")
    await page.get_by_label("满多少天").first.fill("60")
    await page.get_by_role("button", name="建立").click()
    await expect(page.get_by_role("heading", name="苏州公海")).to_be_visible()

    await open_page(page, f"/customers/{made.id}/release")
    await page.get_by_role("button", name="放回公海").click()
    await expect(page.get_by_text("客户已放回公海")).to_be_visible()

    await open_page(page, "/pools")
    await expect(page.get_by_text("138****7705")).to_be_visible()
    await page.get_by_role("button", name="查看").click()
    await expect(page.get_by_text("捡走之后才能看到")).to_be_visible()
    await page.get_by_role("button", name="捡走").click()
    await expect(page.get_by_text("客户归您了")).to_be_visible()
    await expect(page.get_by_text("138 6214 7705")).to_be_visible()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_pools_pages_are_usable_by_everybody(
    language: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    pool = await pools.create_pool(
        shop.owner, NewPool(name="苏州公海", picks_per_day=5, views_per_day=20), now=now
    )
    for name in ("昆山德力精工机械有限公司", "太仓明珠酒楼", "常熟虞山茶庄"):
        new = NewCustomer(name=name, phone="13862147705", city="苏州", industry="制造", level="B")
        made = await customers.create(shop.rep, new, now=now)
        await pools.release(shop.rep, made.id, Release(pool_id=pool.id), now=now)
    mine = await customers.create(shop.manager, NewCustomer(name="张家港金港物流"), now=now)
    await let_in(context, site, shop.manager)
    await speak(context, site, language)

    for path in ("/pools", "/pools/new", f"/pools/{pool.id}", f"/customers/{mine.id}/release"):
        await look_at(page, path, language, axe)
