"""P7 to P10, P12 and P13: customers created, listed, found and imported over HTTP."""

import asyncio
import csv
import io
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.cpu import Meter
from benchmarks.figures import Figure, Spent, Spread
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.kit import clock
from world import processes

_RUNS: Final = 5
_SINGLES: Final = 150
_CLIENTS: Final = 8
_PROBES: Final = 60
_IMPORT_ROWS: Final = 10_000
_CREATE: Final = "/v1/customers"
_JSON: Final = "application/json"

Call = Callable[[Wire], Awaitable[object]]


class Sides(msgspec.Struct, frozen=True):
    """The product and the floor, each with the same customers."""

    ours: Wire
    floor: Wire


async def measure(machine: Machine, owner: Company, rng: random.Random, size: int) -> list[Figure]:
    """Load `size` customers on both sides, then measure everything."""
    async with Wire(machine.tonglu_url, owner.token) as ours, Wire(machine.floor_url) as floor:
        made = [channel.customer(rng, clock.now()) for _ in range(size)]
        await channel.load(ours, made, f"{_CREATE}/batch")
        await channel.load(floor, made, "/leads/batch")
        await settle(machine)
        sides = Sides(ours, floor)
        return [
            *await _create(machine, owner, sides, rng),
            await _bulk(sides, rng),
            *await _read(sides, rng, made),
            *await _import(machine, owner, sides, rng),
            *_footprint(machine),
        ]


async def settle(machine: Machine) -> None:
    """Let PostgreSQL know its statistics before anything is read."""
    import asyncpg  # noqa: PLC0415 - only the benchmark speaks to PostgreSQL by itself

    for database in ("tonglu", "floor"):
        owner = await asyncpg.connect(machine.cluster.superuser_url(database))
        await owner.execute("VACUUM ANALYZE")
        await owner.execute("CHECKPOINT")
        await owner.close()


async def in_turn(ours: Call, floor: Call, sides: Sides, runs: int) -> tuple[Spread, Spread]:
    """Time both sides in turn, in milliseconds."""
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        for call, wire, taken in ((ours, sides.ours, mine), (floor, sides.floor, theirs)):
            start = time.perf_counter()
            await call(wire)
            taken.append((time.perf_counter() - start) * 1000)
    return Spread.of(mine), Spread.of(theirs)


def _creating(path: str, rng: random.Random) -> Call:
    """Give the call that creates one customer."""

    async def call(wire: Wire) -> None:
        body = msgspec.json.encode(channel.customer(rng, clock.now()))
        (await wire.post(path, body)).ensure()

    return call


async def _create(
    machine: Machine, owner: Company, sides: Sides, rng: random.Random
) -> list[Figure]:
    """P7: one client, then eight: of one company, whose clock they share, and of eight."""
    ours, floor = _creating(_CREATE, rng), _creating("/leads", rng)
    mine, theirs = await in_turn(ours, floor, sides, _SINGLES)
    others = [(await channel.company(machine, rng)).token for _ in range(_CLIENTS)]
    one: list[Rate] = []
    eight: list[Rate] = []
    bare: list[Rate] = []
    for _ in range(3):
        one.append(await _rate(machine, [owner.token] * _CLIENTS, ours))
        eight.append(await _rate(machine, others, ours))
        bare.append(await _rate(machine, [""] * _CLIENTS, floor, of_floor=True))
    return [
        Figure(
            goal="P7", what="create, 1 client", unit="ms", ours=mine, floor=theirs, goal_ratio=2.0
        ),
        _created_at_once("create, 8 clients of one company", one, bare),
        _slowest_of_all("create, 8 clients of one company, p99", one, bare),
        _created_at_once("create, 8 clients of 8 companies", eight, bare),
        _slowest_of_all("create, 8 clients of 8 companies, p99", eight, bare),
    ]


class Rate(msgspec.Struct, frozen=True):
    """How often something was done in a second, and what each time cost."""

    per_s: float
    p99_ms: float
    spent: Spent


def _created_at_once(what: str, ours: Sequence[Rate], floor: Sequence[Rate]) -> Figure:
    """Give a rate of several clients, with the CPU of the cheapest run of each side."""
    return Figure(
        goal="P7",
        what=what,
        unit="/s",
        ours=Spread.of([rate.per_s for rate in ours]),
        floor=Spread.of([rate.per_s for rate in floor]),
        goal_ratio=608 / 370,
        lower_is_better=False,
        spent=min((rate.spent for rate in ours), key=lambda spent: spent.total),
        floor_spent=min((rate.spent for rate in floor), key=lambda spent: spent.total),
    )


def _slowest_of_all(what: str, ours: Sequence[Rate], floor: Sequence[Rate]) -> Figure:
    """Give the time that one call of a hundred takes longer than."""
    return Figure(
        goal="P7",
        what=what,
        unit="ms",
        ours=Spread.of([rate.p99_ms for rate in ours]),
        floor=Spread.of([rate.p99_ms for rate in floor]),
        goal_ratio=70 / 36,
    )


