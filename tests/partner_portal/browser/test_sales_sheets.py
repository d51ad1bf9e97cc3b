"""Finance imports a sheet of sales: sees what would be recorded, records it, corrects the rest."""

from pathlib import Path

from playwright.async_api import BrowserContext, FilePayload, Page, expect

from server.access import Actor
from server.commissions import queries as commissions
from server.commissions.schemas import SalesAsked
from server.commissions.sheets import queries, service
from server.kit import clock
from tests.factories import NOW, Tenant, new_id
from tests.partner_portal.browser.stage import (
    Site,
    crowded,
    let_in,
    look,
    open_page,
    shoot,
    too_small,
    too_wide,
    violations,
)
from tests.server.benefits import stories
from tests.server.commissions.sheets import DAY, a_keeper, a_plan

HOME = "/console/commissions/sheets"


def a_file(name: str, content: str) -> FilePayload:
    """Choose a CSV."""
    return {"name": name, "mimeType": "text/csv", "buffer": content.encode("gb18030")}


async def _recorded(finance: Actor, page: Page) -> None:
    """Do what the worker does with the sheet that was just handed in."""
    await expect(page.locator("#toasts")).to_contain_text("表格已上传，正在入账")
    newest = (await queries.sheets(finance)).items[0]
    await service.go_on(newest.id, now=clock.now())


async def test_finance_sees_what_a_sheet_would_record_records_it_and_corrects_the_rest(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
    tmp_path: Path,
) -> None:
    await stories.admit(shop)
    finance = await a_keeper()
    plan = await a_plan(finance)
    n = f"N{new_id().hex[-8:]}"
    header = "订单号,原订单号,渠道商,合同编号,成交日期,实收金额,方案,经办人"
    rows = [
        f'{n}-1,,{n}号渠道,HT-{n},{DAY},"12,000.50",老方案,某经办',
        f"{n}-R,{n}-1,,,,300,,某经办",
        f"{n}-2,,{shop.name},HT-{n},{DAY},-80,{plan.plan_id},某经办",
        f"{n}-3,,{shop.name},HT-{n},{DAY},20,{plan.plan_id},某经办",
    ]
    await let_in(context, site, finance)
    await open_page(page, "/console/commissions/sales")
    await page.get_by_role("link", name="从表格导入").click()
    await look(page, HOME, axe)
    await look(page, f"{HOME}/new", axe)

    await page.locator("#f-file").set_input_files(
        a_file("九月.csv", "\n".join([header, *rows, ""]))
    )
    await expect(page.get_by_role("heading", name="列的对应")).to_be_visible()
    await expect(page.get_by_text("文件缺少需要的列")).to_be_visible()
    record = page.get_by_role("button", name="入账")
    await expect(record).to_be_disabled()
    await page.get_by_label("「实收金额」").select_option("sold")
    await expect(page.get_by_text("3 行不会记录")).to_be_visible()
    await page.get_by_label(f"代理商「{n}号渠道」").select_option(str(shop.tenant_id))
    await expect(page.get_by_text("3 行不会记录")).to_be_visible()
    await page.get_by_label("佣金方案「老方案」").select_option(str(plan.plan_id))
    await expect(page.get_by_text("1 行不会记录")).to_be_visible()
    await expect(page.get_by_text("业绩 2 笔、退款 1 笔")).to_be_visible()
    await expect(page.locator("#preview")).to_contain_text("金额不能为负")
    await _measured(page, axe)
    await expect(record).to_be_enabled()
    await page.get_by_label("这种表格叫什么").fill("渠道系统")
    await record.click()
    await _recorded(finance, page)
    await page.get_by_role("link", name="查看结果").click()
    await expect(page.locator(".kpis")).to_contain_text("未记录")
    await look(page, page.url.removeprefix(site.url).partition("?")[0], axe)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载未记录的行").click()
    back = (await (await download.value).path()).read_text("utf-8-sig")
    assert "某经办" not in back

    await _corrects(finance, page, back, tmp_path / "改正.csv")
    await look(page, HOME, axe)

    alike = "\n".join([header, rows[3].replace(f"{n}-3", f"{n}-4"), ""])
    await _says_that_it_is_another(finance, page, a_file("十月.csv", alike))

    asked = SalesAsked(agent_id=shop.tenant_id)
    sold = (await commissions.sales(finance, asked, now=NOW)).items
    assert len(sold) == 4
    assert {each.sold: each.refunded for each in sold} == {12_000_50: 300_00, 80_00: 0, 20_00: 0}


async def _corrects(finance: Actor, page: Page, back: str, corrected: Path) -> None:
    """Correct the rows that were given back, and hand them in."""
    await open_page(page, f"{HOME}/new")
    corrected.write_text(back.replace("'-80", "80"))
    await page.locator("#f-file").set_input_files(corrected)
    await expect(page.get_by_text("按已保存的「渠道系统」读取")).to_be_visible()
    await page.get_by_role("button", name="入账").click()
    await _recorded(finance, page)
    await page.get_by_role("link", name="查看结果").click()
    await expect(page.get_by_text("每一行都已入账。")).to_be_visible()


async def _says_that_it_is_another(finance: Actor, page: Page, alike: FilePayload) -> None:
    """Hand in a sale that the books have under another number, and then say that it is another."""
    for is_another, told in ((False, "账上已有同一代理商"), (True, "每一行都已入账。")):
        await open_page(page, f"{HOME}/new")
        await page.locator("#f-file").set_input_files(alike)
        await expect(page.get_by_text("按已保存的「渠道系统」读取")).to_be_visible()
        await page.get_by_label("相同的业绩也入账").set_checked(is_another)
        await page.get_by_role("button", name="入账").click()
        await _recorded(finance, page)
        await page.get_by_role("link", name="查看结果").click()
        await expect(page.locator("main")).to_contain_text(told)


async def _measured(page: Page, axe: tuple[str, str]) -> None:
    """Look at a preview, which has no address of its own, on a phone."""
    for width in (360, 390, 1440):
        await page.set_viewport_size({"width": width, "height": 900})
        await shoot(page, f"sales-sheet-preview-{width}")
        assert await too_wide(page) == []
        assert await crowded(page) == []
        if width == 360:
            assert await too_small(page) == []
            assert await violations(page, axe, "zh-CN") == []
