"""Workers that are killed with SIGKILL before one of their commits."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from server.kit import outbox
from server.settings import Settings
from tests.factories import NOW

AFTER_LEASE: Final = NOW + outbox.LEASE + timedelta(seconds=1)
"""When what a killed worker had taken may be taken again."""
_ROOT: Final = Path(__file__).parents[2]
_STARTER: Final = """
import asyncio, os, signal, sys
from datetime import datetime
from server.identity import keys
from server.kit import db
from server.kit.conditions import Session
from server.settings import Settings
from server.worker import Worker, collect_handlers

commits = 0

class Killing(Session):
    async def execute(self, query, *args, **named):
        global commits
        commits += query == "COMMIT"
        if query == "COMMIT" and commits == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().execute(query, *args, **named)

async def work(now):
    settings = Settings(database_url=sys.argv[1], secret=sys.argv[2])
    keys.open_keys(settings)
    await db.open_database(settings, session=Killing)
    worker = Worker(collect_handlers(), now=lambda: now)
    while await worker.run_once():
        pass
    await db.close_database()

collect_handlers()
for line in sys.stdin:
    said, now = line.split()
    kill_at = int(said)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        asyncio.run(work(datetime.fromisoformat(now)))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Starts a worker each time that it is told to, kills it before so many commits, says its end."""


class Starter:
    """What starts workers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def work(self, *, kill_at: int = 0, now: datetime) -> int:
        """Let a worker do all that is to do; it is killed before a commit. Give how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kill_at} {now.isoformat()}\n".encode())
        return int(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def starting(settings: Settings, setup: str = "") -> AsyncIterator[Starter]:
    """Start workers on a database of the caller's own: they do whatever is to do.

    :param setup: what each runs before, in Python.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{setup}\n{_STARTER}", settings.database_url, settings.secret),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Starter(process)
    finally:
        process.kill()
        await process.wait()
