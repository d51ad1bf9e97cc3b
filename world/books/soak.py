"""Play many seeds on one PostgreSQL, and count what came of them."""

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from billing.ledger import queries as ledger
from billing.sealing import queries as log
from server import migrate
from server.embedded import Cluster, Tuning
from server.kit import clock, db
from server.kit.conditions import Session
from server.settings import Environment, Settings
from world.books import plan as plans
from world.books.audit import Findings, audit
from world.books.benefits import audit as benefit_audit
from world.books.benefits import plan as benefit_plan
from world.books.benefits import trial as benefit_trial
from world.books.killer import killer
from world.books.trial import KEY, OPERATOR, Trial
from world.books.units import audit as unit_audit
from world.books.units import plan as unit_plan
from world.books.units import trial as unit_trial

_POOL: Final = 24
_WHOLE: Final = 20
"""After so many seeds, and at the end, the whole books are looked through."""


class Failed(msgspec.Struct, frozen=True):
    """A seed under which something was wrong."""

    seed: int
    findings: list[str]


class Tally(msgspec.Struct):
    """What came of many seeds."""

    runs: int = 0
    orders: int = 0
    attempts: int = 0
    kills: int = 0
    broken: int = 0
    overspent: int = 0
    doubled: int = 0
    lost: int = 0
    codes: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Failed] = msgspec.field(default_factory=list)

    def add(self, seed: int, found: Findings) -> None:
        """Count what an audit has found."""
        self.overspent += len(found.overspent)
        self.doubled += len(found.doubled)
        self.lost += len(found.lost)
        if found.all:
            self.failed.append(Failed(seed, found.all))


async def soak(seeds: range, *, orders: int, told: Callable[[Tally], None]) -> Tally:
    """Play a plan for each seed, one after the other, on one database that keeps them all."""
    tally = Tally()
    async with standing() as superuser_url:
        for seed in seeds:
            await play(seed, superuser_url, tally, orders=orders)
            if tally.runs % _WHOLE == 0 or seed == seeds[-1]:
                tally.add(seed, Findings(overspent=await contradictions()))
            told(tally)
    return tally


async def play(seed: int, superuser_url: str, tally: Tally, *, orders: int) -> None:
    """Play the plans of a seed, entries, benefits and units, on the open database; audit them."""
    now = clock.now()
    plan = plans.from_seed(seed, orders=orders, now=now)
    wished = benefit_plan.from_seed(seed, orders=orders, now=now)
    phones = unit_plan.from_seed(seed, doings=orders, now=now)
    async with killer(superuser_url) as killing:
        played = await Trial(plan, killing, now=now).play()
        settled = await benefit_trial.play(wished, killing, now=now)
        carried = await unit_trial.play(phones, killing, now=now)
    tally.runs += 1
    tally.orders += len(plan.orders) + len(wished.orders)
    tally.orders += sum(len(doings) for doings in phones.phones.values())
    tally.attempts += len(played.attempts) + settled.attempts + carried.attempts
    tally.kills += killing.kills
    tally.broken += played.broken + settled.broken + carried.broken
    tally.codes.update(str(answer.outcome.code) for answer in played.answers)
    tally.codes.update(str(answer.settled.code) for answer in settled.answers)
    tally.add(seed, await audit(plan, played) + await benefit_audit.audit(wished, settled))
    tally.add(seed, await unit_audit.audit(phones, carried))


async def contradictions() -> list[str]:
    """Look through the whole books, and hash all of them again."""
    async with db.platform_transaction(OPERATOR):
        found = await ledger.contradictions()
        found += await log.contradictions(frozenset({KEY.public_key().public_bytes_raw().hex()}))
    return [f"{finding.invariant}: {finding.subject}" for finding in found]


@contextlib.asynccontextmanager
async def standing(*, session: type[Session] = Session, durable: bool = True) -> AsyncIterator[str]:
    """Start a PostgreSQL in a folder that is deleted; give a superuser's address.

    :param session: what connections to it are.
    :param durable: whether a commit waits for the disk, without which nobody is killed.
    """
    with tempfile.TemporaryDirectory(prefix="tonglu-books-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        tuning = Tuning(durable=durable, shared_buffers="64MB")
        cluster = Cluster(folder / "postgres", tuning=tuning, environ={})
        await asyncio.to_thread(cluster.start)
        try:
            await migrate.migrate(cluster.owner_url())
            await db.open_database(
                Settings(
                    database_url=cluster.app_url(),
                    environment=Environment.TEST,
                    data_dir=folder,
                    pool_size=_POOL,
                ),
                session=session,
            )
            try:
                yield cluster.superuser_url()
            finally:
                await db.close_database()
        finally:
            await asyncio.to_thread(cluster.destroy)


def as_json(tally: Tally) -> Mapping[str, object]:
    """Give what came of it as one object."""
    built: dict[str, object] = msgspec.to_builtins(tally)
    built["passed"] = not tally.failed
    return built
