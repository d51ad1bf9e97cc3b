"""The disk of a simulated device: what was committed is there after a power cut, the rest is not.

SQLite in memory stands for a file with ``synchronous=FULL``: each commit is an fsync. Power fails
before or after any statement, a commit included, and the disk answers nothing until it is opened
again. An image is what a backup of the phone would hold.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec

from mobile_client_sdk import replica
from mobile_client_sdk.client import Client
from mobile_client_sdk.store import Store, _lay_out, open_store
from sync_protocol.messages import Code, Op, Outcome
from sync_protocol.schema import SCHEMA, Schema
from world.simulation.skew import speaking

_decode = msgspec.msgpack.Decoder(Op).decode
_decode_outcome = msgspec.msgpack.Decoder(Outcome).decode


class PowerCut(BaseException):
    """The device lost its power: nothing of the program goes on."""


class _Connection(sqlite3.Connection):
    """A connection to a disk that can lose its power at any statement."""

    cut_in: int | None = None
    """Statements until the power fails; at 0 it has failed."""
    after_statement = False
    """Whether the statement at which power fails is still done."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, unless there is no power."""
        if self.cut_in is None:
            return super().execute(sql, parameters)
        if self.cut_in > 1:
            self.cut_in -= 1
            return super().execute(sql, parameters)
        is_last = self.cut_in == 1 and self.after_statement
        self.cut_in = 0
        if is_last:
            super().execute(sql, parameters)
        raise PowerCut


class Disk:
    """One device's disk."""

    def __init__(self, schema: Schema = SCHEMA) -> None:
        self._connection = _opened(_empty(schema))

    def store(self) -> Store:
        """Open the store that lies on the disk; what was not committed is gone."""
        self._connection.cut_in = None
        self._connection.rollback()
        return Store(self._connection, ":memory:", is_protected=False)

    def update(self) -> None:
        """Let an updated app see the fields that were kept without being known."""
        _lay_out(Store(self._connection, ":memory:", is_protected=False))

    def cut_power(self, in_statements: int, *, after_statement: bool) -> None:
        """Let power fail at the statement so many ahead."""
        self._connection.cut_in = max(1, in_statements)
        self._connection.after_statement = after_statement

    @property
    def is_dead(self) -> bool:
        """Answer whether power has failed."""
        return self._connection.cut_in == 0

    def spare(self) -> None:
        """Let the power cut that was coming not come."""
        if not self.is_dead:
            self._connection.cut_in = None

    def ops_from(self, number: int) -> list[Op]:
        """Read the ops that lie on the disk, without any program."""
        rows = self.rows("SELECT body FROM outbox WHERE number >= ? ORDER BY number", number)
        return [_decode(body) for (body,) in rows]

    def unshown_ops(self, seq: int) -> list[tuple[Op, str | None]]:
        """Read the ops that a replica at this sequence does not show by itself.

        What waits for its record after a restoration is one of them, whatever the sequence.
        """
        rows = self.rows(
            "SELECT body, status, seq, outcome FROM outbox"
            " WHERE status IS NULL OR seq IS NULL OR seq > ? ORDER BY number",
            seq,
        )
        return [
            (_decode(body), status)
            for body, status, settled_seq, outcome in rows
            if status is None or settled_seq is not None or _waits(outcome)
        ]

    def asked(self) -> tuple[int, int]:
        """Read after which op, and up to which, the server is asked what became of them."""
        rows = self.rows("SELECT value FROM meta WHERE key = 'asked'")
        after, until = msgspec.msgpack.decode(rows[0][0]) if rows else (0, 0)
        return after, until

    def lingering(self, seq: int) -> set[tuple[str, str]]:
        """Name the records over which settled ops lie that a replica at this sequence should show.

        They do while the sequences of the ops are of a restored server, and that of the replica is
        of the epoch before.
        """
        rows = self.rows(
            "SELECT DISTINCT overlay.kind, id FROM overlay JOIN outbox USING (number) "
            "WHERE status IS NOT NULL AND seq <= ?",
            seq,
        )
        return {(kind, record_id) for kind, record_id in rows}

    def outcomes(self) -> list[tuple[int, Op, Outcome | None]]:
        """Read what became of the ops that the device keeps."""
        rows = self.rows("SELECT number, body, outcome FROM outbox ORDER BY number")
        return [
            (number, _decode(body), None if outcome is None else _decode_outcome(outcome))
            for number, body, outcome in rows
        ]

    def close(self) -> None:
        """Let the disk go."""
        self._connection.close()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the disk without any program; no power is needed for that."""
        return self._connection.cursor().execute(sql, values).fetchall()

    def damage(self, sql: str, *values: object) -> None:
        """Change the disk without any program."""
        self._connection.cursor().execute(sql, values)

    def image(self) -> bytes:
        """Copy what is committed. Between transactions, when a device is quiet."""
        return self._connection.serialize()

    def bring_back(self, image: bytes) -> None:
        """Put an old image in the place of what is there."""
        self._connection.close()
        self._connection = _opened(image)


def _waits(outcome: bytes | None) -> bool:
    return outcome is not None and _decode_outcome(outcome).code == Code.WAITING


def _opened(image: bytes) -> _Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, factory=_Connection, cached_statements=1_000
    )
    connection.deserialize(image)
    return connection


@contextmanager
def first_loads(*, are_large: bool) -> Iterator[None]:
    """Let first loads be shown as large ones are, which those of a schedule never are."""
    before = replica.FEW_ROWS
    replica.FEW_ROWS = 0 if are_large else before
    try:
        yield
    finally:
        replica.FEW_ROWS = before


@cache
def _empty(schema: Schema) -> bytes:
    """Start the app once; each new disk begins as a copy of what that laid out."""
    with speaking(schema):
        store = open_store(":memory:")
        Client(store, "http://simulated", clock_ms=int, random_bytes=bytes)
    image = store.connection.serialize()
    store.close()
    return image
