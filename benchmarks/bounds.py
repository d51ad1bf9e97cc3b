"""Raw bounds of this machine: what PostgreSQL and SQLite do when nothing stands before them."""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from benchmarks.figures import Spread

ROWS: Final = 20_000
_RUNS: Final = 3
_BATCH: Final = 1_000

Row = tuple[UUID, str, str, str, str, str, int]


def rows() -> list[Row]:
    """Make rows of the size that the work has."""
    return [
        (
            UUID(int=(n << 80) | (0x7 << 76) | (0x2 << 62)),
            f"苏州恒信数码{n}有限公司",
            f"+8613800{n:06d}",
            "苏州",
            "数码",
            "potential",
            n * 100,
        )
        for n in range(ROWS)
    ]


async def postgres(url: str) -> dict[str, Spread]:
    """Measure COPY, UNNEST and single durable writes, rows a second."""
    connection = await asyncpg.connect(url)
    try:
        made = rows()
        columns = [list(column) for column in zip(*made, strict=True)]
        return {
            "PostgreSQL COPY in, pk + 3 indexes": await _timed(
                connection, ROWS, lambda: connection.copy_records_to_table("bound", records=made)
            ),
            "PostgreSQL INSERT ... UNNEST, batches of 1,000": await _timed(
                connection, ROWS, lambda: _unnest(connection, columns)
            ),
            "PostgreSQL one-row INSERT, each committed": await _timed(
                connection, 500, lambda: _singles(connection, made[:500])
            ),
        }
    finally:
        await connection.execute("DROP TABLE IF EXISTS bound")
        await connection.close()


async def _timed(connection: Any, count: int, work: Callable[[], Awaitable[object]]) -> Spread:
    """Time some work on an empty table, several times."""
    rates = []
    for _ in range(_RUNS):
        await connection.execute("DROP TABLE IF EXISTS bound")
        await connection.execute(
            "CREATE TABLE bound (id uuid PRIMARY KEY, name text, phone text, city text,"
            " industry text, status text, revenue bigint)"
        )
        for column in ("phone", "city", "name"):
            await connection.execute(f"CREATE INDEX ON bound ({column})")
        start = time.perf_counter()
        await work()
        rates.append(count / (time.perf_counter() - start))
    return Spread.of(rates)


async def _unnest(connection: Any, columns: list[list[Any]]) -> None:
    """Insert in batches."""
    for start in range(0, ROWS, _BATCH):
        await connection.execute(
            "INSERT INTO bound SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[],"
            " $5::text[], $6::text[], $7::bigint[])",
            *(column[start : start + _BATCH] for column in columns),
        )


async def _singles(connection: Any, made: list[Row]) -> None:
    """Insert one by one, each durable."""
    for row in made:
        await connection.execute("INSERT INTO bound VALUES ($1, $2, $3, $4, $5, $6, $7)", *row)


def sqlite(folder: Path) -> dict[str, Spread]:
    """Measure a load and single durable writes in SQLite, rows a second."""
    return {
        "SQLite insert, pk + 3 indexes, one transaction": Spread.of(
            [_sqlite_load(folder / f"load-{run}.db") for run in range(_RUNS)]
        ),
        "SQLite one-row UPDATE, each committed, synchronous=FULL": Spread.of(
            [_sqlite_singles(folder / f"single-{run}.db") for run in range(_RUNS)]
        ),
    }


def _sqlite_open(file: Path) -> sqlite3.Connection:
    """Make a database as careful as the device's."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE bound (id BLOB PRIMARY KEY, name, phone, city, industry, status, revenue)"
        " WITHOUT ROWID"
    )
    for column in ("phone", "city", "name"):
        connection.execute(f"CREATE INDEX bound_{column} ON bound ({column})")
    return connection


def _sqlite_load(file: Path) -> float:
    """Load all rows in one transaction."""
    connection = _sqlite_open(file)
    made = [(row[0].bytes, *row[1:]) for row in rows()]
    start = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO bound VALUES (?, ?, ?, ?, ?, ?, ?)", made)
    connection.execute("COMMIT")
    taken = time.perf_counter() - start
    connection.close()
    return ROWS / taken


def _sqlite_singles(file: Path) -> float:
    """Update one row after the other, each durable."""
    connection = _sqlite_open(file)
    made = [(row[0].bytes, *row[1:]) for row in rows()[:300]]
    connection.executemany("INSERT INTO bound VALUES (?, ?, ?, ?, ?, ?, ?)", made)
    start = time.perf_counter()
    for row in made:
        connection.execute("UPDATE bound SET name = ? WHERE id = ?", ("改", row[0]))
    taken = time.perf_counter() - start
    connection.close()
    return len(made) / taken
