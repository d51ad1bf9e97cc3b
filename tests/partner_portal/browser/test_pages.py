"""Every page in both languages and both themes: usable by everybody, on a desk and in a hand."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import BrowserContext, Page

from server.access import Actor
from server.activities import queries as activities
from server.activities import service as activity_service
from server.activities.schemas import NewAppeal, NewTask, NewVisit, Priority
from server.benefits import service as benefits
from server.benefits.schemas import NewFunding, NewProgram, RequestBenefit
from server.customers import queries
from server.customers import service as customers
from server.customers.schemas import NewContact, NewCustomer, NewNote, NewStore, NewTag
from server.identity import service as identity
from server.identity.schemas import Enrolment
from server.kit import clock
from tests.factories import NOW, Tenant, new_id
from tests.partner_portal.browser.stage import (
    Site,
    colours,
    crowded,
    dress,
    let_in,
    open_page,
    shoot,
    too_small,
    too_wide,
    violations,
)
from tests.server.benefits import stories


@pytest.fixture
async def customer(shop: Tenant, operator: Actor) -> UUID:
    """A customer with everything that its page can show."""
    now = clock.now()
    made = await customers.create(
        shop.rep,
        NewCustomer(
            name="昆山德力精工机械有限公司",
            phone="13862147705",
            city="苏州",
            district="昆山",
            industry="机械制造",
            status="need",
            level="A",
            owner_id=shop.rep.user_id,
            expected_revenue_minor=4_680_000,
            remark="郑总下周二在厂",
        ),
        now=NOW,
    )
    await customers.add_contact(
        shop.rep, made.id, NewContact(name="何国强", title="采购", phone="13900001111"), now=NOW
    )
    await customers.add_store(
        shop.rep,
        made.id,
        NewStore(name="昆山门店", city="苏州", address="长江中路 268 号"),
        now=NOW,
    )
    await customers.add_note(shop.rep, made.id, NewNote(body="约了看样机"), now=NOW)
    program = NewProgram(id=new_id(), name="首购立减", amount_minor=50_000, opens_at=NOW)
    await benefits.create_program(operator, program, token_key=b"k" * 32, now=NOW)
    funding = NewFunding(id=new_id(), amount_minor=500_000)
    await benefits.fund(operator, program.id, funding, now=NOW)
    asked = RequestBenefit(id=new_id(), customer_id=made.id, program_id=program.id)
    await benefits.request(shop.rep, asked, now=now)
    await _visit(shop.rep, made.id)
    await _to_do(shop, made.id)
    return made.id


async def _visit(rep: Actor, customer_id: UUID) -> None:
    """Let the rep go there in a way that needs an explanation, and explain it."""
    visit = NewVisit(
        checked_in_at=NOW,
        checked_out_at=NOW + timedelta(seconds=40),
        lat=31_385_000,
        lng=120_980_000,
        accuracy_m=800,
        fix_age_s=900,
        is_mocked=0,
        purpose="看样机",
        summary="郑总要两台，等报价",
        next_step="周三送报价单",
    )
    done = await activity_service.add_visit(rep, customer_id, visit, now=NOW)
    await activity_service.judge_visits(rep.tenant_id, [str(done.id)], now=NOW)
    said = NewAppeal("商场地下一层没有信号")
    await activity_service.appeal(rep, done.id, said, now=NOW)


async def _to_do(shop: Tenant, customer_id: UUID) -> None:
    """Leave things to do for the manager: late, due today, and a visit."""
    now, manager = clock.now(), shop.manager
    for title, due_at, is_must_do in (
        ("联系沉寂客户：确认今年的采购计划", now - timedelta(days=2), True),
        ("送样机到昆山门店", now, False),
        ("准备三年服务的报价", now + timedelta(minutes=30), False),
    ):
        new = NewTask(
            title=title,
            due_at=due_at,
            is_must_do=is_must_do,
            assignee_id=manager.user_id,
            priority=Priority.HIGH if is_must_do else Priority.NORMAL,
            detail="对方上次说等预算批下来",
        )
        await activity_service.add_task(shop.owner, customer_id, new, now=now)
    for purpose, planned_at in (("看新产线", now), ("送合同", now + timedelta(minutes=30))):
        plan = NewVisit(planned_at=planned_at, purpose=purpose)
        await activity_service.add_visit(manager, customer_id, plan, now=now)


AGENT_PAGES = [
    "/today",
    "/tasks",
    "/tasks?look=overdue",
    "/tasks/{task}",
    "/customers",
    "/customers?q=没有这一家",
    "/customers/new",
    "/customers/{id}",
    "/customers/{id}/edit",
    "/notifications",
    "/notifications/setting",
    "/visits",
    "/visits?look=doubted",
    "/visits/{visit}",
    "/benefits",
    "/benefits/new",
    "/benefits/new?customer_id={id}",
    "/platform-reads",
    "/imports",
    "/_ui",
    "/account",
    "/conflicts",
]
OWNER_PAGES = [
    "/people",
    "/people/new",
    "/people/{rep}",
    "/people/teams",
    "/devices",
    "/devices/new",
    "/devices/{device}/revocation",
    "/tags",
    "/tags/new",
    "/customers/{id}/contacts/{contact}",
]
PLATFORM_PAGES = [
    "/console",
    "/console/agents",
    "/console/agents/new",
    "/console/programs/new",
    "/console/issuances",
]
OPEN_PAGES = ["/sign-in", "/join", "/enrol#CFKYA9K23", "/nowhere"]


async def look_at(
    page: Page, path: str, language: str, axe: tuple[str, str], theme: str = "light"
) -> None:
    """Look at a page by day and by night, wide and narrow.

    The other theme changes colours alone, and no language changes those.
    """
    await page.set_viewport_size({"width": 1440, "height": 900})
    await open_page(page, path)
    assert await page.get_attribute("html", "lang") == language
    await dress(page, theme)
    assert await violations(page, axe, language) == [], path
    if language == "zh-CN":
        await dress(page, "dark" if theme == "light" else "light")
        assert await colours(page) == [], path
    assert await too_wide(page) == [], path
    assert await crowded(page) == [], path
    await shoot(page, f"{path}-{language}-1440")
    await page.set_viewport_size({"width": 360, "height": 740})
    await shoot(page, f"{path}-{language}-360")
    assert await too_wide(page) == [], path
    assert await crowded(page) == [], path
    assert await too_small(page) == [], path


async def speak(context: BrowserContext, site: Site, language: str) -> None:
    """Choose a language."""
    await context.add_cookies([{"name": "language", "value": language, "url": site.url}])


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", AGENT_PAGES)
async def test_an_agents_page_is_usable_by_everybody(
    path: str,
    language: str,
    shop: Tenant,
    customer: UUID,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    await let_in(context, site, shop.manager)
    await speak(context, site, language)

    visit = (await activities.visits_of(shop.manager, customer))[-1]
    task = (await activities.tasks_of(shop.manager, customer))[-1]
    shown = path.format(id=customer, visit=visit.id, task=task.id)
    await look_at(page, shown, language, axe)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_an_owners_pages_are_usable_by_everybody(
    language: str,
    shop: Tenant,
    customer: UUID,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    now = clock.now()
    made = await identity.new_enrolment_code(shop.owner, user_id=shop.rep.user_id, now=now)
    phone = Enrolment(code=made.code, device_name="赵磊的华为 Mate 60", platform="android")
    device = await identity.enrol(phone, address=customer.hex, now=now)
    new = NewTag(name="重点", meaning="年采购额 50 万以上", colour="violet")
    await customers.create_tag(shop.owner, new, now=now)
    [contact] = (await queries.detail(shop.owner, customer)).contacts
    await let_in(context, site, shop.owner)
    await speak(context, site, language)

    ids = {"id": customer, "contact": contact.id, "device": device.device_id}
    # One company for all of them: to make one takes longer than to look at a page.
    for path in OWNER_PAGES:
        where = path.format(rep=shop.rep.user_id, **ids)
        await look_at(page, where, language, axe)


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PLATFORM_PAGES)
async def test_a_page_of_the_console_is_usable_by_everybody(
    path: str,
    language: str,
    operator: Actor,
    shop: Tenant,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    await stories.admit(shop)
    await let_in(context, site, operator)
    await speak(context, site, language)

    await look_at(page, path, language, axe)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", OPEN_PAGES)
async def test_a_page_for_everybody_is_usable_by_everybody(
    path: str,
    language: str,
    site: Site,
    context: BrowserContext,
    page: Page,
    axe: tuple[str, str],
) -> None:
    await speak(context, site, language)

    await look_at(page, path, language, axe)
