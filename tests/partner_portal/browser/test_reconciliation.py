"""Both sides see how an agent's file differs; its owner answers, finance says what came of it."""

from uuid import UUID

from playwright.async_api import BrowserContext, FilePayload, Page, expect

from billing.reconciliation import service as reconciliation
from billing.reconciliation.rules.columns import ColumnMap, Field
from server.access import Actor, Role
from server.identity import service as identity
from server.kit import clock, db
from server.reconciliation import queries, service
from server.reconciliation.schemas import FileOfSource, NewSource, Viewer
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.partner_portal.browser.stage import (
    PASSWORD,
    Site,
    crowded,
    let_in,
    look,
    open_page,
    press_surely,
    shoot,
    too_small,
    too_wide,
    violations,
)
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
COLUMNS = {Field.ID: "权益编号", Field.AMOUNT: "金额", Field.DAY: "日期", Field.NAME: "客户名称"}
HEADER = "权益编号,金额,日期,客户名称"
NAME = "深巷里的茶馆"


async def _compared(shop: Tenant) -> UUID:
    """Have a file compared of which one row fits, one has another amount, and two are unknown."""
    await stories.admit(shop)
    program = await stories.make_program()
    for _ in range(2):
        await stories.request(shop.rep, await stories.make_customer(shop.rep), program.id)
    async with db.platform_transaction(FINANCE):
        issued = await db.connection().fetch(
            "SELECT id FROM issuance WHERE agent_id = $1", shop.tenant_id
        )
    rows = [
        f"{issued[0]['id']},50.00,{NOW:%Y-%m-%d},{NAME}",
        f"{issued[1]['id']},51.00,{NOW:%Y-%m-%d},{NAME}",
        f"X-1,12.00,{NOW:%Y-%m-%d},{NAME}",
        f"X-2,13.50,{NOW:%Y-%m-%d},{NAME}",
    ]
    file_id = await _handed_in(shop, "本月发放.csv", rows)
    await service.go_on(file_id, now=clock.now())
    return file_id


async def _handed_in(shop: Tenant, file_name: str, rows: list[str]) -> UUID:
    """Hand a file of this month in."""
    source = NewSource(
        id=new_id(),
        agent_id=shop.tenant_id,
        name="ERP",
        column_map=ColumnMap(columns=COLUMNS),
    )
    await service.save_source(FINANCE, Viewer.HERE, source, now=NOW)
    content = "\n".join([HEADER, *rows, ""]).encode()
    sent = FileOfSource(id=new_id(), source_id=source.id, month=f"{NOW:%Y-%m}", file_name=file_name)
    view = await service.hand_in(FINANCE, Viewer.HERE, sent, content, now=clock.now())
    return view.id


async def _takes_over(context: BrowserContext, site: Site, who: Actor) -> None:
    """Let somebody else sit down at this browser."""
    await context.clear_cookies()
    await let_in(context, site, who)


