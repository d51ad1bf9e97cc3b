"""The console's page of an agent and the agent's own: one contract, offered, read and accepted."""

from uuid import UUID

from playwright.async_api import Browser, BrowserContext, Page, expect

from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.exits import service as exits
from server.kit import clock, db
from server.partners import queries
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from tests.factories import Tenant, new_id
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
from tests.server.registrations import stories as registering


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
    await expect(console.locator("[aria-labelledby=h-contract]")).to_contain_text(
        "等待公司负责人确认"
    )

    await open_page(page, "/partnership")
    await expect(page.locator("[aria-labelledby=h-territories]")).to_contain_text("独家")
    await expect(page.locator("[aria-labelledby=h-steps]")).to_contain_text(operator.name)
    await _look({"partnership": page, "agent": console}, axe)
    await page.get_by_role("button", name="确认并生效").click()
    await expect(page.locator("[aria-labelledby=h-contract]")).to_contain_text("第 1 版")
    await open_page(page, "/platform-reads")
    await expect(page.locator("#reads")).to_contain_text("查看了合作关系")
    heir = new_id()
    owner = NewOwner(name="接手老板", login=f"heir{heir.hex}")
    new = NewAgent(id=heir, name="接手商行", city="苏州", owner=owner)
    await partners.admit(operator, new, now=clock.now())
    await _leave(shop, console, page, axe)
    await theirs.close()


async def _leave(shop: Tenant, console: Page, page: Page, axe: tuple[str, str]) -> None:
    """M14: from the first word to the last state, on both sides; and back again."""
    # Nobody has decided about this one for a month.
    await registering.register(shop.rep, registering.new_phone())
    await registering.work()
    await open_page(console, "/console/waits")
    waiting = console.locator("section[aria-labelledby=h-waiting]")
    await expect(waiting.get_by_role("row").filter(has_text=shop.name)).to_contain_text("等待裁定")
    await _look({"waits": console}, axe)
    for name in ("锦里小馆", "梧桐面馆"):
        await customers.create(shop.rep, NewCustomer(name=name), now=clock.now())
    at = f"/console/agents/{shop.tenant_id}/exit"
    await open_page(console, at)
    await console.get_by_label("理由").fill("合作到期")
    await console.get_by_label("接手商行").check()
    await console.get_by_role("button", name="办理退出").click()
    await expect(console.get_by_text("方案正在生成")).to_be_visible()

    await open_page(page, "/partnership")
    await page.get_by_role("link", name="客户意愿").click()
    await page.get_by_label("按名称查找").fill("锦里")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("梧桐面馆")).to_have_count(0)
    await page.get_by_label("锦里小馆").check()
    await page.get_by_label("勾选的客户愿意转给").select_option(label="接手商行")
    await page.get_by_label("随行内容").select_option(label="名片和往来记录")
    await page.get_by_label("如何表态").fill("微信确认")
    await page.get_by_role("button", name="记下").click()
    await expect(page.locator("section[aria-labelledby=h-words] tbody")).to_contain_text("接手商行")

    async with db.tenant_transaction(shop.tenant_id):
        held = await queries.last_exit(shop.tenant_id)
    assert held is not None
    await exits.draw(shop.tenant_id, held.id, now=clock.now())
    # The page follows by itself.
    await expect(console.locator("section[aria-labelledby=h-plan]")).to_contain_text("移交")
    await open_page(page, "/partnership/exit")
    await _look({"exit": console, "leaving": page}, axe)
    await _carry_out(shop, held.id, console, axe)


async def _carry_out(shop: Tenant, exit_id: UUID, console: Page, axe: tuple[str, str]) -> None:
    """Choose of one row, and of marked ones; carry the plan out, and fetch what came of it."""
    rows = console.locator("section[aria-labelledby=h-rows]")
    await rows.get_by_label("类别").select_option(label="客户")
    await expect(rows.get_by_role("row")).to_have_count(4)
    await rows.get_by_role("button", name="留在原公司").click()
    await expect(rows.get_by_text("人工选定", exact=True)).to_have_count(1)
    for mark in await rows.get_by_role("checkbox", name="客户").all():
        await mark.check()
    await rows.get_by_label("勾选的改为").select_option(label="按规则")
    await rows.get_by_role("button", name="应用").click()
    await expect(rows.get_by_text("人工选定", exact=True)).to_have_count(0)

    await console.get_by_label("已查看此方案").check()
    await console.get_by_role("button", name="执行方案").click()
    while await exits.carry(shop.tenant_id, exit_id, now=clock.now()):
        pass
    await expect(console.get_by_role("button", name="恢复合作")).to_be_visible()
    await expect(console.get_by_text("退出已完成")).to_be_visible()
    await _look({"exit-done": console}, axe)
    async with console.expect_download() as loading:
        await console.get_by_role("link", name="下载清单").click()
    sheet = (await (await loading.value).path()).read_text("utf-8-sig")
    assert sheet.count("移交") == sheet.count("接手商行") == 1
    assert "锦里" not in sheet
    await console.get_by_role("button", name="恢复合作").click()
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
