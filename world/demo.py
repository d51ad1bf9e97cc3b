"""`tonglu demo`: the whole product on this machine, with people and customers to look at.

Database, schema, server, worker, demo data; then the addresses and the logins. Everything may be
started again at any time: what is there stays, what is missing is made.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import click
from msgspec import structs

from partner_portal.words import Language, catalogue
from server import migrate, serve, supervisor
from server.embedded import Cluster
from server.settings import from_environment
from world import channel, people, populate, processes
from world.model import Person, World
from world.processes import ProcessFailed, Running
from world.terminal import Paint, table

SEED: Final = 20261101
"""The demo's world; its people keep their names from one start to the next."""
PASSWORD: Final = "walk-the-same-road"
"""Everybody's password in the demo."""

_LANGUAGES: Final = (Language.ENGLISH, Language.CHINESE)
_SEE_FIGURES: Final = ("platform_operator", "platform_finance", "analyst")
_LOCK: Final = "demo.lock"
_OWN_FILES: Final = (
    _LOCK,
    *("secret", "identity.secret", "server.log", "worker.log", "devices", "attachments"),
    *("acknowledged.json", "acknowledged.json.lock"),
)
_LOOK_S: Final = 0.2


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8800, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Web processes.")
@click.option("--reset", is_flag=True, help="Delete the demo's data and end.")
def command(*, host: str, port: int, workers: int, reset: bool) -> None:
    """Run the product with demo data until Ctrl-C.

    PostgreSQL is embedded and keeps its data in TONGLU_DATA_DIR (default .tonglu); DATABASE_URL
    and TONGLU_OWNER_DATABASE_URL choose another one.
    """
    folder = Path(os.environ.get("TONGLU_DATA_DIR") or ".tonglu").absolute()
    if reset:
        _reset(folder, os.environ)
        click.echo(f"The demo's data in {folder} are deleted.")
        return
    if not processes.is_port_free(port):
        raise click.ClickException(f"Port {port} is in use; choose another with --port.")
    # An operator's SIGTERM ends everything as orderly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell that starts us in the background leaves Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _run(folder, host=host, port=port, workers=workers)
    except ProcessFailed as error:
        raise click.ClickException(str(error)) from error


def _run(folder: Path, *, host: str, port: int, workers: int) -> None:
    """Start everything, show where it is, and wait for Ctrl-C."""
    started = time.monotonic()
    url = f"http://{host}:{port}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        _alone(folder),
        supervisor.database(os.environ | {"TONGLU_DATA_DIR": str(folder)}) as found,
    ):
        environ = serve.prepared({"TONGLU_PUBLIC_URL": url, **found})
        _migrate(environ)
        options = ["--host", host, "--port", str(port), "--workers", str(workers)]
        with _serving(environ, folder, options, url) as server:
            world = with_checker(channel.from_seed(SEED))
            settings = from_environment(environ)
            click.echo(f"The product runs at {url}. Data that are missing are made now ...")
            seeding = populate.ensure(
                world, url=url, settings=settings, password=PASSWORD, folder=folder / "devices"
            )
            was_made = asyncio.run(seeding)
            with _working(environ, folder) as worker:
                for line in welcome(world, url, Paint()):
                    click.echo(line)
                click.echo(
                    f"\nReady after {time.monotonic() - started:.1f} s"
                    f" ({'demo data made' if was_made else 'demo data were there'})."
                    f" Data and logs: {folder}\nCtrl-C stops everything."
                )
                _wait(server, worker)
    click.echo("\nStopped. The data stay; `tonglu demo --reset` deletes them.")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others off these data for this block: with the first demo their database ends.

    :raises click.ClickException: another demo runs on them.
    """
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.ClickException(
                f"A demo runs on the data in {folder} already: use that one, stop it (Ctrl-C"
                " there), or set TONGLU_DATA_DIR to another folder."
            ) from error
        yield


def _migrate(environ: Mapping[str, str]) -> None:
    """Bring the schema up to date where the owner's address is known."""
    owner_url = environ.get("TONGLU_OWNER_DATABASE_URL")
    if owner_url:
        asyncio.run(migrate.migrate(owner_url))


@contextlib.contextmanager
def _serving(
    environ: Mapping[str, str], folder: Path, options: list[str], url: str
) -> Iterator[Running]:
    """Run the web processes for this block."""
    serving = ["serve", *options, "--no-migrate"]
    log = folder / "server.log"
    with processes.tonglu("server", serving, environ=_as_app(environ), log=log) as server:
        processes.wait_until_ready(server, url)
        yield server


def _working(environ: Mapping[str, str], folder: Path) -> AbstractContextManager[Running]:
    """Run the worker for a block; it begins once the past is made, and has nothing to make up."""
    log = folder / "worker.log"
    return processes.tonglu("worker", ["worker"], environ=_as_app(environ), log=log)


def _as_app(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out the owner of the tables, whom no process of the product knows."""
    return {name: value for name, value in environ.items() if name != "TONGLU_OWNER_DATABASE_URL"}


def _wait(*running: Running) -> None:
    """Wait for Ctrl-C; a process that ends by itself ends the demo.

    :raises ProcessFailed: with the end of its log.
    """
    try:
        while True:
            for each in running:
                each.ensure_alive()
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        # Stopping has begun; a second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def with_checker(world: World) -> World:
    """Add finance's second person: what the first one makes, somebody else lets go."""
    platform = world.platform
    staff = (*platform.staff, people.checker_of(platform))
    return structs.replace(world, platform=structs.replace(platform, staff=staff))


def welcome(world: World, url: str, paint: Paint) -> list[str]:
    """Say where the product is and who may sign in."""
    rows = [[*_row(person, world.platform.name)] for person in world.platform.staff]
    for agent in world.agents:
        some = (*agent.managers()[:1], *agent.reps()[:2])
        shown = (agent.owner, *some, people.analyst_of(agent))
        rows += [_row(person, agent.short_name) for person in shown]
    return [
        "",
        f"{paint.bold('Tonglu 同路')}  {url}",
        f"{paint.dim('API')}          {url}/v1/openapi.json",
        f"{paint.dim('password')}     {PASSWORD}  (everybody's)",
        "",
        *table(("login", "name", "role", "company", "sees"), rows, paint),
    ]


def _row(person: Person, company: str) -> list[str]:
    """Show a person's login."""
    sees = "aggregates" if person.role in _SEE_FIGURES else person.scope
    role = " ".join(catalogue(each).say(f"role.{person.role}") for each in _LANGUAGES)
    return [person.login, person.name, role, company, sees]


def _reset(folder: Path, environ: Mapping[str, str]) -> None:
    """Delete the embedded database and what the demo keeps beside it."""
    if environ.get("DATABASE_URL"):
        raise click.ClickException(
            "DATABASE_URL names a database that the demo did not make; drop it yourself."
        )
    cluster = Cluster(folder / "postgres", environ=environ)
    if (folder / "postgres").exists():
        cluster.start()
        if not cluster.is_owner:
            raise click.ClickException("The demo is running; stop it first (Ctrl-C there).")
        cluster.destroy()
    for name in _OWN_FILES:
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
