"""How an import lies on disk: its file's rows in chunks, and what became of each chunk."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from server.imports.rules.rows import Counts, Told
from server.imports.sheets import Row, unpacked
from server.kit import db

_INSERT: Final = """
    INSERT INTO sheet_import_chunk (tenant_id, import_id, number, rows)
    SELECT $1, $2, u.* FROM UNNEST($3::bigint[], $4::bytea[]) AS u
"""
_ONE: Final = """
    SELECT number, rows, outcome FROM sheet_import_chunk
    WHERE tenant_id = $1 AND import_id = $2 AND number = $3
"""
_LOCKED: Final = f"{_ONE} FOR UPDATE"
_TOLD: Final = msgspec.msgpack.Decoder(list[Told])


class Chunk(msgspec.Struct, frozen=True):
    """Up to 1,000 rows; `told` is None until they are done."""

    number: int
    rows: list[Row]
    told: list[Told] | None


async def store(tenant_id: UUID, import_id: UUID, packed: Sequence[bytes]) -> None:
    """Keep the rows of a file, in chunks as the reader packed them."""
    await db.connection().execute(_INSERT, tenant_id, import_id, range(len(packed)), packed)


async def load(
    tenant_id: UUID, import_id: UUID, number: int, *, lock: bool = False
) -> Chunk | None:
    """Give a chunk, locked if asked for; None behind the last."""
    row = await db.connection().fetchrow(_LOCKED if lock else _ONE, tenant_id, import_id, number)
    if row is None:
        return None
    told = None if row["outcome"] is None else _TOLD.decode(row["outcome"])
    return Chunk(row["number"], unpacked(row["rows"]), told)


async def finish(
    tenant_id: UUID, import_id: UUID, number: int, told: Sequence[Told], counts: Counts
) -> None:
    """Write what became of a chunk; in the transaction that did it."""
    await db.connection().execute(
        "UPDATE sheet_import_chunk SET outcome = $4, counts = $5::jsonb"
        " WHERE tenant_id = $1 AND import_id = $2 AND number = $3",
        tenant_id,
        import_id,
        number,
        msgspec.msgpack.encode(told),
        msgspec.json.encode(counts).decode(),
    )


async def counts_of(tenant_id: UUID, import_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """Add up what became of the chunks that are done."""
    rows = await db.connection().fetch(
        "SELECT import_id, counts FROM sheet_import_chunk"
        " WHERE tenant_id = $1 AND import_id = ANY($2::uuid[]) AND counts IS NOT NULL",
        tenant_id,
        import_ids,
    )
    totals: dict[Any, Counts] = {}
    for row in rows:
        one = msgspec.json.decode(row["counts"], type=Counts)
        totals[row["import_id"]] = totals.get(row["import_id"], Counts()) + one
    return totals
