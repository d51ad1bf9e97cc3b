"""A task is changed on its page, and the same one is made for each customer of a list."""

from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.activities import queries as activities
from server.activities import service
from server.activities.schemas import NewTask, TaskEdit, TaskFilters
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import clock
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at, speak


async def test_a_task_is_changed_and_many_are_made(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now, city = clock.now(), f"甪直{new_id().hex[-4:]}"
    made = [
        await customers.create(shop.rep, NewCustomer(name=name, city=city), now=now)
        for name in ("保圣寺茶馆", "沈宅小食")
    ]
    new = NewTask(title="送样", detail="两盒", due_at=now + timedelta(days=2))
    task = await service.add_task(shop.rep, made[0].id, new, now=now)
    await let_in(context, site, shop.owner)

    await open_page(page, f"/tasks/{task.id}")
    await page.get_by_role("link", name="修改任务").click()
    await page.locator("#f-title").fill("送三种样品")
    # Somebody else writes another field meanwhile.
    await service.change_task(shop.rep, task.id, TaskEdit(detail="三盒"), now=clock.now())
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("任务已修改")).to_be_visible()
    await expect(page.get_by_role("heading", name="送三种样品")).to_be_visible()
    await expect(page.get_by_text("三盒")).to_be_visible()

    await open_page(page, f"/customers?city={city}")
    await page.get_by_role("link", name="批量派任务").click()
    await expect(page.get_by_text("给 2 个客户各派一项任务")).to_be_visible()
    await page.locator("#f-title").fill("中秋回访")
    await page.get_by_role("button", name="派 2 项任务").click()
    await expect(page.get_by_text("任务已派出")).to_be_visible()
    for each in made:
        found = await activities.tasks(shop.owner, TaskFilters(customer_id=each.id))
        assert "中秋回访" in [one.title for one in found.items]


@pytest.mark.parametrize(("language", "theme"), [("zh-CN", "light"), ("en", "dark")])
async def test_the_forms_of_tasks_are_usable_by_everybody(
    language: str,
    theme: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name="保圣寺茶馆"), now=now)
    task = await service.add_task(shop.rep, made.id, NewTask(title="送样"), now=now)
    await let_in(context, site, shop.owner)
    await speak(context, site, language)

    for path in (f"/tasks/{task.id}/edit", "/tasks/many"):
        await look_at(page, path, language, axe, (theme,))
