"""People stand on a map whose gaps become work; what a record lacks leads to where it is mended."""

import os
import re
from datetime import timedelta
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from server.activities import service as activities
from server.activities.schemas import NewVisit
from server.kit import clock
from server.quality import service as quality
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
from tests.server.relationships.test_relationships import add_contact


async def test_s75_the_map_is_drawn_and_its_gaps_become_tasks(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now = clock.now()
    customer = await make_customer(shop.manager, "滨江小馆")
    await begin(shop.manager, customer)
    people = [
        ("周建国", "decides", "leans", (3, 20)),
        ("李梅", "buys", "supports", (1, 9, 40)),
        ("欧阳文静", "uses", "opposes", (80,)),
        ("王强", "influences", "neutral", ()),
    ]
    for name, role, stance, visits in people:
        contact = await add_contact(shop.manager, customer, name, role=role, stance=stance)
        for days in visits:
            visit = NewVisit(checked_in_at=now - timedelta(days=days), contact_id=contact)
            await activities.add_visit(shop.manager, customer, visit, now=now)
    new = await add_contact(shop.manager, customer, "小赵")
    await let_in(context, site, shop.manager)
    path = f"/customers/{customer}"
    await make_customer(shop.rep, "老街茶庄", city="杭州", phone="13800000000")
    await quality.look_through(shop.tenant_id, now=now)

    await open_page(page, f"{path}/contacts/{new}")
    await page.select_option("[name=role]", "guards")
    await page.select_option("[name=stance]", "doubts")
    await page.get_by_role("button", name="保存").click()
    panel = page.locator("[aria-labelledby=h-map]").first
    await expect(panel).to_contain_text("小赵有顾虑，却没有人去谈")
    await panel.get_by_role("button", name="把缺口下达为任务").click()
    await expect(page.locator("#toasts")).to_contain_text("已下达任务")
    await expect(panel.get_by_role("link", name="看任务").first).to_be_visible()

    await open_page(page, "/quality?check=plausible")
    await page.get_by_role("link", name="电话像随手填的").click()
    await expect(page).to_have_url(re.compile("/edit$"))

    shots = os.environ.get("TONGLU_SHOTS")
    for language, theme in (("zh-CN", "light"), ("en", "dark")):
        await context.add_cookies(
            [
                {"name": "language", "value": language, "url": site.url},
                {"name": "theme", "value": theme, "url": site.url},
            ]
        )
        for width, height in ((1440, 900), (360, 780)):
            await page.set_viewport_size({"width": width, "height": height})
            for name, shown in (("map", path), ("quality", "/quality")):
                await open_page(page, shown)
                if shots:
                    await page.screenshot(
                        path=Path(shots) / f"{name}-{language}-{width}.png", full_page=True
                    )
                if width > 1000:
                    assert await violations(page, axe, language) == [], f"{name} {language}"
                    assert await crowded(page) == [], name
                else:
                    assert [*await too_wide(page), *await too_small(page)] == [], name
