"""Time that waited for the platform is on the record, and time that waited for others is not."""

import pytest

from server.audit import queries as audit
from server.identity import keys
from server.kit.errors import NotFound
from server.registrations import queries, service
from server.registrations.rules.states import CaseState
from server.registrations.rules.waits import Wait
from server.registrations.schemas import WaitView
from server.settings import Settings
from tests.factories import NOW, Tenant, make_tenant
from tests.server.registrations.stories import (
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    Dispute,
    decide,
    new_phone,
    register,
    work,
)

CLOSED = SETTLED + 5 * DAY
"""When a case of these stories takes no more evidence."""


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Two agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(2)]


@pytest.fixture
async def dispute(rivals: list[Tenant]) -> Dispute:
    """A case in which evidence is brought."""
    made = Dispute(*rivals)
    await made.begin(NOW - HOUR)
    return made


def told(waits: list[WaitView]) -> list[tuple[Wait, int, bool]]:
    """Give for what, how many minutes, and whether it is over."""
    return [(each.reason, each.minutes, each.ended_at is not None) for each in waits]


async def test_m1_what_is_done_in_the_ordinary_course_waited_for_nobody(
    rivals: list[Tenant],
) -> None:
    """The window is everybody's, and nobody's delay."""
    mine = await register(rivals[0].rep)
    await work()
    await work(SETTLED)

    assert await queries.waits(rivals[0].rep, mine, now=SETTLED) == []


async def test_m1_a_worker_that_was_away_kept_an_agent_waiting(rivals: list[Tenant]) -> None:
    """Taken in a day late, then decided three days after the window."""
    mine = await register(rivals[0].rep)
    await work(NOW + DAY)
    window_ends = NOW + (await service.terms_now(OPERATOR, now=NOW)).terms.settles_after

    waiting = await queries.waits(rivals[0].rep, mine, now=window_ends + HOUR)
    # What other stories left for the worker came before the window's end, and is waited for.
    await work(window_ends)
    await work(window_ends + 3 * DAY)
    over = await queries.waits(rivals[0].rep, mine, now=window_ends + 9 * DAY)

    assert told(waiting) == [(Wait.ARRIVAL, 1_440, True), (Wait.WINDOW, 60, False)]
    assert told(over) == [(Wait.ARRIVAL, 1_440, True), (Wait.WINDOW, 4_320, True)]


async def test_m1_a_verdict_is_waited_for_from_when_all_were_heard(dispute: Dispute) -> None:
    """Three days for either side, in this case."""
    before = await queries.waits(dispute.holder.rep, dispute.held, now=CLOSED)
    await dispute.rule(dispute.claimed, now=CLOSED + 3 * DAY)
    sides = [
        await queries.waits(dispute.holder.rep, dispute.held, now=CLOSED + 9 * DAY),
        await queries.waits(dispute.challenger.rep, dispute.claimed, now=CLOSED + 9 * DAY),
    ]

    assert before == []
    assert [told(each) for each in sides] == [[(Wait.VERDICT, 4_320, True)]] * 2
    assert {each.case_id for side in sides for each in side} == {dispute.case_id}


async def test_m1_who_has_waived_evidence_waits_from_then_on(dispute: Dispute) -> None:
    """Both said on the first day that they bring no more; it is decided on the second."""
    await dispute.waive(now=SETTLED + HOUR)

    waiting = await queries.waits(dispute.holder.rep, dispute.held, now=SETTLED + 2 * HOUR)
    view = await dispute.rule(now=SETTLED + DAY)
    over = await queries.waits(dispute.holder.rep, dispute.held, now=SETTLED + DAY)

    assert view.state == CaseState.DECIDED
    assert told(waiting) == [(Wait.VERDICT, 60, False)]
    assert told(over) == [(Wait.VERDICT, 23 * 60, True)]


async def test_m1_whoever_is_left_alone_in_a_late_case_has_waited_too(dispute: Dispute) -> None:
    """Nobody has decided; the other gave the customer back."""
    await decide(dispute.holder.rep, dispute.held, "release", now=CLOSED + DAY)
    await work(CLOSED + DAY)

    waited = await queries.waits(dispute.challenger.rep, dispute.claimed, now=CLOSED + 2 * DAY)
    assert told(waited) == [(Wait.VERDICT, 1_440, True)]


async def test_m1_a_contest_that_the_worker_hears_late_waited(rivals: list[Tenant]) -> None:
    phone = new_phone()
    await register(rivals[0].rep, phone)
    await work(SETTLED)
    late = await register(rivals[1].rep, phone, now=SETTLED)
    await work(SETTLED)
    await decide(rivals[1].rep, late, "contest", now=SETTLED)
    await work(SETTLED + 2 * HOUR)

    waited = await queries.waits(rivals[1].rep, late, now=SETTLED + DAY)
    assert told(waited) == [(Wait.CONTEST, 120, True)]


async def test_m4_the_platform_reads_its_delays_by_agent_and_the_agent_sees_that(
    rivals: list[Tenant],
) -> None:
    """Sums, and no registration; nobody reads another's waits."""
    agents = [await make_tenant() for _ in range(2)]
    dispute = Dispute(*agents)
    await dispute.begin(NOW - HOUR)
    await dispute.rule(now=CLOSED + DAY)

    sums = [
        (each.reason, each.registrations, each.cases, each.waiting, each.minutes)
        for each in await queries.waits_by_agent(OPERATOR, now=CLOSED + DAY)
        if each.agent_id == dispute.holder.tenant_id
    ]

    assert sums == [(Wait.VERDICT, 1, 1, 0, 1_440)]
    feed = await audit.platform_reads(dispute.holder.owner)
    assert "registrations.waits" in {each.what for each in feed.items}
    with pytest.raises(NotFound):
        await queries.waits(rivals[0].owner, dispute.held, now=CLOSED)
