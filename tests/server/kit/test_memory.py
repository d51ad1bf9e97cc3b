"""What the processes share is packed: what a forked one makes lies elsewhere."""

import os
import subprocess
import sys
from typing import Final

# Each runs in a process of its own: whatever else a test process holds or lets go meanwhile, in
# whichever thread, has its places in the same pools.
_LIES_ELSEWHERE: Final = """
from server.kit import memory

def pools(objects):
    # Of 16,384 bytes each, for objects of one size.
    return {id(each) // 16_384 for each in objects}

held = [bytes(64) for _ in range(8_000)]
shared = pools(held)
# Every second one is let go, and so each pool has holes.
del held[::2]
filling = memory.pack() if {packs} else []
made = [bytes(64) for _ in range(8_000)]
print(len(pools(made) & shared), len(filling))
"""
_COSTS: Final = """
from server.kit import memory

before = memory.own_bytes()
filling = memory.pack()
print(memory.own_bytes() - before)
"""


def _told(program: str, **environment: str) -> list[int]:
    """Run it, and give the numbers that it prints."""
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(each) for each in run.stdout.split()]


def test_what_is_made_after_packing_lies_between_nothing_that_was_there() -> None:
    in_holes, _ = _told(_LIES_ELSEWHERE.replace("{packs}", "False"))
    between, filling = _told(_LIES_ELSEWHERE.replace("{packs}", "True"))

    assert in_holes > 1
    assert between <= 1
    assert filling


def test_where_python_has_no_pools_packing_ends_all_the_same() -> None:
    # Each object is then the C library's, and no pool is ever full of one size.
    [cost] = _told(_COSTS, PYTHONMALLOC="malloc")

    assert cost < 64 * 2**20
