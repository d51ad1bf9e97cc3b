"""The processes of one machine: database below, server and worker above, ended in order.

What starts first stops last. A child dies with its parent, however the parent dies.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, Self

from server.embedded import Cluster, Tuning

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.1
# Loaded here: between fork and exec nothing may be loaded any more.
_LIBC: Final = ctypes.CDLL(None)


class ChildEnded(RuntimeError):
    """A process that should run has ended by itself."""


@contextlib.contextmanager
def database(
    environ: Mapping[str, str], *, tuning: Tuning | None = None
) -> Iterator[dict[str, str]]:
    """Give an environment with a database: the operator's, or the embedded one for this block."""
    if environ.get("DATABASE_URL") or environ.get("TONGLU_OWNER_DATABASE_URL"):
        yield dict(environ)
        return
    folder = Path(environ.get("TONGLU_DATA_DIR") or ".tonglu") / "postgres"
    with Cluster(folder, environ=environ, tuning=tuning) as cluster:
        yield dict(environ) | {
            "DATABASE_URL": cluster.app_url(),
            "TONGLU_OWNER_DATABASE_URL": cluster.owner_url(),
        }


def die_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Give the function that a child calls first, so that it does not outlive its parent."""
    parent = os.getpid()

    def tie() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, with_signal)
            if os.getppid() != parent:
                os._exit(1)

    return tie


class Supervisor:
    """Run children side by side until one ends or somebody asks to stop; for the main thread."""

    def __init__(self, environ: Mapping[str, str], *, stop_timeout_s: float = 40.0) -> None:
        self._environ = dict(environ)
        self._stop_timeout_s = stop_timeout_s
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._asked_to_stop = False

    def start(
        self, name: str, arguments: Sequence[str], **variables: str
    ) -> "subprocess.Popen[bytes]":
        """Start `tonglu ARGUMENTS` with these further variables."""
        child = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "server.cli", *arguments],
            env=self._environ | variables,
            # Safe beside threads: the child does system calls only.
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - see above
            # Ctrl-C is for the supervisor, which stops its children in order.
            start_new_session=True,
        )
        self._children.append((name, child))
        return child

    def run_until_asked(self) -> None:
        """Wait for SIGINT or SIGTERM.

        :raises ChildEnded: when a child ends before that.
        """
        before = {
            kind: signal.signal(kind, self._ask_to_stop) for kind in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while not self._asked_to_stop:
                for name, child in self._children:
                    if child.poll() is not None:
                        raise ChildEnded(f"{name} ended by itself with status {child.returncode}")
                time.sleep(_POLL_S)
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def stop(self) -> None:
        """Ask every child to finish, last started first; end those that do not."""
        for _, child in reversed(self._children):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + self._stop_timeout_s
        for _, child in reversed(self._children):
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Note that somebody asked."""
        self._asked_to_stop = True

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what runs."""
        self.stop()
