"""Who may open which page, and whose forms are believed."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from billing.plans.rules.grants import Grant, Source
from partner_portal.live import live_feed
from partner_portal.rendering import local_path
from partner_portal.words import Language, catalogue
from server.access import Actor, Role
from server.access.streams import STREAMS, Bounds
from server.customers import service as customers
from server.customers.schemas import NewCustomer, NewTag
from server.identity import service as identity
from server.identity.schemas import PhoneMaskView
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.imports.schemas import StartImport
from server.kit import clock
from server.pipeline import queries as pipeline
from server.pipeline import service as deal_service
from server.pipeline.schemas import DealFilters, NewOpportunity
from server.plans import service as plans
from server.sales import service as sales
from server.sales.imports.columns import COLUMNS_ZH
from server.sales.schemas import NewPriceBook, NewProduct, SetPrice
from server.settings import Settings
from tests import factories
from tests.factories import NOW, Tenant, login_of
from tests.server.benefits.stories import admit
from tests.server.customers.custom.stories import field
from tests.server.identity.conftest import lock

PASSWORD = "correct horse 1729 staple"

FOR_EVERYBODY = {
    "/",
    "/sign-in",
    "/join",
    "/enrol",
    "/sign-out",
    "/language",
    "/static/{path:path}",
    "/_ui",
}
FOR_ALL_WHO_SIGN_IN = {"/account", "/notifications", "/notifications/setting"}
FOR_AGENTS = {
    "/partnership/exit",
    "/partnership/exit/plan.csv",
    "/visits",
    "/today",
    "/tasks",
    "/tasks/many",
    "/customers",
    "/customers/found",
    "/customers/new",
    "/customers/export.csv",
    "/deals",
    "/deals/list",
    "/deals/forecast",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/sources",
    "/campaigns/terms",
    "/cases/targets",
    "/processes",
    "/processes/new",
    "/processes/built-in",
    "/processes/migration",
    "/quotes",
    "/cases",
    "/registrations",
    "/registrations/check",
    "/registrations/terms",
    "/requests",
    "/quality",
    "/contracts",
    "/contracts/export.csv",
    "/prices/export.csv",
    "/cases/export.csv",
    "/deals/export.csv",
    "/tasks/export.csv",
    "/visits/export.csv",
    "/quotes/export.csv",
    "/contracts/new",
    "/analyses",
    "/prices",
    "/benefits",
    "/benefits/batches",
    "/benefits/new",
    "/benefits/redeem",
    "/plan",
    "/commissions",
    "/commissions/year",
    "/commissions/year.csv",
    "/commissions/year.xlsx",
    "/partnership",
    "/partnership/takeout",
    "/reconciliation",
    "/reconciliation/differences",
    "/reconciliation/files/new",
    "/statements",
    "/platform-reads",
    "/imports",
    "/imports/template.csv",
    "/live",
    "/conflicts",
    "/duplicates",
    "/fields",
    "/fields/new",
    "/objects",
    "/objects/new",
    "/tags",
    "/tags/new",
    "/pools",
    "/leads",
    "/leads/export.csv",
    "/leads/new",
    "/leads/opt-outs",
    "/leads/mine",
    "/people",
    "/people/new",
    "/plays",
    "/plays/new",
    "/plays/clock",
    "/pools/new",
    "/bulk",
    "/bulk/new",
    "/people/teams",
    "/people/rights",
    "/views/new",
    "/devices",
    "/devices/new",
}
FOR_OWNERS = {
    "/partnership/exit",
    "/partnership/takeout",
    "/people/rights",
    "/people/teams",
    "/plan",
    "/commissions",
    "/commissions/year",
    "/commissions/year.csv",
    "/commissions/year.xlsx",
    "/reconciliation",
    "/reconciliation/differences",
    "/reconciliation/files/new",
    "/statements",
}
FOR_MANAGERS = FOR_OWNERS | {
    "/benefits/batches",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/sources",
    "/campaigns/terms",
    "/processes",
    "/processes/new",
    "/processes/built-in",
    "/processes/migration",
    "/analyses",
    "/fields/new",
    "/objects/new",
    "/prices",
    "/customers/export.csv",
    "/contracts/export.csv",
    "/prices/export.csv",
    "/cases/export.csv",
    "/deals/export.csv",
    "/tasks/export.csv",
    "/visits/export.csv",
    "/quotes/export.csv",
    "/partnership",
    "/platform-reads",
    "/imports",
    "/imports/template.csv",
    "/people",
    "/people/new",
    "/plays",
    "/plays/new",
    "/plays/clock",
    "/tasks/many",
    "/pools/new",
    "/leads",
    "/leads/export.csv",
    "/leads/new",
    "/leads/opt-outs",
}
FOR_OPERATORS = {
    *("/console/agents/new", "/console/court", "/console/programs/new", "/console/requests"),
    "/console/rules",
}
FOR_THE_PLATFORM = FOR_OPERATORS | {
    *("/console", "/console/agents", "/console/batches", "/console/issuances"),
    *("/console/accounting", "/console/accounting/chart"),
    *("/console/reviews", "/console/waits", "/console/statements"),
    *("/console/commissions", "/console/commissions/sales", "/console/commissions/meter"),
    *("/console/commissions/plans", "/console/commissions/offers"),
    *("/console/commissions/sheets", "/console/commissions/sheets/new"),
    "/console/commissions/sheets/template.csv",
    *("/console/payouts", "/console/plans", "/console/plans/versions/new"),
    *("/console/reconciliation", "/console/reconciliation/differences"),
    "/console/reconciliation/files/new",
}
FEEDS = {"/live"}
OF_WHO_LEAVES = {"/partnership/exit/plan.csv"}
"""There is none while nobody leaves, for whoever may ask."""


class Browser:
    """A browser without a screen: it keeps cookies and sends forms."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def token(self, path: str) -> str:
        """Read the token that a page's forms carry."""
        page = await self.http.get(path)
        found = re.search(r'name="csrf-token" content="([^"]+)"', page.text)
        assert found, page.text[:400]
        return found[1]

    async def sign_in(self, who: Actor) -> httpx.Response:
        """Sign in through the entrance."""
        form = {"login": login_of(who), "password": PASSWORD}
        form["csrf_token"] = await self.token("/sign-in")
        return await self.http.post("/sign-in", data=form)


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[Browser]:
    """Somebody's browser."""
    transport = httpx.ASGITransport(app=cast("Any", app))
    headers = {"Accept": "text/html", "Accept-Language": "zh-CN"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://tonglu.test", headers=headers
    ) as http:
        yield Browser(http)


