"""Finance puts a payout together, another person lets it go, and the bank's file is downloaded."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.async_api import BrowserContext, Locator, Page, expect

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import ChosenSales
from server.access import Actor, Role
from server.commissions import jobs as earning
from server.commissions import queries
from server.commissions import service as commissions
from server.commissions.schemas import NewRefund, NewSale
from server.identity import service as identity
from server.kit import clock, outbox
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.partner_portal.browser.stage import (
    PASSWORD,
    Site,
    let_in,
    look,
    open_page,
    press_surely,
    shoot,
    too_small,
    too_wide,
)
from tests.server.benefits import stories

MAKER = make_platform_actor(Role.PLATFORM_FINANCE)
CHECKER = make_platform_actor(Role.PLATFORM_FINANCE)


async def _sold(shop: Tenant, *, days_ago: int = 3) -> tuple[str, str]:
    """Let the shop earn 1,280 yuan and 50 fen; give the contract's number and the sale's id."""
    await stories.admit(shop)
    then = clock.now() - timedelta(days=days_ago)
    about: dict[str, Any] = {"id": new_id(), "plan_id": new_id(), "begins_on": then.date()}
    plan = PlanVersion(
        **about,
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=100_000)],
    )
    await commissions.publish(MAKER, plan, now=then)
    sale = NewSale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        contract_number=f"HT-{str(shop.tenant_id)[-6:]}",
        on=then.date(),
        sold=13_805_00,
        sellers=[Seller(shop.tenant_id)],
    )
    await commissions.record_sale(MAKER, sale, now=then)
    await commissions.refund(
        MAKER,
        NewRefund(id=new_id(), sale_id=sale.id, refunded=1_000_00, reason="门店撤回一台"),
        now=then,
    )
    await earning.earn(then)
    return str(sale.contract_number), str(sale.id)


async def _takes_over(context: BrowserContext, site: Site, who: Actor) -> None:
    """Let somebody else sit down at this browser."""
    await context.clear_cookies()
    await let_in(context, site, who)


async def _fills_accounts(page: Page) -> None:
    """Say where everybody in a batch is paid: payments of other stories may stand in it.

    Each wants its own account, and its name where the platform does not list the agent.
    """
    for field in await page.get_by_label("收款人").all():
        if not await field.input_value():
            await field.fill("示例公司")
    for field in await page.get_by_label("收款账号").all():
        await field.fill(f"6222 0000 1111 {new_id().int % 10**10:010} 2222")
    for field in await page.get_by_label("开户行").all():
        await field.fill("示例银行杭州支行")


async def _comes_back(page: Page, shop: Tenant) -> None:
    """Say that the bank paid, and that the payment came back: why is said, too."""
    await _row(page, shop).get_by_role("button", name="已付").click()
    await expect(page.locator("#toasts")).to_contain_text("已记下银行答复")
    await _row(page, shop).get_by_text("被退回").click()
    await shoot(page, "payout-asks-why")
    await _row(page, shop).get_by_label("原因").fill("户名不符")
    await _row(page, shop).get_by_role("button", name="记为退回").click()
    await expect(_row(page, shop)).to_contain_text("已退回 原因：户名不符")


async def _is_told_why(page: Page, axe: tuple[str, str]) -> None:
    """Read among what moved one's commission why a payment came back."""
    await look(page, "/commissions", axe)
    back = page.get_by_role("row").filter(has_text="付款退回")
    await expect(back).to_contain_text("原因：户名不符")


async def _is_paid_anew(page: Page, shop: Tenant, site: Site, axe: tuple[str, str]) -> None:
    """Put another batch together: whoever lets it go sees that this was ordered before."""
    await open_page(page, "/console/payouts")
    await page.get_by_role("button", name="制单").click()
    await expect(page.locator("#toasts")).to_contain_text("等另一人放行")
    await expect(_row(page, shop)).to_contain_text(f"{MAKER.name}称被退回")
    await look(page, page.url.partition("?")[0].removeprefix(site.url), axe)


