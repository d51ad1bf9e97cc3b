"""S1 to S3: bytes of a changed field, rows a second of a first sync, and a pull of nothing."""

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import zstandard

from benchmarks import channel, statements
from benchmarks.channel import Company
from benchmarks.cpu import Meter
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.phones import Phone, phone
from benchmarks.wire import Wire
from mobile_client_sdk.engine import DEFAULT_PAGE
from mobile_client_sdk.store import CAN_ENCRYPT, open_store
from sync_protocol import codec
from sync_protocol.messages import PullRequest, PullResponse, PushRequest
from sync_protocol.schema import SCHEMA

_RUNS: Final = 5
_ALONE: Final = 15
_FRAME: Final = 50
_PULLS: Final = 40
_BARE_KEY: Final = bytes(range(32))
_ZSTD: Final = f"Accept-Encoding: {codec.ZSTD}\r\n"
_TICK_S: Final = 0.01
"""The CPU's clocks tell no less."""
_MEANT: Final = 1.0
"""Goals that are ratios to the bound of the same run get no allowance."""


async def measure(machine: Machine, owner: Company, rng: random.Random, rows: int) -> list[Figure]:
    """Measure all on a tenant that has `rows` customers and a floor that has as many."""
    with phone(machine, machine.folder / "frames.db", await channel.device(owner, rng)) as device:
        device.sync()
        figures = _of_a_field(device, rng)
    return [
        *figures,
        *await _serving(machine, owner, rng, rows),
        *await _applying(machine, owner, rng, rows),
        *await _nothing_new(machine, owner, rng),
    ]


# -------------------------------------------------------------------------- a changed field


def _of_a_field(device: Phone, rng: random.Random) -> list[Figure]:
    """S1: edits of one field each, in one push, as its body travels."""
    many, _, many_bare = _changed(device, rng, _short_change, _FRAME, _RUNS)
    aboard, alone, bare = _changed(device, rng, _short_change, 1, _ALONE)
    texts, _, texts_bare = _changed(device, rng, _text_change, _FRAME, _RUNS)
    return [
        Figure(
            goal="S1",
            what=f"bytes a field, {_FRAME} in a push; floor: ids + zstd",
            unit="B",
            ours=many,
            floor=many_bare,
            limit=16,
        ),
        Figure(
            goal="S1",
            what="bytes of one field alone; floor: id + value",
            unit="B",
            ours=alone,
            floor=bare,
            limit=40,
        ),
        Figure(goal="S1", what="- with the next pull aboard", unit="B", ours=aboard),
        Figure(
            goal="S1",
            what=f"bytes a remark, merged, {_FRAME} in a push",
            unit="B",
            ours=texts,
            floor=texts_bare,
        ),
    ]


_Change = Callable[[random.Random], tuple[str, Any]]


def _changed(
    device: Phone, rng: random.Random, change: _Change, count: int, runs: int
) -> tuple[Spread, Spread, Spread]:
    """Change fields and push; give the bytes a field, without the pull aboard, and the floor's."""
    held = list(device.client.customers())
    mine, alone, bare = [], [], []
    for _ in range(runs):
        changes = []
        with device.client.group():
            for customer in rng.sample(held, count):
                field, value = change(rng)
                with device.client.edit(customer) as draft:
                    setattr(draft, field, value)
                changes.append((customer.id, field, value))
        device.sync()
        (push,) = device.bytes.of("/v1/sync/push")
        mine.append(push.up / count)
        alone.append(_without_pull(push.sent) / count)
        plain = msgspec.msgpack.encode(changes)
        bare.append(min(len(plain), len(zstandard.ZstdCompressor().compress(plain))) / count)
    return Spread.of(mine), Spread.of(alone), Spread.of(bare)


def _without_pull(body: bytes) -> int:
    """Measure a push as it were without the pull that rides along, in the same form."""
    with contextlib.suppress(codec.DecodeError):
        body = codec.decompress(body)
    push = codec.decode(body, PushRequest)
    body = codec.encode(msgspec.structs.replace(push, pull=None))
    return len(codec.compress(body) if len(body) > codec.WORTH_COMPRESSING else body)


def _text_change(rng: random.Random) -> tuple[str, Any]:
    """Rewrite a remark: a text that merges carries what it said before."""
    return "remark", f"改成周{rng.choice('一二三四五六')}送货，先打电话 {rng.randrange(10**6)}"


