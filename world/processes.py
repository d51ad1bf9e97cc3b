"""Run the product's real processes on this machine: the command `tonglu`, watched until it answers.

For the demo, whose output a person reads, and the journey, which keeps the output in files.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx
import msgspec

from server import supervisor

_READY_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05
_LOG_TAIL: Final = 6000


class ProcessFailed(RuntimeError):
    """A process ended, or did not answer in time; the message has the end of its log."""


class Running(msgspec.Struct, frozen=True):
    """A process that was started, and where it writes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def ensure_alive(self) -> None:
        """Refuse to go on without it.

        :raises ProcessFailed: with the end of its log.
        """
        if self.process.poll() is not None:
            raise ProcessFailed(
                f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}"
            )

    def tail(self) -> str:
        """Give the end of its log."""
        return self.log.read_text(errors="replace")[-_LOG_TAIL:]


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_port_free(port: int) -> bool:
    """Say whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def tonglu(
    name: str, arguments: Sequence[str], *, environ: Mapping[str, str], log: Path
) -> Iterator[Running]:
    """Run `tonglu ARGUMENTS` for this block; at its end ask it to stop, and see that it does."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "server.cli", *arguments],
            env=dict(environ),
            stdout=output,
            stderr=subprocess.STDOUT,
            # Safe beside threads: the child does system calls only.
            preexec_fn=supervisor.die_with_parent(),  # noqa: PLW1509 - see above
            # Ctrl-C is for the parent, which stops its children in order.
            start_new_session=True,
        )
    try:
        yield Running(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(server: Running, url: str) -> None:
    """Wait until the server says that it is ready.

    :raises ProcessFailed: it ended, or did not get ready in time.
    """

    def is_ready() -> bool:
        server.ensure_alive()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/readyz", timeout=2).is_success
        return False

    if not wait_for(is_ready, timeout_s=_READY_TIMEOUT_S):
        raise ProcessFailed(f"{server.name} was not ready in time:\n{server.tail()}")


def wait_for(has_come: Callable[[], bool], *, timeout_s: float) -> bool:
    """Look again and again until something has come; say whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if has_come():
            return True
        time.sleep(_POLL_S)
    return has_come()


class Memory(msgspec.Struct, frozen=True):
    """The proportional set size of a process with its children: shared pages are counted once."""

    name: str
    processes: int
    pss_bytes: int


def memory(running: Running) -> Memory:
    """Measure a process and its descendants (Linux)."""
    pids = family(running.process.pid)
    return Memory(running.name, len(pids), sum(_pss(pid) for pid in pids))


def family(pid: int) -> list[int]:
    """List a process and its descendants, itself first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # After the name in brackets, which may hold anything: state, parent, ...
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def _pss(pid: int) -> int:
    """Read the proportional set size of one process; nothing when it has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def own_environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """Give this process's environment without the operator's settings, and with these."""
    foreign = ("TONGLU_", "DATABASE_URL", "SENTRY_", "PG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"TONGLU_DATA_DIR": str(data_dir)} | variables
