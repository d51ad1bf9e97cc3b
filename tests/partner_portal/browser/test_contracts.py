"""A contract is drawn up from a quote, approved, signed with its paper, and paid by instalments."""

import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import BrowserContext, FilePayload, Page, expect

from server.contracts import queries
from server.contracts.schemas import ContractFilters
from server.identity.rules.absences import day_of
from server.kit import clock
from server.pipeline import queries as pipeline
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
from tests.server.contracts import stories
from tests.server.sales import stories as quotes


async def test_s106_a_contract_goes_from_a_quote_to_its_last_instalment(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now = clock.now()
    deals = await make_deals(shop.rep)
    deal = deals[2]
    shelf = await quotes.stock(shop.manager, list_minor=200_00, floor_minor=120_00)
    quote = await quotes.write(shop, shelf, deal=deal, price_minor=100_00)
    await quotes.decide(shop.rep, quote, "submit", now=now)
    await quotes.decide(shop.manager, quote, "approve", now=now)
    for verb in ("send", "accept"):
        await quotes.decide(shop.rep, quote, verb, now=now)
    await let_in(context, site, shop.rep)
    # Begun on a customer's page, it offers the deal that it comes of.
    other = await pipeline.one(shop.rep, deals[0], now=now)
    await open_page(page, f"/contracts/new?customer_id={other.customer_id}")
    await expect(page.get_by_label("来自商机")).to_have_value(str(other.id))

    await open_page(page, f"/quotes/{quote}")
    await page.get_by_role("link", name="新建合同").click()
    await page.fill("[name=number]", "HT-2026-018")
    await page.get_by_role("button", name="新建合同").click()
    await expect(page.locator("#toasts")).to_contain_text("合同已新建")

    # The instalments must come to the amount, to the fen.
    today = day_of(now)
    for at, (name, amount) in enumerate((("首付款", "300"), ("尾款", "700.01"))):
        await page.fill(f"[name=name_{at}]", name)
        await page.fill(f"[name=due_{at}]", str(today + timedelta(days=30 * at)))
        await page.fill(f"[name=part_{at}]", amount)
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("[role=alert]")).to_contain_text("须等于合同金额")
    for at, (name, amount) in enumerate((("首付款", "300"), ("尾款", "700"))):
        await page.fill(f"[name=name_{at}]", name)
        await page.fill(f"[name=due_{at}]", str(today + timedelta(days=30 * at)))
        await page.fill(f"[name=part_{at}]", amount)
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#toasts")).to_contain_text("合同已保存")
    await page.get_by_role("button", name="提交审批").click()
    # What the manager approved was decided before: nobody has to approve it again.
    await expect(page.locator(".top .tag")).to_contain_text("待签")

    await page.get_by_role("button", name="记签订").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="记签订").click()
    await expect(page.locator(".top .tag")).to_contain_text("履行中")
    await page.get_by_role("button", name="记回款 首付款").click()
    await page.get_by_role("dialog").get_by_role("button", name="记回款").click()
    await expect(page.locator("#toasts")).to_contain_text("回款已记下")
    await expect(page.get_by_text("已收齐")).to_be_visible()

    filters = ContractFilters(opportunity_id=deal)
    (held,) = (await queries.list_page(shop.rep, filters, now=now)).items
    assert (held.received_minor, held.amount_minor) == (300_00, 1_000_00)
    assert [each.name for each in held.plan] == ["首付款", "尾款"]


async def test_a_paper_is_kept_with_its_contract(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    contract = await stories.write(shop.rep, now=clock.now())
    await let_in(context, site, shop.rep)
    await open_page(page, f"/contracts/{contract}")

    scan = FilePayload(name="合同扫描件.png", mimeType="image/png", buffer=_scan())
    await page.set_input_files("[name=file]", files=scan)
    await page.get_by_role("button", name="上传").click()
    await expect(page.locator("#toasts")).to_contain_text("合同文件已存档")
    await expect(page.get_by_role("link", name="合同扫描件.png")).to_be_visible()

    async with page.expect_download() as download:
        await page.get_by_role("link", name="合同扫描件.png").click()
    assert (await download.value).suggested_filename.startswith("合同扫描件")


def _scan() -> bytes:
    """Draw a small picture."""
    target = BytesIO()
    Image.new("RGB", (64, 48), "#2a54b7").save(target, "PNG")
    return target.getvalue()


async def test_the_pages_of_contracts_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now = clock.now()
    today = day_of(now)
    deal = (await make_deals(shop.rep))[2]

    def day(days: int) -> str:
        return str(today + timedelta(days=days))

    plan = stories.parts(
        ("首付款", day(-20), 300_00), ("到货款", day(10), 300_00), ("尾款", day(90), 400_00)
    )
    given = {"opportunity_id": deal, "plan": plan, "party_a": "朝阳餐饮", "party_b": "同路科技"}
    paid = await stories.write(
        shop.rep, now=now, number="HT-2026-020", title="门店系统年度服务", ends_on=day(40), **given
    )
    await stories.sign(shop, paid, now=now)
    held = await stories.seen(shop.rep, paid, now=now)
    first = held.plan[0].id
    given["opportunity_id"], given["customer_id"] = None, held.customer_id
    draft = await stories.write(shop.rep, now=now, number="HT-2026-019", **given)
    await stories.receive(shop.rep, paid, 120_00, instalment_id=first, now=now, remark="对公转账")
    await let_in(context, site, shop.manager)
    paths = {
        "contracts": "/contracts",
        "late": "/contracts?view=overdue",
        "draft": f"/contracts/{draft}",
        "signed": f"/contracts/{paid}",
        "new": f"/contracts/new?renews_id={paid}",
        "deal": f"/deals/{deal}",
        "customer": f"/customers/{held.customer_id}",
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