def _short_change(rng: random.Random) -> tuple[str, Any]:
    """Choose what a rep changes with one tap or a few digits."""
    field = rng.choice(("city", "level", "expected_revenue_minor"))
    if field == "city":
        return field, rng.choice(("上海", "台州", "湖州", "扬州", "徐州"))
    if field == "level":
        return field, rng.choice("ABCD")
    return field, rng.randrange(10**7)


# ---------------------------------------------------------------------------- first sync


async def _serving(machine: Machine, owner: Company, rng: random.Random, rows: int) -> list[Figure]:
    """S2: how fast the server gives rows, beside COPY of the same columns of the same rows.

    To the first new device of a company, and to one that comes after it.
    """
    token = await channel.enrolled(owner, rng)
    rates: dict[str, list[float]] = {"first": [], "later": [], "copy": []}
    spent_s = dict.fromkeys(rates, 0.0)
    for _ in range(_RUNS):
        await _forget_pages(machine)
        for which in ("first", "later"):
            meter = Meter(machine)
            taken, count = await _pull_all(machine, token)
            spent = meter.spent(1)
            spent_s[which] += (spent.web + spent.database) / 1000
            assert count >= rows, f"{count} of {rows} rows came"
            rates[which].append(count / taken)
        meter = Meter(machine)
        rates["copy"].append(await _copy(machine, owner, rows))
        spent_s["copy"] += meter.spent(1).database / 1000
    per_cpu = {which: [_RUNS * rows / max(each, _TICK_S)] for which, each in spent_s.items()}
    figures = []
    for which, of_bound in (("later", 0.5), ("first", None)):
        what = f"first sync, server, {which} device; floor: COPY out"
        figures += [
            _rates(what, "rows/s", rates[which], rates["copy"], of_bound),
            _rates(
                "- rows a CPU second; floor: COPY out",
                "rows",
                per_cpu[which],
                per_cpu["copy"],
                of_bound,
            ),
        ]
    return figures


async def _forget_pages(machine: Machine) -> None:
    """Let the next device be the first of its company."""
    connection = await asyncpg.connect(machine.product_url)
    try:
        await connection.execute("TRUNCATE feed_segment")
    finally:
        await connection.close()


async def _pull_all(machine: Machine, token: str) -> tuple[float, int]:
    """Pull page after page as the SDK does; give the server's seconds and the rows."""
    cursor, taken, rows = None, 0.0, 0
    async with Wire(machine.tonglu_url, token) as wire:
        while True:
            body = codec.encode(PullRequest(cursor=cursor, limit=DEFAULT_PAGE))
            start = time.perf_counter()
            answer = (await wire.post("/v1/sync/pull", body, codec.MSGPACK, _ZSTD)).ensure()
            taken += time.perf_counter() - start
            page = _page(answer.body)
            rows += sum(len(batch.ids) for batch in page.batches)
            if not page.more:
                return taken, rows
            cursor = page.cursor


def _page(body: bytes) -> PullResponse:
    """Read a page, compressed or not."""
    with contextlib.suppress(codec.DecodeError):
        body = codec.decompress(body, max_bytes=codec.MAX_RESPONSE_BYTES)
    return codec.decode(body, PullResponse, max_bytes=codec.MAX_RESPONSE_BYTES)


async def _copy(machine: Machine, owner: Company, rows: int) -> float:
    """COPY the same rows out of the same table, without the product."""
    names = ["id", "handle", "seq", *(field.name for field in SCHEMA.fields("customer").values())]
    connection = await asyncpg.connect(machine.product_url)
    seen = 0

    async def count(data: bytes) -> None:
        nonlocal seen
        seen += len(data)

    try:
        start = time.perf_counter()
        await connection.copy_from_query(
            f"SELECT {', '.join(names)} FROM customer WHERE tenant_id = $1 ORDER BY seq, id",
            owner.actor.tenant_id,
            output=count,
        )
        return rows / (time.perf_counter() - start)
    finally:
        await connection.close()