def _row(page: Page, shop: Tenant) -> Locator:
    return page.get_by_role("row").filter(has_text=shop.name)


async def _is_called(page: Page, batch: str, axe: tuple[str, str]) -> None:
    """Do what waits for the worker: who may let a payout go is told, and goes there."""
    job = outbox.Job(
        id=new_id(),
        tenant_id=None,
        topic=commissions.MADE,
        payload={"batch_id": batch.rpartition("/")[2]},
        attempts=0,
        lease=1,
    )
    await earning.ask_second(job, clock.now())
    await look(page, "/notifications", axe)
    await page.get_by_role("button", name="有付款批次待您放行").first.click()
    await page.wait_for_url(f"**{batch}")


async def _turn_to(page: Page, shop: Tenant) -> None:
    """Turn the pages of a list until the shop stands on one: agents of other stories do as well."""
    while not await _row(page, shop).count():
        more = await page.get_by_role("link", name="加载更多").get_attribute("href")
        await open_page(page, str(more))


async def test_s09_a_payout_is_made_let_go_by_somebody_else_and_given_to_the_bank(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    number, sale_id = await _sold(shop)
    for who in (MAKER, CHECKER):
        await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, MAKER)
    await open_page(page, "/console")
    await look(page, "/console/commissions", axe)
    await _turn_to(page, shop)
    await expect(_row(page, shop)).to_contain_text("¥1,280.50")
    await look(page, f"/console/commissions/sales?agent_id={shop.tenant_id}", axe)
    await expect(page.get_by_role("row").filter(has_text=number)).to_contain_text("¥13,805")
    await look(page, f"/console/commissions/sales/{sale_id}", axe)
    await expect(page.get_by_text("门店撤回一台")).to_be_visible()
    await look(page, "/console/commissions/meter", axe)

    await _takes_over(context, site, shop.owner)
    await look(page, "/commissions", axe)
    line = page.get_by_role("row").filter(has_text="按合同收入")
    for told in (number, "¥1,380.50", "按合同收入", "¥13,805", "已计入", "门店撤回一台"):
        await expect(line).to_contain_text(told)
    await _takes_over(context, site, MAKER)
    await look(page, "/console/payouts", axe)
    await page.get_by_label("起付金额（元）").fill("1280.50")
    await page.get_by_role("button", name="制单").click()
    await expect(page.locator("#toasts")).to_contain_text("等另一人放行")
    one = page.url.partition("?")[0].removeprefix(site.url)
    await expect(page.get_by_role("button", name="放行")).to_have_count(0)
    await look(page, one, axe)

    await _takes_over(context, site, CHECKER)
    await open_page(page, one)
    await expect(_row(page, shop)).to_contain_text("¥1,280.50")
    await expect(page.get_by_role("region", name="经手人")).to_contain_text(MAKER.name)
    await press_surely(page, "放行")
    await expect(page.locator("#toasts")).to_contain_text("已放行")
    await look(page, one, axe)

    await _fills_accounts(page)
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="下载银行文件").click()
    content = Path(await (await waiting.value).path()).read_bytes()
    [paid] = [each for each in content.decode("gb18030").splitlines() if shop.name in each]
    assert "\t622200001111" in paid
    assert "1280.50,CNY" in paid
    await look(page, one, axe)
    await expect(_row(page, shop)).to_contain_text("账号尾号 2222")
    written = page.get_by_role("region", name="已生成的银行文件").first
    await expect(written).to_contain_text(hashlib.sha256(content).hexdigest()[:16])

    await _takes_over(context, site, MAKER)
    await open_page(page, one)
    await expect(page.get_by_text("须由制单人以外的财务同事")).to_be_visible()
    await expect(page.get_by_label("收款账号")).to_have_count(0)
    await _comes_back(page, shop)
    await _is_paid_anew(page, shop, site, axe)
    await _takes_over(context, site, shop.owner)
    await _is_told_why(page, axe)


