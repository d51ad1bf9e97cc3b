"""The schedule: what comes round is done once each time, by whichever worker is first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import db, schedule
from server.kit.schedule import LEASE, Daily, Every, Planned
from server.settings import Settings
from server.worker import Worker, collect_schedule
from tests.factories import NOW

HOUR = timedelta(hours=1)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds of a strategy are naive


@pytest.fixture
async def queue(fresh_database: Settings) -> AsyncIterator[None]:
    """An empty schedule of this test's own."""
    held, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(fresh_database)
    yield
    await db.close_database()
    db.ENGINE.pool = held


class Sweep:
    """A job that notes when it ran, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.ran: list[datetime] = []
        self.failures = failures

    async def __call__(self, now: datetime) -> None:
        """Run."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError("13812345678 is away")
        self.ran.append(now)


class Clock:
    """A time that a story moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def worker(sweep: Sweep, clock: Clock, *, when: Every | Daily | None = None) -> Worker:
    """Make a worker that knows one job."""
    return Worker({}, now=clock, planned={"sweep": Planned(when or Every(HOUR), sweep)})


@given(moments, st.integers(1, 100_000))
def test_the_marks_of_a_period_lie_behind_and_near(moment: datetime, seconds: int) -> None:
    period = timedelta(seconds=seconds)

    due = Every(period).after(moment)

    assert moment < due <= moment + period
    # Whoever asks at another moment before it is told the same mark.
    assert Every(period).after(due - timedelta(microseconds=1)) == due


@given(moments, st.times())
def test_a_time_of_day_comes_once_a_day(moment: datetime, at: time) -> None:
    due = Daily(at).after(moment)

    assert moment < due <= moment + timedelta(days=1)
    assert due.astimezone(schedule.ZONE).timetz().replace(tzinfo=None) == at


async def test_a_job_comes_round(queue: None) -> None:
    sweep, clock = Sweep(), Clock()
    one = worker(sweep, clock)

    await one.run_once()
    assert sweep.ran == []
    for hours in (1, 2):
        clock.now = Every(HOUR).after(NOW) + (hours - 1) * HOUR
        await one.run_once()
        await one.run_once()

    first = Every(HOUR).after(NOW)
    assert sweep.ran == [first, first + HOUR]


async def test_several_workers_run_it_once(queue: None) -> None:
    sweep, clock = Sweep(), Clock()
    workers = [worker(sweep, clock) for _ in range(5)]
    await asyncio.gather(*(each.run_once() for each in workers))

    clock.now += HOUR
    await asyncio.gather(*(each.run_once() for each in workers))

    assert len(sweep.ran) == 1


async def test_missed_times_are_made_up_for_once(queue: None) -> None:
    sweep, clock = Sweep(), Clock()
    await worker(sweep, clock, when=Daily(time(3))).run_once()

    clock.now += timedelta(days=9)
    again = worker(sweep, clock, when=Daily(time(3)))
    await again.run_once()
    clock.now += timedelta(seconds=10)
    await again.run_once()

    assert len(sweep.ran) == 1


async def test_what_failed_is_tried_again_soon(queue: None) -> None:
    sweep, clock = Sweep(failures=2), Clock()
    one = worker(sweep, clock)
    await one.run_once()

    clock.now += HOUR
    for _ in range(4):
        await one.run_once()
        clock.now += timedelta(seconds=10)

    assert len(sweep.ran) == 1
    async with db.job_transaction():
        row = await db.connection().fetchrow("SELECT * FROM schedule WHERE name = 'sweep'")
    assert row is not None
    assert (row["failures"], row["last_error"]) == (0, None)
    assert row["due_at"] == Every(HOUR).after(clock.now)


async def test_an_error_is_noted_without_anybodys_number(queue: None) -> None:
    sweep, clock = Sweep(failures=9), Clock()
    one = worker(sweep, clock)
    await one.run_once()
    clock.now += HOUR

    await one.run_once()

    async with db.job_transaction():
        noted = await db.connection().fetchval("SELECT last_error FROM schedule")
    assert "ConnectionError" in noted
    assert "138" not in noted


async def test_a_worker_that_froze_is_replaced_and_cannot_finish(queue: None) -> None:
    planned = {"sweep": Planned(Every(HOUR), Sweep())}
    await schedule.plan(planned, now=NOW)
    later = NOW + HOUR
    (frozen,) = await schedule.claim(planned, now=later)
    assert await schedule.claim(planned, now=later + LEASE / 2) == []

    after = later + LEASE + timedelta(seconds=1)
    (second,) = await schedule.claim(planned, now=after)
    await schedule.finish(frozen, planned["sweep"], now=after)

    assert second.lease == frozen.lease + 1
    async with db.job_transaction():
        row = await db.connection().fetchrow("SELECT done_at, leased_until FROM schedule")
    assert row is not None
    assert row["done_at"] is None
    assert row["leased_until"] is not None


async def test_a_job_that_is_planned_oftener_is_due_sooner(queue: None) -> None:
    await schedule.plan({"sweep": Planned(Daily(time(3)), Sweep())}, now=NOW)

    await schedule.plan({"sweep": Planned(Every(timedelta(minutes=1)), Sweep())}, now=NOW)
    await schedule.plan({"sweep": Planned(Daily(time(3)), Sweep())}, now=NOW)

    async with db.job_transaction():
        due_at = await db.connection().fetchval("SELECT due_at FROM schedule")
    assert due_at == Every(timedelta(minutes=1)).after(NOW)


def test_every_room_says_what_comes_round() -> None:
    assert all(isinstance(planned, Planned) for planned in collect_schedule().values())
