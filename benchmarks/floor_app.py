"""The yardstick: the bare stack doing the same calls, without tenants, rules, history or conflicts.

Litestar, asyncpg and granian, one table with the indexes that its queries want. What Tonglu takes
beyond this is what its promises cost.
"""

import csv
import io
import os
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import zstandard
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromQuery, JSONBody

_SCHEMA: Final = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE IF NOT EXISTS lead (
    id uuid PRIMARY KEY, name text NOT NULL, phone text NOT NULL, phone_reversed text NOT NULL,
    city text COLLATE "C" NOT NULL, industry text NOT NULL, status text COLLATE "C" NOT NULL,
    revenue bigint NOT NULL, remark text NOT NULL, seq bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS lead_board ON lead (city, status, revenue DESC, id);
CREATE INDEX IF NOT EXISTS lead_phone ON lead (phone_reversed text_pattern_ops);
CREATE INDEX IF NOT EXISTS lead_name ON lead USING gin (name gin_trgm_ops);
CREATE INDEX IF NOT EXISTS lead_seq ON lead (seq);
"""
_INSERT: Final = """
INSERT INTO lead SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::bigint[], $9::text[], $10::bigint[])
ON CONFLICT (id) DO NOTHING
"""
_BOARD: Final = """
SELECT id, name, phone, city, industry, status, revenue, remark FROM lead
WHERE city = $1 AND status = $2 ORDER BY revenue DESC, id LIMIT 50
"""
_BY_NAME: Final = "SELECT id, name, phone, city, status FROM lead WHERE name LIKE $1 LIMIT 20"
_BY_DIGITS: Final = """
SELECT id, name, phone, city, status FROM lead
WHERE phone_reversed ~>=~ $1 AND phone_reversed ~<~ $2 LIMIT 20
"""
_IMPORT_BATCH: Final = 1000


class Lead(msgspec.Struct):
    """A customer without any rule."""

    id: UUID
    name: str
    phone: str
    city: str
    industry: str
    status: str
    expected_revenue_minor: int
    remark: str = ""


class Change(msgspec.Struct, array_like=True):
    """One edit of one field."""

    id: UUID
    remark: str


_pool: list[Any] = []


@post("/leads", status_code=201)
async def create(data: JSONBody[Lead]) -> Lead:
    """Insert one row."""
    await _insert([data], 1)
    return data


@post("/leads/batch", status_code=201)
async def create_many(data: JSONBody[list[Lead]]) -> int:
    """Insert many rows in one statement."""
    await _insert(data, 1)
    return len(data)


@get("/leads")
async def board(city: FromQuery[str], status: FromQuery[str]) -> list[dict[str, Any]]:
    """List 50 of a city and status by revenue."""
    return [dict(row) for row in await _pool[0].fetch(_BOARD, city, status)]


@get("/leads/search")
async def search(
    name: FromQuery[str | None] = None, digits: FromQuery[str | None] = None
) -> list[dict[str, Any]]:
    """Find by a piece of the name, or by the last digits of the phone."""
    if name is not None:
        return [dict(row) for row in await _pool[0].fetch(_BY_NAME, f"%{name}%")]
    ends = (digits or "")[::-1]
    return [dict(row) for row in await _pool[0].fetch(_BY_DIGITS, ends, ends + "~")]


@post("/leads/import", status_code=200)
async def import_csv(request: Request[Any, Any, Any]) -> int:
    """Read a CSV and insert its rows in batches."""
    rows = list(csv.reader(io.StringIO((await request.body()).decode("gb18030"))))[1:]
    leads = [
        Lead(UUID(row[0]), row[1], row[2], row[3], row[4], row[5], int(row[6]), row[7])
        for row in rows
    ]
    for start in range(0, len(leads), _IMPORT_BATCH):
        await _insert(leads[start : start + _IMPORT_BATCH], 1)
    return len(leads)


@post("/pull", status_code=200)
async def pull(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Send every row above a sequence, by column, compressed."""
    since = int(await request.body() or b"0")
    rows = await _pool[0].fetch(
        "SELECT id::text, name, phone, city, industry, status, revenue, remark, seq FROM lead"
        " WHERE seq > $1",
        since,
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    body = zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(columns))
    return Response(body, media_type="application/msgpack")


@post("/push", status_code=200)
async def push(request: Request[Any, Any, Any]) -> int:
    """Apply edits of one field, all in one statement."""
    packed = zstandard.ZstdDecompressor().decompress(await request.body())
    changes = msgspec.msgpack.decode(packed, type=list[Change])
    # In the order of ids, or those who push at once lock each other out.
    changes.sort(key=lambda change: change.id)
    await _pool[0].execute(
        "UPDATE lead t SET remark = u.remark, seq = t.seq + 1"
        " FROM UNNEST($1::uuid[], $2::text[]) AS u(id, remark) WHERE t.id = u.id",
        [change.id for change in changes],
        [change.remark for change in changes],
    )
    return len(changes)


@get("/readyz")
async def ready() -> str:
    """Say that the process answers."""
    return "ready"


async def _insert(leads: list[Lead], seq: int) -> None:
    """Insert rows by column."""
    await _pool[0].execute(
        _INSERT,
        [lead.id for lead in leads],
        [lead.name for lead in leads],
        [lead.phone for lead in leads],
        [lead.phone[::-1] for lead in leads],
        [lead.city for lead in leads],
        [lead.industry for lead in leads],
        [lead.status for lead in leads],
        [lead.expected_revenue_minor for lead in leads],
        [lead.remark for lead in leads],
        [seq] * len(leads),
    )


async def prepare(url: str) -> None:
    """Make the table; as the owner of the floor's own database."""
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(_SCHEMA)
    finally:
        await owner.close()


async def _open(_: Litestar) -> None:
    """Open the pool of this process."""
    _pool[:] = [await asyncpg.create_pool(os.environ["FLOOR_DATABASE_URL"], min_size=2, max_size=8)]


async def _close(_: Litestar) -> None:
    """Close the pool."""
    await _pool.pop().close()


def create_app() -> Litestar:
    """Make the application."""
    return Litestar(
        [create, create_many, board, search, import_csv, pull, push, ready],
        on_startup=[_open],
        on_shutdown=[_close],
        openapi_config=None,
        request_max_body_size=64 * 1024 * 1024,
    )
