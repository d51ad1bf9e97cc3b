"""`tonglu worker`: takes work from the outbox and gives it to the room that does it.

A room's `jobs.py` has `HANDLERS`: topic -> an async function of the job and the time. A handler may
be called again for the same job, after a crash or a lost lease, so it must not mind. What comes
round stands in its `SCHEDULE` (`server.kit.schedule`), and what may take longer than other work in
its `LIMITS_S`: topic -> seconds.
"""

import asyncio
import importlib
import importlib.util
import multiprocessing
import multiprocessing.process
import os
import pkgutil
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import click
import structlog

import server
from server import supervisor
from server.attachments import place as attachment_place
from server.identity import keys as identity_keys
from server.kit import clock, db, errors, live, logs, memory, metrics, outbox, schedule, telemetry
from server.kit.schedule import Planned
from server.notifications import channels
from server.registrations.service import keeping
from server.settings import Settings, from_environment

Handler = Callable[[outbox.Job, datetime], Awaitable[None]]
"""Does one piece of work: `async def on_customer_merged(job, now)`."""

BATCH: Final = 20
SIDE_BY_SIDE: Final = 4
"""Jobs of one process that run at the same time."""
TIME_LIMIT_S: Final = 50.0
"""Shorter than the lease, so that a job is never done twice at once."""
HOLD_EVERY_S: Final = 20.0
"""How often the lease of work is kept that may take longer."""
PAUSE_S: Final = 0.5
"""How long a worker looks away when there is nothing to do."""
PAUSE_AFTER_FAILURE_S: Final = 3.0
GROWTH_BYTES: Final = 12 * 2**20
"""How much more than at its start a worker may hold before another takes its place.

An import leaves 25 MiB that Python never gives back, between objects that stay.
"""

LOOK_EVERY: Final = timedelta(seconds=5)
"""How often a worker looks at the schedule."""
_FORK: Final = multiprocessing.get_context("fork")
_BEFORE: Final = datetime.min.replace(tzinfo=UTC)
_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, errors.Refusal)
"""What is raised where the database is away or in the way."""

log = structlog.get_logger()


class NoHandler(LookupError):
    """No room does work of this topic: it was left by newer code, or by a room that is gone."""


class TwoHandlers(ValueError):
    """Two rooms want the same topic, or the same name in the schedule."""


def collect_handlers() -> dict[str, Handler]:
    """Read the `HANDLERS` of every room that has a `jobs.py`.

    :raises TwoHandlers: naming the topic.
    """
    return _collect("HANDLERS")


def collect_schedule() -> dict[str, Planned]:
    """Read the `SCHEDULE` of every room whose `jobs.py` has one.

    :raises TwoHandlers: naming the job.
    """
    return _collect("SCHEDULE")


def collect_limits() -> dict[str, float]:
    """Read the `LIMITS_S` of every room whose `jobs.py` has some.

    :raises TwoHandlers: naming the topic.
    """
    return _collect("LIMITS_S")


def _collect(what: str) -> dict[str, Any]:
    """Put together what the rooms' `jobs.py` say under one name."""
    collected: dict[str, Any] = {}
    for room in pkgutil.iter_modules(server.__path__):
        if not room.ispkg or importlib.util.find_spec(f"server.{room.name}.jobs") is None:
            continue
        jobs = importlib.import_module(f"server.{room.name}.jobs")
        for name, found in getattr(jobs, what, {}).items():
            if name in collected:
                raise TwoHandlers(f"{name} has two handlers, one of them in {room.name}")
            collected[name] = found
    return collected


