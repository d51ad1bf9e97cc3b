"""A call is written down on the customer's page, and whoever asked so is dialled no more."""

from playwright.async_api import BrowserContext, Page, expect

from server.activities import service as activities
from server.activities.schemas import CallOutcome, NewCall
from server.customers import service as customers
from server.customers.schemas import NewContact, NewCustomer
from server.kit import clock
from tests.factories import Tenant, new_id
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at


async def test_s45_a_call_is_noted_and_a_phone_shown_to_nobody_any_more(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now, digits = clock.now(), f"{new_id().int % 10**8:08d}"
    made = await customers.create(shop.rep, NewCustomer(name="锦溪古砖瓦窑"), now=now)
    contact = NewContact(name="陆师傅", phone=f"+86139{digits}")
    person = await customers.add_contact(shop.rep, made.id, contact, now=now)
    await let_in(context, site, shop.rep)

    await open_page(page, f"/customers/{made.id}")
    await expect(page.locator(f"a[href='tel:+86139{digits}']")).to_be_visible()
    await page.get_by_role("button", name="记通话").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("时长（分钟）").fill("3")
    await dialog.get_by_label("说了什么").fill("下周来看窑")
    await dialog.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("通话已记下")).to_be_visible()
    await expect(page.locator("#h-calls")).to_be_visible()
    await expect(page.get_by_text("下周来看窑")).to_be_visible()

    refused = NewCall(outcome=CallOutcome.OPTED_OUT, contact_id=person.id)
    call = await activities.add_call(shop.rep, made.id, refused, now=clock.now())
    await activities.heed_opt_outs(shop.tenant_id, [str(call.id)], now=clock.now())
    await open_page(page, f"/customers/{made.id}")
    await expect(page.get_by_text("勿扰，不可拨打")).to_be_visible()
    await expect(page.locator("a[href^='tel:']")).to_have_count(0)
    await look_at(page, f"/customers/{made.id}", "zh-CN", axe, ("light",))
