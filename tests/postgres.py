"""The PostgreSQL of a test run: a copy of a prepared cluster, cloned from one template.

`TONGLU_TEST_PG` selects: `embedded` (the default), `debian15`, or a superuser's address of a server
to test on. The prepared cluster, with the real migrations applied, is kept in `.tonglu/test-cache`
under a hash of what made it.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
import psutil

from server.embedded import Cluster, Passwords, Tuning, roles
from server.embedded.binaries import find
from server.embedded.command import as_user, in_database
from server.kit import db
from server.settings import Settings

ROOT: Final = Path(__file__).parent.parent
_CACHE: Final = ROOT / ".tonglu" / "test-cache"
_KEPT: Final = 4
_PREFIX: Final = "tonglu-test-"
_MADE_BY: Final = (
    "server/**/piccolo_migrations/*.py",
    "server/embedded/*.py",
    "server/migrate.py",
    "server/piccolo_conf.py",
    "server/kit/schema.py",
    "billing/**/*.py",
)
_CARELESS: Final = Tuning(durable=False, shared_buffers="64MB")


class Postgres(msgspec.Struct, frozen=True):
    """A server to test on, and the name of the migrated template in it."""

    superuser: str
    """A superuser's address."""
    passwords: Passwords
    template: str

    def superuser_url(self, database: str) -> str:
        """Write a superuser's address, to look at the catalogue or to break things."""
        return in_database(self.superuser, database)

    def owner_url(self, database: str) -> str:
        """Write the owner's address of a database."""
        return as_user(self.superuser, "tonglu_owner", self.passwords.owner, database)

    def app_url(self, database: str) -> str:
        """Write the application's address of a database."""
        return as_user(self.superuser, "tonglu_app", self.passwords.app, database)

    async def clone(self, name: str) -> None:
        """Make a database from the template, with the same entry rights."""
        superuser = await asyncpg.connect(self.superuser)
        try:
            await superuser.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await superuser.execute(
                f'CREATE DATABASE "{name}" OWNER tonglu_owner '
                f'TEMPLATE "{self.template}" STRATEGY file_copy'
            )
        finally:
            await superuser.close()
        inside = await asyncpg.connect(self.superuser_url(name))
        try:
            for statement in roles.database_statements(name):
                await inside.execute(statement)
        finally:
            await inside.close()

    async def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        superuser = await asyncpg.connect(self.superuser)
        try:
            await superuser.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await superuser.close()


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """Open another database for the doors of server.kit.db, instead of the run's own."""
    pool, db.ENGINE.pool = db.ENGINE.pool, None
    try:
        await db.open_database(settings)
        yield
    finally:
        await db.close_database()
        db.ENGINE.pool = pool


def environment() -> dict[str, str]:
    """Give the environment in which the wanted PostgreSQL is found, and no operator's database."""
    hidden = {"DATABASE_URL", "TONGLU_OWNER_DATABASE_URL", "TONGLU_DATA_DIR"}
    environ = {name: value for name, value in os.environ.items() if name not in hidden}
    if wanted() == "debian15":
        environ["TONGLU_PG_BIN"] = "/usr/lib/postgresql/15/bin"
    return environ


def wanted() -> str:
    """Say which PostgreSQL the run is for."""
    return os.environ.get("TONGLU_TEST_PG") or "embedded"


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Run a cluster for this test run, or use the given server."""
    if "://" in wanted():
        yield _on_given_server(wanted())
        return
    prepared = _prepared_cluster()
    _sweep_killed_runs()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    shutil.copytree(prepared, folder, symlinks=True, dirs_exist_ok=True)
    cluster = Cluster(folder, tuning=_CARELESS, environ=environment())
    try:
        with cluster:
            yield Postgres(cluster.superuser_url(), cluster.passwords, roles.DATABASE)
    finally:
        cluster.destroy()


def _sweep_killed_runs() -> None:
    """Remove the copies of runs that were killed before they could do so."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _prepared_cluster() -> Path:
    """Give the folder of a stopped, migrated cluster; make it when code changed."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    folder = _CACHE / _fingerprint()
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            folder.touch()
            return folder
        making = _CACHE / "making"
        shutil.rmtree(making, ignore_errors=True)
        with Cluster(making, tuning=_CARELESS, environ=environment()) as cluster:
            _migrate(cluster.owner_url())
        making.rename(folder)
        _forget_old()
    return folder


def _migrate(owner_url: str) -> None:
    """Run the real command."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "migrate"],
        env=environment() | {"TONGLU_OWNER_DATABASE_URL": owner_url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"tonglu migrate failed:\n{done.stdout}{done.stderr}")


def _fingerprint() -> str:
    """Hash what the template depends on."""
    digest = hashlib.sha256(find(environment()).version.encode())
    files = {file for pattern in _MADE_BY for file in ROOT.glob(pattern)}
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _forget_old() -> None:
    """Keep the templates that were used last."""
    folders = [folder for folder in _CACHE.iterdir() if folder.is_dir()]
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def _on_given_server(superuser_url: str) -> Postgres:
    """Prepare roles and a template on a server that somebody else runs."""
    passwords = Passwords.generated()
    template = f"tonglu_test_{_fingerprint()}"
    subprocess.run(
        [
            *(sys.executable, "-m", "server.cli", "bootstrap"),
            *("--superuser-url", superuser_url, "--database", template),
        ],
        env=environment()
        | {"TONGLU_OWNER_PASSWORD": passwords.owner, "TONGLU_APP_PASSWORD": passwords.app},
        capture_output=True,
        check=True,
    )
    _migrate(as_user(superuser_url, "tonglu_owner", passwords.owner, template))
    return Postgres(superuser_url, passwords, template)
