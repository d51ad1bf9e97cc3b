"""Make something in a process of its own, whose memory goes with it."""

import os
import traceback
from collections.abc import Callable


def made_apart(make: Callable[[], bytes]) -> bytes:
    """Make bytes in a forked process and give them.

    Pages that only the making touches are copied there, and what it leaves between objects that
    stay is left there. The fork has this thread alone: `make` computes, and waits for nothing that
    another thread holds, such as a connection of a pool.

    :raises RuntimeError: where the making failed; its trace stands on stderr.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _make(make, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise RuntimeError("What was to be made apart was not made.")
    return content


def _make(make: Callable[[], bytes], writer: int) -> None:
    """Write what is made, and end without anything that the parent would do at its end."""
    status = 1
    try:
        with os.fdopen(writer, "wb") as stream:
            stream.write(make())
        status = 0
    except Exception:  # noqa: BLE001 - of whatever kind: who waits is told by the status
        traceback.print_exc()
    finally:
        os._exit(status)