@pytest.fixture
async def company(database: Settings, app: Litestar) -> Tenant:
    """An agent company whose manager and rep know their passwords."""
    made = await factories.make_tenant()
    for who in (made.manager, made.rep):
        await factories.join(made.owner, who, PASSWORD)
    return made


@pytest.fixture
async def staff(database: Settings, app: Litestar) -> Actor:
    """One of the platform's staff."""
    person = factories.make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(factories.new_user(person, team_id=None), password=PASSWORD, now=NOW)
    return person


def _pages(app: Litestar) -> set[str]:
    """List the addresses of pages that take no id."""
    return {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute)
        and "GET" in route.methods
        and not route.path_format.startswith(("/v1", "/livez", "/readyz", "/metrics"))
        and "{" not in route.path_format
    }


async def test_every_page_is_in_the_matrix(app: Litestar) -> None:
    inside = FOR_ALL_WHO_SIGN_IN | FOR_AGENTS | FOR_THE_PLATFORM

    assert _pages(app) - FOR_EVERYBODY == inside


@pytest.mark.parametrize("path", sorted(FOR_ALL_WHO_SIGN_IN | FOR_AGENTS | FOR_THE_PLATFORM))
async def test_nobody_gets_in_without_signing_in(path: str, browser: Browser) -> None:
    answer = await browser.http.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_each_role_opens_its_own_pages_and_no_others(
    browser: Browser, company: Tenant, staff: Actor
) -> None:
    seen: dict[str, dict[str, int]] = {}
    for name, who in {"rep": company.rep, "manager": company.manager, "staff": staff}.items():
        browser.http.cookies.clear()
        assert (await browser.sign_in(who)).status_code == 303
        seen[name] = {
            path: (await browser.http.get(path)).status_code
            for path in sorted((FOR_AGENTS | FOR_THE_PLATFORM) - FEEDS - OF_WHO_LEAVES)
        }

    for path in (FOR_AGENTS | FOR_THE_PLATFORM) - FEEDS - OF_WHO_LEAVES:
        for_agents = path in FOR_AGENTS
        for_managers = for_agents and path not in FOR_OWNERS
        assert seen["manager"][path] == (200 if for_managers else 403), path
        for_reps = for_agents and path not in FOR_MANAGERS
        assert seen["rep"][path] == (200 if for_reps else 403), path
        for_finance = not for_agents and path not in FOR_OPERATORS
        assert seen["staff"][path] == (200 if for_finance else 403), path