async def test_s09_a_year_is_shown_to_finance_and_to_the_owner_whose_it_is(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await _sold(shop)
    who = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, who)
    await open_page(page, "/console/commissions")
    await _turn_to(page, shop)
    await page.get_by_role("link", name=f"{shop.name} 年度佣金").click()
    await page.wait_for_url("**/year")
    year = page.url.removeprefix(site.url)
    await look(page, year, axe)
    await expect(page.get_by_role("row").filter(has_text="合计")).to_contain_text("¥1,280.50")

    await _takes_over(context, site, shop.owner)
    await look(page, "/commissions/year", axe)
    await expect(page.get_by_role("row").filter(has_text="按合同收入")).to_contain_text("¥1,280.50")
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="CSV").click()
    content = Path(await (await waiting.value).path()).read_text("utf-8-sig")
    assert content.splitlines()[-1] == "合计,,CNY,1280.50,0.00,0.00,0.00,0.00,0.00,0.00"


async def test_s09_of_a_natural_person_tax_is_withheld_and_said_on_every_page(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await _sold(shop)
    for who in (MAKER, CHECKER):
        await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, MAKER)
    year = f"/console/commissions/agents/{shop.tenant_id}/year"
    await open_page(page, year)
    await page.get_by_role("button", name="设为自然人").click()
    await expect(page.get_by_role("heading", name="自然人：代扣个税")).to_be_visible()
    await open_page(page, "/console/payouts")
    await page.get_by_role("button", name="制单").click()
    await expect(page.locator("#toasts")).to_contain_text("等另一人放行")
    one = page.url.partition("?")[0].removeprefix(site.url)

    await _takes_over(context, site, CHECKER)
    await _is_called(page, one, axe)
    await expect(_row(page, shop)).to_contain_text(f"上次付款后，{MAKER.name}于")
    # Of 1,280.50 yuan 480.50 are taxed, at a fifth.
    for told in ("¥1,280.50", "¥96.10", "¥1,184.40"):
        await expect(_row(page, shop)).to_contain_text(told)
    await press_surely(page, "放行")
    await expect(page.locator("#toasts")).to_contain_text("已放行")
    await look(page, one, axe)
    await _row(page, shop).get_by_role("button", name="已付").click()
    await expect(page.locator("#toasts")).to_contain_text("已记下银行答复")
    await look(page, year, axe)
    await look(page, "/console/payouts", axe)
    await page.get_by_label("已缴金额（元）").fill("99999999999")
    await page.get_by_role("button", name="登记缴税").click()
    await expect(page.get_by_role("alert").first).to_contain_text("超过了待缴的代扣个税")
    await page.get_by_label("已缴金额（元）").fill("96.10")
    await page.get_by_role("button", name="登记缴税").click()
    await expect(page.locator("#toasts")).to_contain_text("已登记缴税")

    await _takes_over(context, site, shop.owner)
    await look(page, "/commissions/year", axe)
    paid = page.get_by_role("region", name="付款").get_by_role("row").filter(has_text="已付")
    for told in ("¥1,280.50", "¥96.10", "¥1,184.40"):
        await expect(paid).to_contain_text(told)
    await look(page, "/commissions", axe)
    await expect(page.get_by_role("row").filter(has_text="代扣个税")).to_contain_text("96.10")


