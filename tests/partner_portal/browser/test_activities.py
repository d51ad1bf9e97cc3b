"""Rules, calls and tasks in a browser."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.activities import queries as activities
from server.activities import service
from server.activities.schemas import (
    CallOutcome,
    NewCall,
    NewTask,
    NewVisit,
    TaskEdit,
    TaskFilters,
    VisitEdit,
    VisitFilters,
    VisitState,
)
from server.automation.plays import service as plays
from server.automation.plays.schemas import NewPlay
from server.automation.signals import service as signals
from server.automation.signals.schemas import NewSignal, NewSignalSource
from server.customers import service as customers
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.schemas import NewContact, NewCustomer
from server.kit import clock
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, look, open_page
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


async def test_s45_a_call_is_noted_and_a_phone_shown_to_nobody_any_more(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now, digits = clock.now(), f"{new_id().int % 10**8:08d}"
    shown = f"+86138{digits}"
    made = await customers.create(shop.rep, NewCustomer(name="锦溪古砖瓦窑", phone=shown), now=now)
    contact = NewContact(name="陆师傅", phone=f"+86139{digits}")
    person = await customers.add_contact(shop.rep, made.id, contact, now=now)
    await let_in(context, site, shop.rep)

    await open_page(page, f"/customers/{made.id}")
    await expect(page.locator(f"a[href='tel:+86139{digits}']")).to_be_visible()
    await page.get_by_role("button", name="记通话").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("时长（分钟）").fill("3")
    await dialog.get_by_label("说了什么").fill("下周来看窑")
    await dialog.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("通话已记下")).to_be_visible()
    await expect(page.locator("#h-calls")).to_be_visible()
    await expect(page.get_by_text("下周来看窑")).to_be_visible()

    refused = NewCall(outcome=CallOutcome.OPTED_OUT, contact_id=person.id)
    call = await service.add_call(shop.rep, made.id, refused, now=clock.now())
    await service.heed_opt_outs(shop.tenant_id, [str(call.id)], now=clock.now())
    await open_page(page, f"/customers/{made.id}")
    await expect(page.get_by_text("勿扰，不可拨打")).to_be_visible()
    await expect(page.locator(f"a[href='tel:+86139{digits}']")).to_have_count(0)

    await opt_outs.opt_out(shop.owner, shown, OptOutReason.ASKED, now=clock.now())
    await open_page(page, "/customers?q=锦溪")
    await expect(page.get_by_role("row", name="锦溪古砖瓦窑").get_by_text("勿扰")).to_be_visible()


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
async def test_the_pages_of_rules_and_the_forms_of_tasks_are_usable_by_everybody(
    language: str,
    theme: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    play = await plays.publish(shop.owner, NewPlay(terms=S13), now=now)
    await signals.open_source(shop.owner, NewSignalSource(name="平台账号系统"), now=now)
    await sign_in_of_a_silent_customer(shop, "周庄水乡茶楼")
    made = await customers.create(shop.rep, NewCustomer(name="保圣寺茶馆"), now=now)
    task = await service.add_task(shop.rep, made.id, NewTask(title="送样"), now=now)
    await let_in(context, site, shop.owner)
    await speak(context, site, language)

    for path in (
        "/plays",
        "/plays/clock",
        f"/plays/{play.id}",
        f"/tasks/{task.id}/edit",
        "/tasks/many",
    ):
        await look_at(page, path, language, axe, theme)


async def test_m13_a_planned_visit_is_checked_in_with_the_browsers_position_and_out(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name="甪直草编坊"), now=now)
    planned = NewVisit(planned_at=now, purpose="看样")
    visit = await service.add_visit(shop.rep, made.id, planned, now=now)
    await context.grant_permissions(["geolocation"], origin=site.url)
    await context.set_geolocation({"latitude": 31.2636, "longitude": 120.8771, "accuracy": 18})
    await let_in(context, site, shop.rep)

    await open_page(page, f"/visits/{visit.id}")
    await look(page, f"/visits/{visit.id}", axe)
    await page.get_by_role("button", name="签到").click()
    await expect(page.locator("#toasts")).to_contain_text("已签到")
    await look(page, f"/visits/{visit.id}", axe)
    await page.get_by_label("小结").fill("老板娘在，订了两百只")
    await page.get_by_label("下一步").fill("周五送样")
    await page.get_by_role("button", name="签退").click()
    await expect(page.locator("#toasts")).to_contain_text("已签退")

    held = await activities.visit(shop.rep, visit.id)
    assert (held.lat, held.lng, held.accuracy_m) == (31_263_600, 120_877_100, 18)
    assert (held.state, held.summary) == (VisitState.DONE, "老板娘在，订了两百只")


async def test_m13_whoever_allows_no_position_checks_in_without_and_nobody_else_can(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    made = await customers.create(shop.rep, NewCustomer(name="木渎酱园"), now=clock.now())
    await let_in(context, site, shop.rep)

    await open_page(page, f"/customers/{made.id}")
    await look(page, f"/customers/{made.id}", axe)
    await page.get_by_role("button", name="签到").click()
    await expect(page.locator("#toasts")).to_contain_text("已签到")
    await expect(page.get_by_role("button", name="签退")).to_be_visible()

    [held] = (await activities.visits(shop.rep, VisitFilters(customer_id=made.id))).items
    assert (held.state, held.lat) == (VisitState.OPEN, None)
    await context.clear_cookies()
    await let_in(context, site, shop.owner)
    await open_page(page, f"/visits/{held.id}")
    await expect(page.get_by_role("button", name="签退")).to_have_count(0)


async def test_m13_a_page_of_yesterday_says_that_a_cancelled_visit_is_not_checked_in(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name="震泽丝行"), now=now)
    visit = await service.add_visit(shop.rep, made.id, NewVisit(planned_at=now), now=now)
    await let_in(context, site, shop.rep)
    await open_page(page, f"/visits/{visit.id}")
    await service.change_visit(shop.rep, visit.id, VisitEdit(cancelled_at=now), now=now)

    await page.get_by_role("button", name="签到").click()

    await expect(page.get_by_text("这次拜访已结束或已取消，请新建一次")).to_be_visible()
    held = await activities.visit(shop.rep, visit.id)
    assert (held.state, held.checked_in_at) == (VisitState.CANCELLED, None)


async def test_m13_the_forms_of_one_page_plan_a_visit_and_check_in_to_it_once(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name="黎里酒坊"), now=now)
    await let_in(context, site, shop.rep)
    await open_page(page, f"/customers/{made.id}")
    form = page.locator(f"form[action='/customers/{made.id}/check-in']")
    visit_id = UUID(await form.locator("[name=id]").input_value())
    # The other form of the page, sent before: it names the same visit.
    await service.add_visit(shop.rep, made.id, NewVisit(id=visit_id, planned_at=now), now=now)

    await page.get_by_role("button", name="签到").click()

    await expect(page.locator("#toasts")).to_contain_text("已签到")
    [held] = (await activities.visits(shop.rep, VisitFilters(customer_id=made.id))).items
    assert (held.id, held.state) == (visit_id, VisitState.OPEN)


async def test_m13_what_was_written_is_kept_when_a_device_has_checked_out_meanwhile(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    now = clock.now()
    made = await customers.create(shop.rep, NewCustomer(name="同里酱菜铺"), now=now)
    visit = await service.add_visit(shop.rep, made.id, NewVisit(checked_in_at=now), now=now)
    await let_in(context, site, shop.rep)
    await open_page(page, f"/visits/{visit.id}")
    left = VisitEdit(checked_out_at=now, next_step="周五送样")
    gone = await service.change_visit(shop.rep, visit.id, left, now=now)

    await page.get_by_label("小结").fill("订了三坛")
    await page.get_by_role("button", name="签退").click()

    await expect(page.locator("#toasts")).to_contain_text("已签退")
    held = await activities.visit(shop.rep, visit.id)
    assert (held.summary, held.next_step) == ("订了三坛", "周五送样")
    assert held.checked_out_at == gone.checked_out_at
