"""The protection wall and the court: a dispute is seen by both, decided, and nobody is named."""

from collections.abc import Mapping

from playwright.async_api import Browser, BrowserContext, Page, expect

from server.access import Actor
from server.kit import clock
from server.registrations import queries, service
from tests.factories import Tenant
from tests.isolation.registrations import new_dispute
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


async def test_m1_a_dispute_is_decided_in_the_court_and_read_on_the_wall(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    browser: Browser,
    operator: Actor,
    axe: tuple[str, str],
) -> None:
    mine = await new_dispute(shop, "滨江小馆")
    held = await queries.one(shop.rep, mine, now=clock.now())
    await let_in(context, site, shop.manager)
    theirs = await browser.new_context(base_url=site.url, locale="zh-CN")
    await let_in(theirs, site, operator)
    console = await theirs.new_page()

    await open_page(page, "/registrations")
    await page.get_by_role("link", name="滨江小馆").click()
    await expect(page.locator("[aria-labelledby=h-case]")).to_contain_text("贵司")
    await open_page(console, f"/console/court/{held.case_id}")
    assert "滨江小馆" not in await console.content()
    await _look({"case": console}, axe)
    await console.get_by_role("button", name="裁决").click()
    await expect(console.locator("[aria-labelledby=h-case]")).to_contain_text("结论")
    assert held.case_id is not None, "it is disputed"
    await service.apply(held.case_id, now=clock.now())
    await service.mirror(shop.tenant_id, mine, now=clock.now())

    await page.reload()
    await expect(page.locator("[aria-labelledby=h-case]")).to_contain_text("结论")
    await _look({"registration": page}, axe)
    await open_page(page, "/registrations")
    await open_page(console, "/console/court?view=over")
    await _look({"wall": page, "court": console}, axe)
    await open_page(page, f"/customers/{held.customer_id}")
    await expect(page.locator("[aria-labelledby=h-registrations]")).to_contain_text("报备")
    await theirs.close()


async def _look(pages: Mapping[str, Page], axe: tuple[str, str]) -> None:
    """Hold pages to what all pages keep, wide and narrow."""
    for name, shown in pages.items():
        await shown.set_viewport_size({"width": 1440, "height": 900})
        assert await violations(shown, axe, "zh-CN") == [], name
        assert await crowded(shown) == [], name
        await shoot(shown, f"{name}-1440")
        await shown.set_viewport_size({"width": 360, "height": 780})
        await shoot(shown, f"{name}-360")
        assert await too_wide(shown) == [], name
        assert await too_small(shown) == [], name
        await shown.set_viewport_size({"width": 1440, "height": 900})
