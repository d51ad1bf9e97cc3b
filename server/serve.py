"""`tonglu serve`: the web processes, and first what exists once: database, schema, keys.

On SIGTERM it says "not ready" first, so that a load balancer looks elsewhere, then stops accepting,
finishes what has begun, and closes the database last. A second signal skips the wait.
"""

import asyncio
import contextlib
import gc
import importlib
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from server import self_check, supervisor
from server.kit import memory
from server.settings import from_environment

_FULL: Final = "partner_portal.app:create_app"
_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
_METRICS_FOLDER: Final = "tonglu-metrics-"
_API_ONLY: Final = "server.app:create_app"
_LATE: Final = (
    "anyio._backends._asyncio",
    "cryptography.hazmat.backends.openssl.backend",
    "phonenumbers.data.region_CN",
)
"""What libraries load at the first request: once for all processes, rather than 2.4 MB in each."""


class DrainingServer(MPServer):
    """Granian, which keeps answering for a moment after it was asked to stop."""

    def __init__(self, *, notice_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._notice_s = notice_s
        self._is_draining = False

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Say "not ready", then stop after the notice; at once when asked again."""
        stop: Callable[[], None] = super().signal_handler_interrupt
        if self._is_draining:
            stop()
            return
        self._is_draining = True
        for worker in self.wrks:
            os.kill(worker.inner.pid, signal.SIGUSR1)
        timer = threading.Timer(self._notice_s, stop)
        timer.daemon = True
        timer.start()


class Application:
    """Hands the application to a web process.

    It is created before the processes are forked, so that they share its memory, and so that an
    application which cannot be created, or a database that is not safe to serve on, ends the
    command instead of one process after the other.
    """

    def __init__(self, path: str) -> None:
        # What is loaded and made here stays for good: nothing of it is worth looking for.
        gc.disable()
        for late in _LATE:
            importlib.import_module(late)
        module, _, name = path.partition(":")
        settings = from_environment(os.environ)
        self._app = getattr(importlib.import_module(module), name)(settings)
        # Once here, rather than in each process, and in each that takes another's place.
        try:
            asyncio.run(importlib.import_module("server.app").check(settings))
        except self_check.UnsafeDatabase:
            # It has been said what is wrong.
            sys.exit(1)
        self._app.state.is_checked = True
        self._tie = supervisor.die_with_parent(signal.SIGTERM)
        supervisor.look_for_cycles_seldom()
        self._filling = memory.pack()
        gc.enable()

    def __call__(self) -> Any:
        """Tie the process to its parent and to its signals, and give it the application."""
        self._tie()
        app = self._app

        # Imported here: the metrics look where to write when they are imported.
        live = importlib.import_module("server.kit.live")

        def drain() -> None:
            app.state.drain.begin()
            # Live feeds never end by themselves, and Granian waits for open answers.
            live.HUB.end_subscriptions()

        def on_signal(*_: object) -> None:
            # A signal comes between any two steps, also while a lock is held that draining wants:
            # the loop takes it up once it is free.
            try:
                asyncio.get_running_loop().call_soon_threadsafe(drain)
            except RuntimeError:
                drain()

        signal.signal(signal.SIGUSR1, on_signal)
        return app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8800, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Web processes.")
@click.option("--api-only", is_flag=True, help="Without the pages.")
@click.option("--migrate/--no-migrate", "migrating", default=True, show_default=True)
@click.option("--with-worker", is_flag=True, help="Also do what `tonglu worker` does.")
@click.option(
    "--notice-s", default=0.0, show_default=True, help="Seconds of 503 on /readyz before stopping."
)
def command(
    *,
    host: str,
    port: int,
    workers: int,
    api_only: bool,
    migrating: bool,
    with_worker: bool,
    notice_s: float,
) -> None:
    """Serve the API and the pages.

    Without DATABASE_URL an embedded PostgreSQL in TONGLU_DATA_DIR (default .tonglu) is started and
    stopped with it.
    """
    supervisor.give_memory_back()
    with supervisor.database(os.environ) as environ:
        os.environ |= prepared(environ)
        if migrating:
            _migrate(environ)
        # The web processes never need the owner.
        os.environ.pop("TONGLU_OWNER_DATABASE_URL", None)
        target = _API_ONLY if api_only else _FULL
        server = DrainingServer(
            notice_s=notice_s,
            target=target,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            respawn_failed_workers=True,
            workers_kill_timeout=max(1, int(from_environment(os.environ).drain_s) + 5),
            log_level=LogLevels.warning,
        )
        with metrics_folder():
            if with_worker:
                _put_worker_beside(server)
            server.serve(target_loader=Application(target), wrap_loader=False)


@contextlib.contextmanager
def metrics_folder() -> Iterator[None]:
    """Give the web processes one folder to count in, unless the operator has named one."""
    if os.environ.get(_METRICS):
        yield
        return
    _clear_metrics_of_the_dead(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{_METRICS_FOLDER}{os.getpid()}-") as folder:
        os.environ[_METRICS] = folder
        yield
        del os.environ[_METRICS]


def _clear_metrics_of_the_dead(place: Path) -> None:
    """Remove what servers left that were killed; each folder names its server's process."""
    for folder in place.glob(f"{_METRICS_FOLDER}*"):
        pid = folder.name.removeprefix(_METRICS_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            is_ours = folder.stat().st_uid == os.getuid()
            if is_ours and pid.isdigit() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder)


def prepared(environ: dict[str, str]) -> dict[str, str]:
    """Give every process the same root secret: the operator's, or a generated one."""
    if environ.get("TONGLU_SECRET") or environ.get("TONGLU_ENVIRONMENT") == "production":
        return environ
    file = Path(environ.get("TONGLU_DATA_DIR") or ".tonglu") / "secret"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"secret.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            output.write(secrets.token_urlsafe(48))
        try:
            # A link fails when another process was first; both then use that one.
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return environ | {"TONGLU_SECRET": file.read_text().strip()}


def _migrate(environ: dict[str, str]) -> None:
    """Migrate where the owner's address is given; otherwise that is the operator's own step."""
    owner_url = environ.get("TONGLU_OWNER_DATABASE_URL")
    if not owner_url:
        click.echo(
            "TONGLU_OWNER_DATABASE_URL is not set: migrations are left to `tonglu migrate`.",
            err=True,
        )
        return
    # In a process of its own: what Piccolo needs for it would be 20 MiB of this one for good.
    migrating = multiprocessing.get_context("fork").Process(
        target=_run_migrations, args=(owner_url, supervisor.die_with_parent())
    )
    migrating.start()
    migrating.join()
    if migrating.exitcode:
        sys.exit(migrating.exitcode)


def _run_migrations(owner_url: str, tie: Callable[[], None]) -> None:
    """Migrate in the forked process, and say what was run."""
    tie()
    from server import migrate  # noqa: PLC0415 - what is kept out of the parent

    for line in migrate.report(asyncio.run(migrate.migrate(owner_url))):
        click.echo(line, err=True)


def _put_worker_beside(server: DrainingServer) -> None:
    """Start a worker with the web processes, and stop it after them."""
    worker = importlib.import_module("server.worker").Beside(from_environment(os.environ))
    server.on_startup(worker.start)
    server.on_shutdown(worker.stop)
