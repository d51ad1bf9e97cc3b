"""A manager adds fields of the company's own; a rep fills them in, and the list is narrowed."""

import os
from typing import Any
from uuid import UUID

from playwright.async_api import BrowserContext, Page, expect

from server.customers import queries
from server.customers.custom import queries as customs
from server.customers.schemas import Filters
from server.kit import clock
from server.pipeline import queries as deals
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
from tests.server.customers.custom.stories import choice, field
from tests.server.customers.stories import make


async def test_s88_a_field_is_added_filled_in_and_found_by(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.manager)
    await open_page(page, "/fields/new")
    await page.select_option("[name=type]", "choice")
    await page.fill("[name=label_zh]", "经营方式")
    await page.fill("[name=meaning]", "店主说自己是加盟还是直营")
    await page.get_by_role("button", name="新建字段").click()
    await expect(page.locator("[role=alert]")).to_contain_text("选项")
    await page.fill("[name=option_zh_0]", "加盟")
    await page.fill("[name=option_zh_1]", "直营")
    await page.get_by_role("button", name="新建字段").click()
    await expect(page.locator("#toasts")).to_contain_text("字段已新建")
    await field(shop.manager, "decimal", "单价", is_required=True)

    await open_page(page, "/customers/new")
    await page.fill("[name=name]", "自定义茶行")
    await page.get_by_label("经营方式").select_option(label="直营")
    await page.get_by_label("单价").fill("十二")
    await page.get_by_role("button", name="新建").click()
    await expect(page.locator(".err")).to_contain_text("不接受")
    await page.get_by_label("单价").fill("12.5")
    await page.get_by_role("button", name="新建").click()
    await expect(page.locator("#record")).to_contain_text("12.50")
    await expect(page.locator("#record")).to_contain_text("直营")

    await page.goto(f"{page.url.split('?')[0]}/edit")
    await page.get_by_label("经营方式").select_option(label="加盟")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".change").first).to_contain_text("经营方式 直营 → 加盟")

    (held,) = (await queries.list_page(shop.manager, Filters(q="自定义茶行"))).items
    (of_type,) = (name for name in held.custom if name.startswith("custom_choice"))
    await open_page(page, f"/customers?own={of_type}:{held.custom[of_type]}")
    await expect(page.locator("#rows tr")).to_have_count(1)
    await expect(page.locator(".chip").first).to_contain_text("加盟")


async def test_s88_contacts_and_deals_ask_for_fields_of_their_own(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await choice(shop.manager, "老板", "店长", label="身份", subject="contact", is_required=True)
    fee = await field(shop.manager, "flag", "要进场费", subject="opportunity", is_required=True)
    who = await choice(
        *(shop.manager, "张三", "李四"), type_="choices", label="谁在谈", subject="opportunity"
    )
    customer = (await make(shop.manager, "身份茶行")).id
    await let_in(context, site, shop.manager)
    await open_page(page, f"/customers/{customer}")
    await page.locator("[data-open=new-contacts]").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("[name=name]").fill("陈老板")
    await dialog.get_by_label("身份").select_option(label="老板")
    await dialog.get_by_role("button", name="保存").click()
    await expect(page.locator("#record")).to_contain_text("身份 老板")
    await page.get_by_role("link", name="编辑联系人 陈老板").click()
    await page.get_by_label("身份").select_option(label="店长")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#record")).to_contain_text("身份 店长")

    await open_page(page, f"/customers/{customer}/deals/new")
    await page.fill("[name=name]", "三年")
    await page.get_by_label("要进场费").select_option(label="否")
    await page.locator("form [type=submit]").last.click()
    await expect(page.locator("#toasts")).to_contain_text("商机")
    (deal,) = await deals.of_customer(shop.manager, customer, now=clock.now())
    assert list(deal.custom.values()) == [0]

    await page.get_by_label("要进场费").select_option(label="是")
    await page.get_by_label("张三").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#toasts")).to_contain_text("已保存")
    await page.get_by_label("张三").uncheck()
    await page.get_by_label("李四").check()
    async with page.expect_response(lambda answer: answer.request.method == "POST"):
        await page.get_by_role("button", name="保存").click()
    (deal,) = await deals.of_customer(shop.manager, customer, now=clock.now())
    assert deal.custom == {fee.name: 1, who.name: [str(who.options[1].id)]}


async def test_s88_the_pages_of_custom_fields_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    made = await choice(shop.manager, "早", "中", "晚", type_="choices", label="送货时段")
    sign = await field(shop.manager, "lines", "门头", label_en="Sign")
    await field(shop.manager, "text", "职务级别", subject="contact", is_unique=True)
    await field(shop.manager, "decimal", "单价", label_en="Unit price", is_required=True)
    options = [str(each.id) for each in made.options[:2]]
    given = {made.name: options, sign.name: "红底金字，右边一块\n晚上亮灯"}
    customer = await _made(shop, given)
    await let_in(context, site, shop.manager)
    for language, theme in (("zh-CN", "light"), ("en", "dark")):
        await context.add_cookies(
            [
                {"name": "language", "value": language, "url": site.url},
                {"name": "theme", "value": theme, "url": site.url},
            ]
        )
        for name, path in {
            "fields": "/fields",
            "field_new": "/fields/new",
            "field": f"/fields/{made.id}",
            "customer": f"/customers/{customer}",
            "customer_edit": f"/customers/{customer}/edit",
        }.items():
            await _looked_at(page, axe, name, path, language)


async def _made(shop: Tenant, given: dict[str, Any]) -> UUID:
    """Make a customer with custom values."""
    price = next(each for each in await customs.fields(shop.manager) if each.type == "decimal")
    return (await make(shop.manager, "福满楼", custom=given | {price.name: 1250})).id


async def _looked_at(page: Page, axe: tuple[str, str], name: str, path: str, language: str) -> None:
    """Look at a page on a desk and on a phone."""
    for width in (1440, 360):
        await page.set_viewport_size({"width": width, "height": 900})
        await open_page(page, path)
        assert await too_wide(page) == [], (name, width)
        assert await crowded(page) == [], (name, width)
        if width == 360:
            assert await too_small(page) == [], name
        if folder := os.environ.get("TONGLU_SHOTS"):
            await page.screenshot(path=f"{folder}/{name}-{language}-{width}.png", full_page=True)
    assert await violations(page, axe, language) == [], name
