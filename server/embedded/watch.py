"""Watch over a cluster: when PostgreSQL ends though nobody here stopped it, start it again.

Somebody kills its process, the system takes its memory, or an administrator says `pg_ctl stop`: the
web processes then answer 503 and connect again by themselves once it is back.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from server.embedded.cluster import Cluster, ClusterFailed

_LOOK_EVERY_S: Final = 0.5
_SETTLED_S: Final = 60.0
"""A cluster that has run for so long is well again; its next end is a first one."""
_PAUSES_S: Final = (0, 1, 2, 5, 10, 20, 30, 60, 60, 60)
"""How long to wait before each start of a row that does not last."""

log = structlog.get_logger()


@contextlib.contextmanager
def watched(cluster: Cluster, *, pauses_s: Sequence[float] = _PAUSES_S) -> Iterator[None]:
    """Start the cluster again whenever it ends inside this block; its owner alone does that.

    :param pauses_s: before each start; after as many starts that did not last it is given up.
    """
    if not cluster.is_owner:
        yield
        return
    over = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(cluster, over, pauses_s), name="database-watch", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(cluster: Cluster, over: threading.Event, pauses_s: Sequence[float]) -> None:
    """Look again and again until the block is over.

    PostgreSQL ends with the thread that has started it, so this one lives as long as the block.
    """
    starts, settled_at = 0, 0.0
    while not over.wait(_LOOK_EVERY_S):
        if cluster.is_running():
            starts = 0 if time.monotonic() > settled_at else starts
            continue
        if starts == len(pauses_s):
            log.error("database.given-up", attempts=starts, path=cluster.log_path)
            over.wait()
            return
        log.error("database.ended", delay_s=pauses_s[starts])
        if over.wait(pauses_s[starts]):
            return
        starts, settled_at = starts + 1, time.monotonic() + _SETTLED_S
        _start_again(cluster, starts)


def _start_again(cluster: Cluster, starts: int) -> None:
    """Start the cluster, and say how that went."""
    try:
        cluster.start()
    except (ClusterFailed, OSError) as error:
        # What PostgreSQL said is in its own log; its words do not belong into this one.
        name = type(error).__name__
        log.error("database.start-failed", attempts=starts, error=name, path=cluster.log_path)  # noqa: TRY400 - see above
    else:
        log.warning("database.started-again", attempts=starts)
