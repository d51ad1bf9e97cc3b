"""B2: many callers of one hot budget, and many benefits at once, beside the naive ways."""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from billing.budgets import service as budgets
from billing.budgets.schemas import Funding
from billing.issuance import service as issuance
from billing.issuance.pool import Pool
from billing.issuance.schemas import Issue, IssueCode, Terms
from billing.money import Money
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import clock, db, ids

Caller = Callable[[int], Awaitable[None]]

_OPERATOR: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_OPERATOR,
    scope=Scope.TENANT,
)
_CALLERS: Final = 64
_RUNS: Final = 5
_EACH: Final = 60
"""Issues of a caller in a run of the pool; the naive ways are slower and get fewer."""
_EACH_NAIVE: Final = 8
_AT_ONCE: Final = 100
_SEGMENT: Final = 20_000
_SEGMENT_AT_ONCE: Final = 5_000
_WARM: Final = 2_000
_WORTH: Final = 100
_TIMES: Final = 15
"""As many times as fast as the naive way the pool has to be."""
_P99_MS: Final = 50.0
_NAIVE: Final = """
CREATE TABLE naive_budget (id int PRIMARY KEY, left_minor bigint NOT NULL);
CREATE TABLE naive_issuance (
    id uuid PRIMARY KEY, key uuid NOT NULL UNIQUE, agent_id uuid NOT NULL, token text NOT NULL,
    amount_minor bigint NOT NULL, issued_at timestamptz NOT NULL
);
CREATE TABLE naive_entry (
    issuance_id uuid PRIMARY KEY REFERENCES naive_issuance (id), amount_minor bigint NOT NULL,
    left_minor bigint NOT NULL, recorded_at timestamptz NOT NULL
);
INSERT INTO naive_budget VALUES (1, 1000000000000)
"""
_ADD_NAIVE: Final = "INSERT INTO naive_issuance VALUES ($1, $2, $3, $4, $5, $6)"
_ENTER_NAIVE: Final = "INSERT INTO naive_entry VALUES ($1, $2, $3, $4)"
_SEGMENT_NAIVE: Final = """
INSERT INTO naive_issuance
SELECT gen_random_uuid(), gen_random_uuid(), $1, gen_random_uuid()::text, $2, $3
FROM generate_series(1, $4)
"""


async def measure(machine: Machine, rng: random.Random) -> list[Figure]:
    """Issue from one budget in each way, some times, in turns."""
    naive = await asyncpg.create_pool(machine.superuser_url, min_size=1, max_size=_CALLERS)
    try:
        await naive.execute(_NAIVE)
        program = await _program(rng)
        agents = [ids.from_random(clock.now(), rng) for _ in range(_CALLERS)]
        await _issued(program, agents[0], rng, _WARM, _AT_ONCE)
        await _analyse(machine)
        return [
            *await _hot(program, agents, rng, naive),
            *await _sets(program, agents[0], rng, naive),
        ]
    finally:
        await naive.close()


async def _analyse(machine: Machine) -> None:
    """Let PostgreSQL see that its tables are no longer empty, as it does itself in a minute."""
    product = await asyncpg.connect(machine.product_url)
    try:
        await product.execute("ANALYZE")
    finally:
        await product.close()


async def _program(rng: random.Random) -> UUID:
    """Open and fund a program that has enough for everything."""
    now = clock.now()
    program = ids.from_random(now, rng)
    async with db.platform_transaction(_OPERATOR):
        await budgets.open_program(program, platform_id=PLATFORM_TENANT, currency="CNY", now=now)
        await budgets.fund(
            Funding(
                key=ids.from_random(now, rng),
                program_id=program,
                amount=Money(10**12, "CNY"),
                is_return=False,
            ),
            transfer_id=ids.from_random(now, rng),
            platform_id=PLATFORM_TENANT,
            actor_id=PLATFORM_TENANT,
            now=now,
        )
    return program


def _row(agent_id: UUID, now: datetime, rng: random.Random) -> Issue:
    """Write a request for a customer of its own."""
    return Issue(
        key=ids.from_random(now, rng),
        id=ids.from_random(now, rng),
        agent_id=agent_id,
        customer_token=f"{rng.getrandbits(128):032x}",
        amount=Money(_WORTH, "CNY"),
    )


# -------------------------------------------------------------------------------- one hot budget


