"""The protection wall and the court: a dispute is seen by both, decided, and nobody is named."""

from collections.abc import Mapping

from playwright.async_api import Browser, BrowserContext, Page, expect

from server.access import Actor
from server.kit import clock
from server.registrations import queries, service
from server.registrations.schemas import NewRegistration, RegistrationView
from tests.factories import Tenant
from tests.isolation.registrations import new_dispute, new_shop, waive_all
from tests.partner_portal.browser.stage import (
    Site,
    crowded,
    let_in,
    open_page,
    shoot,
    too_small,
    too_wide,
    violations,
)
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import DAY, new_phone, work

Axe = tuple[str, str]


async def test_m1_a_dispute_is_decided_in_the_court_and_read_on_the_wall(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    browser: Browser,
    operator: Actor,
    axe: Axe,
) -> None:
    mine = await new_dispute(shop, "滨江小馆")
    held = await queries.one(shop.rep, mine, now=clock.now())
    await let_in(context, site, shop.manager)
    theirs = await browser.new_context(base_url=site.url, locale="zh-CN")
    await let_in(theirs, site, operator)
    console = await theirs.new_page()

    await open_page(page, "/registrations")
    await page.get_by_role("link", name="滨江小馆").click()
    await expect(page.locator("[aria-labelledby=h-case]")).to_contain_text("贵司")
    await expect(page.locator("[aria-labelledby=h-waits]")).to_contain_text("2 小时")
    await open_page(console, f"/console/court/{held.case_id}")
    number = f"仲裁案 {str(held.case_id)[-8:]}"
    await expect(console.get_by_role("heading", level=1)).to_have_text(number)
    await expect(page.get_by_role("heading", name=number)).to_be_visible()
    assert "滨江小馆" not in await console.content()
    await _look({"case": console}, axe)
    await page.get_by_role("button", name="不再举证").click()
    await expect(page.get_by_text("已记录：不再举证")).to_be_visible()
    assert held.case_id is not None, "it is disputed"
    await waive_all(held.case_id)
    # What was shown has reached the case before anybody decides it.
    await work(clock.now())
    await console.get_by_role("button", name="裁决").click()
    await expect(console.locator("[aria-labelledby=h-case]")).to_contain_text("结论")
    assert held.case_id is not None, "it is disputed"
    await service.apply(held.case_id, now=clock.now())
    await service.mirror(shop.tenant_id, mine, now=clock.now())

    await page.reload()
    await expect(page.locator("[aria-labelledby=h-case]")).to_contain_text("结论")
    await _look({"registration": page}, axe)
    await open_page(page, "/registrations")
    await open_page(console, "/console/court?view=over")
    await _look({"wall": page, "court": console}, axe)
    await open_page(page, f"/customers/{held.customer_id}")
    await expect(page.locator("[aria-labelledby=h-registrations]")).to_contain_text("报备")
    await theirs.close()


async def test_m2_whoever_asks_is_answered_and_what_was_done_is_shown(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: Axe
) -> None:
    """查重, extension on evidence, evidence in a case, and what everybody is decided by."""
    disputed, mine = await new_dispute(shop, "临江小馆"), await _granted(shop, "天目烘焙")
    case = await queries.one(shop.rep, disputed, now=clock.now())
    for customer_id in (case.customer_id, mine.customer_id):
        paper = await contracts.write(shop.rep, customer_id=customer_id, now=clock.now())
        await contracts.decide(shop.rep, paper, "submit", now=clock.now())
    await let_in(context, site, shop.rep)

    await open_page(page, "/registrations")
    await page.get_by_role("link", name="查重").click()
    await page.get_by_label("电话").fill(new_phone())
    await page.get_by_role("button", name="查重").click()
    await expect(page.get_by_text("可以报备")).to_be_visible()
    await _look({"check": page}, axe)
    await open_page(page, "/registrations/terms")
    await expect(page.locator("[aria-labelledby=h-order]")).to_contain_text("独家区域权")
    await _look({"terms": page}, axe)

    await open_page(page, f"/registrations/{mine.id}")
    await page.get_by_label("出示").select_option(index=0)
    await _look({"extend": page}, axe)
    await page.get_by_role("button", name="延期").click()
    await expect(page.locator("[aria-labelledby=h-facts]")).to_contain_text("已延期 1 次")
    await open_page(page, f"/registrations/{disputed}")
    await page.get_by_label("举证").select_option(index=0)
    await _look({"evidence": page}, axe)
    await page.get_by_role("button", name="提交证据").click()
    await expect(page.get_by_text("没有别的拜访、报价或合同可以提交。")).to_be_visible()


async def test_m1_rules_are_tried_on_the_past_before_they_hold(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, operator: Actor, axe: Axe
) -> None:
    """What the customer said, a version with what it would change, terms that settle too soon."""
    held = await queries.one(shop.rep, await new_dispute(shop, "之江小馆"), now=clock.now())
    await let_in(context, site, operator)

    await open_page(page, f"/console/court/{held.case_id}")
    await page.get_by_label("客户指认").select_option(index=1)
    await page.get_by_role("button", name="记录").click()
    await expect(page.locator("[aria-labelledby=h-case]")).to_contain_text("客户指认")

    await open_page(page, "/console/rules")
    await expect(page.get_by_text("1970")).to_have_count(0)
    await page.get_by_label("窗口期（天）").fill("7")
    await page.get_by_role("button", name="公布").click()
    await expect(page.locator("#f-settles_days-error")).to_be_visible()
    await page.get_by_role("button", name="拟定并试算").click()
    versions = page.locator("[aria-labelledby=h-versions]")
    await expect(versions).to_contain_text("次裁定中有 0 次会不同")
    await _look({"rulebook": page}, axe)
    await versions.get_by_role("button", name="看过了，启用").first.click()
    await expect(versions.locator("li").first).to_contain_text("现行")


async def _granted(tenant: Tenant, name: str) -> RegistrationView:
    """Register a shop forty days ago, whose window is over."""
    begun = clock.now() - 40 * DAY
    new = NewRegistration(customer_id=await new_shop(tenant, name))
    made = await service.register(tenant.rep, new, now=begun)
    await work(clock.now())
    return await queries.one(tenant.rep, made.id, now=clock.now())


async def _look(pages: Mapping[str, Page], axe: Axe) -> None:
    """Hold pages to what all pages keep, wide and narrow."""
    for name, shown in pages.items():
        await shown.set_viewport_size({"width": 1440, "height": 900})
        assert await violations(shown, axe, "zh-CN") == [], name
        assert await crowded(shown) == [], name
        await shoot(shown, f"{name}-1440")
        await shown.set_viewport_size({"width": 360, "height": 780})
        await shoot(shown, f"{name}-360")
        assert await too_wide(shown) == [], name
        assert await too_small(shown) == [], name
        await shown.set_viewport_size({"width": 1440, "height": 900})