async def _applying(
    machine: Machine, owner: Company, rng: random.Random, rows: int
) -> list[Figure]:
    """S2: how fast the SDK takes what came, beside bare inserts of the same rows and indexes."""
    plain, sealed, bare, bare_sealed = [], [], [], []
    for run in range(_RUNS):
        file = machine.folder / f"apply-plain-{run}.db"
        plain.append(await _apply(machine, owner, rng, file, protect=False))
        tables = _tables_of(file)
        bare.append(_bare_inserts(machine.folder / f"apply-bare-{run}.db", tables, None))
        if CAN_ENCRYPT:
            file = machine.folder / f"apply-sealed-{run}.db"
            sealed.append(await _apply(machine, owner, rng, file, protect=True))
            file = machine.folder / f"apply-bare-sealed-{run}.db"
            bare_sealed.append(_bare_inserts(file, tables, _BARE_KEY))
    assert rows <= len(_tables_of(machine.folder / "apply-plain-0.db")["customer"][1])
    figures = [_rates("first sync, SDK, protect=False; floor: SQLite", "rows/s", plain, bare, 0.6)]
    if CAN_ENCRYPT:
        what = "first sync, SDK, encrypted; floor: "
        figures += [
            _rates(f"{what}SQLite", "rows/s", sealed, bare, 0.6),
            _rates(f"{what}SQLCipher", "rows/s", sealed, bare_sealed, 0.6),
        ]
    return figures


def _rates(
    what: str, unit: str, mine: Sequence[float], bare: Sequence[float], of_bound: float | None
) -> Figure:
    """Put rates beside their bound; the goal is that part of it, where there is one."""
    return Figure(
        goal="S2",
        what=what,
        unit=unit,
        ours=Spread.of(mine),
        floor=Spread.of(bare),
        goal_ratio=1 / of_bound if of_bound else None,
        allowance=_MEANT,
        lower_is_better=False,
    )


async def _apply(
    machine: Machine, owner: Company, rng: random.Random, file: Path, *, protect: bool
) -> float:
    """Load a new device; give its rows a second without what it waited for the network."""
    code = await channel.device(owner, rng)
    with phone(machine, file, code, protect=protect) as device:
        taken, _ = device.sync()
        return device.bytes.rows / (taken - device.bytes.waited_s)


_Table = tuple[list[str], list[tuple[Any, ...]]]


def _tables_of(file: Path) -> dict[str, _Table]:
    """Read what a device holds and how: the statements that made each table, and its rows."""
    with closing(sqlite3.connect(file)) as connection:
        return {
            spec.kind: (
                [
                    row[0]
                    for row in connection.execute(
                        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
                        " ORDER BY type DESC, name",
                        (f"base_{spec.kind}",),
                    )
                ],
                connection.execute(f"SELECT * FROM base_{spec.kind} ORDER BY rowid").fetchall(),
            )
            for spec in SCHEMA.records
        }


def _bare_inserts(file: Path, tables: dict[str, _Table], key: bytes | None) -> float:
    """Insert the same rows into the same tables and make the same indexes, each kind durable."""
    rows = 0
    store = open_store(file, key=key)
    try:
        connection = store.connection
        for kind in tables:
            connection.execute(f"DROP TABLE base_{kind}")
        start = time.perf_counter()
        for (create, *indexes), values in tables.values():
            connection.execute("BEGIN")
            connection.execute(create)
            # The indexes are there while rows come: that is what inserts with indexes mean.
            for index in indexes:
                connection.execute(index)
            if values:
                places = ", ".join("?" * len(values[0]))
                name = create.split("(", 1)[0].split()[-1]
                connection.executemany(f"INSERT INTO {name} VALUES ({places})", values)
            connection.execute("COMMIT")
            rows += len(values)
        return rows / (time.perf_counter() - start)
    finally:
        store.close()


# --------------------------------------------------------------------------- nothing new


async def _nothing_new(machine: Machine, owner: Company, rng: random.Random) -> list[Figure]:
    """S3: a pull that brings nothing: its bytes, and how often it asks the database."""
    code = await channel.device(owner, rng)
    with phone(machine, machine.folder / "nothing.db", code) as device:
        device.sync()
        device.sync()
        pulls = device.bytes.of("/v1/sync/pull")
        up, down = [trip.up for trip in pulls], [trip.down for trip in pulls]

        async def pull() -> None:
            device.sync()

        asked, queries = await statements.counted(machine, pull, _PULLS)
    async with Wire(machine.floor_url) as wire:
        answer = (await wire.post("/pull", str(2**50).encode(), "text/plain")).ensure()
    bare = Spread.of([len(answer.body)])
    return [
        Figure(
            goal="S3",
            what="pull of nothing: answer",
            unit="B",
            ours=Spread.of(down),
            floor=bare,
            limit=60,
        ),
        Figure(goal="S3", what="pull of nothing: request", unit="B", ours=Spread.of(up)),
        Figure(goal="S3", what="pull of nothing: SQL queries", unit="", ours=queries, limit=1),
        Figure(goal="S3", what="- with BEGIN, SET and COMMIT", unit="", ours=asked),
    ]
