"""What the processes of one machine share: the database below, an end with their parent."""

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from server.embedded import Cluster, Tuning, watched
from server.kit import memory

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_SMALL_BYTES: Final = 131_072
_NEW_OBJECTS: Final = 20_000
# Loaded here: between fork and exec nothing may be loaded any more.
_LIBC: Final = ctypes.CDLL(None)


@contextlib.contextmanager
def database(
    environ: Mapping[str, str], *, tuning: Tuning | None = None
) -> Iterator[dict[str, str]]:
    """Give an environment with a database: the operator's, or the embedded one for this block.

    The embedded one is started again when it ends inside the block.
    """
    if environ.get("DATABASE_URL") or environ.get("TONGLU_OWNER_DATABASE_URL"):
        yield dict(environ)
        return
    folder = Path(environ.get("TONGLU_DATA_DIR") or ".tonglu") / "postgres"
    with Cluster(folder, environ=environ, tuning=tuning) as cluster, watched(cluster):
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


def take_name(name: str) -> None:
    """Be called so in `ps` and `top`; Linux keeps the first 15 letters."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_NAME, name.encode())


def look_for_cycles_seldom() -> None:
    """Let Python look for unreachable cycles after 20,000 new objects rather than after 700.

    A request for a thousand records makes many that live until its end: Python would look through
    them forty times and find nothing. Call it when all is loaded that stays for good.
    """
    gc.collect()
    memory.trim()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def give_memory_back() -> None:
    """Let glibc return freed memory to the system; call it before threads and children exist.

    Left alone, it learns from the first password hash (19 MiB) to keep that much for good, once
    for each thread that hashed; four processes together keep about 45 MiB less this way.
    """
    tune = getattr(_LIBC, "mallopt", None)
    if tune is not None:
        tune(_M_ARENA_MAX, 1)
        tune(_M_MMAP_THRESHOLD, _SMALL_BYTES)
        tune(_M_TRIM_THRESHOLD, _SMALL_BYTES)
