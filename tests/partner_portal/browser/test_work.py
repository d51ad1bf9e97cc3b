"""Benefits, imports and the console, as people use them."""

import re
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor
from server.benefits import service as benefits
from server.benefits.schemas import NewFunding, NewProgram
from server.customers import queries
from server.customers import service as customers
from server.customers.schemas import Filters, NewCustomer
from server.imports import queries as imports
from server.imports import service as importing
from server.kit import clock
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, open_page


async def _fund(operator: Actor, name: str, each_minor: int, funded_minor: int) -> None:
    """Open a program with a budget."""
    program = NewProgram(id=new_id(), name=name, amount_minor=each_minor, opens_at=NOW)
    await benefits.create_program(operator, program, token_key=b"k" * 32, now=NOW)
    await benefits.fund(
        operator, program.id, NewFunding(id=new_id(), amount_minor=funded_minor), now=NOW
    )


async def test_a_benefit_is_requested_for_a_customer_and_its_state_is_seen(
    shop: Tenant, operator: Actor, site: Site, context: BrowserContext, page: Page
) -> None:
    name = f"首购立减 {new_id().hex[-6:]}"
    await _fund(operator, name, 50_000, 50_000)
    customer = await customers.create(
        shop.rep, NewCustomer(name="昆山德力精工", owner_id=shop.rep.user_id), now=NOW
    )
    await let_in(context, site, shop.rep)
    await open_page(page, f"/customers/{customer.id}")

    await page.get_by_role("link", name="申请权益").click()
    await page.locator(".pick", has_text=name).click()
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.locator("section", has=page.locator("#h-benefits"))).to_contain_text("已发放")

    # The budget is used up now: a second one is refused, in words, and the refusal is kept.
    await page.get_by_role("link", name="申请权益").click()
    await page.locator(".pick", has_text=name).click()
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.get_by_role("alert")).to_contain_text(re.compile("已领满|预算已用完"))
    await open_page(page, "/benefits")
    rows = page.locator("tbody tr", has_text=name)
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("未通过")


async def test_a_spreadsheet_is_mapped_previewed_imported_and_its_bad_rows_come_back(
    shop: Tenant,
    database: Settings,
    site: Site,
    context: BrowserContext,
    page: Page,
    tmp_path: Path,
) -> None:
    lines = ["公司名称,电话,城市,谁去谈"]
    lines += [f"导入客户{n:03d},138621{n:05d},苏州市,何{n}" for n in range(60)]
    lines[8] = "坏电话,12,苏州市,何国强"
    lines[20] = ",13800001111,苏州市,何国立"
    lines[30] = lines[29]
    sheet = tmp_path / "客户名单.csv"
    sheet.write_bytes("\r\n".join(lines).encode("gb18030"))
    await let_in(context, site, shop.manager)
    await open_page(page, "/imports")

    await page.set_input_files("#file", sheet)
    await page.get_by_role("button", name="读取文件").click()
    await expect(page.locator(".kpi").first).to_contain_text("57")
    await expect(page.locator("select[name=column_0]")).to_have_value("name")
    await expect(page.locator("select[name=column_3]")).to_have_value("")
    problems = page.locator("section", has=page.locator("#h-problems"))
    await expect(problems).to_contain_text("电话号码不对")
    await expect(problems).to_contain_text("缺少必填内容")
    await expect(problems).to_contain_text("与第 30 行是同一客户")

    await page.select_option("select[name=column_3]", "contact_name")
    await expect(page.locator("select[name=column_3]:not(.unused)")).to_be_visible()
    await page.get_by_role("button", name="开始导入").click()
    await expect(page.locator("#h-progress")).to_have_text("导入中")
    [view] = (await imports.list_page(shop.manager)).items
    # The worker's own function; the worker process is not part of this story.
    assert await importing.run(shop.manager, view.id, now=clock.now())

    await expect(page.locator("#h-progress")).to_have_text("已完成")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载未导入的行").click()
    returned = Path(await (await download.value).path()).read_bytes()
    assert returned.startswith(b"\xef\xbb\xbf")
    assert "坏电话" in returned.decode("utf-8-sig")
    assert (await queries.summary(shop.owner, Filters())).customers == 57


async def test_what_cannot_be_read_is_refused_in_words(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.csv"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    await let_in(context, site, shop.manager)
    await open_page(page, "/imports")

    await page.set_input_files("#file", photo)
    await page.get_by_role("button", name="读取文件").click()

    await expect(page.get_by_role("alert")).to_contain_text("读不了")


async def test_the_list_is_exported_as_it_is_filtered(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    for name, status in (("昆山德力精工", "signed"), ("苏州恒通机电", "need")):
        new = NewCustomer(name=name, status=status, owner_id=shop.rep.user_id)  # type: ignore[arg-type] # a literal of the schema
        await customers.create(shop.rep, new, now=NOW)
    await let_in(context, site, shop.owner)
    await open_page(page, "/customers?status=signed")

    async with page.expect_download() as download:
        await page.get_by_role("link", name="导出").click()

    text = Path(await (await download.value).path()).read_text(encoding="utf-8-sig")
    assert "昆山德力精工" in text
    assert "苏州恒通机电" not in text


async def test_a_program_is_opened_with_its_budget_and_takes_no_more_out_than_is_there(
    operator: Actor, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, operator)
    await open_page(page, "/console/programs/new")
    name = f"开门红 {new_id().hex[-6:]}"
    for field, text in {"name": name, "amount": "200", "budget": "1,000"}.items():
        await page.fill(f"[name={field}]", text)
    await page.get_by_role("button", name="新建活动").click()
    await page.get_by_role("link", name=name).click()
    await expect(page.locator(".kpi").first).to_contain_text("¥1,000")

    await page.fill("[name=amount]", "1000.01")
    await page.get_by_role("button", name="取回").click()
    await expect(page.locator(".err")).to_be_visible()
    await page.get_by_role("button", name="放入预算").click()

    await expect(page.locator(".kpi").first).to_contain_text("¥2,000.01")


async def test_the_platforms_look_leaves_a_line_that_the_agent_sees(
    shop: Tenant, operator: Actor, site: Site, context: BrowserContext, page: Page
) -> None:
    name = f"续费券 {new_id().hex[-6:]}"
    await _fund(operator, name, 10_000, 100_000)
    made = await customers.create(
        shop.rep, NewCustomer(name="昆山德力精工", owner_id=shop.rep.user_id), now=NOW
    )
    await let_in(context, site, shop.owner)
    await open_page(page, f"/benefits/new?customer_id={made.id}")
    await page.locator(".pick", has_text=name).click()
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.locator("#h-benefits")).to_be_visible()
    await open_page(page, "/platform-reads")
    await expect(page.locator(".empty")).to_be_visible()

    await context.clear_cookies()
    await let_in(context, site, operator)
    await open_page(page, "/console/issuances")
    records = page.locator("section", has=page.locator("#h-records"))
    await expect(records).to_contain_text(name)
    await expect(records).not_to_contain_text("昆山德力精工")

    await context.clear_cookies()
    await let_in(context, site, shop.owner)
    await open_page(page, "/platform-reads")
    await expect(page.locator("#reads")).to_contain_text("查看了权益发放记录")
