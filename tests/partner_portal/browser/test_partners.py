"""The console's page of an agent and the agent's own: one contract, offered, read and accepted."""

from playwright.async_api import Browser, BrowserContext, Page, expect

from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.exits import service as exits
from server.kit import clock, db
from server.partners import queries
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from tests.factories import Tenant
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


async def test_m4_a_contract_is_offered_in_the_console_and_accepted_by_the_owner(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    browser: Browser,
    operator: Actor,
    axe: tuple[str, str],
) -> None:
    new = NewAgent(
        id=shop.tenant_id,
        name=shop.name,
        city="苏州",
        owner=NewOwner(name="另一位老板"),
        team_name="新组",
    )
    await partners.admit(operator, new, now=clock.now())
    await let_in(context, site, shop.owner)
    theirs = await browser.new_context(base_url=site.url, locale="zh-CN")
    await let_in(theirs, site, operator)
    console = await theirs.new_page()

    await open_page(console, f"/console/agents/{shop.tenant_id}")
    await console.get_by_label("行政区划").fill("四川省成都市锦江区")
    await console.get_by_label("独家").check()
    await console.get_by_role("button", name="授予", exact=True).click()
    await expect(console.locator("[aria-labelledby=h-territories]")).to_contain_text("510104")
    await console.get_by_label("行政区划").fill("浙江省没有这个市")
    await console.get_by_role("button", name="授予", exact=True).click()
    await expect(console.locator("[aria-invalid=true]")).to_be_focused()
    await console.get_by_role("button", name="完成 签署代理协议").click()
    await console.get_by_label("设备数").uncheck()
    await console.get_by_role("button", name="提出新约定").click()
    await expect(console.locator("[aria-labelledby=h-contract]")).to_contain_text("等待老板确认")

    await open_page(page, "/partnership")
    await expect(page.locator("[aria-labelledby=h-territories]")).to_contain_text("独家")
    await expect(page.locator("[aria-labelledby=h-steps]")).to_contain_text(operator.name)
    await _look({"partnership": page, "agent": console}, axe)
    await page.get_by_role("button", name="确认并生效").click()
    await expect(page.locator("[aria-labelledby=h-contract]")).to_contain_text("第 1 版")
    await open_page(page, "/platform-reads")
    await expect(page.locator("#reads")).to_contain_text("查看了合作关系")
    await _leave(shop, console, page, axe)
    await theirs.close()


async def _leave(shop: Tenant, console: Page, page: Page, axe: tuple[str, str]) -> None:
    """M14: open an exit, see on both sides what becomes of what is the shop's, call it off."""
    await customers.create(shop.rep, NewCustomer(name="福满楼餐饮"), now=clock.now())
    at = f"/console/agents/{shop.tenant_id}/exit"
    await open_page(console, at)
    await console.get_by_label("理由").fill("合作到期")
    await console.get_by_role("button", name="办理退出").click()
    await expect(console.get_by_text("方案正在生成")).to_be_visible()
    async with db.tenant_transaction(shop.tenant_id):
        held = await queries.last_exit(shop.tenant_id)
    assert held is not None
    await exits.draw(shop.tenant_id, held.id, now=clock.now())
    await open_page(console, at)
    await expect(console.locator("[aria-labelledby=h-plan]")).to_contain_text("留在本公司")
    await open_page(page, "/partnership")
    await expect(page.locator("[aria-labelledby=h-exit]")).to_contain_text("留在本公司")
    await _look({"exit": console, "leaving": page}, axe)
    await console.get_by_role("button", name="撤销退出").click()
    await expect(console.get_by_role("button", name="办理退出")).to_be_visible()


async def _look(pages: dict[str, Page], axe: tuple[str, str]) -> None:
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
