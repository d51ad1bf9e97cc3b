"""How the database answers what the product asks: the plans of its own statements, as they ran."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.kit import db

_QUERY: Final = re.compile(r"[\s(]*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


class Plan(msgspec.Struct, frozen=True):
    """What was done for one question, all its statements together."""

    statements: int
    pages: int
    """Of 8 KiB, touched in memory or on disk: does not depend on how busy the machine is."""
    scanned: dict[str, int]
    """Tables that were read from their beginning to their end, and how many pages that was."""
    sorted_rows: int
    """The most rows that one sort was given."""
    nodes: tuple[str, ...]
    """Of each statement: how it was answered, its innermost parts last."""

    def scanned_of(self, pages: int) -> list[str]:
        """Name the tables of more than so many pages that were read from end to end."""
        return [table for table, read in self.scanned.items() if read > pages]


class _Node(msgspec.Struct, frozen=True, rename={"type": "Node Type"}):
    """A part of a plan, as PostgreSQL writes it."""

    type: str
    table: str | None = msgspec.field(default=None, name="Relation Name")
    index: str | None = msgspec.field(default=None, name="Index Name")
    rows: float = msgspec.field(default=0, name="Actual Rows")
    loops: float = msgspec.field(default=0, name="Actual Loops")
    hit: int = msgspec.field(default=0, name="Shared Hit Blocks")
    read: int = msgspec.field(default=0, name="Shared Read Blocks")
    parts: tuple["_Node", ...] = msgspec.field(default=(), name="Plans")

    def all(self) -> Iterator["_Node"]:
        """Give this part and all within it."""
        yield self
        for part in self.parts:
            yield from part.all()

    def __str__(self) -> str:
        """Write it for a person."""
        over = self.index or self.table
        return f"{self.type} {over}" if over else self.type


class _Explained(msgspec.Struct, frozen=True):
    """What EXPLAIN answers."""

    plan: _Node = msgspec.field(name="Plan")


async def of(
    tenant_id: UUID, ask: Callable[[], Awaitable[object]], *, settings: Sequence[str] = ()
) -> Plan:
    """Ask once, then have every statement that was sent explained, with the same parameters.

    A service joins the transaction that is open here, so that its connection can be listened to.

    :param settings: of the planner, for this alone; as ``enable_seqscan = off`` where tables are
        so small that an index would be a detour.
    """
    heard: list[tuple[str, Any]] = []

    def hear(sent: Any) -> None:
        if _QUERY.match(sent.query):
            heard.append((sent.query, sent.args))

    async with db.tenant_transaction(tenant_id, snapshot=True):
        connection = db.connection()
        for setting in settings:
            await connection.execute(f"SET LOCAL {setting}")
        # Once before: on its first use the driver asks for the types of a statement's parameters.
        await ask()
        connection.add_query_logger(hear)
        try:
            await ask()
            # The driver tells of a statement when the loop comes round again.
            await asyncio.sleep(0)
        finally:
            connection.remove_query_logger(hear)
        nodes = [await _explained(connection, *each) for each in heard]
    every = [node for top in nodes for node in top.all()]
    return Plan(
        statements=len(nodes),
        pages=sum(top.hit + top.read for top in nodes),
        scanned={
            node.table: node.hit + node.read
            for node in every
            if node.type == "Seq Scan" and node.table
        },
        sorted_rows=int(max((_given(node) for node in every if "Sort" in node.type), default=0)),
        nodes=tuple(" < ".join(_told(top)) for top in nodes),
    )


def _told(top: _Node) -> list[str]:
    """Write the parts of a plan, but for those that only pass rows on."""
    return [str(node) for node in top.all() if node.type != "Result"]


def _given(sort: _Node) -> float:
    """Count the rows that a sort was given; it gives as many as were wanted of it."""
    return sum(part.rows * part.loops for part in sort.parts)


async def _explained(
    connection: "asyncpg.Connection[asyncpg.Record]", query: str, values: Any
) -> _Node:
    """Have a statement explained as a prepared one, which is how the driver sends it."""
    await connection.execute(f"PREPARE asked AS {query}")
    given = f"({', '.join(map(_literal, values))})" if values else ""
    told = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE asked{given}"
    )
    await connection.execute("DEALLOCATE asked")
    return msgspec.json.decode(told, type=list[_Explained])[0].plan


def _literal(value: Any) -> str:
    """Write a parameter as SQL; its type is known from where it stands."""
    match value:
        case None:
            return "NULL"
        case bool() | int() | float():
            return f"'{value}'"
        case list() | tuple() | set():
            return _quoted("{" + ",".join(map(_element, value)) + "}")
        case datetime():
            return _quoted(value.isoformat())
        case _:
            return _quoted(str(value))


def _element(value: Any) -> str:
    """Write an element of an array."""
    return "NULL" if value is None else '"' + str(value).replace('"', r"\"") + '"'


def _quoted(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"
