"""`tonglu bootstrap`: the same roles on a PostgreSQL that somebody else runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from server.embedded import Cluster, Tuning
from tests.postgres import environment

FAST = Tuning(durable=False, shared_buffers="16MB", max_connections=20)


@pytest.fixture
def somebodys_server() -> Iterator[Cluster]:
    """A server of somebody else, of which we know the superuser."""
    with TemporaryDirectory(prefix="tonglu-theirs-") as name:
        cluster = Cluster(Path(name) / "postgres", tuning=FAST, environ=environment())
        try:
            with cluster:
                yield cluster
        finally:
            cluster.destroy()


def _bootstrap(server: Cluster, *more: str) -> str:
    return subprocess.check_output(
        [
            *(sys.executable, "-m", "server.cli", "bootstrap"),
            *("--superuser-url", server.superuser_url(), "--database", "crm", *more),
        ],
        env=environment(),
        text=True,
    )


def _addresses(printed: str) -> dict[str, str]:
    lines = [line for line in printed.splitlines() if line.startswith(("DATABASE_URL=", "TONGLU_"))]
    return {name: url for name, _, url in (line.partition("=") for line in lines)}


async def test_the_printed_addresses_open_the_database(somebodys_server: Cluster) -> None:
    _bootstrap(somebodys_server)
    addresses = _addresses(_bootstrap(somebodys_server))

    owner = await asyncpg.connect(addresses["TONGLU_OWNER_DATABASE_URL"])
    await owner.execute("CREATE TABLE made (id uuid PRIMARY KEY)")
    await owner.close()
    app = await asyncpg.connect(addresses["DATABASE_URL"])
    assert await app.fetchval("SELECT current_database()") == "crm"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("SELECT * FROM made")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("CREATE TABLE mine (id uuid PRIMARY KEY)")
    await app.close()


async def test_the_printed_sql_does_the_same(somebodys_server: Cluster) -> None:
    printed = _bootstrap(somebodys_server, "--print-sql")
    script, _, _ = printed.partition("# For serve")
    cluster_wide, _, inside = script.partition("\\connect crm\n")

    superuser = await asyncpg.connect(somebodys_server.superuser_url())
    for statement in cluster_wide.splitlines():
        await superuser.execute(statement)
    await superuser.close()
    in_crm = await asyncpg.connect(somebodys_server.superuser_url("crm"))
    await in_crm.execute(inside)
    await in_crm.close()

    app = await asyncpg.connect(_addresses(printed)["DATABASE_URL"])
    assert await app.fetchval("SELECT current_user") == "tonglu_app"
    await app.close()
