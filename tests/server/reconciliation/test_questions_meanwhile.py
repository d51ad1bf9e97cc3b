"""A file is taken back while somebody lists what was asked about its differences."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from billing.reconciliation.rules.lines import Side
from server.kit import db
from server.kit.pages import Page
from server.reconciliation import queries, service
from server.reconciliation.schemas import NewQuestion, ReconFilter
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.server.reconciliation.stories import FINANCE, a_file, a_row, a_source, handed_in
from world.books.interleavings import gate

STEPS_MAX = 30


@pytest.fixture
async def _stepped(database: Settings) -> AsyncIterator[None]:
    """Let a transaction be stopped before each of its statements."""
    open_one, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(database, session=gate.GatedSession)
    try:
        yield
    finally:
        await db.close_database()
        db.ENGINE.pool = open_one


@pytest.mark.usefixtures("_stepped")
async def test_questions_of_a_file_that_goes_meanwhile_are_left_out(tenant: Tenant) -> None:
    source = await a_source(tenant)
    gone, kept = [await handed_in(source, a_file([a_row(name)])) for name in ("X-1", "X-2")]
    for n, each in enumerate((gone, kept)):
        await service.go_on(each.id, now=NOW)
        [difference] = (await queries.exceptions(FINANCE, Side.HERE, each.id, now=NOW)).items
        asked = NewQuestion(id=new_id(), asked="这一笔是哪一天的？")
        await service.ask(FINANCE, difference.id, asked, now=NOW + timedelta(seconds=n))
    own = ReconFilter(agent_id=tenant.tenant_id)

    side = gate.Side(lambda: queries.waiting(FINANCE, Side.HERE, own, now=NOW))
    for _ in range(STEPS_MAX):
        assert await side.rests(within_s=8)
        if any("FROM recon_question" in each for each in side.begun):
            break
        side.go()
    await service.take_back(FINANCE, gone.id, now=NOW)
    for _ in range(STEPS_MAX):
        if side.is_over:
            break
        side.go()
        assert await side.rests(within_s=8)

    found = await side.task
    assert isinstance(found, Page)
    assert [each.file_id for each in found.items] == [kept.id]
