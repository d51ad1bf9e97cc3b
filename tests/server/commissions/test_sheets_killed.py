"""A worker that records a sheet is killed at each of its commits, and another one goes on."""

import signal
from collections.abc import AsyncIterator

import pytest

from server.commissions.sheets import parts, queries
from server.commissions.sheets.schemas import SheetCounts, SheetState
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.server import killing
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
from tests.server.killing import Starter


@pytest.fixture
async def starter(own_books: Settings) -> AsyncIterator[Starter]:
    """Start workers on a database of this file."""
    async with killing.starting(own_books) as started:
        yield started


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
        rows = [f"{n}-{at},,{tenant.name},HT-{n},{DAY},{at + 1}" for at in range(4)]
        rows += [f"{n}-R,{n}-3,,,,1", f"{n}-X,,没有这家,HT,{DAY},1"]
        view = await handed_in(finance, by, a_sheet(rows))
        ended = await starter.work(kill_at=kill_at, now=NOW)
        assert ended in (0, signal.SIGKILL)
        done.add((await queries.sheet(finance, view.id)).counts.done)
        assert await starter.work(now=killing.AFTER_LEASE) == 0

        found = await queries.sheet(finance, view.id)
        assert found.state is SheetState.RECORDED, kill_at
        assert found.counts == SheetCounts(sales=4, refunds=1, refused=1), kill_at
        sold = await sold_by(finance, tenant.tenant_id)
        assert len(sold) == before + 4, kill_at
        newest = [each for each in sold if each.refunded]
        assert [each.refunded for each in newest] == [100] * kill_at

    assert done == {0, 2, 4, 5, 6}
