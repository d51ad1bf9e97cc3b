"""A worker that compares a file is killed at each of its commits, and another one goes on."""

import signal
from collections.abc import AsyncIterator

import pytest

from billing.reconciliation import queries as books
from billing.reconciliation.rules.findings import Kind, Step
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import FileState, FileView
from server.kit import db
from server.reconciliation import queries, service
from server.settings import Settings
from tests.factories import NOW, Tenant
from tests.server import killing
from tests.server.killing import Starter
from tests.server.reconciliation.stories import (
    FINANCE,
    a_file,
    a_row,
    a_source,
    handed_in,
    issued,
)

# Two lines are a long file here.
_SHORT = """
from billing.reconciliation import service as reconciliation
reconciliation.AT_ONCE, reconciliation.KEPT_AT_ONCE = 2, 1
"""


@pytest.fixture
async def starter(own_books: Settings) -> AsyncIterator[Starter]:
    """Start workers on a database of this file."""
    async with killing.starting(own_books, _SHORT) as started:
        yield started


async def stage(view: FileView) -> str:
    """Say where a file is."""
    if view.state is not FileState.LOADING:
        return view.state
    if view.extracted_at is None:
        written = "read" if view.read_until == view.last_row else "waiting"
        return written if view.named_until is None else "named"
    async with db.platform_transaction(FINANCE):
        matches, exceptions = await books.kept(view.id)
    return "broken" if exceptions else "matched" if matches else "extracted"


async def test_s06_kill_9_at_any_commit_loses_and_doubles_nothing(
    starter: Starter, tenant: Tenant
) -> None:
    source = await a_source(tenant)
    lines = await issued(tenant, 4)
    rows = [a_row(each["id"], each["customer_token"]) for each in lines[:2]]
    rows += [a_row(lines[2]["id"], amount="51.00"), a_row("X-1")]
    expected = {Kind.AMOUNT_DIFFERS: 1, Kind.MISSING_HERE: 1, Kind.MISSING_THERE: 1}
    stages, ended, kill_at = set(), int(signal.SIGKILL), 0

    while ended:
        kill_at += 1
        assert kill_at < 60, "a worker is done with a file of four rows"
        # The same rows under other bytes: the last one's day is not compared with any.
        view = await handed_in(source, a_file([*rows, a_row(f"Y-{kill_at}")]))
        ended = await starter.work(kill_at=kill_at, now=NOW)
        assert ended in (0, signal.SIGKILL)
        async with db.platform_transaction(FINANCE):
            stages.add(await stage(await books.file(view.id)))
        assert await starter.work(now=killing.AFTER_LEASE) == 0

        found = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
        told = await queries.exceptions(FINANCE, Side.HERE, view.id, now=NOW)
        assert (found.state, found.matches) == (FileState.COMPARED, {Step.ID: 2}), kill_at
        assert found.exceptions == expected | {Kind.MISSING_HERE: 2}, kill_at
        assert [(each.side, each.lines) for each in found.sides] == [
            (Side.HERE, 4),
            (Side.THERE, 5),
        ]
        assert len({each.id for each in told.items}) == 4
        # The next file has the same benefits, in the same month.
        await service.take_back(FINANCE, view.id, now=NOW)

    assert stages == {
        *("waiting", "read", "named", "extracted", "matched", "broken", FileState.COMPARED),
    }
