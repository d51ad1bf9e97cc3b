"""Benefits by a sheet, approved, issued, redeemed and taken back; rules tried and published."""

from uuid import UUID

import msgspec
from playwright.async_api import BrowserContext, Page, expect

from server.access import Actor
from server.benefits import service as benefits
from server.benefits.batches import queries as batches
from server.benefits.batches import service as issuing
from server.benefits.escrow import service as leasing
from server.benefits.reviews import queries as reviewed
from server.benefits.reviews import service as reviews
from server.benefits.reviews.rules import Guards
from server.benefits.schemas import NewAllocation, NewFunding, NewProgram, RequestBenefit
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.identity import service as identity
from server.identity.schemas import Enrolment
from server.kit import clock, ids
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import (
    Site,
    let_in,
    look,
    open_page,
    shoot,
)
from tests.server.benefits import stories

SHEET = "客户名称,电话\n,138 6214 7705\n没有这家店,\n".encode()


async def _program(operator: Actor) -> UUID:
    """Open a program of vouchers worth 50 yuan, with money for ten."""
    now = clock.now()
    program = NewProgram(id=new_id(), name="新店开业进货券", amount_minor=5_000, opens_at=now)
    await benefits.create_program(operator, program, token_key=b"k" * 32, now=now)
    funding = NewFunding(id=new_id(), amount_minor=50_000)
    await benefits.fund(operator, program.id, funding, now=now)
    return program.id


