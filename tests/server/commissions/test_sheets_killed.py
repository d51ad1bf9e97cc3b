"""A worker that records a sheet is killed at each of its commits, and another one goes on."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from server.commissions.sheets import parts, queries
from server.commissions.sheets.schemas import SheetCounts, SheetState
from server.kit import outbox
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.commissions.sheets import (
    DAY,
    a_keeper,
    a_map,
    a_plan,
    a_sheet,
    handed_in,
    sold_by,
)

ROOT: Final = Path(__file__).parents[3]
AFTER_LEASE: Final = NOW + outbox.LEASE + timedelta(seconds=1)
STARTER: Final = """
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


@pytest.fixture
async def starter(own_books: Settings) -> AsyncIterator[Starter]:
    """Start workers on a database of this file: they do whatever is to do."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, own_books.database_url, own_books.secret),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield Starter(process)
    process.kill()
    await process.wait()


async def test_kill_9_at_any_commit_loses_and_doubles_no_sale(
    starter: Starter, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 2)
    await stories.admit(tenant)
    finance = await a_keeper()
    by = await a_map(finance, (await a_plan(finance)).plan_id)
    done: set[int] = set()
    ended, kill_at = int(signal.SIGKILL), 0

    while ended:
        kill_at += 1
        assert kill_at < 60, "a worker is done with a sheet of six rows"
        n = f"N{new_id().hex[-10:]}"
        before = len(await sold_by(finance, tenant.tenant_id))
        rows = [f"{n}-{at},,{tenant.name},HT,{DAY},{at + 1}" for at in range(4)]
        rows += [f"{n}-R,{n}-3,,,,1", f"{n}-X,,没有这家,HT,{DAY},1"]
        view = await handed_in(finance, by, a_sheet(rows))
        ended = await starter.work(kill_at=kill_at, now=NOW)
        assert ended in (0, signal.SIGKILL)
        done.add((await queries.sheet(finance, view.id)).counts.done)
        assert await starter.work(now=AFTER_LEASE) == 0

        found = await queries.sheet(finance, view.id)
        assert found.state is SheetState.RECORDED, kill_at
        assert found.counts == SheetCounts(sales=4, refunds=1, refused=1), kill_at
        sold = await sold_by(finance, tenant.tenant_id)
        assert len(sold) == before + 4, kill_at
        newest = [each for each in sold if each.refunded]
        assert [each.refunded for each in newest] == [100] * kill_at

    assert done == {0, 2, 4, 5, 6}
