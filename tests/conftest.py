"""Fixtures: one PostgreSQL a run, one database a process, and every test is a tenant."""

import asyncio
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as laws
from litestar import Litestar

from server.identity import keys
from server.kit import db, logs
from server.settings import Environment, Settings
from server.worker import collect_handlers
from tests import factories, postgres
from tests.factories import Tenant
from tests.postgres import Postgres, opened

# Laws are judged by what happens and not by how long it takes on a busy machine.
laws.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
laws.load_profile("busy machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, so that the second dialect runs just that."""
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.database)


def pytest_report_header() -> str:
    """Say which PostgreSQL is tested on."""
    return f"postgresql: {postgres.wanted().partition('://')[0]}"


@pytest.fixture(scope="session", name="postgres")
def _postgres() -> Iterator[Postgres]:
    """A PostgreSQL server with the migrated template."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
async def settings(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """The settings of this process's own database, cloned from the template."""
    name = f"test_{os.getpid()}"
    await postgres.clone(name)
    yield make_settings(postgres, name, tmp_path_factory.mktemp("data"))
    await postgres.drop(name)


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Settings]:
    """The database, open for the doors of server.kit.db on the loop of the tests."""
    # What rooms register with lower ones is there from the start, as in every server process.
    collect_handlers()
    keys.open_keys(settings)
    await db.open_database(settings)
    yield settings
    await db.close_database()


@pytest.fixture(scope="session")
async def loop(database: Settings) -> asyncio.AbstractEventLoop:
    """The loop that the database is open on, for tests that step through it by themselves."""
    del database
    return asyncio.get_running_loop()


@pytest.fixture
def no_database() -> Iterator[None]:
    """Nothing is open in this process, for tests of commands that open a database themselves."""
    pool, db.ENGINE.pool = db.ENGINE.pool, None
    yield
    db.ENGINE.pool = pool


@pytest.fixture
async def fresh_database(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Settings]:
    """A database for this test alone; nobody has opened it."""
    name = f"test_{os.getpid()}_{uuid4().hex[:8]}"
    await postgres.clone(name)
    yield make_settings(postgres, name, tmp_path)
    await postgres.drop(name)


@pytest.fixture(scope="module")
async def own_books(
    postgres: Postgres, database: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """A database that one file's tests have for themselves: periods and blocks are everybody's."""
    name = f"test_{os.getpid()}_{uuid4().hex[:8]}"
    await postgres.clone(name)
    own = make_settings(postgres, name, tmp_path_factory.mktemp("books"))
    async with opened(own):
        yield own
    await postgres.drop(name)


def make_settings(postgres: Postgres, name: str, data_dir: Path) -> Settings:
    """Write the settings of a test's application on a database of the run."""
    return Settings(
        database_url=postgres.app_url(name),
        owner_database_url=postgres.owner_url(name),
        environment=Environment.TEST,
        data_dir=data_dir,
        public_url="http://tonglu.test",
        secret="a-secret-of-the-tests-that-is-long-enough",
        log_level="WARNING",
        drain_s=1.0,
        # How quick the machine is must not decide a test; the limits have tests of their own.
        user_rate_per_s=100_000,
        tenant_rate_per_s=100_000,
    )


@pytest.fixture(autouse=True)
def _logs_reach_the_terminal() -> None:
    """Send logs to a stream that outlives the test; one test's capture is closed with it."""
    logs.configure(level="WARNING", stream=sys.__stdout__)


# One module's: other modules start applications of their own, and a process has one hub.
@pytest.fixture(scope="module")
async def app(database: Settings) -> AsyncIterator[Litestar]:
    """The whole application, pages on top of the API, started on the loop of the tests."""
    pages = importlib.util.find_spec("partner_portal.app") is not None
    module = importlib.import_module("partner_portal.app" if pages else "server.app")
    made: Litestar = module.create_app(database)
    # The application opens the database itself, as in production; from here on it is the one in
    # use.
    await db.close_database()
    try:
        async with living(made):
            yield made
    finally:
        if db.ENGINE.pool is None:
            await db.open_database(database)


@contextlib.asynccontextmanager
async def living(made: Litestar) -> AsyncIterator[None]:
    """Run an application in one task; a fixture begins and ends in two."""
    is_up, is_over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with made.lifespan():
            is_up.set()
            await is_over.wait()

    life = asyncio.create_task(live())
    rising = asyncio.create_task(is_up.wait())
    await asyncio.wait([life, rising], return_when=asyncio.FIRST_COMPLETED)
    rising.cancel()
    if life.done():
        await life
    yield
    is_over.set()
    await life


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A browser or a device without a session. Streams need a real server."""
    transport = httpx.ASGITransport(app=cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as http:
        yield http


@pytest.fixture
async def tenant(database: Settings) -> Tenant:
    """An agent company of this test's own."""
    return await factories.make_tenant()


@pytest.fixture
async def rival(database: Settings) -> Tenant:
    """Another agent company, which must not see anything of the first."""
    return await factories.make_tenant()
