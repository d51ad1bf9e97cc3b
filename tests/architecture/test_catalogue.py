"""The database's own catalogue says that tenants are apart."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from piccolo.table import Table

from server.piccolo_conf import APP_REGISTRY
from server.settings import Settings
from tests.architecture import catalogue
from tests.architecture.catalogue import Connection
from tests.postgres import Postgres


@pytest.fixture
async def as_superuser(postgres: Postgres, settings: Settings) -> AsyncIterator[Connection]:
    """A superuser's look at the migrated database."""
    looking = await asyncpg.connect(postgres.superuser_url(_name(settings)))
    yield looking
    await looking.close()


async def test_every_tenant_table_is_protected(as_superuser: Connection) -> None:
    assert await catalogue.wrong_tenant_tables(as_superuser) == []


async def test_global_tables_are_granted_as_listed(as_superuser: Connection) -> None:
    assert await catalogue.wrong_global_tables(as_superuser) == []


async def test_there_are_no_views_definers_enums_or_sequences(
    as_superuser: Connection,
) -> None:
    assert await catalogue.forbidden_objects(as_superuser) == []


async def test_application_roles_own_nothing_and_bypass_nothing(as_superuser: Connection) -> None:
    assert await catalogue.wrong_roles(as_superuser) == []


async def test_table_classes_say_what_the_tables_are(as_superuser: Connection) -> None:
    assert await catalogue.wrong_table_classes(as_superuser, _classes()) == []


@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        ("CREATE TABLE leak (id uuid PRIMARY KEY)", "leak: has no tenant_id"),
        ("CREATE TABLE leak (tenant_id uuid PRIMARY KEY)", "leak: lacks forced row-level security"),
        ("ALTER TABLE team NO FORCE ROW LEVEL SECURITY", "team: lacks forced row-level security"),
        ("CREATE POLICY open ON team USING (true)", "team: has 2 permissive policies"),
        ("ALTER POLICY tenant ON team USING (true)", "team: policy tenant is not the one policy"),
        ("CREATE UNIQUE INDEX by_name ON team (name)", "team: key by_name begins with name"),
        ("GRANT SELECT ON team TO tonglu_platform", "team: is granted to tonglu_platform"),
        ("GRANT SELECT (name) ON team TO PUBLIC", "team: is granted to PUBLIC"),
        ("CREATE VIEW peek AS SELECT * FROM team", "view peek"),
        ("CREATE TYPE mood AS ENUM ('good')", "enum mood"),
        ("GRANT DELETE ON outbox TO tonglu_app", "outbox: is granted"),
        ("GRANT tonglu_backup TO tonglu_app", "tonglu_app: is_more"),
        ("ALTER TABLE team ADD extra text", "team.extra: is text NULL, the class says None"),
    ],
)
async def test_the_catalogue_tests_see_harm(
    postgres: Postgres, fresh_database: Settings, harm: str, finding: str
) -> None:
    harmed = await asyncpg.connect(postgres.superuser_url(_name(fresh_database)))
    try:
        async with harmed.transaction():
            await harmed.execute(harm)
            found = [
                *await catalogue.wrong_tenant_tables(harmed),
                *await catalogue.wrong_global_tables(harmed),
                *await catalogue.forbidden_objects(harmed),
                *await catalogue.wrong_roles(harmed),
                *await catalogue.wrong_table_classes(harmed, _classes()),
            ]
            # Roles are the whole cluster's: nothing of this is kept.
            await harmed.execute("ROLLBACK; BEGIN")
    finally:
        await harmed.close()

    assert any(line.startswith(finding) for line in found), found


def _classes() -> list[type[Table]]:
    """Give the Table classes of every room."""
    return [one for app in APP_REGISTRY.app_configs.values() for one in app.table_classes]


def _name(settings: Settings) -> str:
    """Read the database's name from its address."""
    return urlsplit(settings.database_url).path.lstrip("/")
