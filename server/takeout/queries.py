"""Read a company's rows table by table, as lines, whatever tables there are."""

import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Final
from uuid import UUID

from server.kit import db
from server.takeout.rules import File, in_order

_COLUMNS: Final = """
SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attname) AS columns
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relforcerowsecurity
    AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant')
GROUP BY 1 ORDER BY 1
"""
_PARENTS: Final = """
SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent
FROM pg_constraint WHERE contype = 'f'
"""
KEPT: Final = (
    "agent_agreement",
    "agent_exit",
    "agent_tier",
    "exit_item",
    "issuance",
    "onboarding_tick",
    "platform_request",
    "sharing_contract",
)
"""Global tables of which an agent's transaction reads its own rows."""

Sink = Callable[[bytes], Awaitable[None]]


async def columns() -> dict[str, list[str]]:
    """Give the columns of every tenant's table, in an order in which rows may be written."""
    rows = {row["name"]: row["columns"] for row in await db.connection().fetch(_COLUMNS)}
    parents: dict[str, frozenset[str]] = {}
    for row in await db.connection().fetch(_PARENTS):
        child = row["child"]
        parents[child] = parents.get(child, frozenset()) | {row["parent"]}
    return {name: rows[name] for name in in_order(rows, parents)}


async def table(name: str, sink: Sink | None = None) -> File:
    """Give a table's rows, one a line, and what they count and hash to.

    :param sink: takes the lines.
    """
    return await _lines(f"tables/{name}.jsonl", f'SELECT * FROM "{name}"', sink)  # noqa: S608 - a name of the catalogue


async def kept(name: str, sink: Sink) -> File:
    """Give what the platform keeps of the company in one of its own tables."""
    return await _lines(f"kept/{name}.jsonl", f'SELECT * FROM "{name}"', sink)  # noqa: S608 - a name of this file


async def _lines(path: str, rows: str, sink: Sink | None) -> File:
    """Read rows as JSON in byte order: the same in every install, whatever its collation."""
    digest, count = hashlib.sha256(), 0

    async def take(piece: bytes) -> None:
        nonlocal count
        digest.update(piece)
        count += piece.count(b"\n")
        if sink is not None:
            await sink(piece)

    # Quotes and delimiters that no JSON holds: what comes is the line itself.
    await db.connection().copy_from_query(
        f"SELECT line FROM (SELECT to_jsonb(held)::text AS line FROM ({rows}) held) lines "  # noqa: S608 - names of this room
        'ORDER BY line COLLATE "C"',
        output=take,
        format="csv",
        delimiter="\x02",
        quote="\x01",
    )
    return File(path, count, digest.hexdigest())


async def phones(tenant_id: UUID, tables: dict[str, list[str]]) -> set[str]:
    """Give the phones that a company holds, of whomever."""
    found: set[str] = set()
    for name, held in tables.items():
        if "phone" in held:
            rows = await db.connection().fetch(
                f'SELECT DISTINCT phone FROM "{name}" WHERE tenant_id = $1 AND phone IS NOT NULL',  # noqa: S608 - a name of the catalogue
                tenant_id,
            )
            found |= {row["phone"] for row in rows}
    return found


async def contents(tenant_id: UUID) -> list[str]:
    """Give the keys under which the company's photos and files lie."""
    rows = await db.connection().fetch(
        "SELECT object_key FROM attachment_blob WHERE tenant_id = $1 ORDER BY object_key", tenant_id
    )
    return [row["object_key"] for row in rows]


async def hashed(path: str, pieces: AsyncIterable[bytes], sink: Sink) -> File:
    """Give a content to a sink, and what it hashes to."""
    digest = hashlib.sha256()
    async for piece in pieces:
        digest.update(piece)
        await sink(piece)
    return File(path, 1, digest.hexdigest())
