"""What the processes share is packed: what a forked one makes lies elsewhere."""

import os
import subprocess
import sys

from server.kit import memory

_POOL_BYTES = 16_384
_MANY = 8_000


def _pools(objects: list[bytes]) -> set[int]:
    """Say in which of Python's pools objects of one size lie."""
    return {id(each) // _POOL_BYTES for each in objects}


def test_what_is_made_after_packing_lies_between_nothing_that_was_there() -> None:
    held = [bytes(64) for _ in range(_MANY)]
    shared = _pools(held)
    # Every second one is let go, and so each pool has holes.
    del held[::2]

    filling = memory.pack()
    made = [bytes(64) for _ in range(_MANY)]

    assert len(_pools(made) & shared) <= 1
    assert filling


def test_where_python_has_no_pools_packing_ends_all_the_same() -> None:
    # Each object is then the C library's, and no pool is ever full of one size.
    packing = "from server.kit import memory as m; b = m.own_bytes(); k = m.pack(); "
    told = subprocess.run(
        [sys.executable, "-c", packing + "print(m.own_bytes() - b)"],
        env={**os.environ, "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(told.stdout) < 64 * 2**20
