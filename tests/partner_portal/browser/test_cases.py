"""A case is noted down, stands as a banner on its customer, and is resolved."""

import os
from datetime import timedelta
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from server.cases import queries, service
from server.cases.schemas import CaseFilters, Decide, NewComment
from server.kit import clock
from sync_protocol.serving import Verb
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
from tests.server.cases.test_cases import open_case
from tests.server.pipeline.stories import make_customer


async def test_s94_a_complaint_is_seen_before_anybody_sells(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    customer = await make_customer(shop.rep, "滨江小馆")
    await let_in(context, site, shop.rep)
    await open_page(page, f"/customers/{customer}")
    await (
        page.get_by_role("link", name="新服务单")
        .or_(page.get_by_role("link", name="新建服务单"))
        .first.click()
    )
    await page.fill("[name=subject]", "收银机死机，开不了台")
    await page.select_option("[name=severity]", "critical")
    await page.get_by_role("button", name="新建服务单").click()
    await expect(page.locator("#toasts")).to_contain_text("服务单已建")

    await open_page(page, f"/customers/{customer}")
    await expect(page.locator("[role=alert]")).to_contain_text("收银机死机")
    await page.get_by_role("link", name="去处理").click()
    await page.get_by_role("button", name="开始处理").click()
    await page.get_by_role("button", name="等客户答复").click()
    await expect(page.get_by_text("暂停计时", exact=True)).to_be_visible()
    await page.get_by_role("button", name="继续处理").click()
    await page.fill("#say-text", "已换主板，试运行一小时")
    await page.get_by_role("button", name="发送").click()
    await expect(page.get_by_text("已换主板，试运行一小时")).to_be_visible()
    await page.get_by_role("button", name="标为已解决").click()
    await page.fill("#resolve-text", "更换主板后正常")
    await page.get_by_role("dialog").get_by_role("button", name="标为已解决").click()
    await expect(page.locator(".top .tag")).to_contain_text("已解决")

    await open_page(page, f"/customers/{customer}")
    await expect(page.locator("[role=alert]")).to_have_count(0)
    (held,) = (
        await queries.list_page(shop.rep, CaseFilters(customer_id=customer), now=clock.now())
    ).items
    assert (held.state, held.result) == ("resolved", "更换主板后正常")


async def test_the_pages_of_cases_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now = clock.now()
    customer = await make_customer(shop.rep, "滨江小馆")
    late = await open_case(
        shop.rep,
        now=now - timedelta(days=9),
        customer_id=customer,
        subject="收银机死机，开不了台",
        severity="critical",
        detail="中午高峰三台都死机。\n重启无效。",
    )
    await service.comment(shop.rep, late, NewComment(text="已约工程师上门"), now=now)
    waiting = await open_case(
        shop.rep, now=now, customer_id=customer, subject="想加一台打印机", severity="low"
    )
    await service.decide(shop.rep, waiting, Decide(verb=Verb.WAIT), now=now)
    await let_in(context, site, shop.manager)
    await open_page(page, "/cases/targets")
    await page.get_by_label("答复（小时）").first.fill("0.25")
    await page.get_by_role("button", name="保存为新版本").click()
    await expect(page.locator("#toasts")).to_contain_text("新时限已保存")
    await expect(page.get_by_role("listitem").filter(has_text="使用中")).to_contain_text("0.25")
    paths = {
        "targets": "/cases/targets",
        "cases": "/cases",
        "case": f"/cases/{late}",
        "new-case": f"/customers/{customer}/cases/new",
        "alarmed": f"/customers/{customer}",
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
