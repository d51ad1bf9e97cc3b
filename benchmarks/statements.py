"""How often the database is asked, by its own log: what it says is what the product really sent."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from benchmarks.figures import Spread
from benchmarks.machine import Machine

_ASKED: Final = re.compile(r"@(?P<database>\w+) LOG:  (?:statement|execute [^:]*): (?P<sql>.*)")
_FRAME: Final = ("BEGIN", "SET", "COMMIT", "ROLLBACK")


async def counted(
    machine: Machine, ask: Callable[[], Awaitable[object]], times: int
) -> tuple[Spread, Spread]:
    """Ask some times; give the messages to the database each time, and those that are queries.

    Other processes ask too, now and then: the medians are those of the work itself.
    """
    superuser = await asyncpg.connect(machine.superuser_url)
    try:
        await _write_down(superuser, "all")
        asked, queries = [], []
        for _ in range(times):
            start = machine.database_log.stat().st_size
            await ask()
            lines = [
                found["sql"].lstrip().upper()
                for found in _ASKED.finditer(_since(machine, start))
                if found["database"] != "floor"
            ]
            asked.append(len(lines))
            queries.append(sum(not line.startswith(_FRAME) for line in lines))
        return Spread.of(asked), Spread.of(queries)
    finally:
        await _write_down(superuser, "none")
        await superuser.close()


async def _write_down(superuser: "asyncpg.Connection[asyncpg.Record]", which: str) -> None:
    await superuser.execute(f"ALTER SYSTEM SET log_statement = '{which}'")
    await superuser.execute("SELECT pg_reload_conf()")


def _since(machine: Machine, start: int) -> str:
    """Read what was written down since."""
    with machine.database_log.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")
