"""S6 to S11: what happens once on a phone with 50,000 rows, and how little of it travels.

Counts and bytes: they are the same on a loaded machine.
"""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from benchmarks import channel, photos
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.phones import phone
from benchmarks.wire import Wire
from mobile_client_sdk.records import Customer
from server.access import Scope
from server.kit import clock
from world import processes

_DAY_MS: Final = 24 * 3_600_000
_SPOILT: Final = 3
_NEW_FIELD: Final = "level"
"""No customer of this work has one: on the device, a field that its app has just learnt."""
_MEMORY_MIB: Final = 80
_SERVER_MIB: Final = 250
_OPS_SINCE_BACKUP: Final = 300
"""Of each phone."""


class Sizes(msgspec.Struct, frozen=True):
    """How large the work is."""

    held: int
    """Customers on one phone."""
    moved: int
    """Customers handed over at once."""
    photo_mib: int


async def measure(
    machine: Machine, owner: Company, rng: random.Random, sizes: Sizes
) -> list[Figure]:
    """Measure all, on companies of their own."""
    await _load(machine, owner, rng, sizes.held)
    file = machine.folder / "scale.db"
    with phone(machine, file, await channel.device(owner, rng), protect=False) as device:
        _, report = device.sync()
        assert device.bytes.rows >= sizes.held, report
        per_row = device.bytes.down / device.bytes.rows
    return [
        *await _reassigned(machine, rng, sizes.moved, per_row),
        await _new_field(machine, file, sizes.held),
        *_corrupted(machine, file, sizes.held),
        *await photos.measure(machine, owner, rng, sizes.photo_mib),
        *await _memory(machine, owner, rng, sizes.held),
        *_restored(rng),
    ]


async def _load(
    machine: Machine, owner: Company, rng: random.Random, count: int, **more: str
) -> None:
    """Load customers into a company."""
    made = [channel.customer(rng, clock.now()) | more for _ in range(count)]
    token = await channel.sign_in(machine, owner.login)
    async with Wire(machine.tonglu_url, token) as wire:
        await channel.load(wire, made, "/v1/customers/batch")


def _days_later(days: int) -> Callable[[], int]:
    """Give the clock of a phone some days from now, when it compares itself with the server."""
    return lambda: time.time_ns() // 1_000_000 + days * _DAY_MS


# -------------------------------------------------------------------------- a new field


async def _new_field(machine: Machine, file: Path, held: int) -> Figure:
    """S7: the server's table gets a nullable column, the app one that it did not know."""
    connection = await asyncpg.connect(machine.product_url)
    try:
        await connection.execute("ALTER TABLE customer ADD COLUMN bench_new_field text")
    finally:
        await connection.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute(f"ALTER TABLE base_customer DROP COLUMN {_NEW_FIELD}")
    with phone(machine, file, None, protect=False, clock_ms=_days_later(2)) as device:
        device.sync()
        assert device.bytes.of("/v1/sync/digest"), "the phone compared itself with the server"
        customer = next(device.client.customers())
        assert customer.level is None, "the field is there, and empty"
        return Figure(
            goal="S7",
            what=f"new nullable field, {held:,} rows: rows re-sent",
            unit="",
            ours=Spread.of([device.bytes.rows]),
            limit=0,
        )


# -------------------------------------------------------------------------- one wrong row


def _corrupted(machine: Machine, file: Path, held: int) -> list[Figure]:
    """S8: one value on the phone's disk is another one; a day later it is right again."""
    trips, sizes, bare = [], [], []
    for run in range(_SPOILT):
        record_id, city, row = _spoil(file, run * 7919 % held)
        clock_ms = _days_later(4 + 2 * run)
        with phone(machine, file, None, protect=False, clock_ms=clock_ms) as device:
            device.sync()
            asked = device.bytes.of("/v1/sync/digest")
            mended = device.client.customer(record_id)
            assert mended is not None, "the row is there"
            assert mended.city == city, "and is right"
        trips.append(len(asked))
        sizes.append(sum(trip.up + trip.down for trip in asked))
        bare.append(len(msgspec.msgpack.encode(row)))
    return [
        Figure(
            goal="S8",
            what=f"one wrong row in {held:,}: trips",
            unit="",
            ours=Spread.of(trips),
            limit=5,
        ),
        Figure(
            goal="S8",
            what="- bytes, up and down; floor: the bare row",
            unit="B",
            ours=Spread.of(sizes),
            floor=Spread.of(bare),
            limit=8 * 1024,
        ),
    ]


def _spoil(file: Path, place: int) -> tuple[str, str | None, tuple[object, ...]]:
    """Change one value behind the SDK's back; give whose it was, what it was, and the row."""
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        record_id, city = store.execute(
            "SELECT id, city FROM base_customer ORDER BY id LIMIT 1 OFFSET ?", (place,)
        ).fetchone()
        row = store.execute("SELECT * FROM base_customer WHERE id = ?", (record_id,)).fetchone()
        store.execute("UPDATE base_customer SET city = '坏' WHERE id = ?", (record_id,))
    return record_id, city, row


