"""Finance looks at an agent's plan, gives it more, and writes down what it paid."""

from datetime import timedelta

from playwright.async_api import BrowserContext, Page, expect

from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import Limit, LimitKind, Meter, PlanVersion
from server.access import Role
from server.identity import service as identity
from server.kit import clock
from server.kit.calendars import ZONE
from server.plans import queries, service
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.partner_portal.browser.stage import (
    PASSWORD,
    Site,
    let_in,
    look,
    open_page,
    shoot,
    too_small,
    too_wide,
)
from tests.server.benefits import stories


async def test_s05_a_plan_is_looked_at_sponsored_and_its_invoice_paid(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(finance, team_id=None), password=PASSWORD, now=NOW)
    await stories.admit(shop)
    # The plan is in force from the first day of last month; this month bills that one.
    now = clock.now()
    today = now.astimezone(ZONE).date()
    first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    then = now - (today - first + timedelta(days=1)) * 1
    version = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        name=f"专业版 {shop.name[-4:]}",
        begins_on=first,
        price_minor=310_00,
        tax_ppm=60_000,
        limits={Meter.MESSAGES: Limit(most=1_000, kind=LimitKind.HARD)},
        unit_minor={Meter.MESSAGES: 10},
    )
    await service.publish(finance, version, now=then)
    change = Change(id=new_id(), agent_id=shop.tenant_id, begins_on=first, plan_id=version.plan_id)
    await service.change(finance, change, now=then)
    await service.move_clock(finance, shop.tenant_id, today, is_preview=False, now=now)

    await let_in(context, site, finance)
    await open_page(page, "/console")
    await look(page, f"/console/plans?plan_id={version.plan_id}", axe)
    await page.get_by_role("link", name=shop.name).click()
    one = page.url.removeprefix(site.url)
    await page.get_by_label("项目").select_option("messages")
    await page.get_by_label("数量").fill("500")
    await page.get_by_label("由谁承担").select_option("platform")
    await page.get_by_role("button", name="增加额度").click()
    await expect(page.locator("#toasts")).to_contain_text("额度已增加")
    await expect(page.get_by_role("row").filter(has_text="平台补贴")).to_contain_text("+500")
    await look(page, one, axe)

    row = page.get_by_role("row").filter(has_text="平台补贴")
    await row.get_by_role("button", name="结束").click()
    await expect(page.locator("#toasts")).to_contain_text("已设定结束日")
    await expect(row).to_contain_text(f"{today} – {today}")

    await page.get_by_role("link", name=f"{first:%Y-%m}").click()
    bill = page.url.removeprefix(site.url)
    # 310 yuan and 6 % of it.
    await expect(page.locator(".kpis")).to_contain_text("¥328.60")
    await page.get_by_label("金额").first.fill("1000")
    await page.get_by_role("button", name="登记付款").click()
    await expect(page.get_by_role("alert")).to_contain_text("超过账单的未付金额")
    await page.get_by_label("金额").first.fill("300")
    await page.get_by_role("button", name="登记付款").click()
    await expect(page.locator("#toasts")).to_contain_text("付款已登记")
    await page.get_by_label("金额").last.fill("28.60")
    await page.get_by_label("理由").fill("首月优惠")
    await page.get_by_role("button", name="冲减").click()
    await expect(page.locator("#toasts")).to_contain_text("已冲减")
    await expect(page.get_by_text("首月优惠")).to_be_visible()
    await look(page, bill, axe)
    await _prints(page)

    await context.clear_cookies()
    await let_in(context, site, shop.owner)
    await look(page, "/plan", axe)
    await expect(page.get_by_text("用完即止")).to_be_visible()
    await _prints(page)


async def _prints(page: Page) -> None:
    """Have the invoice of the page printed."""
    async with page.expect_download() as download:
        await page.get_by_role("link", name="PDF").click()
    assert (await (await download.value).path()).read_bytes().startswith(b"%PDF")


async def test_a_version_is_written_looked_at_by_its_bills_and_published(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(finance, team_id=None), password=PASSWORD, now=NOW)
    await stories.admit(shop)
    now = clock.now()
    today = now.astimezone(ZONE).date()
    name = f"标准版 {shop.name[-4:]}"
    plan = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        name=name,
        begins_on=today + timedelta(days=1),
        price_minor=310_00,
        tax_ppm=60_000,
        limits={Meter.SEATS: Limit(most=50, kind=LimitKind.HARD)},
        unit_minor={Meter.SEATS: 10_00},
    )
    await service.publish(finance, plan, now=now)
    change = Change(
        id=new_id(), agent_id=shop.tenant_id, begins_on=plan.begins_on, plan_id=plan.plan_id
    )
    await service.change(finance, change, now=now)

    await let_in(context, site, finance)
    await open_page(page, "/console/plans")
    await page.get_by_role("link", name=f"「{name}」的新版本").click()
    one = page.url.removeprefix(site.url)
    await look(page, one, axe)
    await expect(page.get_by_label("月费")).to_have_value("310.00")
    await expect(page.get_by_role("group", name="席位").get_by_label("含量")).to_have_value("50")
    await page.get_by_label("月费").fill("400")
    await page.get_by_label("生效日").fill(f"{today}")
    await page.get_by_role("button", name="预览").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("生效日").fill(f"{today + timedelta(days=40)}")
    await page.get_by_role("button", name="预览").click()
    # 310 and 400 yuan, and 6 % of each.
    row = page.get_by_role("row").filter(has_text=shop.name)
    await expect(row.get_by_role("cell")).to_contain_text([shop.name, "¥328.60", "¥424", "¥95.40"])
    await page.set_viewport_size({"width": 360, "height": 900})
    await shoot(page, "plan-version-tried-360")
    assert await too_wide(page) == []
    assert await too_small(page) == []
    await page.set_viewport_size({"width": 1440, "height": 900})
    await shoot(page, "plan-version-tried-1440")
    await page.get_by_label("月费").fill("401")
    await page.get_by_role("button", name="发布").click()
    await expect(row.get_by_role("cell")).to_contain_text(
        [shop.name, "¥328.60", "¥425.06", "¥96.46"]
    )
    await page.get_by_role("button", name="发布").click()
    await expect(page.locator("#toasts")).to_contain_text("套餐版本已发布")
    newest = next(each for each in await queries.versions(finance) if each.plan_id == plan.plan_id)
    assert (newest.price_minor, newest.limits, newest.unit_minor) == (
        401_00,
        plan.limits,
        plan.unit_minor,
    )