class Worker:
    """Claims, does and completes until it is asked to stop."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        now: Callable[[], datetime],
        planned: Mapping[str, Planned] | None = None,
        limits_s: Mapping[str, float] | None = None,
        held_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._handlers = handlers
        self._held_bytes = held_bytes
        self._planned = planned or {}
        self._limits_s = limits_s or {}
        self._now = now
        self._stopping = asyncio.Event()
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self._look_at = _BEFORE

    def stop(self) -> None:
        """Claim nothing more; what is claimed is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until asked to stop, or until grown. A database that is away is waited for."""
        bound_bytes = self._held_bytes() + GROWTH_BYTES
        has_worked = False
        while not self._stopping.is_set():
            try:
                done = await self.run_once()
            except _AWAY as error:
                log.warning("worker.waited", exc_info=error)
                await self._look_away(PAUSE_AFTER_FAILURE_S)
            else:
                if not done:
                    if has_worked and self._held_bytes() > bound_bytes:
                        return
                    await self._look_away(PAUSE_S)
                has_worked = done > 0

    async def run_once(self) -> int:
        """Do what is due now, one batch; say how many jobs were claimed."""
        jobs = await outbox.claim(now=self._now(), limit=BATCH)
        due = await self._claim_due()
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._settle(job))
            for each in due:
                group.create_task(self._come_round(each))
        return len(jobs) + len(due)

    async def _claim_due(self) -> list[schedule.Due]:
        """Take what comes round now; looked for once in a while, not after each batch."""
        now = self._now()
        if not self._planned or now < self._look_at:
            return []
        if self._look_at is _BEFORE:
            await schedule.plan(self._planned, now=now)
        self._look_at = now + LOOK_EVERY
        return await schedule.claim(self._planned, now=now)

    async def _come_round(self, due: schedule.Due) -> None:
        """Do one job of the schedule; a failure is noted there and tried again later."""
        planned = self._planned[due.name]
        async with self._places:
            try:
                async with asyncio.timeout(TIME_LIMIT_S):
                    await planned.run(self._now())
            # Whatever a job raises belongs to it, not to the worker.
            except Exception as error:
                telemetry.report(error, topic=due.name)
                log.warning("job.failed", topic=due.name, attempts=due.failures + 1, exc_info=error)
                metrics.JOBS.labels(due.name, "failed").inc()
                await schedule.fail(due, _described(error), now=self._now())
            else:
                metrics.JOBS.labels(due.name, "done").inc()
                await schedule.finish(due, planned, now=self._now())

    async def _settle(self, job: outbox.Job) -> None:
        """Do one job; a failure is noted on the job and tried again later."""
        async with self._places:
            try:
                await self._do(job)
            # Whatever a handler raises belongs to its job, not to the worker.
            except Exception as error:
                telemetry.report(error, topic=job.topic)
                log.warning(
                    "job.failed",
                    job_id=job.id,
                    topic=job.topic,
                    attempts=job.attempts + 1,
                    exc_info=error,
                )
                metrics.JOBS.labels(job.topic, "failed").inc()
                await outbox.fail(job, _described(error), now=self._now())
            else:
                metrics.JOBS.labels(job.topic, "done").inc()
                await outbox.complete(job)
                log.info("job.done", job_id=job.id, topic=job.topic)

    async def _do(self, job: outbox.Job) -> None:
        """Give the job to its handler, within the time limit."""
        handler = self._handlers.get(job.topic)
        if handler is None:
            raise NoHandler(job.topic)
        limit_s = self._limits_s.get(job.topic, TIME_LIMIT_S)
        holding = asyncio.create_task(self._hold(job, limit_s))
        try:
            async with asyncio.timeout(limit_s):
                await handler(job, self._now())
        finally:
            holding.cancel()
            await asyncio.wait([holding])

    async def _hold(self, job: outbox.Job, limit_s: float) -> None:
        """Keep the lease of a job that may take longer than one. A failure is told and tried again.

        Where another worker has taken the job over meanwhile, nothing is kept from it.
        """
        pause_s = HOLD_EVERY_S
        while limit_s > TIME_LIMIT_S:
            await asyncio.sleep(pause_s)
            try:
                await outbox.hold(job, now=self._now())
            except _AWAY as error:
                log.warning("job.not_held", job_id=job.id, topic=job.topic, exc_info=error)
                pause_s = PAUSE_AFTER_FAILURE_S
            else:
                pause_s = HOLD_EVERY_S

    async def _look_away(self, pause_s: float) -> None:
        """Pause, but not longer than until somebody asks to stop."""
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return


def _described(error: Exception) -> str:
    """Write what went wrong for the operator, without anybody's numbers."""
    return logs.scrub(f"{type(error).__name__}: {error}")


