"""How a sheet lies on disk: its rows in parts, and what became of the rows of each part."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from server.commissions.sheets.columns import Header
from server.commissions.sheets.schemas import SheetCounts, SheetRow
from server.kit import db

Rows = list[tuple[int, list[str]]]
"""Rows with their lines in the file."""

PART_ROWS: int = 50
"""Rows that are recorded in one transaction: others wait for what they move no longer than that."""
_STORE: Final = """
INSERT INTO commission_sheet_part (sheet_id, number, rows)
SELECT $1, u.* FROM UNNEST($2::bigint[], $3::bytea[]) AS u
"""
_NEXT: Final = """
SELECT number, rows FROM commission_sheet_part
WHERE sheet_id = $1 AND outcomes IS NULL ORDER BY number LIMIT 1
"""
_DONE: Final = """
UPDATE commission_sheet_part SET rows = NULL, outcomes = $3::jsonb, counts = $4::jsonb
WHERE sheet_id = $1 AND number = $2
"""
_EMPTY: Final = """
UPDATE commission_sheet_part SET rows = NULL, outcomes = '[]', counts = '{}'
WHERE sheet_id = $1 AND outcomes IS NULL
"""
_OUTCOMES: Final = """
SELECT number, outcomes FROM commission_sheet_part
WHERE sheet_id = $1 AND number > $2 AND outcomes <> '[]'
    AND (NOT $3 OR (counts ->> 'refused')::bigint > 0)
ORDER BY number LIMIT 1
"""
_COUNTS: Final = """
SELECT sheet_id, sum((counts ->> 'sales')::bigint)::bigint AS sales,
    sum((counts ->> 'refunds')::bigint)::bigint AS refunds,
    sum((counts ->> 'known')::bigint)::bigint AS known,
    sum((counts ->> 'refused')::bigint)::bigint AS refused
FROM commission_sheet_part WHERE sheet_id = ANY ($1::uuid[]) AND counts ? 'refused'
GROUP BY sheet_id
"""
_FAST: Final = 1
_ROWS: Final[msgspec.msgpack.Decoder[Rows]] = msgspec.msgpack.Decoder(Rows)
_TOLD: Final = msgspec.json.Decoder(list[SheetRow])


def packed(pieces: Iterable[Rows], header: Header) -> tuple[list[bytes], int]:
    """Pack what is read of a sheet's rows, refunds behind all sales; give how many there are.

    So a refund finds its sale, wherever in the file that stands.
    """
    sales, refunds = _Parts(), _Parts()
    for piece in pieces:
        for number, row in piece:
            if not header.is_sum(row):
                parts = refunds if header.is_refund(row) else sales
                parts.add(number, header.kept(row))
    return [*sales.closed(), *refunds.closed()], sales.count + refunds.count


class _Parts:
    """Rows that are gathered into parts; as lists, all of a large file take ten times its size."""

    def __init__(self) -> None:
        self.count = 0
        self._packed: list[bytes] = []
        self._open: Rows = []

    def add(self, number: int, row: list[str]) -> None:
        """Add a row."""
        self.count += 1
        self._open.append((number, row))
        if len(self._open) >= PART_ROWS:
            self.closed()

    def closed(self) -> list[bytes]:
        """Pack what is open, and give all parts."""
        if self._open:
            self._packed.append(zlib.compress(msgspec.msgpack.encode(self._open), _FAST))
            self._open = []
        return self._packed


async def store(sheet_id: UUID, parts: Sequence[bytes]) -> None:
    """Keep the parts of a sheet."""
    await db.connection().execute(_STORE, sheet_id, range(len(parts)), parts)


async def upcoming(sheet_id: UUID) -> tuple[int, Rows] | None:
    """Give the first part that nobody has recorded; None when all are."""
    row = await db.connection().fetchrow(_NEXT, sheet_id)
    return None if row is None else (row["number"], _ROWS.decode(zlib.decompress(row["rows"])))


async def finish(
    sheet_id: UUID, number: int, outcomes: Sequence[SheetRow], counts: SheetCounts
) -> None:
    """Write what became of a part's rows; in the transaction that did it."""
    told, counted = msgspec.json.encode(outcomes).decode(), msgspec.json.encode(counts).decode()
    await db.connection().execute(_DONE, sheet_id, number, told, counted)


async def empty(sheet_id: UUID) -> None:
    """Keep nothing of the parts of a sheet that nobody will record any more."""
    await db.connection().execute(_EMPTY, sheet_id)


async def told(
    sheet_id: UUID, after: int, *, only_refused: bool
) -> tuple[int, list[SheetRow]] | None:
    """Give what became of the rows of the next part behind a number; None behind the last."""
    row = await db.connection().fetchrow(_OUTCOMES, sheet_id, after, only_refused)
    return None if row is None else (row["number"], _TOLD.decode(row["outcomes"]))


async def counts(sheet_ids: Sequence[UUID]) -> dict[UUID, SheetCounts]:
    """Add up what became of the parts that are done, by sheet."""
    rows = await db.connection().fetch(_COUNTS, list(sheet_ids))
    return {
        row["sheet_id"]: SheetCounts(**{name: row[name] for name in SheetCounts.__struct_fields__})
        for row in rows
    }
