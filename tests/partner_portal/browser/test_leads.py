"""Leads in a browser: typed in, cleaned, routed with reasons, answered; a form for everybody."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.kit import clock
from server.leads import queries, service
from server.leads.rules.campaigns import Channel
from server.leads.rules.states import IntakePath, ReturnReason
from server.leads.schemas import LeadFilters, NewCampaign, NewForm, NewLead, NewSource, Return
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, open_page, too_wide, violations
from tests.partner_portal.browser.test_pages import look_at, speak


async def a_lead(shop: Tenant, name: str = "德力精工", phone: str = "13862147705") -> UUID:
    """Take a lead in."""
    new = NewLead(name=name, phone=phone, city="苏州", need="要两台打印机，下周看样")
    saved = await service.receive(shop.manager, [new], IntakePath.API, now=clock.now())
    return saved.ids[0]


async def a_form(shop: Tenant, token: str) -> None:
    """Open a campaign's page."""
    now = clock.now()
    source = NewSource(name="地推", channel=Channel.EVENT, cost_key=f"k{new_id().hex[-12:]}")
    source_id = (await service.add_source(shop.manager, source, now=now)).id
    today = now.date()
    campaign = NewCampaign(
        name="开业季",
        source_id=source_id,
        starts_on=today,
        ends_on=today + timedelta(days=30),
    )
    campaign_id = (await service.add_campaign(shop.manager, campaign, now=now)).id
    form = NewForm(title="免费试用收银机")
    await service.add_form(shop.manager, campaign_id, form, token=token, now=now)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_pages_of_leads_are_usable_by_everybody(
    language: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    ready, again = await a_lead(shop), await a_lead(shop, "又是德力")
    offered = await a_lead(shop, "昆山老街面馆", "13862147706")
    suspect = await a_lead(shop, "测试客户", "138")
    rep = shop.manager.user_id
    now = clock.now()
    await service.route(shop.manager, offered, person_id=rep, now=now)
    await service.give_back(shop.manager, offered, Return(reason=ReturnReason.OTHER), now=now)
    await service.route(shop.manager, offered, person_id=rep, now=now)
    taken = await a_lead(shop, "山塘街茶馆", "13862147707")
    await opt_outs.opt_out(shop.rep, "+8613862147799", OptOutReason.ASKED, now=now)
    await service.route(shop.manager, taken, now=now)
    await let_in(context, site, shop.manager)
    await speak(context, site, language)

    for path in (
        "/leads?state=suspect",
        "/leads?state=all",
        "/leads?q=nobody",
        "/leads/new",
        f"/leads/{ready}",
        f"/leads/{suspect}",
        f"/leads/{again}",
        f"/leads/{offered}",
        f"/leads/{taken}",
        "/leads/mine",
        "/leads/opt-outs",
    ):
        await look_at(page, path, language, axe)
        assert await page.locator(".oops").count() == 0, path
    words = page.locator("tbody")
    await words.locator("summary").click()
    await page.fill("[name=why]", "号码登错了")
    await words.locator("details button").click()
    await expect(words).to_contain_text("号码登错了")
    assert await words.locator("details").count() == 0


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_campaigns_form_is_usable_by_everybody_and_thanks(
    language: str,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    token = new_id().hex
    await a_form(shop, token)
    await speak(context, site, language)
    await look_at(page, f"/f/{token}", language, axe)

    # Programs are quicker than people: this page has been read for half a minute.
    read_since = clock.now() - timedelta(seconds=30)
    read = await service.form_page(token, address=token, now=read_since)
    for name, value in (("id", str(read.id)), ("stamp", read.stamp)):
        await page.eval_on_selector(f"[name={name}]", "(at, value) => at.value = value", value)
    await page.fill("[name=name]", "李姐小吃")
    await page.fill("[name=phone]", "13862140001")
    await page.check("[name=consent]")
    await page.click("form.panel button[type=submit]")

    await expect(page.locator(".empty h2")).to_be_visible()
    [lead] = (await queries.list_page(shop.manager, LeadFilters())).items
    assert (lead.path, lead.name) == (IntakePath.PUBLIC_FORM, "李姐小吃")


async def test_s44_a_lead_is_typed_in_routed_with_reasons_and_accepted(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    await let_in(context, site, shop.manager)
    await open_page(page, "/leads/new")
    await page.fill("[name=name]", "平江路茶馆")
    await page.fill("[name=phone]", "138 6214 7799")
    await page.fill("[name=need]", "想换收银机")
    await page.click("form button.pri[type=submit]")

    await expect(page.locator("h1")).to_have_text("平江路茶馆")
    await page.select_option("[name=person_id]", str(shop.rep.user_id))
    await page.click("section[aria-labelledby=h-route] button")
    await expect(page.locator("section[aria-labelledby=h-why] b")).to_contain_text("主管指定")

    await context.clear_cookies()
    await let_in(context, site, shop.rep)
    await open_page(page, "/leads/mine")
    await page.click("form[action$=acceptance] button")
    await expect(page.locator("section[aria-labelledby=h-taken]")).to_contain_text("平江路茶馆")


async def test_s39_what_is_discarded_on_the_page_comes_back(
    shop: Tenant, site: Site, context: BrowserContext, page: Page
) -> None:
    lead_id = await a_lead(shop, "测试路小卖部")
    await let_in(context, site, shop.manager)

    await open_page(page, "/leads")
    await page.click(f"tr:has(a[href='/leads/{lead_id}']) button:has-text('丢弃')")
    await open_page(page, f"/leads/{lead_id}")
    await page.click("button:has-text('恢复')")

    await expect(page.locator("section[aria-labelledby=h-past]")).to_contain_text("丢弃")
    [lead] = (await queries.list_page(shop.manager, LeadFilters())).items
    assert lead.state == "ready"


async def test_s38_a_sheet_of_leads_is_mapped_given_a_source_and_brought_in(
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
    tmp_path: Path,
) -> None:
    source = NewSource(name="春季展会", channel=Channel.EVENT, cost_key=f"k{new_id().hex[-12:]}")
    source_id = (await service.add_source(shop.manager, source, now=clock.now())).id
    await a_lead(shop)
    sheet = tmp_path / "展会名单.csv"
    rows = ("平江路茶馆,13862147711,苏州", "打不通的店,12,苏州", "德力,13862147705,苏州")
    sheet.write_bytes("\r\n".join(("公司,手机,城市", *rows)).encode("gb18030"))
    await let_in(context, site, shop.manager)
    await open_page(page, "/leads")
    await page.get_by_role("link", name="导入", exact=True).click()

    await page.set_input_files("#file", sheet)
    await page.get_by_role("button", name="读取文件").click()
    await expect(page.locator(".kpi").first).to_contain_text("2")
    await expect(page.locator("section", has=page.locator("#h-problems"))).to_contain_text(
        "该客户已经存在：德力精工"
    )
    await page.select_option("[name=all_source]", "春季展会")
    await expect(page.locator("[name=all_source]")).to_have_value("春季展会")
    assert await violations(page, axe, "zh-CN") == []
    if shots := os.environ.get("TONGLU_SHOTS"):
        await page.screenshot(path=Path(shots) / "leads-import.png", full_page=True)
    assert await too_wide(page) == []
    await page.get_by_role("button", name="开始导入").click()
    await expect(page.locator("#h-progress")).to_have_text("导入中")
    [view] = (await imports_queries.list_page(shop.manager)).items
    assert await imports.run(shop.manager, view.id, now=clock.now())

    await expect(page.locator("#h-progress")).to_have_text("已完成")
    await page.get_by_role("link", name="查看线索").click()
    await expect(page.locator("h1")).to_have_text("线索")
    found = {
        lead.name: lead for lead in (await queries.list_page(shop.manager, LeadFilters())).items
    }
    assert (found["平江路茶馆"].source_id, found["平江路茶馆"].verdict) == (source_id, "clean")
    assert found["打不通的店"].verdict == "invalid_phone"