async def test_s06_both_sides_see_a_difference_the_owner_answers_and_finance_settles_it(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    file_id = await _compared(shop)
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)
    await open_page(page, "/console/reconciliation")
    await look(page, "/console/reconciliation", axe)
    await look(page, f"/console/reconciliation/files/{file_id}", axe)
    assert NAME not in await page.content()
    await page.get_by_role("link", name="金额不同").click()
    await look(page, page.url.removeprefix(site.url), axe)
    await page.get_by_role("link", name="金额不同").click()
    ours = page.url.removeprefix(site.url)
    await look(page, ours, axe)
    differing = page.locator("tr.differs")
    await expect(differing).to_have_count(1)
    await expect(differing.get_by_role("cell")).to_have_text(["¥50", "¥51"])

    await _takes_over(context, site, shop.owner)
    await look(page, "/reconciliation", axe)
    await page.get_by_role("link", name="本月发放.csv").click()
    await look(page, page.url.removeprefix(site.url), axe)
    await page.get_by_role("link", name="金额不同").click()
    await look(page, page.url.removeprefix(site.url), axe)
    await page.get_by_role("link", name="金额不同").click()
    await expect(differing.get_by_role("cell")).to_have_text(["¥51", "¥50"])
    await look(page, ours.removeprefix("/console"), axe)
    await page.get_by_label("情况说明").fill("录入时多写了一元，已改")
    await page.get_by_role("button", name="提交答复").click()
    await expect(page.locator("#toasts")).to_contain_text("答复已提交")

    await _takes_over(context, site, FINANCE)
    await open_page(page, ours)
    await expect(page.get_by_text("录入时多写了一元，已改")).to_be_visible()
    await page.get_by_label("结果").select_option("corrected_there")
    await page.get_by_label("说明").fill("代理商已更正")
    await page.get_by_role("button", name="处理", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("差异已处理")
    await look(page, ours, axe)
    of_file = f"/console/reconciliation/files/{file_id}"
    await open_page(page, of_file)
    await page.get_by_role("link", name="我方没有这笔").click()
    await expect(page.get_by_role("heading", name="一并处理这 2 笔")).to_be_visible()
    await look(page, page.url.removeprefix(site.url), axe)
    await page.get_by_label("结果").select_option("accepted")
    await page.get_by_label("说明").fill("双方保留")
    await page.get_by_role("button", name="处理", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("所列差异已处理")
    await expect(page.get_by_text("没有未处理的差异。")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载差异清单").click()
    sheet = (await (await download.value).path()).read_text("utf-8-sig")
    assert (len(sheet.splitlines()), sheet.count("双方保留，不再更正")) == (4, 2)


async def test_s06_finance_asks_the_owner_replies_and_what_is_not_followed_has_its_reason(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    file_id = await _compared(shop)
    found = await queries.exceptions(FINANCE, Viewer.HERE, file_id, now=clock.now())
    amount = next(each for each in found.items if each.kind == "amount_differs")
    ours = f"/console/reconciliation/differences/{amount.id}"
    theirs = ours.removeprefix("/console")
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)
    await open_page(page, ours)
    await page.get_by_label("问题").fill("五十一元这一笔，凭据上写的是多少？")
    await page.get_by_role("button", name="提问", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("提问已发出")
    await expect(page.get_by_label("问题")).to_have_count(0)
    await look(page, ours, axe)

    await _takes_over(context, site, shop.owner)
    await look(page, f"/reconciliation/files/{file_id}", axe)
    await page.get_by_role("link", name="五十一元这一笔").click()
    await look(page, theirs, axe)
    await page.get_by_label("回复").fill("凭据上是五十一元，照片随后寄出")
    await page.get_by_role("button", name="提交回复").click()
    await expect(page.locator("#toasts")).to_contain_text("回复已提交")

    await _takes_over(context, site, FINANCE)
    await open_page(page, ours)
    await expect(page.locator(".feed")).to_contain_text("凭据上是五十一元，照片随后寄出")
    await page.get_by_label("结果").select_option("rejected")
    await page.get_by_label("说明").fill("平台发放的是五十元，没有收到凭据")
    await page.get_by_role("button", name="处理", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("差异已处理")

    await _takes_over(context, site, shop.owner)
    await look(page, theirs, axe)
    await expect(page.locator(".top")).to_contain_text("平台不予认可")
    await expect(page.locator(".feed")).to_contain_text("平台发放的是五十元，没有收到凭据")


async def test_s06_finance_sees_how_a_file_would_be_read_before_it_is_kept(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await stories.admit(shop)
    program = await stories.make_program()
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)
    await open_page(page, "/console/reconciliation")
    await page.get_by_role("link", name="上传对账文件").click()
    await look(page, "/console/reconciliation/files/new", axe)
    await page.get_by_label("代理商").select_option(str(shop.tenant_id))
    await page.get_by_label("月份").fill(f"{NOW:%Y-%m}")
    await page.locator("#f-file").set_input_files(_sheet(program.name))
    send = page.get_by_role("button", name="上传并对账")

    await expect(page.get_by_role("alert")).to_contain_text("金额")
    await expect(send).to_be_disabled()
    await page.get_by_label("列「实付」对应").select_option("amount")
    await expect(page.get_by_role("heading", name="6 个单元格读不了")).to_be_visible()
    await page.get_by_label("状态「客户退单」").select_option("reversed")
    await expect(page.get_by_role("heading", name="3 个单元格读不了")).to_be_visible()
    await _measured(page, axe)
    await page.get_by_label(f"权益活动「{program.name}」").select_option(str(program.id))
    await expect(page.get_by_role("heading", name="将保存的内容")).to_be_visible()
    await expect(send).to_be_enabled()
    kept = page.locator("section[aria-labelledby=h-lines]")
    await expect(kept).to_contain_text("X-1")
    await expect(kept).not_to_contain_text(NAME)
    await _measured(page, axe)
    assert (await queries.files(FINANCE, Viewer.HERE, agent_id=shop.tenant_id, now=NOW)).items == []

    await page.get_by_label("来源名称").fill("门店 ERP")
    await send.click()
    await expect(page.locator("#toasts")).to_contain_text("文件已上传")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{NOW:%Y-%m} 对账")
    # The next file with these columns is read so at once.
    await open_page(page, f"/console/reconciliation/files/new?agent_id={shop.tenant_id}")
    await page.locator("#f-file").set_input_files(_sheet(program.name, "Y"))
    await expect(page.get_by_text("按已保存的「门店 ERP」读取")).to_be_visible()
    await expect(send).to_be_enabled()
    await look(page, "/console/reconciliation/files/new", axe)


async def test_s06_an_owner_hands_its_own_file_in_after_a_look(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await stories.admit(shop)
    program = await stories.make_program()
    await let_in(context, site, shop.owner)
    await open_page(page, "/reconciliation")
    await page.get_by_role("link", name="上传对账文件").click()
    await look(page, "/reconciliation/files/new", axe)
    await page.get_by_label("月份").fill(f"{NOW:%Y-%m}")
    await page.locator("#f-file").set_input_files(_sheet(program.name))
    await page.get_by_label("列「实付」对应").select_option("amount")
    await expect(page.get_by_role("heading", name="6 个单元格读不了")).to_be_visible()
    await page.get_by_label("状态「客户退单」").select_option("active")
    await expect(page.get_by_role("heading", name="3 个单元格读不了")).to_be_visible()
    await page.get_by_label(f"权益活动「{program.name}」").select_option(str(program.id))
    await expect(page.locator("section[aria-labelledby=h-lines]")).to_contain_text("X-1")
    await _measured(page, axe)
    await page.get_by_label("来源名称").fill("门店 ERP")
    await page.get_by_role("button", name="上传并对账").click()
    await expect(page.locator("#toasts")).to_contain_text("文件已上传")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{NOW:%Y-%m} 对账")

    [held] = (await queries.files(shop.owner, Viewer.THERE, now=clock.now())).items
    await service.go_on(held.id, now=clock.now())
    await open_page(page, f"/reconciliation/files/{held.id}")
    await expect(page.get_by_role("link", name="对方没有这笔")).to_be_visible()
    await open_page(page, "/reconciliation/files/new")
    await expect(page.locator("section[aria-labelledby=h-sources]")).to_contain_text("门店 ERP")


def _sheet(program: str, letter: str = "X") -> FilePayload:
    """Write a file of three rows that uses its own words."""
    rows = [f"{letter}-{at},{NAME},{program},{at}.50,{NOW:%Y-%m-%d},客户退单" for at in (1, 2, 3)]
    content = "\n".join(["单号,客户名称,活动,实付,日期,状态", *rows, ""])
    return {"name": "本月发放.csv", "mimeType": "text/csv", "buffer": content.encode()}


async def _measured(page: Page, axe: tuple[str, str]) -> None:
    """Look at the page as it stands, on a phone, too."""
    for width in (1440, 360):
        await page.set_viewport_size({"width": width, "height": 900})
        await shoot(page, f"intake-{width}")
        assert await too_wide(page) == []
        assert await crowded(page) == []
    assert await too_small(page) == []
    assert await violations(page, axe, "zh-CN") == []
    await page.set_viewport_size({"width": 1440, "height": 900})


async def test_a_file_that_failed_says_what_to_do(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await stories.admit(shop)
    file_id = await _handed_in(shop, "失败的文件.csv", [f"X-1,1,{NOW:%Y-%m-%d},{NAME}"])
    async with db.platform_transaction(FINANCE):
        await reconciliation.fail(file_id)
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)

    await open_page(page, f"/console/reconciliation/files/{file_id}")
    await expect(page.get_by_text("这份文件没能完成对账，没有入账")).to_be_visible()
    await expect(page.get_by_text("请重新上传同一份文件")).to_be_visible()
    await look(page, page.url.removeprefix(site.url), axe)
    await page.get_by_role("link", name="上传对账文件").click()
    await expect(page.get_by_label("代理商")).to_have_value(str(shop.tenant_id))

    await _takes_over(context, site, shop.owner)
    await open_page(page, f"/reconciliation/files/{file_id}")
    await expect(page.get_by_text("由平台上传的文件，由平台重新上传")).to_be_visible()
    await look(page, page.url.removeprefix(site.url), axe)


async def test_s06_a_file_of_the_wrong_month_is_taken_back_and_an_old_form_still_sends(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await stories.admit(shop)
    program = await stories.make_program()
    await identity.add_staff(new_user(FINANCE, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, FINANCE)
    await open_page(page, f"/console/reconciliation/files/new?agent_id={shop.tenant_id}")
    await page.get_by_label("月份").fill("2025-12")
    await page.locator("#f-file").set_input_files(_sheet(program.name))
    await page.get_by_label("列「实付」对应").select_option("amount")
    await page.get_by_label("状态「客户退单」").select_option("active")
    await page.get_by_label(f"权益活动「{program.name}」").select_option(str(program.id))
    outside = page.get_by_text("有 3 行的日期不在 2025-12")
    await expect(outside).to_be_visible()
    await _measured(page, axe)
    await page.get_by_label("月份").fill(f"{NOW:%Y-%m}")
    await page.get_by_label("月份").blur()
    await expect(outside).to_have_count(0)
    await page.get_by_label("月份").fill("2025-12")
    await page.get_by_label("月份").blur()
    await expect(outside).to_be_visible()
    await page.get_by_label("来源名称").fill("门店 ERP")
    await page.get_by_role("button", name="上传并对账").click()
    await expect(page.locator("#toasts")).to_contain_text("文件已上传")
    [held] = (
        await queries.files(FINANCE, Viewer.HERE, agent_id=shop.tenant_id, now=clock.now())
    ).items
    await service.go_on(held.id, now=clock.now())

    of_file = f"/console/reconciliation/files/{held.id}"
    await look(page, of_file, axe)
    await press_surely(page, "取回文件")
    await expect(page.locator("#toasts")).to_contain_text("文件已取回")
    await expect(page.get_by_text("这份文件已取回，不再计入对账")).to_be_visible()
    await expect(page.get_by_role("button", name="取回文件")).to_have_count(0)
    await look(page, of_file, axe)
    await look(page, "/console/reconciliation", axe)

    # A form that was sent before has the same ids: here it is drawn as it was then.
    await open_page(page, f"/console/reconciliation/files/new?agent_id={shop.tenant_id}")
    await page.locator("input[name=id]").evaluate(
        "(field, id) => { field.value = id }", str(held.id)
    )
    await page.get_by_label("月份").fill(f"{NOW:%Y-%m}")
    await page.locator("#f-file").set_input_files(_sheet(program.name))
    send = page.get_by_role("button", name="上传并对账")
    await expect(send).to_be_enabled()
    await send.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{NOW:%Y-%m} 对账")
    assert str(held.id) not in page.url