# -------------------------------------------------------------------------- handed over


async def _reassigned(
    machine: Machine, rng: random.Random, moved: int, per_row: float
) -> list[Figure]:
    """S6: the boss hands all customers of one rep to another; what both phones then receive."""
    owner = await channel.company(machine, rng)
    giver = await channel.person(owner, rng, Scope.MINE)
    taker = await channel.person(owner, rng, Scope.MINE)
    await _load(machine, owner, rng, moved, owner_id=str(giver))
    folder = machine.folder
    codes = [await channel.device_of(owner, each) for each in (owner.actor.user_id, giver, taker)]
    with (
        phone(machine, folder / "boss.db", codes[0]) as boss,
        phone(machine, folder / "giver.db", codes[1]) as gives,
        phone(machine, folder / "taker.db", codes[2]) as takes,
    ):
        for device in (boss, gives, takes):
            device.sync()
        assert gives.client.count(Customer) == moved, "they were the giver's"
        assert takes.client.count(Customer) == 0, "and nobody else's"
        with boss.client.group():
            for customer in list(boss.client.customers()):
                with boss.client.edit(customer) as draft:
                    draft.owner_id = str(taker)
        boss.sync()
        gives.sync()
        takes.sync()
        assert next(gives.client.customers(), None) is None, "they left the giver's phone"
        assert sum(1 for _ in takes.client.customers()) == moved, "and are on the taker's"
        up = boss.bytes.up / moved
        left, came = gives.bytes.down / moved, takes.bytes.down / moved
        resets = sum(device.bytes.resets for device in (boss, gives, takes))
        rows = takes.bytes.rows
    return [
        _count("S6", f"{moved:,} customers handed over: resets", resets, 0),
        _count("S6", "- rows that the taker's phone received", rows, moved),
        _bytes("- bytes a row that leaves; floor: its bare id", left, 16, 24),
        _bytes("- bytes a row that comes; floor: first sync", came, per_row, 50),
        _bytes("- bytes an edit of its owner, up", up, 16, 40),
    ]


def _count(goal: str, what: str, value: float, limit: float) -> Figure:
    """Put a count beside its bound."""
    return Figure(goal=goal, what=what, unit="", ours=Spread.of([value]), limit=limit)


def _bytes(what: str, value: float, floor: float, limit: float) -> Figure:
    """Put bytes a row beside their bound."""
    return Figure(
        goal="S6",
        what=what,
        unit="B",
        ours=Spread.of([value]),
        floor=Spread.of([floor]),
        limit=limit,
    )


# -------------------------------------------------------------------------- memory


async def _memory(machine: Machine, owner: Company, rng: random.Random, held: int) -> list[Figure]:
    """S10: a phone's process with all rows, encrypted, and the server's after all this."""
    code = await channel.device(owner, rng)
    done = subprocess.run(  # noqa: S603, ASYNC221 - our own module, and nothing else to do
        [
            *(sys.executable, "-m", "benchmarks.rep_app"),
            *(str(machine.folder / "memory.db"), machine.tonglu_url, code),
        ],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    count, before, peak, after = map(int, done.stdout.split())
    assert count >= held, f"{count} customers are on the phone"
    server = sum(processes.memory(each).pss_bytes for each in (machine.server, machine.worker))
    floor = processes.memory(machine.floor).pss_bytes
    return [
        Figure(
            goal="S10",
            what=f"SDK with {held:,} rows, peak; floor: imports alone",
            unit="MiB",
            ours=Spread.of([peak / 1024]),
            floor=Spread.of([before / 1024]),
            limit=_MEMORY_MIB,
        ),
        Figure(goal="S10", what="- at its end", unit="MiB", ours=Spread.of([after / 1024])),
        Figure(
            goal="S10",
            what="server after all this (PSS); floor: bare server",
            unit="MiB",
            ours=Spread.of([server / 2**20]),
            floor=Spread.of([floor / 2**20]),
            limit=_SERVER_MIB,
        ),
    ]


def _restored(rng: random.Random) -> list[Figure]:
    """S11: a server is put back by an hour: what three phones hold of it comes back, and how soon.

    It has a site of its own, whose processes can be stopped.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "benchmarks.restored_site"),
            *(str(rng.randrange(10**6)), str(_OPS_SINCE_BACKUP)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    ops, lost, doubled, taken = done.stdout.split()
    return [
        Figure(
            goal="S11",
            what=f"server put back: of {int(ops):,} ops on 3 phones lost",
            unit="",
            ours=Spread.of([int(lost)]),
            limit=0,
        ),
        Figure(goal="S11", what="- doubled", unit="", ours=Spread.of([int(doubled)]), limit=0),
        Figure(goal="S11", what="- until all is back", unit="s", ours=Spread.of([float(taken)])),
    ]
