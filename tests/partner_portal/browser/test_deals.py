"""Deals on the board and one by one, by mouse and by keyboard."""

import os
from pathlib import Path
from typing import Final
from uuid import UUID

from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import clock
from server.pipeline import queries, service
from server.pipeline.schemas import Move, NewOpportunity, OpportunityEdit
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Gate
from sync_protocol.process.gates import Verb
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

NAMES: Final = ("苏州恒通机电", "太仓中集物流", "张家港鑫达五金", "昆山德力精工", "吴江永泰包装")


async def make_deals(rep: Actor) -> list[UUID]:
    """Begin deals in every stage, some of which wait for long."""
    now, made = clock.now(), []
    for at, name in enumerate(NAMES):
        saved = await customers.create(rep, NewCustomer(name=name), now=now)
        new = NewOpportunity(
            customer_id=saved.id,
            name=f"收银与会员 {at + 1} 店",
            amount_minor=(at + 1) * 12_800_00,
            expected_on="2026-12-31",
        )
        deal = (await service.create(rep, new, now=now)).id
        steps = [UUID(step.id) for _, step in BUILT_IN.steps()]
        for stage in BUILT_IN.stages[1 : at + 1]:
            await service.edit(rep, deal, OpportunityEdit(do_steps=steps), now=now)
            asked = Move(verb=Verb.ADVANCE, to_stage=stage.id)
            await service.move(rep, deal, asked, now=now)
        made.append(deal)
    return made


async def test_a_card_is_moved_by_keys_and_by_mouse_and_comes_back_where_a_gate_is_closed(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    deals = await make_deals(shop.rep)
    await let_in(context, site, shop.rep)
    await open_page(page, "/deals")
    columns = page.locator(".deal-column")
    await expect(columns).to_have_count(4)
    await expect(columns.nth(0).locator(".deal-card")).to_have_count(1)

    # Nothing of the first stage is done: the card returns by itself and the toast says why.
    card = page.locator(f"#deal-{deals[0]} a")
    await card.focus()
    await page.keyboard.press("Alt+ArrowRight")
    await expect(page.locator("#toasts")).to_contain_text(BUILT_IN.first.steps[0].name)
    await expect(columns.nth(0).locator(".deal-card")).to_have_count(1)

    # A step back is always free; the card keeps the focus.
    card = page.locator(f"#deal-{deals[1]} a")
    await card.focus()
    await page.keyboard.press("Alt+ArrowLeft")
    await expect(columns.nth(0).locator(f"#deal-{deals[1]}")).to_be_visible()
    await expect(page.locator(f"#deal-{deals[1]} a")).to_be_focused()

    await page.drag_and_drop(f"#deal-{deals[1]}", ".deal-column[data-stage=pre_opportunity] header")
    await expect(columns.nth(1).locator(f"#deal-{deals[1]}")).to_be_visible()
    held = await queries.one(shop.rep, deals[1], now=clock.now())
    assert held.stage == "pre_opportunity"


async def test_a_newcomer_wins_a_deal_by_what_the_page_says(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    saved = await customers.create(shop.rep, NewCustomer(name="苏州恒通机电"), now=clock.now())
    await let_in(context, site, shop.rep)
    await open_page(page, f"/customers/{saved.id}")
    await page.get_by_role("link", name="新建商机").click()
    await page.fill("[name=name]", "收银三年")
    await page.fill("[name=amount]", "12800.50")
    await page.get_by_role("button", name="新建商机").click()
    await page.wait_for_selector("#deal")
    # What is to be done here counts, not only what lies behind.
    must = sum(step.is_mandatory and step.gate is Gate.STRICT for step in BUILT_IN.first.steps)
    to_do = page.locator("section", has=page.locator("#h-next"))
    await expect(to_do).to_contain_text(f"必做步骤 0/{must}")

    for stage in BUILT_IN.stages[:3]:
        await expect(page.locator("#h-next")).to_contain_text(stage.name)
        for step in stage.steps:
            if step.is_mandatory:
                await page.get_by_role("button", name=step.name, exact=True).click()
                await expect(
                    page.get_by_role("button", name=step.name, exact=True)
                ).to_have_attribute("aria-pressed", "true")
        if stage.id == "opportunity":
            await page.fill("[name=expected_on]", "2026-12-31")
            await page.get_by_role("button", name="保存").click()
            await expect(page.locator("#toasts")).to_contain_text("商机已保存")
        await page.get_by_role("button", name="推进到").click()

    await expect(page.locator(".top .tag").first).to_contain_text("已签约")
    [deal] = await queries.of_customer(shop.rep, saved.id, now=clock.now())
    assert (deal.state, deal.amount_minor) == ("won", 12_800_50)


async def test_a_template_opens_where_it_is_needed(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    deal = (await make_deals(shop.rep))[0]
    await let_in(context, site, shop.rep)
    await open_page(page, f"/deals/{deal}")
    template = BUILT_IN.first.steps[0].templates[0]

    await page.get_by_role("button", name=template.title).click()

    await expect(page.locator(".help-text")).to_contain_text(template.lines[0])
    assert (await queries.detail(shop.rep, deal, now=clock.now())).opened == {UUID(template.id): 1}


async def test_the_pages_of_deals_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    deal = (await make_deals(shop.rep))[2]
    await let_in(context, site, shop.rep)
    customer = (await queries.one(shop.rep, deal, now=clock.now())).customer_id
    paths = (
        "/deals",
        f"/deals/{deal}",
        "/deals/list?state=open",
        "/deals/forecast",
        f"/customers/{customer}/deals/new",
    )
    shots = os.environ.get("TONGLU_SHOTS")
    for language, theme in (("zh-CN", "light"), ("en", "dark")):
        await context.add_cookies(
            [
                {"name": "language", "value": language, "url": site.url},
                {"name": "theme", "value": theme, "url": site.url},
            ]
        )
        for path in paths:
            await page.set_viewport_size({"width": 1440, "height": 900})
            await open_page(page, path)
            if shots:
                name = path.strip("/").split("?")[0].replace("/", "-").replace(str(deal), "one")
                await page.screenshot(path=Path(shots) / f"{name}-{language}-1440.png")
            found = await violations(page, axe, language)
            assert found == [], f"{path} {language}"
            assert await crowded(page) == [], path
            await page.set_viewport_size({"width": 360, "height": 780})
            if shots:
                await page.screenshot(
                    path=Path(shots) / f"{name}-{language}-360.png", full_page=True
                )
            assert await too_wide(page) == [], path
            assert await too_small(page) == [], path
