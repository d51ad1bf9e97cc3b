"""S4 and S5: pushes that meet on one tenant's clock, and ten thousand ops that wait on a device."""

import asyncio
import contextlib
import os
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import zstandard

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.cpu import Meter
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.phones import Phone, phone
from benchmarks.wire import Wire
from mobile_client_sdk.records import Contact, Customer
from server.kit import clock
from sync_protocol import codec
from sync_protocol.messages import MAX_OPS, Edit, PushRequest, PushResponse, Status
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION

_RUNS: Final = 3
_WRITERS: Final = 20
_TENANTS: Final = 10
_PUSHES: Final = 25
_CUSTOMERS: Final = 5
"""Each writer's own: what is measured is the tenant's clock, not rows that two want at once."""
_SLICES: Final = 10
_FSYNC_EVERY: Final = 20
_POISONED: Final = 1_000
_MEANT: Final = 1.0
"""Goals that are ratios to the bound of the same run get no allowance."""


async def measure(
    machine: Machine, owner: Company, rng: random.Random, pending: int
) -> list[Figure]:
    """Measure all; the tenant and the floor have some customers."""
    return [
        *await _pushes(machine, rng),
        *await _pending(machine, owner, rng, pending),
        *await _poison(machine, owner, rng, min(pending, _POISONED)),
    ]


# ------------------------------------------------------------------------- one tenant, ten


class _Writer(msgspec.Struct):
    """A device that pushes one edit after the other."""

    token: str
    customers: list[str]
    number: int = 0


