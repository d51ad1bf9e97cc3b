"""A real browser on the real server: `tonglu serve` on the database of the run, and Chromium.

Playwright's asynchronous API shares the loop of the tests; the server is a process of its own.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from server.access import Actor, Role
from server.identity import keys
from server.identity import service as identity
from server.settings import Settings, to_environment
from server.tenants import service as tenants
from tests import factories
from tests.factories import NOW, Tenant
from tests.partner_portal.browser.stage import ARGUMENTS, PASSWORD, Site, watch
from world import processes

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, and let each story take the time that a browser needs."""
    for item in items:
        if "partner_portal/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def site(database: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product, served on a port of its own."""
    with served(database, tmp_path_factory.mktemp("site")) as site:
        yield site


@contextmanager
def served(database: Settings, folder: Path) -> Iterator[Site]:
    """Serve the product on a database, as long as somebody looks at it."""
    url = f"http://127.0.0.1:{processes.free_port()}"
    settings = msgspec.structs.replace(database, public_url=url, owner_database_url=None)
    keys.open_keys(settings)
    own = {name: value for name, value in os.environ.items() if not name.startswith("TONGLU_")}
    arguments = ["serve", "--port", url.rpartition(":")[2], "--workers", "1", "--no-migrate"]
    with processes.tonglu(
        "server", arguments, environ=own | to_environment(settings), log=folder / "server.log"
    ) as server:
        processes.wait_until_ready(server, url)
        yield Site(url)
    # The keys name the address of the server; the other tests of this process have another.
    keys.open_keys(database)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def shop(database: Settings, site: Site) -> Tenant:
    """An agent company whose people can sign in."""
    tenant_id, team_id = factories.new_id(), factories.new_id()
    name = f"恒信数码 {tenant_id.hex[-4:]}"
    await tenants.provision(tenant_id, name=name, short_name="恒信", city="苏州", now=NOW)
    people = [
        factories.make_actor(tenant_id, role, team_id=team_id)
        for role in (Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP)
    ]
    owner, manager, rep = (
        msgspec.structs.replace(person, name=name)
        for person, name in zip(people, ("林知远", "李敏", "赵磊"), strict=True)
    )
    first, *others = [
        factories.new_user(person, team_id=team_id) for person in (owner, manager, rep)
    ]
    await identity.found_company(tenant_id, team_id, first, team_name="一队", now=NOW)
    await asyncio.gather(*(identity.invite(owner, new, now=NOW) for new in others))
    await asyncio.gather(
        factories.join(factories.make_platform_actor(), owner, PASSWORD),
        *(factories.join(owner, person, PASSWORD) for person in (manager, rep)),
    )
    return Tenant(tenant_id, name, team_id, owner, manager, rep)


@pytest.fixture
async def operator(database: Settings, site: Site) -> Actor:
    """One of the platform's staff who can sign in."""
    staff = factories.make_platform_actor()
    new = factories.new_user(staff, team_id=None)
    await identity.add_staff(new, password=PASSWORD, now=NOW)
    return staff


@pytest.fixture
async def context(browser: Browser, site: Site) -> AsyncIterator[BrowserContext]:
    """A browser of this story's own, in Chinese and by day."""
    made = await browser.new_context(
        base_url=site.url,
        locale="zh-CN",
        color_scheme="light",
        viewport={"width": 1440, "height": 900},
    )
    made.set_default_timeout(15_000)
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab; what it complains of in its console fails the story."""
    page = await context.new_page()
    complaints = watch(page)
    yield page
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> tuple[str, str]:
    """The accessibility checker, and its Chinese words."""
    folder = next(Path(__file__).parent.glob("vendor/axe-core@*"))
    return (
        (folder / "axe.min.js").read_text(encoding="utf-8"),
        (folder / "zh_CN.json").read_text(encoding="utf-8"),
    )
