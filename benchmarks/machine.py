"""A throwaway machine: one durable PostgreSQL, the product and the floor served side by side."""

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import msgspec

from server import supervisor
from server.embedded import Cluster, roles
from world import processes
from world.processes import Running

WORKERS: Final = 2
_FLOOR: Final = "floor"
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0


class Machine(msgspec.Struct, frozen=True):
    """What runs, and where it answers."""

    tonglu_url: str
    floor_url: str
    server: Running
    worker: Running
    floor: Running
    cluster: Cluster
    cold_start_s: float
    """From starting the product's process to its first ready answer, on a migrated database."""
    floor_start_s: float
    folder: Path

    @property
    def superuser_url(self) -> str:
        """Give the address for raw bounds, on the floor's database."""
        return self.cluster.superuser_url(_FLOOR)

    @property
    def product_url(self) -> str:
        """Give the superuser's address of the product's database: for raw bounds of its rows."""
        return self.cluster.superuser_url(roles.DATABASE)

    @property
    def database_log(self) -> Path:
        """Give what PostgreSQL writes down."""
        return self.folder / "postgres" / "postgres.log"

    @property
    def database_pid(self) -> int:
        """Give the process that all of PostgreSQL's processes descend from."""
        written = next(self.folder.joinpath("postgres").rglob("postmaster.pid"))
        return int(written.read_text().split()[0])


def described() -> dict[str, str]:
    """Say what this machine is, as far as it changes the figures."""
    return {
        "cores": str(os.cpu_count()),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Machine]:
    """Start everything for this block, with a database that loses nothing."""
    with Cluster(folder / "postgres") as cluster, contextlib.ExitStack() as stack:
        environ = processes.own_environment(
            folder,
            DATABASE_URL=cluster.app_url(),
            TONGLU_OWNER_DATABASE_URL=cluster.owner_url(),
            # The work of a whole channel comes from one machine here.
            TONGLU_USER_RATE_PER_S="100000",
            TONGLU_TENANT_RATE_PER_S="100000",
            TONGLU_LOG_LEVEL="WARNING",
        )
        _compile(folder, environ)
        _command(["migrate"], environ)
        port = processes.free_port()
        url = f"http://127.0.0.1:{port}"
        environ["TONGLU_PUBLIC_URL"] = url
        started = time.perf_counter()
        server = stack.enter_context(
            processes.tonglu(
                "server",
                ["serve", "--port", str(port), "--workers", str(WORKERS), "--no-migrate"],
                environ=environ,
                log=folder / "server.log",
            )
        )
        processes.wait_until_ready(server, url)
        cold_start_s = time.perf_counter() - started
        # Started by itself, the worker would make a secret of its own.
        environ["TONGLU_SECRET"] = (folder / "secret").read_text().strip()
        worker = stack.enter_context(
            processes.tonglu("worker", ["worker"], environ=environ, log=folder / "worker.log")
        )
        floor, floor_url, floor_start_s = stack.enter_context(_floor(cluster, folder))
        yield Machine(
            url, floor_url, server, worker, floor, cluster, cold_start_s, floor_start_s, folder
        )


def _compile(folder: Path, environ: dict[str, str]) -> None:
    """Have both sides' bytecode ready, as an installation has, whatever this process was told."""
    for held in (os.environ, environ):
        held.pop("PYTHONDONTWRITEBYTECODE", None)
        held["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    for modules in ("server.cli, server.serve, partner_portal.app", "benchmarks.floor_app"):
        subprocess.run(  # noqa: S603 - our own modules
            [sys.executable, "-c", f"import granian.cli, {modules}"], env=environ, check=True
        )


def _command(arguments: list[str], environ: dict[str, str]) -> None:
    """Run a command of the product to its end; what it says is no part of the report."""
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "server.cli", *arguments],
        env=environ,
        stdout=sys.stderr,
        check=True,
    )


@contextlib.contextmanager
def _floor(cluster: Cluster, folder: Path) -> Iterator[tuple[Running, str, float]]:
    """Serve the floor on a database of its own in the same cluster."""
    subprocess.run(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "benchmarks.floor_setup",
            cluster.superuser_url(),
            cluster.superuser_url(_FLOOR),
        ],
        check=True,
    )
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    with (folder / "floor.log").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own application
            [
                *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
                *("--workers", str(WORKERS), "--port", str(port), "--log-level", "warning"),
                "benchmarks.floor_app:create_app",
            ],
            env={**os.environ, "FLOOR_DATABASE_URL": cluster.superuser_url(_FLOOR)},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=supervisor.die_with_parent(),  # noqa: PLW1509 - system calls only
        )
    running = Running("floor", process, folder / "floor.log")
    try:
        _wait(running, url)
        yield running, url, time.perf_counter() - started
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Granian misses a signal that comes while its processes start.
            process.kill()
            process.wait()


def _wait(floor: Running, url: str) -> None:
    """Wait until the floor answers."""

    def is_ready() -> bool:
        floor.ensure_alive()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/readyz", timeout=2).is_success
        return False

    if not processes.wait_for(is_ready, timeout_s=_START_TIMEOUT_S):
        raise processes.ProcessFailed(f"the floor did not start:\n{floor.tail()}")