async def test_s109_an_analyst_begins_at_the_figures_and_is_offered_nothing_else(
    browser: Browser, company: Tenant
) -> None:
    analyst = company.actor(Role.ANALYST)
    await identity.invite(company.owner, factories.new_user(analyst, team_id=None), now=NOW)
    await factories.join(company.owner, analyst, PASSWORD)
    await browser.sign_in(analyst)

    home = await browser.http.get("/", follow_redirects=True)

    offered = set(re.findall(r'<a href="(/[a-z/-]+)"', home.text))
    assert home.url.path == "/analyses"
    assert offered <= {"/analyses", "/account"}
    assert "palette" not in home.text or "/customers" not in home.text


async def test_the_navigation_offers_only_what_opens(browser: Browser, company: Tenant) -> None:
    await browser.sign_in(company.rep)

    page = await browser.http.get("/customers")

    offered = set(re.findall(r'<a href="(/[a-z/-]+)"', page.text.partition("</nav>")[0]))
    everywhere = {"/account"}
    assert offered - everywhere == {
        "/customers",
        "/deals",
        "/quotes",
        "/cases",
        "/registrations",
        "/requests",
        "/contracts",
        "/pools",
        "/today",
        "/tasks",
        "/visits",
        "/notifications",
        "/leads/mine",
        "/benefits",
        "/conflicts",
        "/duplicates",
        "/quality",
        "/tags",
        "/objects",
        "/devices",
    }


async def test_a_rival_finds_nothing_and_learns_nothing(
    browser: Browser, company: Tenant, rival: Tenant
) -> None:
    theirs = await customers.create(rival.rep, NewCustomer(name="对手的客户"), now=NOW)
    await browser.sign_in(company.manager)
    missing = factories.new_id()

    for path in ("/customers/{}", "/customers/{}/edit", "/customers/{}/cells/name"):
        foreign = await browser.http.get(path.format(theirs.id))
        absent = await browser.http.get(path.format(missing))
        assert foreign.status_code == absent.status_code == 404
        assert "对手" not in foreign.text


async def test_s15_a_rep_finds_no_way_to_change_a_tag_of_somebody_else(
    browser: Browser, company: Tenant
) -> None:
    new = NewTag(name="主管的标签", meaning="每周回访")
    theirs = await customers.create_tag(company.manager, new, now=NOW)
    await browser.sign_in(company.rep)

    listed = (await browser.http.get("/tags")).text
    opened = await browser.http.get(f"/tags/{theirs.id}")
    form = {"csrf_token": await browser.token("/tags/new")}
    retired = await browser.http.post(f"/tags/{theirs.id}/removal", data=form)

    assert "主管的标签" in listed
    assert f'href="/tags/{theirs.id}"' not in listed
    assert (opened.status_code, retired.status_code) == (403, 403)


async def test_a_form_without_its_token_changes_nothing(browser: Browser, company: Tenant) -> None:
    await browser.sign_in(company.manager)
    mine = await customers.create(company.manager, NewCustomer(name="我的客户"), now=NOW)

    for sent in ({}, {"csrf_token": "made up"}):
        path = f"/customers/{mine.id}/cells/name"
        answer = await browser.http.post(path, data={"name": "改了", "base": "99", **sent})
        assert answer.status_code == 403

    assert "我的客户" in (await browser.http.get(f"/customers/{mine.id}")).text


async def test_a_form_of_another_site_is_refused_even_with_its_token(
    browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)
    token = await browser.token("/customers")

    answer = await browser.http.post(
        "/customers/new",
        data={"name": "别处来的", "csrf_token": token},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403


async def test_the_entrance_believes_only_its_own_form(browser: Browser, company: Tenant) -> None:
    form = {"login": login_of(company.manager), "password": PASSWORD}

    without = await browser.http.post("/sign-in", data=form)
    elsewhere = await browser.http.post("/sign-in", data={**form, "csrf_token": "made up"})

    assert without.status_code == elsewhere.status_code == 403
    assert "tonglu_session" not in browser.http.cookies


async def test_a_browser_that_was_here_before_is_let_in_though_strangers_guess(
    browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)
    browser.http.cookies.delete("tonglu_session")
    await lock(login_of(company.manager), now=clock.now())

    known = await browser.sign_in(company.manager)
    browser.http.cookies.clear()
    stranger = await browser.sign_in(company.manager)

    assert (known.status_code, stranger.status_code) == (303, 429)


async def test_the_token_of_one_session_is_worth_nothing_in_another(
    browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)
    earlier = await browser.token("/customers")
    browser.http.cookies.clear()
    await browser.sign_in(company.rep)

    answer = await browser.http.post("/customers/new", data={"name": "x", "csrf_token": earlier})

    assert answer.status_code == 403


async def test_a_grant_ends_on_the_page_of_its_own_agent_alone(
    browser: Browser, staff: Actor
) -> None:
    own, other = [await factories.make_tenant() for _ in range(2)]
    for agent in (own, other):
        await admit(agent)
    today = clock.now().date()
    grant = Grant(
        id=factories.new_id(),
        agent_id=own.tenant_id,
        source=Source.PLATFORM,
        feature="priority_support",
        begins_on=today + timedelta(days=2),
    )
    await plans.grant(staff, grant, now=clock.now())
    await browser.sign_in(staff)
    form = {
        "csrf_token": await browser.token("/console/plans"),
        "ends_on": str(today + timedelta(days=9)),
    }

    answers = [
        await browser.http.post(
            f"/console/plans/{agent.tenant_id}/grants/{grant.id}/end", data=form
        )
        for agent in (other, own)
    ]

    assert [each.status_code for each in answers] == [404, 303]


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    browser: Browser, company: Tenant
) -> None:
    answer = await browser.sign_in(company.manager)

    [session] = [
        line for line in answer.headers.get_list("set-cookie") if line.startswith("tonglu_session=")
    ]
    assert "httponly" in session.lower()
    assert "samesite=lax" in session.lower()