async def test_m8_what_it_would_cost_to_match_a_rival_is_said_in_a_sentence(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await _sold(shop, days_ago=40)
    who = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, who)
    await open_page(page, "/console")
    await look(page, "/console/commissions/offers", axe)
    await page.get_by_label("对手找了哪些代理商").fill(f"{shop.name}\n无此公司")
    await page.get_by_role("button", name="测算").click()
    await expect(page.get_by_text("没有叫这些名称的代理商：无此公司")).to_be_visible()
    await page.get_by_label("对手找了哪些代理商").fill(shop.name)
    await page.get_by_label("对手的佣金是我们的几倍").fill("0.5")
    await page.get_by_role("button", name="测算").click()
    await expect(page.get_by_label("对手的佣金是我们的几倍")).to_have_attribute(
        "aria-invalid", "true"
    )
    await page.get_by_label("对手的佣金是我们的几倍").fill("2.5")
    await page.get_by_role("button", name="测算").click()
    await expect(page.get_by_text("本页会自动更新")).to_be_visible()
    one = page.url.removeprefix(site.url)
    await look(page, one, axe)

    await commissions.answer(UUID(one.rpartition("/")[2]), now=clock.now())
    told = await queries.counter_offer(who, UUID(one.rpartition("/")[2]), now=clock.now())
    sentence = page.get_by_role("heading", name="全额跟进「2.5 倍佣金」，36 个月预计多付 ¥")
    await expect(sentence).to_be_visible()
    costs = page.get_by_role("region", name="多付多少").first
    await expect(costs.get_by_role("row").filter(has_text="不跟进")).to_contain_text("¥0")
    # 13,805 yuan less 1,000 refunded, on average of six months, a tenth of it commission.
    await expect(page.get_by_text("¥2,134", exact=True)).to_be_visible()
    await expect(page.get_by_text("¥213", exact=True)).to_be_visible()
    assert told.hash is not None
    await expect(page.get_by_text(told.hash[:8])).to_be_visible()
    await look(page, one, axe)
    await look(page, "/console/commissions/offers", axe)


async def test_s09_a_plan_is_looked_at_before_it_is_published_as_it_was_shown(
    site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    who = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    await let_in(context, site, who)
    await open_page(page, "/console")
    await look(page, "/console/commissions/plans", axe)
    await page.get_by_label("生效日").fill("2031-04-01")
    await page.get_by_label("比例或佣金").first.fill("8")
    await page.get_by_role("group", name="第 2 档").get_by_label("从（含）").fill("50000")
    await page.get_by_role("group", name="第 2 档").get_by_label("比例或佣金").fill("10.5")
    await page.get_by_role("button", name="预览").click()
    shown = page.get_by_role("region", name="预览").first
    await expect(page.get_by_role("row").filter(has_text="¥100,000")).to_contain_text("¥9,250")
    await expect(shown).to_contain_text("10.5 %")

    await page.get_by_role("group", name="第 2 档").get_by_label("比例或佣金").fill("12")
    await page.get_by_role("button", name="按预览发布").click()
    await expect(page.get_by_role("row").filter(has_text="¥100,000")).to_contain_text("¥10,000")
    await page.get_by_role("button", name="按预览发布").click()
    await expect(page.locator("#toasts")).to_contain_text("方案已发布")
    await expect(page.get_by_role("heading", name="2031-04-01 起").first).to_be_visible()


async def test_s09_a_new_version_is_tried_on_what_was_sold_before_it_is_published(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    await _sold(shop)
    who = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(who, team_id=None), password=PASSWORD, now=NOW)
    [sale] = (await queries.sales(who, ChosenSales(agent_id=shop.tenant_id), now=clock.now())).items
    await let_in(context, site, who)
    await open_page(page, "/console/commissions/plans")
    await page.get_by_label("方案", exact=True).select_option(str(sale.plan_id))
    await page.get_by_label("生效日").fill("2031-04-01")
    await page.get_by_label("比例或佣金").first.fill("12")
    await page.set_viewport_size({"width": 360, "height": 900})
    await page.get_by_role("button", name="预览").click()

    # 13,805 yuan at ten per cent, and at twelve.
    tried = page.get_by_role("region", name="按过去的业绩试算").first
    for told in ("¥1,380.50", "¥1,656.60", "¥276.10"):
        await expect(tried.get_by_role("row").filter(has_text=shop.name)).to_contain_text(told)
    assert await too_wide(page) == []
    assert await too_small(page) == []
    await shoot(page, "tried-360")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await shoot(page, "tried-1440")
