"""The start-up self-check: a database that would not keep tenants apart is not served on."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from server import self_check
from server.app import check, create_app
from server.embedded.command import as_user
from server.identity import keys
from server.kit import db
from server.registrations.service.keeping import KeyChanged
from server.self_check import UnsafeDatabase
from server.settings import Settings
from server.worker import work
from tests.postgres import Postgres

_LENIENT = "tenant_id = (SELECT current_setting('app.tenant_id', true)::uuid)"


@pytest.fixture
async def no_pool(fresh_database: Settings) -> AsyncIterator[Settings]:
    """A database that nobody has opened in this process."""
    held = db.ENGINE.pool
    db.ENGINE.pool = None
    yield fresh_database
    await db.close_database()
    db.ENGINE.pool = held


async def findings(settings: Settings, url: str = "") -> list[str]:
    """Start on this database, or on this address of it, and say why it was refused."""
    await db.open_database(
        msgspec.structs.replace(settings, database_url=url or settings.database_url)
    )
    try:
        await self_check.ensure_safe()
    except UnsafeDatabase as refused:
        return refused.findings
    finally:
        await db.close_database()
    return []


async def as_owner(settings: Settings, *statements: str) -> None:
    """Change the database as a careless owner would."""
    owner = await asyncpg.connect(settings.owner_database_url)
    try:
        for statement in statements:
            await owner.execute(statement)
    finally:
        await owner.close()


@pytest.fixture
async def login(postgres: Postgres, no_pool: Settings) -> AsyncIterator[str]:
    """One more login name, which is dropped again."""
    name = f"careless_{uuid4().hex[:8]}"
    superuser = await asyncpg.connect(postgres.superuser)
    await superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'careless'")
    yield name
    await superuser.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await superuser.close()


async def grant(postgres: Postgres, settings: Settings, name: str, *statements: str) -> str:
    """Give a login what the statements say; give its address."""
    database = database_name(settings)
    superuser = await asyncpg.connect(postgres.superuser_url(database))
    try:
        await superuser.execute(f'GRANT CONNECT ON DATABASE "{database}" TO {name}')
        for statement in statements:
            await superuser.execute(statement.format(name=name))
    finally:
        await superuser.close()
    return as_user(postgres.superuser, name, "careless", database)


def database_name(settings: Settings) -> str:
    """Read the database's name from its address."""
    return settings.database_url.rpartition("/")[2].partition("?")[0]


async def test_the_applications_login_is_safe(no_pool: Settings) -> None:
    assert await findings(no_pool) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_parameter_max_length", "-1"),
        ("log_parameter_max_length_on_error", "64"),
        ("log_error_verbosity", "default"),
        ("log_min_error_statement", "error"),
    ],
)
async def test_a_login_whose_words_would_reach_the_log_is_refused(
    no_pool: Settings, postgres: Postgres, setting: str, value: str
) -> None:
    database = database_name(no_pool)
    superuser = await asyncpg.connect(postgres.superuser_url(database))
    try:
        here = f'ALTER ROLE tonglu_app IN DATABASE "{database}"'
        await superuser.execute(f"{here} SET {setting} = '{value}'")

        (found,) = await findings(no_pool)

        assert found.startswith(
            f"{setting} is {value} for the login tonglu_app: the database's log"
        )
        [advice] = re.findall("`(.*)`", found)
        await superuser.execute(advice.replace("ALTER ROLE tonglu_app", here))
        assert await findings(no_pool) == []
    finally:
        await superuser.close()


async def test_limits_that_a_pooler_takes_away_are_missed(
    no_pool: Settings, postgres: Postgres
) -> None:
    database = database_name(no_pool)
    superuser = await asyncpg.connect(postgres.superuser_url(database))
    await superuser.execute(
        f'ALTER ROLE tonglu_app IN DATABASE "{database}" SET statement_timeout = 0'
    )
    await superuser.close()

    (found,) = await findings(msgspec.structs.replace(no_pool, pooler=True))

    assert "statement_timeout is 0 for the login tonglu_app: nothing ends what hangs" in found


async def test_the_owner_is_refused(no_pool: Settings) -> None:
    assert no_pool.owner_database_url is not None

    found = await findings(no_pool, no_pool.owner_database_url)

    assert len(found) == 1
    assert "tonglu_owner, which owns tables" in found[0]
    assert "Use the login tonglu_app" in found[0]


async def test_the_superuser_is_refused(no_pool: Settings, postgres: Postgres) -> None:
    found = await findings(no_pool, postgres.superuser_url(database_name(no_pool)))

    assert any("superuser" in finding for finding in found)


async def test_a_login_that_bypasses_row_level_security_is_refused(
    no_pool: Settings, postgres: Postgres, login: str
) -> None:
    url = await grant(postgres, no_pool, login, "ALTER ROLE {name} BYPASSRLS")

    found = await findings(no_pool, url)

    assert len(found) == 1
    assert f"{login}, which bypasses row-level security" in found[0]


