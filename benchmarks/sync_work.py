"""P1 to P6: first sync, edits, deltas, many devices at once, and the device by itself."""

import asyncio
import random
import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import zstandard

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.phones import Phone, phone
from benchmarks.wire import Wire
from mobile_client_sdk.client import Client
from server.kit import clock
from sync_protocol import codec
from sync_protocol.messages import Edit, PushRequest, PushResponse, Status
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from world import processes

_RUNS: Final = 3
_EDITS: Final = 5_000
_DELTA: Final = 100
_CLIENTS: Final = 200
_OPS: Final = 10
_SINGLES: Final = 200
_OK: Final = 200
_HELD: Final = frozenset({Status.APPLIED, Status.MERGED})


async def measure(machine: Machine, owner: Company, rng: random.Random, rows: int) -> list[Figure]:
    """Measure everything on a tenant that has `rows` customers and a floor that has as many."""
    first, wire_bytes = await _first_sync(machine, owner, rng, rows)
    return [
        first,
        wire_bytes,
        *await _edits(machine, owner, rng),
        *await _storm(machine, owner, rng),
    ]


# -------------------------------------------------------------------------------- first sync


async def _first_sync(
    machine: Machine, owner: Company, rng: random.Random, rows: int
) -> tuple[Figure, Figure]:
    """P1 and P2: a new device loads everything."""
    mine, theirs, per_row = [], [], []
    for run in range(_RUNS):
        code = await channel.device(owner, rng)
        file = machine.folder / f"first-{run}.db"
        with phone(machine, file, code) as device:
            taken, _ = device.sync()
            mine.append(taken)
            per_row.append(device.bytes.down / rows)
        theirs.append(await _floor_pull(machine, machine.folder / f"floor-{run}.db", 0))
    return (
        Figure(
            goal="P1",
            what=f"first sync of {rows:,} rows",
            unit="s",
            ours=Spread.of(mine),
            floor=Spread.of(theirs),
            goal_ratio=0.9 / 0.59,
        ),
        Figure(goal="P2", what="its bytes a row", unit="B", ours=Spread.of(per_row), limit=50),
    )


async def _floor_pull(machine: Machine, file: Path, since: int) -> float:
    """Pull rows from the floor into a bare SQLite table with three indexes."""
    start = time.perf_counter()
    async with Wire(machine.floor_url) as wire:
        answer = (await wire.post("/pull", str(since).encode(), "text/plain")).ensure()
    columns = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(answer.body))
    _store(file, columns)
    return time.perf_counter() - start


