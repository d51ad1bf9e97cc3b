"""Two customers that are one: compared, merged with chosen values, and taken back."""

from playwright.async_api import BrowserContext, Page, expect

from server.customers import queries, service
from server.customers.schemas import NewContact, NewCustomer
from server.kit import clock
from server.sync import pairs
from tests.factories import Tenant
from tests.partner_portal.browser.stage import Site, let_in, open_page
from tests.partner_portal.browser.test_pages import look_at, speak


async def test_two_customers_are_compared_merged_and_taken_back(
    shop: Tenant, site: Site, context: BrowserContext, page: Page, axe: tuple[str, str]
) -> None:
    now, rep = clock.now(), shop.rep
    phone = "13862147705"
    new = NewCustomer(name="昆山德力精工机械", phone=phone, city="苏州", remark="郑总下周二在厂")
    kept = await service.create(rep, new, now=now)
    new = NewCustomer(name="德力精工", phone=phone, city="昆山", industry="机械制造")
    other = await service.create(rep, new, now=now)
    await service.add_contact(rep, other.id, NewContact(name="何国强"), now=now)
    await pairs.find(shop.tenant_id, {"ids": [str(other.id)]}, now=now)
    await let_in(context, site, rep)
    await look_at(page, "/duplicates", "zh-CN", axe, "light")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.get_by_role("link", name="比较").click()
    await expect(page.get_by_role("heading", name="逐项选择")).to_be_visible()
    address = f"/duplicates/{kept.id}/{other.id}"
    await speak(context, site, "en")
    await look_at(page, address, "en", axe, "dark")
    await speak(context, site, "zh-CN")

    await page.set_viewport_size({"width": 1440, "height": 900})
    await open_page(page, address)
    await page.get_by_role("radio", name="城市 昆山").check()
    await expect(page.get_by_text("联系人 1")).to_be_visible()
    await page.get_by_role("button", name="合并").click()
    await expect(page.locator("#toasts")).to_contain_text("已合并")
    merged = await queries.one(rep, kept.id)
    assert (merged.name, merged.city, merged.industry) == ("昆山德力精工机械", "昆山", "机械制造")

    await page.get_by_role("button", name="拆开").click()
    await expect(page.locator("#toasts")).to_contain_text("已分开")
    assert (await queries.one(rep, kept.id)).city == "苏州市"

    await page.get_by_label("更多").click()
    await page.get_by_role("link", name="与另一家合并").click()
    await expect(page.get_by_text("要和哪一家合并")).to_be_visible()
    await page.get_by_role("searchbox").fill("dljg")
    await page.get_by_role("button", name="查找").click()
    await expect(page.get_by_role("link", name="比较 昆山德力精工机械")).to_have_count(0)
    await look_at(page, f"/customers/{kept.id}/duplicates?q=dljg", "zh-CN", axe, "light")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.get_by_role("link", name="比较 德力精工").click()
    await expect(page.get_by_role("heading", name="逐项选择")).to_be_visible()
    assert (await queries.one(rep, other.id)).city == "昆山"
