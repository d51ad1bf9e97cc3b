"""What the processes of one machine share: the database below, an end with their parent."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from server.embedded import Cluster, Tuning

_PR_SET_PDEATHSIG: Final = 1
# Loaded here: between fork and exec nothing may be loaded any more.
_LIBC: Final = ctypes.CDLL(None)


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
