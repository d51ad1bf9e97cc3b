"""A served product on a PostgreSQL of its own, whose parts can be killed, paused and put back."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from server.embedded import Cluster
from server.settings import Settings, from_environment
from world import processes
from world.processes import Running

WEB_PROCESSES: Final = 2
_SECRET: Final = "a-secret-of-a-trial-that-is-long-enough"
_NO_LIMIT: Final = "100000"
_SETTLED_S: Final = 60.0
"""A server that has neither replaced a dead process nor ended by then hangs."""


class Site:
    """PostgreSQL, web processes and, where wanted, a worker."""

    def __init__(self, cluster: Cluster, folder: Path, *, has_worker: bool = False) -> None:
        self.cluster = cluster
        self.folder = folder
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = {"a web process": 0, "all of the server": 0, "PostgreSQL": 0}
        if has_worker:
            self.kills["the worker"] = 0
        self._has_worker = has_worker
        self._life = contextlib.ExitStack()
        self._server: Running | None = None
        self._worker: Running | None = None

    @property
    def environ(self) -> dict[str, str]:
        """Give the environment that the processes run in."""
        return processes.own_environment(
            self.folder,
            DATABASE_URL=self.cluster.app_url(),
            TONGLU_USER_RATE_PER_S=_NO_LIMIT,
            TONGLU_TENANT_RATE_PER_S=_NO_LIMIT,
            TONGLU_SECRET=_SECRET,
            TONGLU_PUBLIC_URL=self.url,
            TONGLU_LOG_LEVEL="WARNING",
        )

    @property
    def settings(self) -> Settings:
        """Give the settings of the same environment, to look at the database beside the server."""
        return from_environment(self.environ)

    def start(self) -> None:
        """Start everything and wait until the server is ready."""
        owner = {"TONGLU_OWNER_DATABASE_URL": self.cluster.owner_url()}
        arguments = ["serve", "--api-only", "--port", str(self.port)]
        self._server = self._life.enter_context(
            processes.tonglu(
                "server", arguments, environ=self.environ | owner, log=self.folder / "log"
            )
        )
        processes.wait_until_ready(self._server, self.url)
        if self._has_worker:
            self._start_worker()

    def _start_worker(self) -> None:
        log = self.folder / "worker.log"
        self._worker = self._life.enter_context(
            processes.tonglu("worker", ["worker"], environ=self.environ, log=log)
        )

    def stop(self) -> None:
        """Stop everything but PostgreSQL, in order."""
        self._life.close()

    def back_up(self, folder: Path) -> None:
        """Copy the database's folder while nothing runs."""
        self.stop()
        self.cluster.stop()
        shutil.copytree(self.cluster.folder / "data", folder)
        self.cluster.start()
        self.start()

    def put_back(self, folder: Path) -> None:
        """Put a copy in the database's place; the server is not started."""
        self.stop()
        self.cluster.stop()
        shutil.rmtree(self.cluster.folder / "data")
        shutil.copytree(folder, self.cluster.folder / "data")
        self.cluster.start()

    def say_restored(self) -> str:
        """Run `tonglu restored`, as an operator does; give what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "server.cli", "restored"],
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=_SETTLED_S,
        )
        return done.stdout

    def kill(self, rng: random.Random) -> str:
        """End something without warning, and start again what does not start by itself."""
        self.see_to()
        what = rng.choice(list(self.kills))
        self.kills[what] += 1
        match what:
            case "a web process":
                self._kill_web_process(rng)
            case "all of the server":
                _signal(self._family(), signal.SIGKILL)
                self._start_again()
            case "the worker":
                assert self._worker is not None, "it was started"
                _signal(processes.family(self._worker.process.pid), signal.SIGKILL)
                self._start_worker()
            case _:
                self._kill_postgres()
        return what

    def pause(self, rng: random.Random, seconds: float) -> str:
        """Let something stand still for a while: SIGSTOP, then SIGCONT."""
        self.see_to()
        what = rng.choice(("a web process", "all of the server", "PostgreSQL"))
        match what:
            case "a web process":
                pids = [rng.choice(self._family()[1:])]
            case "all of the server":
                pids = self._family()
            case _:
                pids = self._postgres()
        with stopped(pids):
            time.sleep(seconds)
        return what

    def _kill_web_process(self, rng: random.Random) -> None:
        """End one; the server starts another, or ends itself where they die one after the other."""
        server = self._server
        assert server is not None, "the server was started"
        pid = rng.choice(self._family()[1:])
        _signal([pid], signal.SIGKILL)

        def is_settled() -> bool:
            # One that is dead and not yet buried is still listed.
            family = self._family()
            is_replaced = pid not in family and len(family) > WEB_PROCESSES
            return server.process.poll() is not None or is_replaced

        if not processes.wait_for(is_settled, timeout_s=_SETTLED_S):
            raise processes.ProcessFailed(f"the server does not settle:\n{server.tail()}")
        if server.process.poll() is not None:
            self._start_again()

    def _family(self) -> list[int]:
        """List the server's processes, the parent first."""
        assert self._server is not None, "the server was started"
        return processes.family(self._server.process.pid)

    def _postgres(self) -> list[int]:
        """List the processes of PostgreSQL, the parent first."""
        pid = int((self.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        return processes.family(pid)

    def _start_again(self) -> None:
        """Start a new server, as an operator's supervisor does."""
        self._life.close()
        self.start()

    def _kill_postgres(self) -> None:
        """End PostgreSQL with all its backends, then start it on what is on the disk."""
        parent = self._postgres()[0]
        # A parent that sees a child die begins to recover with new ones: it stands still first.
        _signal([parent], signal.SIGSTOP)
        family = self._postgres()
        _signal(family, signal.SIGKILL)
        # The last one lets go of the shared memory.
        if not processes.wait_for(lambda: not any(map(_is_running, family)), timeout_s=_SETTLED_S):
            raise processes.ProcessFailed("PostgreSQL does not die")
        self.cluster.stop()
        self.cluster.start()

    def see_to(self) -> None:
        """Start the server again where it has ended by itself, as a supervisor does."""
        if self._server is not None and self._server.process.poll() is not None:
            self._start_again()


@contextlib.contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Let processes stand still for this block."""
    try:
        _signal(pids, signal.SIGSTOP)
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: Sequence[int], what: signal.Signals) -> None:
    """Tell all of them; who has ended meanwhile is left alone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _is_running(pid: int) -> bool:
    """Say whether a process is there and not just unburied."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
