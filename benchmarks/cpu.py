"""Who spends the processor: the CPU time of each process while some work is done.

The load generator shares the cores with what it measures, so its own part is told as well.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from benchmarks.figures import Spent
from benchmarks.machine import Machine
from server.kit import db

_TICKS_S: Final = os.sysconf("SC_CLK_TCK")
_FIRST: Final = 11
"""Where user time stands after the name: then system time, and both of children that have ended."""


class Meter:
    """Reads the processors' clocks before and after some work."""

    def __init__(self, machine: Machine, *, of_floor: bool = False) -> None:
        web = machine.floor if of_floor else machine.server
        self._roots = {
            "web": web.process.pid,
            "worker": machine.worker.process.pid,
            "database": machine.database_pid,
        }
        self._begun = self._read()
        self._begun_s = time.perf_counter()

    def spent(self, requests: int) -> Spent:
        """Give what was spent since the meter was made."""
        taken_s = time.perf_counter() - self._begun_s
        ended = self._read()
        each = {name: (ended[name] - self._begun[name]) / requests * 1000 for name in ended}
        busy = sum(ended[name] - self._begun[name] for name in ended) / taken_s
        return Spent(**each, requests=requests, busy=busy)

    def _read(self) -> dict[str, float]:
        """Read the seconds of every process, those of ended children included."""
        families = _families(self._roots.values())
        return {"client": time.process_time()} | {
            name: sum(_seconds(pid) for pid in families[root]) for name, root in self._roots.items()
        }


async def used_s(tenant_id: UUID) -> float:
    """Read the seconds that this process and all of PostgreSQL have been on a processor so far.

    To the nanosecond, as Linux schedules: clocks that tick a hundred times a second would say
    nothing of a few milliseconds.
    """
    # While it is open its own process is there; others of the pool come and go.
    async with db.tenant_transaction(tenant_id):
        backend = await db.connection().fetchval("SELECT pg_backend_pid()")
        postmaster = int(_stat(backend)[1])
        members = _families([postmaster])[postmaster]
    return time.process_time() + sum(map(_scheduled_s, members))


def _scheduled_s(pid: int) -> float:
    """Read how long a process has been on a processor; nothing of one that has just ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def _families(roots: Iterable[int]) -> dict[int, list[int]]:
    """List each process with its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    families = {}
    for root in roots:
        found = families[root] = [root]
        for member in found:
            found.extend(children.get(member, []))
    return families


def _seconds(pid: int) -> float:
    """Read what a process and its ended children have used."""
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[_FIRST : _FIRST + 4]) / _TICKS_S


def _stat(pid: int) -> list[str]:
    """Read the line of a process after its name; empty when it has just ended."""
    with contextlib.suppress(OSError):
        # The name stands in brackets and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []
