"""Rules in a browser: a manager tries one on the past, publishes it and switches it off."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.automation.plays import service as plays
from server.automation.plays.schemas import NewPlay
from server.automation.signals import service as signals
from server.automation.signals.schemas import NewSignal, NewSignalSource
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import clock
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at, speak
from tests.server.automation.test_plays import S13

LONG = timedelta(days=400)


async def sign_in_of_a_silent_customer(shop: Tenant, name: str) -> None:
    """Let a customer that nobody has cared for sign in on the platform."""
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name=name), now=now - LONG)
    told = NewSignal(event="login", event_id=new_id().hex, customer_id=made.id, happened_at=now)
    await signals.tell(shop.owner, told, now=now)


async def test_s13_a_rule_is_tried_published_and_switched_off(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await sign_in_of_a_silent_customer(shop, "周庄水乡茶楼")
    await let_in(context, site, shop.owner)

    await open_page(page, "/plays/new")
    await page.get_by_label("规则名称").fill("沉寂客户登录")
    await page.get_by_label("任务标题或提醒内容").fill("24小时内联系")
    await page.get_by_role("button", name="试算").click()
    await expect(page.get_by_role("link", name="周庄水乡茶楼")).to_be_visible()
    await page.get_by_role("button", name="发布").click()
    await expect(page.get_by_text("规则已发布")).to_be_visible()

    await sign_in_of_a_silent_customer(shop, "同里退思茶社")
    await page.get_by_role("link", name="沉寂客户登录").click()
    await page.get_by_role("link", name="同里退思茶社").click()
    await expect(page.get_by_text("必做").first).to_be_visible()

    await open_page(page, "/plays")
    await page.get_by_role("button", name="停用").click()
    await expect(page.get_by_text("规则已停用")).to_be_visible()
    await page.get_by_label("来源名称").fill("平台账号系统")
    await page.get_by_role("button", name="添加来源").click()
    await expect(page.get_by_text(re.compile("whsec_"))).to_be_visible()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_pages_of_rules_are_usable_by_everybody(
    language: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    play = await plays.publish(shop.owner, NewPlay(terms=S13), now=now)
    await signals.open_source(shop.owner, NewSignalSource(name="平台账号系统"), now=now)
    for name in ("周庄水乡茶楼", "同里退思茶社"):
        await sign_in_of_a_silent_customer(shop, name)
    await let_in(context, site, shop.owner)
    await speak(context, site, language)

    for path in ("/plays", "/plays/new", f"/plays/{play.id}"):
        await look_at(page, path, language, axe)