async def _hot(
    program: UUID, agents: list[UUID], rng: random.Random, naive: asyncpg.Pool
) -> list[Figure]:
    """Let 64 callers issue one after the other each: together, alone, and the naive way."""
    pool = Pool(lambda: db.platform_transaction(_OPERATOR), actor_id=PLATFORM_TENANT)
    terms = Terms(program_id=program)

    async def pooled(caller: int) -> None:
        now = clock.now()
        row = _row(agents[caller], now, rng)
        issued = await pool.issue(terms, row, group_id=row.key, now=now)
        assert issued.code is IssueCode.ISSUED, issued

    async def alone(caller: int) -> None:
        now = clock.now()
        row = _row(agents[caller], now, rng)
        async with db.tenant_transaction(agents[caller]):
            [issued] = await issuance.issue(
                terms, [row], group_id=row.key, actor_id=PLATFORM_TENANT, now=now
            )
        assert issued.code is IssueCode.ISSUED, issued

    async def locked(caller: int) -> None:
        now = clock.now()
        row = _row(agents[caller], now, rng)
        async with naive.acquire() as connection, connection.transaction():
            left = await connection.fetchval(
                "SELECT left_minor FROM naive_budget WHERE id = 1 FOR UPDATE"
            )
            assert left >= _WORTH, "there is enough"
            await connection.execute(
                "UPDATE naive_budget SET left_minor = left_minor - $1 WHERE id = 1", _WORTH
            )
            content = (row.id, row.key, row.agent_id, row.customer_token, _WORTH, now)
            await connection.execute(_ADD_NAIVE, *content)
            entry = (row.id, -_WORTH, left - _WORTH, now)
            await connection.execute(_ENTER_NAIVE, *entry)

    rates: dict[Caller, list[float]] = {pooled: [], alone: [], locked: []}
    waits: list[float] = []
    for _ in range(_RUNS):
        for way, each in ((pooled, _EACH), (alone, _EACH_NAIVE), (locked, _EACH_NAIVE)):
            rate, waited = await _together(way, each)
            rates[way].append(rate)
            waits += waited if way is pooled else []
    quantiles = statistics.quantiles(waits, n=100)
    notes = [
        f"a caller waits {1_000 * statistics.median(waits):.1f} ms in the middle of {len(waits):,}",
        f"the same books, a transaction for each: {statistics.median(rates[alone]):,.0f} a second",
    ]
    return [
        Figure(
            goal="B2",
            what=f"benefits a second, {_CALLERS} callers of one budget",
            unit="/s",
            ours=Spread.of(rates[pooled]),
            floor=Spread.of(rates[locked]),
            goal_ratio=1 / _TIMES,
            allowance=1.0,
            lower_is_better=False,
            notes=notes,
        ),
        Figure(
            goal="B2",
            what="1 of 100 of these callers waits",
            unit="ms",
            ours=Spread.of([1_000 * quantiles[-1]]),
            limit=_P99_MS,
        ),
    ]


async def _together(way: Caller, each: int) -> tuple[float, list[float]]:
    """Let all callers go at once; give the rate, and how long each call waited in seconds."""
    waited: list[float] = []

    async def caller(number: int) -> None:
        for _ in range(each):
            begun = time.perf_counter()
            await way(number)
            waited.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(_CALLERS)))
    return len(waited) / (time.perf_counter() - begun), waited


# ------------------------------------------------------------------------------- many at a time


async def _sets(
    program: UUID, agent_id: UUID, rng: random.Random, naive: asyncpg.Pool
) -> list[Figure]:
    """Issue sets and a segment; beside it the same rows, inserted raw by one statement."""
    figures = []
    for what, rows, at_once in (
        (f"{_AT_ONCE} in a statement", _AT_ONCE * 20, _AT_ONCE),
        (f"a segment of {_SEGMENT:,}", _SEGMENT, _SEGMENT_AT_ONCE),
    ):
        ours, raw = [], []
        for _ in range(3):
            ours.append(await _issued(program, agent_id, rng, rows, at_once) / rows * 10**6)
            raw.append(await _inserted(naive, agent_id, rows, at_once) / rows * 10**6)
        figures.append(
            Figure(
                goal="B2",
                what=f"a benefit, {what}, beside a raw INSERT",
                unit="us",
                ours=Spread.of(ours),
                floor=Spread.of(raw),
            )
        )
    return figures


async def _issued(
    program: UUID, agent_id: UUID, rng: random.Random, rows: int, at_once: int
) -> float:
    """Issue rows in statements of so many; give the seconds, without making the rows."""
    spent = 0.0
    for _ in range(rows // at_once):
        now = clock.now()
        asked = [_row(agent_id, now, rng) for _ in range(at_once)]
        begun = time.perf_counter()
        async with db.tenant_transaction(agent_id):
            answers = await issuance.issue(
                Terms(program_id=program),
                asked,
                group_id=asked[0].key,
                actor_id=PLATFORM_TENANT,
                now=now,
            )
        spent += time.perf_counter() - begun
        assert all(answer.code is IssueCode.ISSUED for answer in answers), "there is enough"
    return spent


async def _inserted(naive: asyncpg.Pool, agent_id: UUID, rows: int, at_once: int) -> float:
    """Insert as many rows raw; give the seconds."""
    begun = time.perf_counter()
    for _ in range(rows // at_once):
        await naive.execute(_SEGMENT_NAIVE, agent_id, _WORTH, clock.now(), at_once)
    return time.perf_counter() - begun
