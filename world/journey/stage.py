"""A throwaway server: PostgreSQL and the product in a folder that is deleted."""

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from server.embedded import Cluster, Tuning
from server.settings import Settings, from_environment
from world import processes
from world.processes import Memory, Running


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What the journey plays on."""

    url: str
    folder: Path
    settings: Settings
    server: Running

    def memory(self) -> Memory:
        """Measure the server's processes; PostgreSQL is not among them."""
        return processes.memory(self.server)

    def ensure_alive(self) -> None:
        """Refuse to go on when a process has ended."""
        self.server.ensure_alive()


@contextlib.contextmanager
def throwaway(*options: str) -> Iterator[Stage]:
    """Start everything and wait until it is ready; at the end stop and delete everything.

    :param options: options of `tonglu serve`, such as `--with-worker`.
    """
    with tempfile.TemporaryDirectory(prefix="tonglu-journey-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        cluster = Cluster(folder / "postgres", tuning=Tuning(shared_buffers="64MB"))
        try:
            cluster.start()
            with _processes(folder, cluster, options) as stage:
                yield stage
        finally:
            cluster.destroy()


@contextlib.contextmanager
def _processes(folder: Path, cluster: Cluster, options: tuple[str, ...]) -> Iterator[Stage]:
    """Start the product on the cluster."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    environ = processes.own_environment(
        folder,
        DATABASE_URL=cluster.app_url(),
        TONGLU_SECRET=secrets.token_urlsafe(48),
        TONGLU_PUBLIC_URL=url,
        TONGLU_LOG_LEVEL="WARNING",
    )
    serve = ["serve", "--port", str(port), *options]
    owner = {"TONGLU_OWNER_DATABASE_URL": cluster.owner_url()}
    with processes.tonglu(
        "server", serve, environ=environ | owner, log=folder / "server.log"
    ) as server:
        processes.wait_until_ready(server, url)
        yield Stage(url=url, folder=folder, settings=from_environment(environ), server=server)