async def test_a_page_allows_only_its_own_files_and_its_own_scripts(
    browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)

    first, second = [await browser.http.get("/customers") for _ in range(2)]

    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    [nonce] = re.findall(r"'nonce-([^']+)'", policy)
    assert set(re.findall(r'nonce="([^"]+)"', first.text)) == {nonce}
    assert nonce not in second.text, "a nonce is used once"
    assert " style=" not in first.text
    assert not re.findall(r"<script(?![^>]*nonce=)(?![^>]*application/json)", first.text)
    assert not re.findall(r"\son\w+=", first.text)


async def test_static_files_are_kept_for_ever_and_nothing_else_is_found(browser: Browser) -> None:
    page = await browser.http.get("/sign-in")
    [style] = re.findall(r'href="(/static/app\.[0-9a-f]+\.css)"', page.text)

    kept = await browser.http.get(style)

    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in (
        "/static/app.css",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/css/base.css",
    ):
        assert (await browser.http.get(path)).status_code == 404


async def test_an_unknown_address_is_a_page_for_people_and_a_document_for_programs(
    browser: Browser,
) -> None:
    people = await browser.http.get("/nowhere")
    programs = await browser.http.get("/v1/nowhere")

    assert people.status_code == programs.status_code == 404
    assert "没有找到" in people.text
    assert programs.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("/customers?q=a", "/customers?q=a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nSet-Cookie: x", "/"),
        (None, "/"),
        ("", "/"),
    ],
)
def test_coming_back_stays_inside_the_product(wanted: str | None, kept: str) -> None:
    assert local_path(wanted) == kept


@pytest.mark.parametrize(
    "query",
    ["cursor=nonsense", "q=%00", "owner_id=nobody", "status=odd", "sort=up", "rows=99999999999"],
)
async def test_a_strange_address_is_no_fault_of_ours(
    query: str, browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)

    for path in ("/customers", "/benefits", "/imports", "/platform-reads"):
        assert (await browser.http.get(f"{path}?{query}")).status_code in {200, 422}


def test_both_languages_know_every_role_and_status() -> None:
    for language in Language:
        words = catalogue(language)
        assert all(words.has(f"role.{role}") for role in Role)


async def test_an_address_makes_a_toast_of_ours_and_no_button_to_anywhere(
    browser: Browser, company: Tenant
) -> None:
    await browser.sign_in(company.manager)
    gone = factories.new_id()
    ours, theirs = f"/customers/{gone}/restoration", f"/customers/{gone}/removal"

    for undo, is_offered in ((ours, True), (theirs, False), ("//elsewhere.test/", False)):
        page = await browser.http.get("/customers", params={"said": "removed", "undo": undo})
        toast = page.text.partition('id="toasts"')[2]
        assert "客户已删除" in toast
        assert (f'action="{undo}"' in toast) is is_offered

    page = await browser.http.get("/customers", params={"said": "<b>nothing of ours</b>"})
    assert "nothing of ours" not in page.text.partition('id="toasts"')[2]


async def test_open_pages_of_one_person_are_bounded(company: Tenant, browser: Browser) -> None:
    await browser.sign_in(company.rep)
    held = [STREAMS.open(company.rep, factories.new_id()) for _ in range(Bounds().of_person)]

    answer = await browser.http.get("/live", headers={"Accept": "text/event-stream"})

    assert answer.status_code == 429
    held.clear()


