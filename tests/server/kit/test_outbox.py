"""The outbox: work that was committed is done at least once, by one worker at a time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from server.access import PLATFORM_TENANT
from server.kit import db, outbox
from server.kit.outbox import ATTEMPTS_MAX, LEASE, Job
from server.settings import Settings
from tests.factories import NOW, make_actor, make_platform_actor

TENANT = UUID("0190a000-0000-7000-8000-00000000abcd")


@pytest.fixture
async def queue(fresh_database: Settings) -> AsyncIterator[None]:
    """An empty queue of this test's own."""
    held = db.ENGINE.pool
    db.ENGINE.pool = None
    await db.open_database(fresh_database)
    yield
    await db.close_database()
    db.ENGINE.pool = held


async def leave(topic: str, *, key: str | None = None, delay_s: int = 0) -> None:
    """Leave work in a transaction of its own."""
    async with db.tenant_transaction(TENANT):
        await outbox.add(
            topic,
            {"of": topic},
            tenant_id=TENANT,
            now=NOW,
            key=key,
            run_at=NOW + timedelta(seconds=delay_s),
        )


async def claim(*, after: timedelta = timedelta(), limit: int = 10) -> list[Job]:
    """Claim as a worker would."""
    return await outbox.claim(now=NOW + after, limit=limit)


async def test_work_is_claimed_with_what_was_left(queue: None) -> None:
    await leave("benefit.issued")

    (job,) = await claim()

    assert (job.topic, job.tenant_id, job.payload) == (
        "benefit.issued",
        TENANT,
        {"of": "benefit.issued"},
    )
    assert job.attempts == 0


async def test_work_of_a_transaction_that_failed_is_not_there(queue: None) -> None:
    async def fail() -> None:
        async with db.tenant_transaction(TENANT):
            await outbox.add("benefit.issued", {}, tenant_id=TENANT, now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await claim() == []


async def test_the_platform_leaves_work_as_well(queue: None) -> None:
    async with db.platform_transaction(make_platform_actor()):
        await outbox.add("agent.admitted", {}, tenant_id=None, now=NOW)

    (job,) = await claim()

    assert job.tenant_id is None
    assert make_actor(PLATFORM_TENANT, make_platform_actor().role).is_platform


async def test_work_waits_for_its_time_in_order(queue: None) -> None:
    await leave("later", delay_s=60)
    await leave("soon", delay_s=1)
    await leave("now")

    assert [job.topic for job in await claim()] == ["now"]
    assert [job.topic for job in await claim(after=timedelta(seconds=59))] == ["soon"]
    assert "later" in [job.topic for job in await claim(after=timedelta(seconds=61))]


async def test_a_claim_takes_no_more_than_asked(queue: None) -> None:
    for number in range(5):
        await leave(f"job.{number}")

    first = await claim(limit=2)
    second = await claim(limit=10)

    assert (len(first), len(second)) == (2, 3)
    assert {job.id for job in first}.isdisjoint(job.id for job in second)


async def test_claimed_work_belongs_to_one_worker_until_its_lease_ends(queue: None) -> None:
    await leave("benefit.issued")
    (job,) = await claim()

    assert await claim(after=LEASE) == []
    (again,) = await claim(after=LEASE + timedelta(seconds=1))

    assert again.id == job.id
    assert again.lease == job.lease + 1


async def test_work_that_is_done_is_gone(queue: None) -> None:
    await leave("benefit.issued")
    (job,) = await claim()

    await outbox.complete(job)

    assert await claim(after=LEASE * 2) == []
    assert await outbox.pending() == 0


async def test_a_worker_that_froze_cannot_complete_what_another_took_over(queue: None) -> None:
    await leave("benefit.issued")
    (frozen,) = await claim()
    (other,) = await claim(after=LEASE * 2)

    await outbox.complete(frozen)
    await outbox.fail(frozen, "Frozen", now=NOW)

    # The second worker crashes: the work is still there for a third.
    (third,) = await claim(after=LEASE * 4)
    assert third.id == other.id
    assert third.attempts == 0
    await outbox.complete(third)
    assert await outbox.pending() == 0


async def test_work_that_failed_is_tried_again_after_a_growing_pause(queue: None) -> None:
    await leave("benefit.issued")
    pauses = []
    moment = NOW
    for _ in range(4):
        (job,) = await outbox.claim(now=moment, limit=1)
        await outbox.fail(job, "TimeoutError", now=moment)
        waited = timedelta()
        while not (found := await outbox.claim(now=moment + waited, limit=1)):
            waited += timedelta(seconds=1)
        pauses.append(waited.total_seconds())
        # Give it back as it was, for the next round.
        moment += waited
        async with db.job_transaction():
            await db.connection().execute(
                "UPDATE outbox SET leased_until = NULL WHERE id = $1", found[0].id
            )

    assert pauses == [1, 2, 4, 8]


async def test_work_that_fails_too_often_is_parked(queue: None) -> None:
    await leave("benefit.issued")
    for _ in range(ATTEMPTS_MAX):
        (job,) = await claim(after=timedelta(days=1))
        await outbox.fail(job, "TimeoutError: " + "x" * 2000, now=NOW)

    assert await claim(after=timedelta(days=30)) == []
    assert await outbox.pending() == 0
    async with db.job_transaction():
        row = await db.connection().fetchrow("SELECT attempts, last_error FROM outbox")
    assert row is not None
    assert row["attempts"] == ATTEMPTS_MAX
    assert len(row["last_error"]) == 500


async def test_the_same_key_waits_once_only(queue: None) -> None:
    await leave("report.wanted", key="report:1")
    await leave("report.wanted", key="report:1")
    await leave("report.wanted", key="report:2")

    assert len(await claim()) == 2


async def test_a_key_is_free_again_once_the_work_is_claimed(queue: None) -> None:
    await leave("report.wanted", key="report:1")
    (job,) = await claim()

    # What changes from here on is not seen by the job that runs: it is wanted once more.
    await leave("report.wanted", key="report:1")
    await outbox.complete(job)

    (again,) = await claim()
    assert again.id != job.id


async def test_two_at_once_with_one_key_leave_one_job(queue: None) -> None:
    key = f"report:{uuid4()}"

    async with db.tenant_transaction(TENANT):
        await outbox.add("report.wanted", {}, tenant_id=TENANT, now=NOW, key=key)
        await outbox.add("report.wanted", {}, tenant_id=TENANT, now=NOW, key=key)

    assert len(await claim()) == 1


async def test_the_application_may_add_but_not_look(queue: None) -> None:
    await leave("benefit.issued")

    for statement in ("SELECT * FROM outbox", "DELETE FROM outbox", "UPDATE outbox SET topic = ''"):
        with pytest.raises(Exception, match="permission denied"):
            await _as_application(statement)


async def _as_application(statement: str) -> None:
    async with db.global_transaction():
        await db.connection().execute(statement)


async def test_work_that_ends_each_of_its_workers_is_parked_at_last(queue: None) -> None:
    await leave("benefit.issued")
    claims = 0
    while await claim(after=LEASE * 2 * (claims + 1)):
        claims += 1
        assert claims <= 3 * ATTEMPTS_MAX

    assert claims == 3 * ATTEMPTS_MAX
