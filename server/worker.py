"""`tonglu worker`: takes work from the outbox and gives it to the room that does it.

A room's `jobs.py` has `HANDLERS`: topic -> an async function of the job and the time. A handler may
be called again for the same job, after a crash or a lost lease, so it must not mind.
"""

import asyncio
import importlib
import importlib.util
import os
import pkgutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import asyncpg
import click
import structlog

import server
from server import supervisor
from server.attachments import place as attachment_place
from server.kit import clock, db, errors, live, logs, outbox, telemetry
from server.settings import Settings, from_environment

Handler = Callable[[outbox.Job, datetime], Awaitable[None]]
"""Does one piece of work: `async def on_customer_merged(job, now)`."""

BATCH: Final = 20
SIDE_BY_SIDE: Final = 4
"""Jobs of one process that run at the same time."""
TIME_LIMIT_S: Final = 50.0
"""Shorter than the lease, so that a job is never done twice at once."""
PAUSE_S: Final = 0.5
"""How long a worker looks away when there is nothing to do."""
PAUSE_AFTER_FAILURE_S: Final = 3.0

log = structlog.get_logger()


class NoHandler(LookupError):
    """No room does work of this topic: it was left by newer code, or by a room that is gone."""


class TwoHandlers(ValueError):
    """Two rooms want the same topic."""


def collect_handlers() -> dict[str, Handler]:
    """Read the `HANDLERS` of every room that has a `jobs.py`.

    :raises TwoHandlers: naming the topic.
    """
    handlers: dict[str, Handler] = {}
    for room in pkgutil.iter_modules(server.__path__):
        if not room.ispkg or importlib.util.find_spec(f"server.{room.name}.jobs") is None:
            continue
        found: Mapping[str, Handler] = importlib.import_module(f"server.{room.name}.jobs").HANDLERS
        for topic, handler in found.items():
            if topic in handlers:
                raise TwoHandlers(f"{topic} has two handlers, one of them in {room.name}")
            handlers[topic] = handler
    return handlers


class Worker:
    """Claims, does and completes until it is asked to stop."""

    def __init__(self, handlers: Mapping[str, Handler], *, now: Callable[[], datetime]) -> None:
        self._handlers = handlers
        self._now = now
        self._stopping = asyncio.Event()
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)

    def stop(self) -> None:
        """Claim nothing more; what is claimed is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until asked to stop. A database that is away is waited for."""
        while not self._stopping.is_set():
            try:
                done = await self.run_once()
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                OSError,
                errors.Refusal,
            ) as error:
                log.warning("worker.waited", exc_info=error)
                await self._look_away(PAUSE_AFTER_FAILURE_S)
            else:
                if not done:
                    await self._look_away(PAUSE_S)

    async def run_once(self) -> int:
        """Do what is due now, one batch; say how many jobs were claimed."""
        jobs = await outbox.claim(now=self._now(), limit=BATCH)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._settle(job))
        return len(jobs)

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
                await outbox.fail(
                    job, logs.scrub(f"{type(error).__name__}: {error}"), now=self._now()
                )
            else:
                await outbox.complete(job)
                log.info("job.done", job_id=job.id, topic=job.topic)

    async def _do(self, job: outbox.Job) -> None:
        """Give the job to its handler, within the time limit."""
        handler = self._handlers.get(job.topic)
        if handler is None:
            raise NoHandler(job.topic)
        async with asyncio.timeout(TIME_LIMIT_S):
            await handler(job, self._now())

    async def _look_away(self, pause_s: float) -> None:
        """Pause, but not longer than until somebody asks to stop."""
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return


async def work(settings: Settings) -> None:
    """Run a worker in this process until SIGINT or SIGTERM."""
    logs.configure(level=settings.log_level)
    telemetry.configure(settings)
    attachment_place.open_place(settings)
    await db.open_database(settings)
    try:
        # What a job writes is heard by the pages and phones that the web processes serve.
        await live.HUB.open(settings.database_url)
        worker = Worker(collect_handlers(), now=clock.now)
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(kind, worker.stop)
        log.info("worker.started")
        await worker.run()
    finally:
        await live.HUB.close()
        await db.close_database()
        log.info("worker.stopped")


@click.command()
def command() -> None:
    """Do the work that was left for later.

    Uses DATABASE_URL; without it, the embedded PostgreSQL that `tonglu serve` runs.
    """
    supervisor.give_memory_back()
    with supervisor.database(os.environ) as environ:
        asyncio.run(_work(environ))


async def _work(environ: Mapping[str, Any]) -> None:
    """Read the settings and work."""
    await work(from_environment(environ))