def _store(file: Path, columns: Sequence[Sequence[Any]]) -> None:
    """Put columns into SQLite."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS lead (id TEXT PRIMARY KEY, name, phone, city, industry, status,"
        " revenue, remark, seq) WITHOUT ROWID"
    )
    for name in ("name", "phone", "city"):
        connection.execute(f"CREATE INDEX IF NOT EXISTS lead_{name} ON lead ({name})")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT OR REPLACE INTO lead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        zip(*columns, strict=True),
    )
    connection.execute("COMMIT")
    connection.close()


# ------------------------------------------------------------------------------------- edits


async def _edits(machine: Machine, owner: Company, rng: random.Random) -> list[Figure]:
    """P3, P4 and P6: edits made on one device, pushed, and seen by another."""
    codes = [await channel.device(owner, rng) for _ in range(2)]
    with (
        phone(machine, machine.folder / "writer.db", codes[0]) as writer,
        phone(machine, machine.folder / "reader.db", codes[1]) as reader,
    ):
        writer.sync()
        reader.sync()
        return [
            *await _round_trips(machine, writer, reader, rng),
            *await _deltas(machine, writer, reader, rng),
            _saved_one_by_one(writer, rng),
        ]


async def _round_trips(
    machine: Machine, writer: Phone, reader: Phone, rng: random.Random
) -> list[Figure]:
    """P3 and P6: five thousand edits, made, pushed and echoed."""
    made, mine, theirs, per_edit, bare, shown = [], [], [], [], [], []
    ids_held = [customer.id for customer in writer.client.customers()][:_EDITS]
    for run in range(_RUNS):
        made.append(_edit(writer.client, ids_held, f"第 {run} 轮", rng))
        pushing, _ = writer.sync()
        per_edit.append(writer.bytes.up / len(ids_held))
        echo, _ = reader.sync()
        mine.append(pushing + echo)
        theirs.append(await _floor_edits(machine, ids_held, run))
        bare.append(_bare_edits(machine.folder / f"bare-{run}.db"))
        shown.append(_bare_shown_edits(machine.folder / f"shown-{run}.db", ids_held))
    return [
        Figure(
            goal="P3",
            what=f"{_EDITS:,} edits durable and echoed",
            unit="s",
            ours=Spread.of(mine),
            floor=Spread.of(theirs),
            goal_ratio=0.6 / 0.44,
        ),
        Figure(
            goal="P3", what="its bytes an edit, up", unit="B", ours=Spread.of(per_edit), limit=16
        ),
        Figure(
            goal="P6",
            what=f"{_EDITS:,} edits made in one group; floor: ops kept",
            unit="s",
            ours=Spread.of(made),
            floor=Spread.of(bare),
            goal_ratio=0.2 / 0.11,
        ),
        Figure(
            goal="P6",
            what="- the same; floor: ops kept, and shown in a table",
            unit="s",
            ours=Spread.of(made),
            floor=Spread.of(shown),
            goal_ratio=0.2 / 0.11,
        ),
    ]


def _edit(client: Client, record_ids: Sequence[str], words: str, rng: random.Random) -> float:
    """Edit one field of many customers, saved at once; what a merged text costs, S1 tells."""
    held = [client.customer(record_id) for record_id in record_ids]
    start = time.perf_counter()
    with client.group():
        for customer in held:
            assert customer is not None, "it was synced before"
            with client.edit(customer) as draft:
                draft.address = f"{words} {rng.randrange(10**6)}"
    return time.perf_counter() - start


def _bare_edits(file: Path) -> float:
    """Write as many edits into a bare outbox in one transaction."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE outbox (number INTEGER PRIMARY KEY, record_id, op)")
    op = msgspec.msgpack.encode({"kind": "customer", "fields": {"remark": "第 0 轮 123456"}})
    start = time.perf_counter()
    connection.execute("BEGIN")
    for number in range(_EDITS):
        connection.execute("INSERT INTO outbox VALUES (?, ?, ?)", (number, str(number), op))
    connection.execute("COMMIT")
    taken = time.perf_counter() - start
    connection.close()
    return taken


def _bare_shown_edits(file: Path, record_ids: Sequence[str]) -> float:
    """Do as much as an app needs to show an edit: keep its op, and change its indexed row."""
    _store(file, [list(record_ids), *([""] * len(record_ids) for _ in range(8))])
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE outbox (number INTEGER PRIMARY KEY, record_id, op)")
    start = time.perf_counter()
    connection.execute("BEGIN")
    for number, record_id in enumerate(record_ids):
        words = f"第 0 轮 {number}"
        op = msgspec.msgpack.encode({"kind": "customer", "fields": {"remark": words}})
        connection.execute("INSERT INTO outbox VALUES (?, ?, ?)", (number, record_id, op))
        connection.execute("UPDATE lead SET remark = ? WHERE id = ?", (words, record_id))
    connection.execute("COMMIT")
    taken = time.perf_counter() - start
    connection.close()
    return taken


async def _floor_edits(machine: Machine, record_ids: Sequence[str], run: int) -> float:
    """Push as many edits to the floor in one statement and pull them back."""
    changes = [(record_id, f"第 {run} 轮 {n}") for n, record_id in enumerate(record_ids)]
    start = time.perf_counter()
    body = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(changes))
    async with Wire(machine.floor_url) as wire:
        (await wire.post("/push", body, "application/msgpack")).ensure()
    await _floor_pull(machine, machine.folder / "floor-echo.db", run + 1)
    return time.perf_counter() - start


async def _deltas(
    machine: Machine, writer: Phone, reader: Phone, rng: random.Random
) -> list[Figure]:
    """P4: a hundred customers change, another device asks."""
    mine, down, empty, theirs = [], [], [], []
    ids_held = [customer.id for customer in writer.client.customers()][-_DELTA:]
    for run in range(_RUNS * 3):
        _edit(writer.client, ids_held, f"差 {run}", rng)
        writer.sync()
        taken, _ = reader.sync()
        mine.append(taken * 1000)
        down.append(float(reader.bytes.down))
        taken, _ = reader.sync()
        empty.append(taken * 1000)
        changes = [(record_id, f"差 {run}") for record_id in ids_held]
        body = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(changes))
        async with Wire(machine.floor_url) as wire:
            (await wire.post("/push", body, "application/msgpack")).ensure()
        floor = await _floor_pull(machine, machine.folder / "floor-echo.db", _RUNS + run + 1)
        theirs.append(floor * 1000)
    return [
        Figure(
            goal="P4",
            what=f"delta of {_DELTA}",
            unit="ms",
            ours=Spread.of(mine),
            floor=Spread.of(theirs),
            goal_ratio=12 / 7.9,
        ),
        Figure(goal="P4", what="its bytes", unit="B", ours=Spread.of(down), limit=6_500),
        Figure(goal="P4", what="empty pull, by the SDK", unit="ms", ours=Spread.of(empty)),
    ]