async def work(settings: Settings, held_bytes: Callable[[], int] = lambda: 0) -> None:
    """Run a worker in this process until SIGINT or SIGTERM.

    :param held_bytes: what the process holds, where another takes its place when that has grown.
    """
    logs.configure(level=settings.log_level)
    telemetry.configure(settings)
    identity_keys.open_keys(settings)
    attachment_place.open_place(settings)
    channels.open_sender(settings)
    await db.open_database(settings)
    try:
        await keeping.ensure_same_key()
        # What a job writes is heard by the pages and phones that the web processes serve.
        await live.HUB.open(settings.database_url)
        worker = Worker(
            collect_handlers(),
            now=clock.now,
            planned=collect_schedule(),
            limits_s=collect_limits(),
            held_bytes=held_bytes,
        )
        supervisor.look_for_cycles_seldom()
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(kind, worker.stop)
        log.info("worker.started")
        await worker.run()
    finally:
        await live.HUB.close()
        await db.close_database()
        log.info("worker.stopped")


class Beside:
    """A worker beside the web processes, forked from the process that they are forked from.

    What it loads they load too; from one copy, it takes half of the memory. One that ends by
    itself is followed by another, and so one that has grown gives back what it holds.
    """

    def __init__(self, settings: Settings) -> None:
        # Here, so that nothing is left to be loaded after the fork.
        collect_handlers()
        collect_schedule()
        self._settings = settings
        self._tie = supervisor.die_with_parent()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start it, once everything is loaded that is to be shared.

        The first is forked here, before the web processes: whoever forks while the server forks
        those inherits the ends of their pipes, and the server never sees that they have ended.
        """
        self._fork()
        self._keeper.start()

    def stop(self) -> None:
        """Let it finish what it has claimed, and wait for that."""
        self._stopping.set()
        deadline_s = time.monotonic() + TIME_LIMIT_S
        while self._keeper.is_alive() and time.monotonic() < deadline_s:
            # Again and again: one that has just been forked still has its parent's handler.
            if self._process is not None:
                self._process.terminate()
            self._keeper.join(PAUSE_S)

    def _fork(self) -> multiprocessing.process.BaseProcess:
        """Start a process; a daemon: what is still there when its parent ends is ended by it."""
        self._process = _FORK.Process(target=self._run, daemon=True)
        self._process.start()
        return self._process

    def _keep(self) -> None:
        """Wait for the end, and fork again, until asked to stop."""
        process = self._process
        assert process is not None, "it was forked before it is kept"
        while True:
            process.join()
            if self._stopping.is_set():
                return
            _take_over(process)
            # One that has grown ends by itself, with nothing begun.
            if process.exitcode:
                log.error("worker.ended", status=process.exitcode)
                if self._stopping.wait(PAUSE_AFTER_FAILURE_S):
                    return
            process = self._fork()

    def _run(self) -> None:
        """Work in the forked process; the handlers of signals that it has are its parent's."""
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, signal.SIG_DFL)
        self._tie()
        supervisor.take_name("tonglu-worker")
        asyncio.run(work(self._settings, memory.own_bytes))


def _take_over(ended: multiprocessing.process.BaseProcess) -> None:
    """Keep what a worker counted; whatever has become of that, another worker must follow."""
    assert ended.pid is not None, "it was started"
    try:
        metrics.take_over(ended.pid)
    except Exception as error:
        log.warning("worker.counts-lost", exc_info=error)


@click.command()
@click.option(
    "--metrics-port", type=int, help="Show the worker's metrics on this port of 127.0.0.1."
)
def command(*, metrics_port: int | None) -> None:
    """Do the work that was left for later.

    Uses DATABASE_URL; without it, the embedded PostgreSQL that `tonglu serve` runs.
    """
    supervisor.give_memory_back()
    if metrics_port is not None:
        metrics.show_on(metrics_port)
    with supervisor.database(os.environ) as environ:
        asyncio.run(_work(environ))


async def _work(environ: Mapping[str, Any]) -> None:
    """Read the settings and work."""
    await work(from_environment(environ))
