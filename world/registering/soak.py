"""Play many schedules of rivals, and hunt planted bugs with them, on a database of their own."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

import msgspec

from server import migrate
from server.embedded import Cluster, Tuning
from server.identity import keys
from server.kit import db
from server.settings import Environment, Settings
from server.worker import collect_handlers
from world.registering import plan
from world.registering.plan import Plan
from world.registering.stage import Result, Stage
from world.simulation.mutants.hunting import Caught, planted
from world.simulation.mutants.mutant import Mutant

_SECRET: Final = "a-secret-of-schedules-that-is-long-enough"


class Tally(msgspec.Struct):
    """What came of many schedules."""

    schedules: int = 0
    registrations: int = 0
    jobs: int = 0
    seconds: float = 0.0
    profiles: Counter[str] = msgspec.field(default_factory=Counter)
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Result] = msgspec.field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a schedule."""
        self.schedules += 1
        self.registrations += result.registrations
        self.jobs += result.jobs
        self.profiles[result.profile] += 1
        self.counts.update(result.counts)
        if not result.passed:
            self.failed.append(result)


class Ground:
    """A database on which schedules are played, one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def play(
        self, schedule: Plan, *, salt: str = "", trace: Callable[[str], None] | None = None
    ) -> Result:
        """Play one schedule.

        :param salt: from which ids, numbers and the order of the worker's jobs are drawn. The same
            is played once on a ground; without one each play has its own.
        """
        return Stage(schedule, loop=self._loop, salt=salt or uuid4().hex, trace=trace).play()

    def soak(
        self, seeds: range, *, profile: str | None = None, told: Callable[[Tally], None]
    ) -> Tally:
        """Play a schedule for each seed."""
        tally, began = Tally(), time.monotonic()
        for seed in seeds:
            tally.add(self.play(plan.from_seed(seed, profile=profile)))
            tally.seconds = time.monotonic() - began
            told(tally)
        return tally

    def hunt(self, mutant: Mutant, *, most: int) -> Caught:
        """Play schedules with a bug until an oracle finds it."""
        with planted(mutant):
            for played in range(most):
                profile = mutant.profiles[played % len(mutant.profiles)]
                result = self.play(plan.from_seed(played, profile=profile))
                if result.findings:
                    return Caught(
                        name=mutant.name,
                        what=mutant.what,
                        is_found=True,
                        schedules=played + 1,
                        profile=profile,
                        seed=result.seed,
                        oracle=result.findings[0].oracle,
                    )
        return Caught(mutant.name, mutant.what, is_found=False, schedules=most)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start a PostgreSQL that is thrown away, with the schema, open in this process."""
    with TemporaryDirectory(prefix="tonglu-rivals-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder) / "postgres", tuning=Tuning(shared_buffers="64MB"))
        try:
            cluster.start()
            asyncio.run(migrate.migrate(cluster.owner_url()))
            settings = Settings(
                database_url=cluster.app_url(),
                environment=Environment.TEST,
                data_dir=Path(folder),
                public_url="http://tonglu.test",
                secret=_SECRET,
                log_level="CRITICAL",
            )
            collect_handlers()
            keys.open_keys(settings)
            with asyncio.Runner() as runner:
                runner.run(db.open_database(settings))
                yield Ground(runner.get_loop())
                runner.run(db.close_database())
        finally:
            cluster.destroy()