async def test_a_page_that_is_left_makes_room_for_the_next(company: Tenant) -> None:
    browser = msgspec.structs.replace(company.rep, session_id=factories.new_id())

    held = [live_feed.fn(browser) for _ in range(Bounds().of_person + 1)]

    assert len(held) > Bounds().of_person


async def test_a_stream_ends_for_somebody_signed_out(browser: Browser) -> None:
    answer = await browser.http.get("/live", headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.text) == (204, "")


async def test_the_page_of_an_import_speaks_of_what_is_imported(
    browser: Browser, company: Tenant
) -> None:
    boss = company.manager
    book = await sales.add_price_book(boss, NewPriceBook(name="零售"), now=NOW)
    product = await sales.add_product(boss, NewProduct(name="收银机", code="A1"), now=NOW)
    price = SetPrice(list_minor=99_00, floor_minor=80_00)
    await sales.set_price(boss, book.id, product.id, price, now=NOW)
    await browser.sign_in(boss)
    token = await browser.token("/imports?target=prices")
    taken_out = (await browser.http.get("/prices/export.csv")).content

    sent = await browser.http.post(
        "/imports",
        data={"csrf_token": token, "target": "prices"},
        files={"file": ("prices.csv", taken_out, "text/csv")},
    )
    plan = (await browser.http.get(sent.headers["location"])).text

    main = plan.partition('id="plan"')[2].partition("</form>")[0]
    assert "产品编号" in main
    assert "已有的产品" in main
    assert "客户" not in main
    started = await browser.http.post(
        f"{sent.headers['location']}/start",
        data={
            "csrf_token": token,
            "duplicates": "update",
            **{f"column_{at}": name for at, name in enumerate(COLUMNS_ZH)},
        },
    )
    view = (await imports_queries.list_page(boss)).items[0]
    assert await imports.run(boss, view.id, now=NOW)
    done = await browser.http.get(started.headers["location"])
    assert "查看价目表" in done.text
    assert (await imports_queries.one(boss, view.id)).counts.unchanged == 1


async def test_s53_the_page_of_a_deal_that_a_file_brought_in_says_what_nobody_has_shown(
    browser: Browser, company: Tenant
) -> None:
    boss, shop = company.manager, NewCustomer(name="福满楼")
    await customers.create(boss, shop, now=NOW)
    sheet = "客户名称,商机名称,阶段\n福满楼,收银系统,准商机\n".encode()
    await browser.sign_in(boss)
    token = await browser.token("/imports?target=deals")
    sent = await browser.http.post(
        "/imports",
        data={"csrf_token": token, "target": "deals"},
        files={"file": ("商机.csv", sheet, "text/csv")},
    )
    narrow = (await browser.http.get(sent.headers["location"])).text
    assert "请按第一个阶段导入" in narrow
    view = await imports.upload(company.owner, "商机.csv", sheet, target="deals", now=NOW)
    await imports.start(company.owner, view.id, StartImport(), now=NOW)
    assert await imports.run(company.owner, view.id, now=NOW)
    (deal,) = (await pipeline.list_page(boss, DealFilters(), now=NOW)).items

    page = (await browser.http.get(f"/deals/{deal.id}")).text
    listed = (await browser.http.get("/deals/list")).text

    assert "导入到 · 准商机" in page
    assert "导入时跳过 1 步，未经证实" in page
    assert "未经证实：核实联系人和需求" in page
    assert "/imports?target=deals" in listed


async def test_numbers_of_a_deal_that_are_hidden_are_shown_by_the_act_on_its_page(
    browser: Browser, company: Tenant
) -> None:
    rep, boss = company.rep, company.manager
    await identity.set_phone_mask(company.owner, PhoneMaskView(roles=["sales_manager"]), now=NOW)
    phone = await field(company.owner, "phone", "采购电话", subject="opportunity")
    shop = (await customers.create(rep, NewCustomer(name="福满楼"), now=NOW)).id
    deals = [
        (await deal_service.create(rep, new, now=NOW)).id
        for new in (
            NewOpportunity(customer_id=shop, name="一", custom={phone.name: "13911112222"}),
            NewOpportunity(customer_id=shop, name="二"),
        )
    ]
    await browser.sign_in(boss)
    pages = [(await browser.http.get(f"/deals/{deal}")).text for deal in deals]
    act = f'action="/customers/{shop}/reveal"'

    assert ["13911112222" in page for page in pages] == [False, False]
    assert "139****2222" in pages[0]
    assert [act in page for page in pages] == [True, False]
    shown = await browser.http.post(
        f"/customers/{shop}/reveal", data={"csrf_token": await browser.token(f"/deals/{deals[0]}")}
    )
    assert "tel:+8613911112222" in shown.text
