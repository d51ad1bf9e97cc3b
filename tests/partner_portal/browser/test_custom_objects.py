"""A manager adds an object of the company's own; a rep writes its records on customers' pages."""

import os

from playwright.async_api import BrowserContext, Page, expect

from server.customers.objects.queries import records
from server.customers.objects.schemas import RecordFilters
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
from tests.server.customers.custom.stories import choice
from tests.server.customers.objects.stories import part, record, sort
from tests.server.customers.stories import make


async def test_s88_an_object_is_defined_and_its_records_are_written_and_found(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    customer = (await make(shop.manager, "对象茶行")).id
    await let_in(context, site, shop.manager)
    await open_page(page, "/objects/new")
    await page.fill("[name=name_zh]", "设备")
    await page.fill("[name=meaning]", "客户店里的机器")
    await page.fill("[name=title_zh]", "设备名称")
    await page.get_by_role("button", name="新建对象").click()
    await expect(page.locator("#toasts")).to_contain_text("对象已新建")
    await page.get_by_role("link", name="新建字段").click()
    await page.select_option("[name=type]", "choice")
    await page.fill("[name=label_zh]", "状况")
    await page.fill("[name=meaning]", "到店看了再写")
    await page.fill("[name=option_zh_0]", "能用")
    await page.fill("[name=option_zh_1]", "要修")
    await page.get_by_role("button", name="新建字段").click()
    await expect(page.locator("#toasts")).to_contain_text("字段已新建")
    await expect(page.get_by_role("heading", name="设备")).to_be_visible()

    await open_page(page, f"/customers/{customer}")
    await page.get_by_role("link", name="新建记录").click()
    await page.fill("[name=title]", "封口机")
    await page.get_by_label("状况").select_option(label="要修")
    await page.get_by_role("button", name="新建记录").click()
    await expect(page.locator("#record")).to_contain_text("状况 要修")
    await page.get_by_role("link", name="封口机").click()
    await page.fill("[name=title]", "打包机")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".change").first).to_contain_text("标题 封口机 → 打包机")

    (held,) = (await records.list_page(shop.manager, RecordFilters(customer_id=customer))).items
    await open_page(page, f"/objects/{held.object_id}")
    await page.get_by_label("全部").select_option(label="状况 · 能用")
    await page.get_by_role("button", name="搜索标题或客户").click()
    await expect(page.locator(".empty")).to_be_visible()
    await page.get_by_label("全部").select_option(label="状况 · 要修")
    await page.get_by_role("button", name="搜索标题或客户").click()
    await expect(page.locator("tbody tr")).to_contain_text(["打包机"])
    await page.get_by_role("link", name="打包机").click()
    await page.get_by_role("button", name="删除记录").click()
    await page.locator("#toasts").get_by_role("button").first.click()
    await expect(page.locator("#record")).to_contain_text("打包机")


async def test_s88_the_pages_of_custom_objects_are_for_everybody(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    course = await sort(shop.manager, "课程", name_en="Course", title_en="Course name")
    state = await choice(
        *(shop.manager, "报名", "上完", "退课"),
        label="进度",
        subject="custom_record",
        object_id=course.id,
    )
    day = await part(shop.manager, course, "date", "开课日", label_en="Begins on")
    price = await part(shop.manager, course, "decimal", "学费", label_en="Fee", is_required=True)
    customer = (await make(shop.manager, "学堂")).id
    for number, option in enumerate(state.options, 1):
        values = {state.name: str(option.id), day.name: f"2027-0{number}-15", price.name: 128_000}
        held = await record(shop.manager, customer, course, f"奶茶研发第{number}期", custom=values)
    await let_in(context, site, shop.manager)
    # A phone in one language and a desk in the other: each look is one that no other has.
    for language, theme, width in (("zh-CN", "light", 360), ("en", "dark", 1440)):
        await context.add_cookies(
            [
                {"name": "language", "value": language, "url": site.url},
                {"name": "theme", "value": theme, "url": site.url},
            ]
        )
        await page.set_viewport_size({"width": width, "height": 900})
        for name, path in {
            "object": f"/objects/{course.id}/edit",
            "records": f"/objects/{course.id}",
            "record": f"/records/{held}",
        }.items():
            await open_page(page, path)
            assert await too_wide(page) == [], (name, width)
            assert await crowded(page) == [], (name, width)
            if width == 360:
                assert await too_small(page) == [], name
            else:
                assert await violations(page, axe, language) == [], name
            if folder := os.environ.get("TONGLU_SHOTS"):
                shot = f"{folder}/{name}-{language}-{width}.png"
                await page.screenshot(path=shot, full_page=True)
