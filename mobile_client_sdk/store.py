"""The device's database: one SQLite file that a crash or an empty battery does not hurt.

Write-ahead log with ``synchronous=FULL``: what was committed is on the disk. Nothing is encrypted
yet: a store opened without a key says that it is unprotected.
"""
# ruff: noqa: S608 - the names in SQL come from the schema, never from a person or the wire

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, RecordSpec

_LAYOUT: Final = 1
"""Raised when a table of this file changes its shape."""
_CACHE_KIB: Final = 4_096

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    # An op that was made here: `status` is null until the server has settled it.
    """
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        record_id TEXT NOT NULL,
        body BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        status TEXT,
        outcome BLOB,
        seq INTEGER,
        settled_at_ms INTEGER,
        seen INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX outbox_pending ON outbox (number) WHERE status IS NULL",
    # What ops that the replica does not show yet do to it: view = base + overlay.
    """
    CREATE TABLE overlay (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        field TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (kind, id, number, field)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX overlay_number ON overlay (number)",
    # Pages of a pull that is not complete.
    "CREATE TABLE staged (page INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    # Records of kinds that a newer server knows and this app does not.
    """
    CREATE TABLE unknown_record (
        kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, fields BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID
    """,
)
INDEXES: Final[Mapping[str, tuple[str, ...]]] = {
    "customer": ("name, id", "phone", "status, city"),
    "store": ("customer_id",),
    "contact": ("customer_id",),
    "note": ("customer_id",),
    "tag": (),
    "conflict": ("customer_id", "state"),
}
"""Made after a first load, which they would slow down."""


class StoreUnusable(Exception):
    """The file is not a store of this app, or of a newer one."""


class Store:
    """An open store. One connection, guarded by a lock, so that threads take turns."""

    def __init__(self, connection: sqlite3.Connection, *, is_protected: bool) -> None:
        self.connection = connection
        self.is_protected = is_protected
        """Whether the file can be read without a key."""
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit everything inside at once, on the disk, or nothing; an inner one joins."""
        with self._lock:
            if self._depth == 0:
                self.connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self.connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self.connection.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Answer all rows of a question."""
        with self._lock:
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Answer the first row of a question, or none."""
        with self._lock:
            return self.connection.execute(sql, values).fetchone()

    def get(self, key: str) -> Any:
        """Answer a remembered value, or none."""
        row = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else msgspec.msgpack.decode(row[0])

    def put(self, key: str, value: object) -> None:
        """Remember a value durably; none forgets it."""
        with self.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key = ?", (key,))
                return
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = ?2",
                (key, msgspec.msgpack.encode(value)),
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()


def open_store(path: str | Path, *, key: bytes | None = None) -> Store:
    """Open or make the store of one device.

    ``key`` is where encryption will come in; this version has none, so it refuses a key rather
    than to let anybody believe that the file is protected.

    :raises StoreUnusable: if the file is not one, or was written by a newer app.
    """
    if key is not None:
        raise StoreUnusable("This version cannot encrypt; open the store without a key.")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    store = Store(connection, is_protected=False)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"cache_size = -{_CACHE_KIB}",
            "temp_store = MEMORY",
            "busy_timeout = 5000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _lay_out(store)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreUnusable(f"{path} is not a store.") from error
    except StoreUnusable:
        connection.close()
        raise
    return store


def _lay_out(store: Store) -> None:
    with store.transaction() as connection:
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        if layout > _LAYOUT:
            raise StoreUnusable("This store was written by a newer app.")
        if layout == 0:
            for statement in _TABLES:
                connection.execute(statement)
            for spec in SCHEMA.records:
                create_table(connection, spec, "base")
                create_indexes(connection, spec)
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")
        for spec in SCHEMA.records:
            _adopt_new_fields(connection, spec)


def create_table(connection: sqlite3.Connection, spec: RecordSpec, prefix: str) -> None:
    """Make the table of one kind: ``base_`` holds what is shown, ``stage_`` what is coming."""
    columns = "".join(f", {field.name} {_affinity(field)}" for field in spec.fields)
    connection.execute(
        f"CREATE TABLE {prefix}_{spec.kind} "
        f"(id TEXT PRIMARY KEY, seq INTEGER NOT NULL{columns}, extra BLOB)"
    )


def create_indexes(connection: sqlite3.Connection, spec: RecordSpec) -> None:
    """Index what is searched for."""
    for position, columns in enumerate(INDEXES.get(spec.kind, ())):
        connection.execute(
            f"CREATE INDEX ix_{spec.kind}_{position} ON base_{spec.kind} ({columns})"
        )


def _affinity(field: FieldSpec) -> str:
    return "INTEGER" if field.type in (FieldType.INT, FieldType.TIME) else "TEXT"


def _adopt_new_fields(connection: sqlite3.Connection, spec: RecordSpec) -> None:
    """Let an updated app see the fields that the store kept without knowing them."""
    known = {row[1] for row in connection.execute(f"PRAGMA table_info(base_{spec.kind})")}
    if not known:
        create_table(connection, spec, "base")
        create_indexes(connection, spec)
        return
    added = [field for field in spec.fields if field.name not in known]
    if not added:
        return
    for field in added:
        column = f"{field.name} {_affinity(field)}"
        connection.execute(f"ALTER TABLE base_{spec.kind} ADD COLUMN {column}")
    kept = connection.execute(
        f"SELECT id, extra FROM base_{spec.kind} WHERE extra IS NOT NULL"
    ).fetchall()
    for record_id, extra in kept:
        fields = msgspec.msgpack.decode(extra)
        values = [to_column(field, fields.pop(field.name, None)) for field in added]
        rest = msgspec.msgpack.encode(fields) if fields else None
        columns = ", ".join(f"{field.name} = ?" for field in added)
        connection.execute(
            f"UPDATE base_{spec.kind} SET {columns}, extra = ? WHERE id = ?",
            (*values, rest, record_id),
        )


def to_column(field: FieldSpec, value: Any) -> Any:
    """Answer a value as a column holds it: sets and free values as JSON."""
    if value is None or field.type not in (FieldType.SET, FieldType.ANY):
        return value
    return msgspec.json.encode(value).decode()


def from_column(field: FieldSpec, value: Any) -> Any:
    """Answer a value as the wire has it."""
    if field.type is FieldType.SET:
        return msgspec.json.decode(value) if value else []
    if field.type is FieldType.ANY:
        return None if value is None else msgspec.json.decode(value)
    return value


def to_columns(field: FieldSpec, values: Iterable[Any]) -> Iterable[Any]:
    """Answer a whole column as the table holds it."""
    if field.type in (FieldType.SET, FieldType.ANY):
        return [to_column(field, value) for value in values]
    return values