async def test_s05_benefits_by_a_sheet_from_approval_to_the_counter(
    shop: Tenant,
    operator: Actor,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    program_id = await _program(operator)
    new = NewCustomer(name="昆山德力精工机械有限公司", phone="13862147705", city="苏州")
    await customers.create(shop.manager, new, now=clock.now())
    await let_in(context, site, shop.manager)
    await open_page(page, "/benefits/batches")
    await page.select_option("[name=program_id]", str(program_id))
    await page.set_input_files(
        "[name=file]", {"name": "名单.csv", "mimeType": "text/csv", "buffer": SHEET}
    )
    await page.get_by_role("button", name="提交").click()
    await expect(page.locator("#toasts")).to_contain_text("等待平台批准")
    [made] = (await batches.batches(shop.manager)).items

    await context.clear_cookies()
    await let_in(context, site, operator)
    await open_page(page, f"/console/batches/{made.id}")
    await page.get_by_role("button", name="按此内容批准").click()
    await expect(page.locator("#toasts")).to_contain_text("批次已批准")
    await look(page, f"/console/batches/{made.id}")
    while await issuing.issue_some(shop.tenant_id, made.id, now=clock.now()):
        pass
    await _publish_rules(page, axe, program_id)

    await context.clear_cookies()
    await let_in(context, site, shop.manager)
    await look(page, f"/benefits/batches/{made.id}")
    await expect(page.get_by_role("link", name="下载未发放的 1 行")).to_be_visible()
    await page.get_by_role("link", name="已发放").first.click()
    await page.get_by_role("button", name="显示兑换码").click()
    code = (await page.locator("output.code").inner_text()).strip()
    detail = page.url.removesuffix("/code")
    await open_page(page, "/benefits/redeem")
    await page.get_by_role("textbox", name="兑换码").fill(
        f"{code[:-1]}{'0' if code[-1] != '0' else '1'}"
    )
    await page.get_by_role("button", name="查验").click()
    await expect(page.locator("[role=alert]")).to_contain_text("输错")
    await page.get_by_role("textbox", name="兑换码").fill(code.lower().replace("-", " "))
    await page.get_by_role("button", name="查验").click()
    await shoot(page, "/benefits/redeem-found")
    await page.get_by_label("本次核销金额").fill("20")
    await page.get_by_role("button", name="确认核销").click()
    await expect(page.locator("#toasts")).to_contain_text("核销成功")
    await look(page, detail.removeprefix(site.url), axe)
    await page.get_by_text("撤销这次核销").first.click()
    await page.get_by_label("原因").fill("客户退货")
    await page.get_by_role("button", name="撤销这次核销").click()
    await expect(page.locator("#toasts")).to_contain_text("已撤销")
    await expect(page.locator(".kpi").nth(2)).to_contain_text("50")


async def _publish_rules(page: Page, axe: tuple[str, str], program_id: UUID) -> None:
    """Write rules on the page, look at what they would have done, and publish them."""
    where = f"/console/programs/{program_id}/rules"
    await open_page(page, "/console")
    await look(page, f"/console/programs/{program_id}", axe)
    guards = page.get_by_role("row").filter(has_text="同一人集中申请")
    await expect(guards).to_contain_text("60 分钟内超过 15 笔")
    await open_page(page, where)
    await page.select_option("[name=fact_1]", "city")
    await page.fill("[name=value_1]", "苏州，昆山")
    await page.fill("[name=valid_days]", "30")
    await page.get_by_role("button", name="保存并试算").click()
    await expect(page.locator("#toasts")).to_contain_text("已拟定")
    await expect(page.get_by_text("所在城市属于 苏州市")).to_be_visible()
    await look(page, where, axe)
    await page.get_by_role("button", name="发布第 1 版").click()
    await expect(page.locator("#toasts")).to_contain_text("规则已发布")


async def test_what_looks_like_fraud_is_looked_at_rejected_and_answered(
    shop: Tenant,
    operator: Actor,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    program_id, now = await _program(operator), clock.now()
    await reviews.set_guards(operator, program_id, Guards(phone_customers_max=1), now=now)
    asked = []
    for name in ("昆山德力精工机械有限公司", "昆山鑫隆五金经营部"):
        new = NewCustomer(name=name, phone="13862147706", city="苏州")
        customer = await customers.create(shop.manager, new, now=now)
        request = RequestBenefit(id=new_id(), customer_id=customer.id, program_id=program_id)
        asked.append((await benefits.request(shop.manager, request, now=now)).id)
    await reviews.screen(now)

    await let_in(context, site, operator)
    await open_page(page, "/console/issuances")
    await page.get_by_role("link", name="待复核").click()
    await look(page, "/console/reviews", axe)
    queue = (await reviewed.reviews(operator, now=now)).items
    case = f"/console/reviews/{next(r.issuance_id for r in queue if r.program_id == program_id)}"
    await page.locator(f"main a[href='{case}']").click()
    await page.get_by_role("button", name="由我处理").click()
    await expect(page.get_by_text("由您处理").first).to_be_visible()
    await look(page, case, axe)
    await page.get_by_label("原因").fill("两家公司登记的是同一个电话")
    await page.get_by_role("button", name="撤销").click()
    await expect(page.locator("#toasts")).to_contain_text("已记录结论")

    await context.clear_cookies()
    await let_in(context, site, shop.owner)
    waiting, rejected = asked
    await open_page(page, f"/benefits/{waiting}")
    if await page.get_by_text("已撤销").count():
        waiting, rejected = rejected, waiting
    await look(page, f"/benefits/{waiting}")
    await expect(page.get_by_text("平台正在核实以下情况")).to_be_visible()
    await expect(page.get_by_role("button", name="显示兑换码")).to_have_count(0)
    await look(page, f"/benefits/{rejected}", axe)
    await page.get_by_label("代理商的说明").fill("两家是同一位老板，已附营业执照")
    await page.get_by_role("button", name="提交说明").click()
    await expect(page.locator("#toasts")).to_contain_text("说明已提交")

    await context.clear_cookies()
    await let_in(context, site, operator)
    await open_page(page, case)
    await look(page, case)
    await page.get_by_label("原因").fill("已核对")
    await page.get_by_role("button", name="认可申诉").click()
    # Who rejected it does not decide about the answer.
    await expect(page.locator("[role=alert], .banner").first).to_contain_text("请由同事处理")


async def test_an_owner_sees_what_phones_hold_and_calls_it_back(
    shop: Tenant,
    operator: Actor,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    code = await identity.new_enrolment_code(shop.owner, user_id=shop.owner.user_id, now=now)
    phone = Enrolment(code=code.code, device_name="华为 Mate 60", platform="test", id=new_id())
    device = await identity.enrol(phone, address=new_id().hex, now=now)
    holder = msgspec.structs.replace(shop.owner, device_id=device.device_id)
    program_id = await _program(operator)
    await stories.admit(shop)
    share = NewAllocation(id=new_id(), agent_id=shop.tenant_id, amount_minor=40_000)
    await benefits.allocate(operator, program_id, share, now=now)
    lease_id = ids.new_id(clock.now())
    await leasing.lease(holder, program_id, 3, lease_id=lease_id, now=clock.now())

    await let_in(context, site, shop.owner)
    await open_page(page, "/benefits")
    await look(page, "/benefits", axe)
    held = page.locator("section[aria-labelledby=h-units] li")
    await expect(held).to_contain_text("华为 Mate 60")
    await expect(held).to_contain_text("3 份")
    await held.get_by_role("button", name="收回").click()

    await expect(page.locator("#toasts")).to_contain_text("已收回")
    await expect(held).to_contain_text("待退还")
    await expect(held.get_by_role("button")).to_have_count(0)
    await shoot(page, "/benefits-recalled")
    await context.clear_cookies()
    await let_in(context, site, shop.manager)
    await open_page(page, "/benefits")
    await expect(page.locator("section[aria-labelledby=h-units]")).to_have_count(0)
