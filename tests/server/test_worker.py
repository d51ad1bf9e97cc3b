"""The worker: what was left for later is done, again when it failed, and never lost."""

import asyncio
from datetime import datetime, timedelta
from itertools import chain, repeat

import pytest
from structlog.testing import capture_logs

from server import worker
from server.kit import db, metrics, outbox
from server.settings import Settings
from server.worker import GROWTH_BYTES, Handler, Worker, collect_handlers
from tests.factories import NOW, Tenant, new_id


class Diary:
    """A handler that writes down what it was given, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.done: list[str] = []
        self.failures = failures

    async def __call__(self, job: outbox.Job, now: datetime) -> None:
        """Do the job."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the other side is away")
        self.done.append(job.payload["line"])


@pytest.fixture
def topic() -> str:
    """A topic of this test's own: the queue is everybody's."""
    return f"story.{new_id().hex}"


async def _leave(tenant: Tenant, topic: str, line: str) -> None:
    async with db.tenant_transaction(tenant.tenant_id):
        await outbox.add(topic, {"line": line}, tenant_id=tenant.tenant_id, now=NOW)


def _worker(handlers: dict[str, Handler], now: datetime = NOW) -> Worker:
    return Worker(handlers, now=lambda: now)


async def test_work_is_done_once_and_then_gone(tenant: Tenant, topic: str) -> None:
    diary = Diary()
    await _leave(tenant, topic, "call the customer back")
    worker = _worker({topic: diary})

    while await worker.run_once():
        pass

    assert diary.done == ["call the customer back"]
    assert await worker.run_once() == 0


async def test_what_became_of_work_is_counted(tenant: Tenant, topic: str) -> None:
    await _leave(tenant, topic, "send the letter")

    while await _worker({topic: Diary(failures=1)}).run_once():
        pass
    later = NOW + timedelta(seconds=5)
    while await _worker({topic: Diary()}, later).run_once():
        pass

    counted = {
        outcome: metrics.JOBS.labels(topic, outcome)._value.get() for outcome in ("failed", "done")
    }
    assert counted == {"failed": 1, "done": 1}


async def test_failed_work_is_done_later(tenant: Tenant, topic: str) -> None:
    diary = Diary(failures=1)
    await _leave(tenant, topic, "send the letter")

    while await _worker({topic: diary}).run_once():
        pass
    assert diary.done == []

    later = NOW + timedelta(seconds=5)
    while await _worker({topic: diary}, later).run_once():
        pass
    assert diary.done == ["send the letter"]


async def test_work_that_may_take_long_keeps_its_lease(
    tenant: Tenant, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_EVERY_S", 0.0)
    leases: list[datetime] = []

    async def slow(job: outbox.Job, _: datetime) -> None:
        while not leases or leases[-1] == NOW + outbox.LEASE:
            async with db.job_transaction():
                leases.append(
                    await db.connection().fetchval(
                        "SELECT leased_until FROM outbox WHERE id = $1", job.id
                    )
                )

    await _leave(tenant, topic, "add the year up")
    times = chain([NOW, NOW], repeat(NOW + timedelta(minutes=5)))
    patient = Worker(
        {topic: slow}, now=lambda: next(times), limits_s={topic: worker.TIME_LIMIT_S + 1}
    )
    await patient.run_once()

    assert leases[-1] == NOW + timedelta(minutes=5) + outbox.LEASE
    async with db.job_transaction():
        assert not await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE topic = $1", topic
        )


async def test_a_lease_that_could_not_be_kept_is_kept_once_the_database_answers(
    tenant: Tenant, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_EVERY_S", 0.0)
    monkeypatch.setattr(worker, "PAUSE_AFTER_FAILURE_S", 0.0)
    kept: list[datetime] = []

    async def slow(job: outbox.Job, _: datetime) -> None:
        async with db.job_transaction():
            # Whoever keeps the lease meanwhile waits for this row, until the database gives up.
            await db.connection().execute("SELECT FROM outbox WHERE id = $1 FOR UPDATE", job.id)
            while not any(each["event"] == "job.not_held" for each in told):
                await asyncio.sleep(0)
        while not kept or kept[-1] == NOW + outbox.LEASE:
            async with db.job_transaction():
                kept.append(
                    await db.connection().fetchval(
                        "SELECT leased_until FROM outbox WHERE id = $1", job.id
                    )
                )

    await _leave(tenant, topic, "add the year up")
    times = chain([NOW, NOW], repeat(NOW + timedelta(seconds=40)))
    patient = Worker(
        {topic: slow}, now=lambda: next(times), limits_s={topic: worker.TIME_LIMIT_S + 1}
    )
    with capture_logs() as told:
        async with asyncio.timeout(9):
            await patient.run_once()

    assert kept[-1] == NOW + timedelta(seconds=40) + outbox.LEASE
    assert {each["topic"] for each in told if each["event"] == "job.not_held"} == {topic}


async def test_work_that_nobody_knows_is_kept(tenant: Tenant, topic: str) -> None:
    await _leave(tenant, topic, "from newer code")

    while await _worker({}).run_once():
        pass

    async with db.job_transaction():
        left = await db.connection().fetchrow(
            "SELECT attempts, last_error FROM outbox WHERE topic = $1", topic
        )
    assert left is not None
    assert left["attempts"] == 1
    assert "NoHandler" in left["last_error"]


async def test_a_worker_stops_when_asked(database: Settings) -> None:
    worker = _worker({})
    worker.stop()

    await worker.run()


async def test_a_worker_that_has_grown_ends_when_its_work_is_done(
    tenant: Tenant, topic: str
) -> None:
    diary = Diary()
    for line in ("import a spreadsheet", "import another"):
        await _leave(tenant, topic, line)

    await Worker(
        {topic: diary},
        now=lambda: NOW,
        held_bytes=lambda: (GROWTH_BYTES + 1) * len(diary.done),
    ).run()

    assert sorted(diary.done) == ["import a spreadsheet", "import another"]


def test_every_room_names_its_topics() -> None:
    assert all(callable(handler) for handler in collect_handlers().values())
