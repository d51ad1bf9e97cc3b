"""Finance closes a month, makes vouchers, has them checked and takes them along as a file."""

from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor, Role
from server.identity import service as identity
from server.settings import Settings
from tests import factories
from tests.factories import NOW
from tests.partner_portal.browser.conftest import served
from tests.partner_portal.browser.stage import PASSWORD, Site, let_in, look, open_page
from tests.server.accounting.stories import earns
from tests.server.benefits import stories


@pytest.fixture(scope="module")
def site(own_books: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product on books of its own: a month that is closed is everybody's."""
    with served(own_books, tmp_path_factory.mktemp("site")) as site:
        yield site


async def _finance(name: str) -> Actor:
    """Let somebody of finance sign in."""
    made = factories.make_platform_actor(Role.PLATFORM_FINANCE)
    person = msgspec.structs.replace(made, name=name)
    await identity.add_staff(factories.new_user(person, team_id=None), password=PASSWORD, now=NOW)
    return person


async def _closed_march(page: Page) -> str:
    """Open the month and close it; give its page's address."""
    await open_page(page, "/console/accounting")
    await page.get_by_label("开始日期").fill("2026-03-01")
    await page.get_by_label("结束日期").fill("2026-03-31")
    await page.get_by_role("button", name="开期间").click()
    await page.get_by_label("原因").fill("三月月结")
    await page.get_by_role("button", name="确定").click()
    await expect(page.locator("#toasts")).to_contain_text("期间状态已更改")
    return page.url.partition("?")[0]


async def test_s98_a_month_is_closed_vouchered_checked_and_exported(
    site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    maker, checker = await _finance("王会计"), await _finance("李主管")
    agent = await factories.make_tenant("北极星商贸")
    await stories.admit(agent)
    program = await stories.make_program(benefits_funded=10)
    await stories.allocate(program.id, agent.tenant_id, 3 * stories.AMOUNT)
    await earns(maker, agent, date(2026, 3, 1))

    await let_in(context, site, maker)
    month = (await _closed_march(page)).removeprefix(site.url)
    await expect(page.get_by_text("还没有科目表")).to_be_visible()
    await expect(page.get_by_role("button", name="制单")).to_have_count(0)
    await look(page, month, axe)
    await page.get_by_role("link", name="启用科目表").click()
    await page.get_by_label("开始日期").fill("2026-03-01")
    await page.get_by_role("button", name="启用科目表").click()
    await expect(page.locator("#toasts")).to_contain_text("科目表已启用")
    await look(page, "/console/accounting/chart", axe)
    await open_page(page, month)
    await page.get_by_role("button", name="制单").click()
    await expect(page.get_by_text("制单人不能审核")).to_be_visible()
    await expect(page.get_by_text("凭证已齐，尚待审核")).to_be_visible()
    await expect(page.get_by_text("另有 2 笔借贷在同一科目")).to_be_visible()
    await look(page, "/console/accounting", axe)

    await context.clear_cookies()
    await let_in(context, site, checker)
    await open_page(page, month)
    await page.get_by_role("button", name="审核通过").click()
    await expect(page.locator("#toasts")).to_contain_text("已审核并编号")
    await expect(page.get_by_text("与试算平衡表一致")).to_be_visible()
    await page.get_by_role("button", name="导出").click()
    await expect(page.locator("#toasts")).to_contain_text("文件已生成")
    await look(page, month, axe)
    async with page.expect_download() as told:
        await page.get_by_role("link", name="用友 U8 文本").click()
    text = (await (await told.value).path()).read_bytes().decode("gbk")
    assert text.splitlines()[0] == "填制凭证,V800"
    assert "3月计提渠道佣金 北极星商贸" in text

    await page.get_by_role("link", name="转-1").click()
    await expect(page.locator(".jz")).to_contain_text("渠道佣金")
    await expect(page.locator(".jz footer")).to_contain_text("王会计")
    voucher = page.url.removeprefix(site.url)
    await look(page, voucher, axe)
    await page.get_by_label("原因").fill("科目不对")
    await page.get_by_role("button", name="冲销").click()
    await expect(page.locator("#toasts")).to_contain_text("红字凭证已制单")
    await page.get_by_role("button", name="制单").click()
    await expect(page.locator("[role=alert], .banner.bad").first).to_contain_text("已全部入凭证")


async def test_a_month_that_has_not_ended_is_not_closed_for_good(
    site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await let_in(context, site, await _finance("赵会计"))
    await open_page(page, "/console/accounting")
    await page.get_by_label("结束日期").fill("2099-12-31")
    await page.get_by_role("button", name="开期间").click()
    month = page.url.partition("?")[0].removeprefix(site.url)
    steps = page.get_by_label("状态").locator("option")

    await expect(page.get_by_text("本月尚未结束")).to_be_visible()
    await expect(page.get_by_text("2099-12-31 止的业务都会记入本月")).to_be_visible()
    await expect(steps.filter(has_text="最终结账")).to_have_count(0)
    await expect(steps.filter(has_text="结账（仍可调整）")).to_have_count(1)
    await look(page, month, axe)