async def _pushes(machine: Machine, rng: random.Random) -> list[Figure]:
    """S4: as many writers on one tenant, over ten, and each on its own: that one never waits."""
    companies = [await channel.company(machine, rng) for _ in range(_WRITERS)]
    held = [await _customers(machine, each, rng) for each in companies]
    layouts = {
        count: [
            await _writer(companies[at % count], held[at % count], at // count, rng)
            for at in range(_WRITERS)
        ]
        for count in (1, _TENANTS, _WRITERS)
    }
    rates: dict[int, list[float]] = {count: [] for count in layouts}
    meter = Meter(machine)
    for _ in range(_RUNS):
        for count, writers in layouts.items():
            rates[count].append(await _rate(machine, writers, rng))
    spent = meter.spent(_RUNS * len(layouts) * _WRITERS * _PUSHES)
    free = Spread.of(rates[_WRITERS])
    return [
        Figure(
            goal="S4",
            what=f"pushes, {_WRITERS} writers, 1 tenant; floor: no waiting",
            unit="/s",
            ours=Spread.of(rates[1]),
            floor=free,
            goal_ratio=1 / 0.25,
            allowance=_MEANT,
            lower_is_better=False,
            spent=spent,
        ),
        Figure(
            goal="S4",
            what=f"pushes over {_TENANTS} tenants; floor: no waiting",
            unit="/s",
            ours=Spread.of(rates[_TENANTS]),
            floor=free,
            goal_ratio=1 / 0.9,
            allowance=_MEANT,
            lower_is_better=False,
        ),
    ]


async def _customers(machine: Machine, owner: Company, rng: random.Random) -> list[str]:
    """Load customers enough for all writers of a tenant."""
    made = [channel.customer(rng, clock.now()) for _ in range(_WRITERS * _CUSTOMERS)]
    async with Wire(machine.tonglu_url, owner.token) as wire:
        await channel.load(wire, made, "/v1/customers/batch")
    return [each["id"] for each in made]


async def _writer(
    owner: Company, customers: Sequence[str], place: int, rng: random.Random
) -> _Writer:
    """Enrol the writer of that place within its tenant."""
    mine = list(customers[place * _CUSTOMERS :][:_CUSTOMERS])
    return _Writer(await channel.enrolled(owner, rng), mine)


async def _rate(machine: Machine, writers: Sequence[_Writer], rng: random.Random) -> float:
    """Let all writers push at once; give the pushes a second, each of them durable."""
    async with contextlib.AsyncExitStack() as stack:
        wires = [
            await stack.enter_async_context(Wire(machine.tonglu_url, writer.token))
            for writer in writers
        ]
        start = time.perf_counter()
        await asyncio.gather(
            *(_push_on(wire, each, rng) for wire, each in zip(wires, writers, strict=True))
        )
        return len(writers) * _PUSHES / (time.perf_counter() - start)


async def _push_on(wire: Wire, writer: _Writer, rng: random.Random) -> None:
    """Push one edit after the other."""
    for _ in range(_PUSHES):
        writer.number += 1
        now_ms = clock.to_ms(clock.now())
        edit = Edit(
            number=writer.number,
            kind="customer",
            id=rng.choice(writer.customers),
            fields={"expected_revenue_minor": rng.randrange(10**8)},
            at_ms=now_ms,
            base=2**52,
        )
        body = codec.encode(
            PushRequest(
                protocol=PROTOCOL_VERSION,
                schema=SCHEMA_VERSION,
                device_time_ms=now_ms,
                ops=[edit],
            )
        )
        answer = (await wire.post("/v1/sync/push", body, codec.MSGPACK)).ensure()
        (outcome,) = codec.decode(answer.body, PushResponse).outcomes
        assert outcome.status is Status.APPLIED, outcome


# ------------------------------------------------------------------------- what waits


async def _pending(
    machine: Machine, owner: Company, rng: random.Random, count: int
) -> list[Figure]:
    """S5: ops saved one by one, each durable, beside the bare fsync of the same moments; sent."""
    code = await channel.device(owner, rng)
    with phone(machine, machine.folder / "pending.db", code) as device:
        device.sync()
        saved, synced = _enqueue(machine, device, rng, count)
        assert device.client.pending_count == count
        taken, report = device.sync()
        assert (report.pushed, report.pending) == (count, 0), report
        trips = len(device.bytes.of("/v1/sync/push"))
        ids_held = [customer.id for customer in device.client.customers()]
    bare = await _floor_drain(machine, ids_held, rng, count)
    return [
        _of_slices("one op saved (FULL), p50; floor: bare fsync", saved, synced, 50, None),
        _of_slices("one op saved (FULL), p99; floor: bare fsync", saved, synced, 99, 5),
        Figure(
            goal="S5",
            what=f"drain of {count:,} ops; floor: bare push",
            unit="ops/s",
            ours=Spread.of([count / taken]),
            floor=Spread.of([bare]),
            at_least=1_000,
            lower_is_better=False,
        ),
        Figure(
            goal="S5", what=f"- its trips, {MAX_OPS} ops each", unit="", ours=Spread.of([trips])
        ),
    ]


def _enqueue(
    machine: Machine, device: Phone, rng: random.Random, count: int
) -> tuple[list[float], list[float]]:
    """Save ops one by one; every now and then also write and sync a bare file."""
    held = list(device.client.customers())
    saved, synced = [], []
    bare = os.open(machine.folder / "bare-fsync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for number in range(count):
            customer = rng.choice(held)
            revenue = rng.randrange(10**8)
            start = time.perf_counter()
            with device.client.edit(customer) as draft:
                draft.expected_revenue_minor = revenue
            saved.append((time.perf_counter() - start) * 1000)
            if number % _FSYNC_EVERY == 0:
                start = time.perf_counter()
                os.write(bare, bytes(4096))
                os.fsync(bare)
                synced.append((time.perf_counter() - start) * 1000)
    finally:
        os.close(bare)
    return saved, synced


def _of_slices(
    what: str, saved: Sequence[float], synced: Sequence[float], percent: int, limit: float | None
) -> Figure:
    """Take a percentile of each part of the run."""
    return Figure(
        goal="S5",
        what=what,
        unit="ms",
        ours=Spread.of(_percentiles(saved, percent)),
        floor=Spread.of(_percentiles(synced, percent)),
        limit=limit,
    )


def _percentiles(taken: Sequence[float], percent: int) -> list[float]:
    """Cut a run into slices and give each one's percentile."""
    size = max(2, len(taken) // _SLICES)
    slices = [taken[start : start + size] for start in range(0, len(taken) - size + 1, size)]
    return [statistics.quantiles(part, n=100)[percent - 1] for part in slices]


async def _floor_drain(
    machine: Machine, record_ids: Sequence[str], rng: random.Random, count: int
) -> float:
    """Push as many edits to the floor, in as many trips; give the ops a second."""
    start = time.perf_counter()
    async with Wire(machine.floor_url) as wire:
        for first in range(0, count, MAX_OPS):
            size = min(MAX_OPS, count - first)
            changes = [(rng.choice(record_ids), str(rng.randrange(10**8))) for _ in range(size)]
            body = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(changes))
            (await wire.post("/push", body, "application/msgpack")).ensure()
    return count / (time.perf_counter() - start)


# ------------------------------------------------------------------------- poison


async def _poison(machine: Machine, owner: Company, rng: random.Random, count: int) -> list[Figure]:
    """S5: the same queue with and without ops that the server cannot accept, in trips."""
    added, refused = [], []
    for run in range(_RUNS):
        trips = []
        for is_poisoned in (False, True):
            file = machine.folder / f"poison-{run}-{is_poisoned}.db"
            sent, bad = await _drain(machine, owner, rng, count, file, is_poisoned=is_poisoned)
            trips.append(sent)
            refused.append(bad)
        added.append(trips[1] - trips[0])
    return [
        Figure(
            goal="S5",
            what=f"trips that {max(refused)} poison ops add to {count:,}",
            unit="",
            ours=Spread.of(added),
            limit=0,
        )
    ]


async def _drain(
    machine: Machine,
    owner: Company,
    rng: random.Random,
    count: int,
    file: Path,
    *,
    is_poisoned: bool,
) -> tuple[int, int]:
    """Send a queue that begins with a few ops of which some are bad; give trips and refusals."""
    with phone(machine, file, await channel.device(owner, rng)) as device:
        device.sync()
        held = list(device.client.customers())
        parent = str(UUID(int=rng.getrandbits(128), version=4)) if is_poisoned else held[0].id
        with device.client.group():
            device.client.create(Contact, customer_id=parent, name="无主")
            if is_poisoned:
                device.client.intend("no.such.intent", customer_id=held[0].id)
            else:
                device.client.create(Customer, name="有主")
            for _ in range(count):
                with device.client.edit(rng.choice(held)) as draft:
                    draft.expected_revenue_minor = rng.randrange(10**8)
        _, report = device.sync(may_refuse=is_poisoned)
        assert report.pending == 0, report
        assert report.pushed == count + 2, report
        return len(device.bytes.of("/v1/sync/push")), len(report.refused)
