"""Who sees what: the analyst's figures."""

import os
from pathlib import Path

from playwright.async_api import BrowserContext, Page

from server.access import Role
from server.identity import service as identity
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
from tests.server.customers.stories import make_tag


async def test_the_pages_of_rights_are_for_everybody(
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
        "wrong": "/analyses?subject=customers&source=nobody",
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