@pytest.mark.parametrize(
    ("role", "word"),
    [
        ("tonglu_owner", "owns tables"),
        ("tonglu_backup", "bypasses row-level security"),
        ("postgres", "superuser"),
    ],
)
async def test_a_login_that_can_become_such_a_role_is_refused(
    no_pool: Settings, postgres: Postgres, login: str, role: str, word: str
) -> None:
    url = await grant(
        postgres, no_pool, login, "ALTER ROLE {name} NOINHERIT", f"GRANT {role} TO {{name}}"
    )

    found = await findings(no_pool, url)

    assert any(role in finding and word in finding for finding in found)


async def test_an_old_server_is_refused() -> None:
    lists: dict[str, Any] = {"superusers": [], "bypassing": [], "owning": []}

    (finding,) = self_check._about_login({"login": "tonglu_app", "server_version": 14, **lists})

    assert finding == "The server is PostgreSQL 14; use 15 or newer."


async def test_an_empty_database_is_refused(no_pool: Settings, postgres: Postgres) -> None:
    superuser = await asyncpg.connect(postgres.superuser_url(database_name(no_pool)))
    await superuser.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await superuser.execute("GRANT USAGE ON SCHEMA public TO tonglu_app")
    await superuser.close()

    assert await findings(no_pool) == ["The tables are missing; run `tonglu migrate` first."]


@pytest.mark.parametrize(
    ("carelessness", "sentence"),
    [
        ("ALTER TABLE team NO FORCE ROW LEVEL SECURITY", "team lacks forced row-level security"),
        ("ALTER TABLE team DISABLE ROW LEVEL SECURITY", "team lacks forced row-level security"),
        ("DROP POLICY tenant ON team", "team has 0 permissive policies"),
        (
            "CREATE POLICY support ON team FOR SELECT TO tonglu_app USING (true)",
            "team has 2 permissive policies",
        ),
        (
            "ALTER POLICY tenant ON team USING (true)",
            "team has 1 permissive policies, of which one must be",
        ),
        (
            "ALTER POLICY tenant ON team WITH CHECK (true)",
            "team has 1 permissive policies, of which one must be",
        ),
        (
            f"ALTER POLICY tenant ON team USING ({_LENIENT})",
            "team has 1 permissive policies, of which one must be",
        ),
        (
            "CREATE VIEW everybody AS SELECT * FROM team; GRANT SELECT ON everybody TO tonglu_app",
            "everybody is a view",
        ),
        (
            "CREATE TABLE secrets (id int); GRANT SELECT ON secrets TO tonglu_platform",
            "secrets has no tenant_id",
        ),
        (
            "CREATE TABLE visits (tenant_id uuid); GRANT SELECT ON visits TO tonglu_app",
            "visits lacks forced row-level security",
        ),
    ],
)
async def test_a_table_that_is_open_is_refused(
    no_pool: Settings, carelessness: str, sentence: str
) -> None:
    await as_owner(no_pool, carelessness)

    found = await findings(no_pool)

    assert len(found) == 1
    assert sentence in found[0]


async def test_a_narrowing_policy_is_welcome(no_pool: Settings) -> None:
    await as_owner(
        no_pool,
        "CREATE POLICY narrower ON team AS RESTRICTIVE TO tonglu_app USING (name <> 'secret')",
    )

    assert await findings(no_pool) == []


async def test_the_application_does_not_start_on_it(
    no_pool: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await as_owner(no_pool, "ALTER TABLE team NO FORCE ROW LEVEL SECURITY")
    app = create_app(no_pool)

    with pytest.RaisesGroup(UnsafeDatabase, flatten_subgroups=True):
        async with app.lifespan():
            pass

    assert "The table team lacks forced row-level security" in capsys.readouterr().err
    assert db.ENGINE.pool is None


@pytest.fixture
def own_keys(no_pool: Settings) -> Iterator[None]:
    """Let a test open keys of its own."""
    yield
    keys.open_keys(no_pool)


@pytest.mark.usefixtures("own_keys")
async def test_m2_nothing_starts_with_another_key_than_the_registrys(
    no_pool: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret is turned over without harm where the old one stays the registry's."""
    old, new = "o" * 32, "n" * 32

    async def starts(secret: str, opt_out_key: str = "") -> None:
        settings = msgspec.structs.replace(no_pool, secret=secret, opt_out_key=opt_out_key)
        keys.open_keys(settings)
        await check(settings)

    await starts(old)
    await starts(f"{new},{old}")
    with pytest.raises(KeyChanged):
        await starts(new)
    assert "Set TONGLU_OPT_OUT_KEY to what it was." in capsys.readouterr().err
    with pytest.raises(KeyChanged):
        await work(msgspec.structs.replace(no_pool, secret=new))
    await starts(new, opt_out_key=old)
