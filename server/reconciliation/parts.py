"""How a file lies on disk until it is read: what is compared of its rows, a thousand at a time."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from billing.reconciliation.rules.columns import RowProblem, RowReader
from server.kit import db
from server.reconciliation.schemas import FilesWait

Rows = list[tuple[int, list[str]]]
"""Rows with their lines in the file."""

WAITING_MAX: Final = 20
"""So many files of one agent wait to be compared at most."""
_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('recon_file:' || $1::uuid, 0))"
_WAITING: Final = "SELECT count(*) FROM recon_file WHERE agent_id = $1 AND state = 'loading'"
_STORE: Final = """
INSERT INTO recon_part (file_id, agent_id, number, rows)
SELECT $1, $2, u.* FROM UNNEST($3::bigint[], $4::bytea[]) AS u ON CONFLICT DO NOTHING
"""
_NEXT: Final = """
SELECT number, rows FROM recon_part
WHERE file_id = $1 AND problems IS NULL ORDER BY number LIMIT 1
"""
_READ: Final = """
UPDATE recon_part SET rows = NULL, problems = $3::jsonb WHERE file_id = $1 AND number = $2
"""
_EMPTY: Final = """
UPDATE recon_part SET rows = NULL, problems = '[]' WHERE file_id = $1 AND problems IS NULL
"""
_REJECTED: Final = """
SELECT number, problems FROM recon_part
WHERE file_id = $1 AND number > $2 AND problems <> '[]' ORDER BY number LIMIT 1
"""
_COUNT: Final = """
SELECT coalesce(sum(jsonb_array_length(problems)), 0)::bigint FROM recon_part WHERE file_id = $1
"""
_FAST: Final = 1
_ROWS: Final[msgspec.msgpack.Decoder[Rows]] = msgspec.msgpack.Decoder(Rows)
_PROBLEMS: Final = msgspec.json.Decoder(list[RowProblem])


def packed(pieces: Iterable[Rows], reader: RowReader) -> tuple[list[bytes], int]:
    """Pack what is compared of a file's rows, and nobody's name; give the last row's number too."""
    parts, last_row = [], 0
    for piece in pieces:
        rows = [(number, reader.nameless(cells)) for number, cells in piece]
        parts.append(zlib.compress(msgspec.msgpack.encode(rows), _FAST))
        last_row = rows[-1][0]
    return parts, last_row


async def ensure_few_wait(agent_id: UUID) -> None:
    """Refuse a file that was just added where too many of its agent wait to be compared.

    Of one agent's files one is added at a time from here on, until the transaction ends.

    :raises FilesWait: naming the field.
    """
    await db.connection().execute(_IN_TURN, agent_id)
    if await db.connection().fetchval(_WAITING, agent_id) > WAITING_MAX:
        raise FilesWait(
            f"{WAITING_MAX} files wait to be compared already; hand this one in once some are.",
            field="file",
        )


async def store(file_id: UUID, agent_id: UUID, parts: Sequence[bytes]) -> bool:
    """Keep the parts of a file; say whether they were not there."""
    status: str = await db.connection().execute(_STORE, file_id, agent_id, range(len(parts)), parts)
    return not status.endswith(" 0")


async def upcoming(file_id: UUID) -> tuple[int, Rows] | None:
    """Give the first part that nobody has read; None when all are."""
    row = await db.connection().fetchrow(_NEXT, file_id)
    return None if row is None else (row["number"], _ROWS.decode(zlib.decompress(row["rows"])))


async def finish(file_id: UUID, number: int, problems: Sequence[RowProblem]) -> None:
    """Note that a part is read, and what could not be; in the transaction that reads it."""
    text = msgspec.json.encode(problems).decode()
    await db.connection().execute(_READ, file_id, number, text)


async def empty(file_id: UUID) -> None:
    """Keep nothing of the parts of a file that nobody will read any more."""
    await db.connection().execute(_EMPTY, file_id)


async def rejected(file_id: UUID, after: int) -> tuple[int, list[RowProblem]] | None:
    """Give the next part behind a number that has rejected rows."""
    row = await db.connection().fetchrow(_REJECTED, file_id, after)
    return None if row is None else (row["number"], _PROBLEMS.decode(row["problems"]))


async def rejected_count(file_id: UUID) -> int:
    """Count the cells that could not be read."""
    return int(await db.connection().fetchval(_COUNT, file_id))
