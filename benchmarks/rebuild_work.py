"""M14: a takeout rebuilds its company in a fresh install, the same row by row; beside bare SQL."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import msgspec

from benchmarks import channel
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from server.access import Actor
from server.embedded import roles
from server.kit import clock, db
from server.takeout import service as takeout
from server.takeout.rules import Manifest

_RUNS: Final = 3
_EMPTY: Final = "tonglu_empty"
_FRESH: Final = "tonglu_fresh"
_COPY: Final = f"CREATE DATABASE {_FRESH} OWNER tonglu_owner TEMPLATE {_EMPTY}"
_DROP: Final = f"DROP DATABASE IF EXISTS {_FRESH} WITH (FORCE)"
_ROWS: Final = "SELECT to_jsonb(c)::text FROM customer c WHERE tenant_id = $1"
_ALIKE: Final = "CREATE TEMPORARY TABLE written (LIKE customer INCLUDING ALL)"
_WRITE: Final = """
INSERT INTO written SELECT * FROM jsonb_populate_recordset(NULL::customer, $1::jsonb)
"""


class NotTheSame(Exception):
    """What was rebuilt is not what was taken out."""


async def measure(machine: Machine, owner: Actor, told: str) -> list[Figure]:
    """Take a company out, rebuild it in fresh installs, and take it out of each once more.

    :param told: what is said of its size.
    :raises NotTheSame: a count or a digest differs.
    """
    await _make_empty(machine)
    with TemporaryDirectory(prefix="tonglu-rebuild-") as folder:
        file, again = Path(folder) / "mine.zip", Path(folder) / "again.zip"
        first = await takeout.pack(owner, file, now=clock.now())
        rebuilt = []
        for _ in range(_RUNS):
            async with _install(machine):
                begun = time.perf_counter()
                await takeout.rebuild(file, now=clock.now())
                rebuilt.append(time.perf_counter() - begun)
                _ensure_same(first, await takeout.pack(owner, again, now=clock.now()))
    rows = sum(each.rows for each in first.tables)
    return [
        Figure(
            goal="M14",
            what=f"rebuilt in a fresh install and proven: {told}, {rows:,} rows; beside writing "
            "the customers",
            unit="s",
            ours=Spread.of(rebuilt),
            floor=Spread.of([await _write(machine, owner) for _ in range(_RUNS)]),
        )
    ]


def _ensure_same(told: Manifest, found: Manifest) -> None:
    """Compare counts and digests of every table and content.

    :raises NotTheSame: one differs.
    """
    if (told.tables, told.contents) != (found.tables, found.contents):
        kept = {*found.tables, *found.contents}
        differ = [each.path for each in (*told.tables, *told.contents) if each not in kept]
        raise NotTheSame(", ".join(differ))


async def _make_empty(machine: Machine) -> None:
    """Make a migrated database that is copied for each fresh install."""
    cluster = machine.cluster
    superuser = await asyncpg.connect(cluster.superuser_url())
    await superuser.execute(roles.create_database_statement(_EMPTY))
    await superuser.close()
    await _let_in(machine, _EMPTY)
    environ = {**os.environ, "TONGLU_OWNER_DATABASE_URL": cluster.owner_url(_EMPTY)}
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "server.cli", "migrate"],
        env=environ,
        stdout=sys.stderr,
        check=True,
    )


async def _let_in(machine: Machine, database: str) -> None:
    """Say who may enter a database."""
    inside = await asyncpg.connect(machine.cluster.superuser_url(database))
    for statement in roles.database_statements(database):
        await inside.execute(statement)
    await inside.close()


@asynccontextmanager
async def _install(machine: Machine) -> AsyncIterator[None]:
    """Be in a fresh install for a while."""
    superuser = await asyncpg.connect(machine.cluster.superuser_url())
    await superuser.execute(_COPY)
    await _let_in(machine, _FRESH)
    settings = msgspec.structs.replace(
        channel.settings_of(machine), database_url=machine.cluster.app_url(_FRESH)
    )
    was_open, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(settings)
    try:
        yield
    finally:
        await db.close_database()
        db.ENGINE.pool = was_open
        await superuser.execute(_DROP)
        await superuser.close()


async def _write(machine: Machine, owner: Actor) -> float:
    """Write the same customers by one bare statement, which rebuilding does at the least."""
    superuser = await asyncpg.connect(machine.product_url)
    try:
        rows = await superuser.fetch(_ROWS, owner.tenant_id)
        await superuser.execute(_ALIKE)
        text = f"[{','.join(row[0] for row in rows)}]"
        begun = time.perf_counter()
        await superuser.execute(_WRITE, text)
        return time.perf_counter() - begun
    finally:
        await superuser.close()