async def _rate(
    machine: Machine, tokens: Sequence[str], call: Call, *, of_floor: bool = False
) -> Rate:
    """Let a client for each token work at once; tell how fast, how slow at worst, what it cost."""
    url = machine.floor_url if of_floor else machine.tonglu_url

    async def work(token: str) -> None:
        async with Wire(url, token) as wire:
            for _ in range(_SINGLES):
                begun = time.perf_counter()
                await call(wire)
                taken_ms.append((time.perf_counter() - begun) * 1000)

    taken_ms: list[float] = []
    calls = len(tokens) * _SINGLES
    meter = Meter(machine, of_floor=of_floor)
    start = time.perf_counter()
    await asyncio.gather(*(work(token) for token in tokens))
    per_s = calls / (time.perf_counter() - start)
    return Rate(per_s, statistics.quantiles(taken_ms, n=100)[98], meter.spent(calls))


async def _bulk(sides: Sides, rng: random.Random) -> Figure:
    """P8: a thousand at once, with history on our side."""

    def thousand() -> list[dict[str, Any]]:
        return [channel.customer(rng, clock.now()) for _ in range(1000)]

    async def ours(wire: Wire) -> None:
        await channel.load(wire, thousand(), f"{_CREATE}/batch")

    async def floor(wire: Wire) -> None:
        await channel.load(wire, thousand(), "/leads/batch")

    mine, theirs = await in_turn(ours, floor, sides, _RUNS)
    return Figure(
        goal="P8",
        what="bulk create of 1,000",
        unit="ms",
        ours=mine,
        floor=theirs,
        goal_ratio=250 / 150,
    )


async def _read(sides: Sides, rng: random.Random, made: Sequence[dict[str, Any]]) -> list[Figure]:
    """P9 and P10: a filtered list by revenue, a piece of a name, the last digits of a phone."""

    def getting(paths: Callable[[dict[str, Any]], str]) -> Call:
        async def call(wire: Wire) -> None:
            answer = (await wire.get(paths(rng.choice(made)))).ensure(200)
            assert len(answer.body) > 2, "nothing was found"  # noqa: PLR2004 - an empty list

        return call

    work = [
        (
            "P9",
            "list of 50, city + status, by revenue",
            lambda c: f"{_CREATE}?city={quote(c['city'])}&status={c['status']}&sort=revenue",
            lambda c: f"/leads?city={quote(c['city'])}&status={c['status']}",
            4.5 / 2.3,
        ),
        (
            "P10",
            "search by a piece of the name",
            lambda c: f"{_CREATE}?q={quote(c['name'][2:6])}&limit=20",
            lambda c: f"/leads/search?name={quote(c['name'][2:6])}",
            5 / 3.4,
        ),
        (
            "P10",
            "search by the last 7 digits",
            lambda c: f"{_CREATE}?q={c['phone'][-7:]}&limit=20",
            lambda c: f"/leads/search?digits={c['phone'][-7:]}",
            3.5 / 2.1,
        ),
    ]
    figures = []
    for goal, what, ours, floor, goal_ratio in work:
        mine, theirs = await in_turn(getting(ours), getting(floor), sides, _PROBES)
        figures.append(
            Figure(goal=goal, what=what, unit="ms", ours=mine, floor=theirs, goal_ratio=goal_ratio)
        )
    return figures


async def _import(
    machine: Machine, owner: Company, sides: Sides, rng: random.Random
) -> list[Figure]:
    """P12: a GB18030 spreadsheet of 10,000 rows, from upload to the last row committed."""
    from benchmarks import import_work  # noqa: PLC0415 - shares this module's types

    mine, theirs = [], []
    for _ in range(3):
        made = [channel.customer(rng, clock.now()) for _ in range(_IMPORT_ROWS)]
        start = time.perf_counter()
        await import_work.run(machine, owner, import_work.spreadsheet(made))
        mine.append(time.perf_counter() - start)
        start = time.perf_counter()
        (await sides.floor.post("/leads/import", _floor_csv(made), "text/csv")).ensure()
        theirs.append(time.perf_counter() - start)
    return [
        Figure(
            goal="P12",
            what="import of 10,000 rows",
            unit="s",
            ours=Spread.of(mine),
            floor=Spread.of(theirs),
            goal_ratio=3.8 / (10_000 / 7_000),
        )
    ]


def _floor_csv(made: Sequence[dict[str, Any]]) -> bytes:
    """Write the floor's spreadsheet: nothing to map, nothing to check."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(made[0])
    rows.writerows(each.values() for each in made)
    return written.getvalue().encode("gb18030")


def _footprint(machine: Machine) -> list[Figure]:
    """P13: memory after the work, and the cold start."""
    ours = sum(processes.memory(each).pss_bytes for each in (machine.server, machine.worker))
    floor = processes.memory(machine.floor).pss_bytes
    return [
        Figure(
            goal="P13",
            what="memory of web and worker processes (PSS)",
            unit="MiB",
            ours=Spread.of([ours / 2**20]),
            floor=Spread.of([floor / 2**20]),
            limit=240,
        ),
        Figure(
            goal="P13",
            what="cold start to the first ready answer",
            unit="s",
            ours=Spread.of([machine.cold_start_s]),
            floor=Spread.of([machine.floor_start_s]),
            goal_ratio=1.5 / 0.95,
        ),
    ]
