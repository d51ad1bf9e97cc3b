"""Both sides see how an agent's file differs; its owner answers, finance says what came of it."""

from uuid import UUID

from playwright.async_api import BrowserContext, Page, expect

from billing.reconciliation.rules.columns import ColumnMap, Field
from server.access import Actor, Role
from server.identity import service as identity
from server.kit import clock, db
from server.reconciliation import service
from server.reconciliation.schemas import NewSource
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.partner_portal.browser.stage import PASSWORD, Site, let_in, look, open_page
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
    source = NewSource(
        id=new_id(),
        agent_id=shop.tenant_id,
        name="ERP",
        column_map=ColumnMap(columns=COLUMNS),
    )
    await service.save_source(FINANCE, source, now=NOW)
    rows = [
        f"{issued[0]['id']},50.00,{NOW:%Y-%m-%d},{NAME}",
        f"{issued[1]['id']},51.00,{NOW:%Y-%m-%d},{NAME}",
        f"X-1,12.00,{NOW:%Y-%m-%d},{NAME}",
        f"X-2,13.50,{NOW:%Y-%m-%d},{NAME}",
    ]
    file_id = new_id()
    await service.hand_in(
        FINANCE,
        file_id,
        source.id,
        "\n".join([HEADER, *rows, ""]).encode(),
        month=f"{NOW:%Y-%m}",
        file_name="本月发放.csv",
        now=clock.now(),
    )
    await service.go_on(file_id, now=clock.now())
    return file_id


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