def _saved_one_by_one(writer: Phone, rng: random.Random) -> Figure:
    """P6: each edit saved durably by itself."""
    held = list(writer.client.customers())[:_SINGLES]
    taken = []
    for customer in held:
        start = time.perf_counter()
        with writer.client.edit(customer) as draft:
            draft.remark = f"单独保存 {rng.randrange(10**6)}"
        taken.append((time.perf_counter() - start) * 1000)
    writer.sync()
    return Figure(
        goal="P6", what="one edit saved durably", unit="ms", ours=Spread.of(taken), limit=5
    )


# ------------------------------------------------------------------------------------- storm


async def _storm(machine: Machine, owner: Company, rng: random.Random) -> list[Figure]:
    """P5: two hundred devices push ten edits each at the same moment."""
    devices = [await channel.enrolled(owner, rng) for _ in range(_CLIENTS)]
    async with Wire(machine.tonglu_url, owner.token) as wire:
        answer = (await wire.get("/v1/customers?limit=200")).ensure()
    customers = [each["id"] for each in msgspec.json.decode(answer.body)["items"]]
    errors: list[str] = []
    mine = [
        await _at_once([_push(machine, token, run, customers, rng, errors) for token in devices])
        for run in range(_RUNS)
    ]
    theirs = [
        await _at_once([_floor_push(machine, customers, rng) for _ in devices])
        for _ in range(_RUNS)
    ]
    memory = sum(processes.memory(each).pss_bytes for each in (machine.server, machine.worker))
    return [
        Figure(
            goal="P5",
            what=f"{_CLIENTS} devices x {_OPS} edits at once, p99",
            unit="s",
            ours=Spread.of(mine),
            floor=Spread.of(theirs),
            goal_ratio=1.0 / 0.66,
        ),
        Figure(
            goal="P5",
            what="devices that met an error",
            unit="",
            ours=Spread.of([len(errors)]),
            limit=0,
        ),
        Figure(
            goal="P5",
            what="memory after it (PSS)",
            unit="MiB",
            ours=Spread.of([memory / 2**20]),
            limit=250,
        ),
    ]


async def _at_once(rounds: Sequence[Any]) -> float:
    """Run all rounds at the same time and give their 99th percentile, in seconds."""
    taken: list[float] = await asyncio.gather(*rounds)
    return statistics.quantiles(taken, n=100)[98]


async def _push(
    machine: Machine,
    token: str,
    run: int,
    customers: Sequence[str],
    rng: random.Random,
    errors: list[str],
) -> float:
    """Push one frame of ten edits."""
    now_ms = clock.to_ms(clock.now())
    ops = [
        Edit(
            number=run * _OPS + n + 1,
            kind="customer",
            id=rng.choice(customers),
            fields={"remark": f"同时 {rng.randrange(10**6)}"},
            at_ms=now_ms,
            base=2**52,
        )
        for n in range(_OPS)
    ]
    body = codec.encode(
        PushRequest(
            protocol=PROTOCOL_VERSION, schema=SCHEMA_VERSION, device_time_ms=now_ms, ops=list(ops)
        )
    )
    start = time.perf_counter()
    async with Wire(machine.tonglu_url, token) as wire:
        answer = await wire.post("/v1/sync/push", body, codec.MSGPACK)
    taken = time.perf_counter() - start
    if answer.status != _OK:
        errors.append(f"{answer.status}: {answer.body[:200]!r}")
        return taken
    outcomes = codec.decode(answer.body, PushResponse).outcomes
    if len(outcomes) != _OPS or any(outcome.status not in _HELD for outcome in outcomes):
        errors.append(str(outcomes))
    return taken


async def _floor_push(machine: Machine, customers: Sequence[str], rng: random.Random) -> float:
    """Push ten edits to the floor."""
    changes = [
        (str(UUID(rng.choice(customers))), f"同时 {rng.randrange(10**6)}") for _ in range(_OPS)
    ]
    body = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(changes))
    start = time.perf_counter()
    async with Wire(machine.floor_url) as wire:
        (await wire.post("/push", body, "application/msgpack")).ensure(200, 201, 500)
    return time.perf_counter() - start
