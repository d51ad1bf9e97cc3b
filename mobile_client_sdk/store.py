"""The device's database: one SQLite file that a crash or an empty battery does not hurt.

Write-ahead log with ``synchronous=FULL``: what was committed is on the disk. With a key the file
is encrypted page by page (SQLCipher, from the extra ``protected``), and so is its log; without one
the store says that it is unprotected.
"""
# ruff: noqa: S608 - the names in SQL come from the schema, never from a person or the wire

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, RecordSpec
from sync_protocol.texts import folded

_LAYOUT: Final = 1
"""Raised when a table of this file changes its shape."""
_CACHE_KIB: Final = 8_192
_KEY_BYTES: Final = 32
_IN_MEMORY: Final = ":memory:"
HANDLE: Final = "+handle"
"""Among the kept fields of a record of an unknown kind: its handle."""
_PLAIN_HEAD: Final = b"SQLite format 3\0"

Touched = Collection[tuple[str, str]] | None
"""The kinds and ids of records that may show otherwise; none where it may be any."""

CAN_ENCRYPT: Final = all(find_spec(name) is not None for name in ("sqlcipher3", "cryptography"))
"""Whether what the extra ``protected`` brings is installed."""

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
    "lead": ("customer_id", "state"),
    "lead_source": (),
    "campaign": (),
    "visit": ("customer_id",),
    "call": ("customer_id",),
    "call_ban": ("customer_id",),
    "task": ("customer_id",),
    "process": (),
    "opportunity": ("customer_id",),
    "product": (),
    "price_book": (),
    "quote": ("customer_id", "opportunity_id"),
    "contract": ("customer_id", "opportunity_id"),
    "registration": ("customer_id",),
    "service_case": ("customer_id", "state"),
    "resource_request": ("customer_id", "opportunity_id"),
    "custom_record": ("customer_id", "object_id"),
    "attachment": ("customer_id",),
    "tag": (),
    "conflict": ("customer_id", "state"),
}
"""Made after a first load, which they would slow down."""


class StoreUnusable(Exception):
    """The file is not a store of this app, or of a newer one, or its key is not at hand."""


class Store:
    """An open store. One connection, guarded by a lock, so that threads take turns."""

    def __init__(
        self, connection: sqlite3.Connection, path: str | Path, *, is_protected: bool
    ) -> None:
        self.connection = connection
        self.path = Path(path)
        self.is_protected = is_protected
        """Whether the file is unreadable without its key."""
        self.guard: Callable[[], None] | None = None
        """Raises when the store may not be used any more; asked at each use."""
        self.committed: list[Callable[[Touched], None]] = []
        """Told after each commit what it touched, in the thread that made it."""
        self.is_closed = False
        self._lock = threading.RLock()
        self._depth = 0
        self._touched: Touched = ()

    @contextmanager
    def transaction(self, *, touching: Touched = None) -> Iterator[sqlite3.Connection]:
        """Commit everything inside at once, on the disk, or nothing; an inner one joins.

        ``touching`` names the records that will show otherwise; who does not know says nothing.
        """
        with self._lock:
            if self._depth == 0:
                self._ensure_usable()
                self.connection.execute("BEGIN IMMEDIATE")
                self._touched = ()
            self._depth += 1
            if touching is None or self._touched is None:
                self._touched = None
            elif touching:
                self._touched = {*self._touched, *touching}
            try:
                yield self.connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            is_outermost = self._depth == 0
            if is_outermost:
                self.connection.execute("COMMIT")
            touched = self._touched
        if is_outermost and touched != ():
            for tell in tuple(self.committed):
                tell(touched)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Answer all rows of a question."""
        with self._lock:
            self._ensure_usable()
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Answer the first row of a question, or none."""
        with self._lock:
            self._ensure_usable()
            return self.connection.execute(sql, values).fetchone()

    def _ensure_usable(self) -> None:
        if self.guard is not None and self._depth == 0:
            self.guard()

    def get(self, key: str) -> Any:
        """Answer a remembered value, or none."""
        row = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else msgspec.msgpack.decode(row[0])

    def put(self, key: str, value: object) -> None:
        """Remember a value durably; none forgets it."""
        with self.transaction(touching=()) as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key = ?", (key,))
                return
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = ?2",
                (key, msgspec.msgpack.encode(value)),
            )

    def reopen(self, key: bytes) -> None:
        """Open the file again after ``close``, as when a lease was renewed."""
        with self._lock:
            self.close()
            self.connection = open_store(self.path, key=key).connection
            self.is_closed = False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()
            self.is_closed = True


def open_store(path: str | Path, *, key: bytes | None = None) -> Store:
    """Open or make the store of one device; with a key of 32 bytes it is encrypted.

    :raises StoreUnusable: if the file is not one, was written by a newer app, or needs another key.
    """
    if str(path) != _IN_MEMORY and not Path(path).exists():
        Path(path).touch(mode=0o600)
    connection = _connect(path, key)
    store = Store(connection, path, is_protected=key is not None)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"cache_size = -{_CACHE_KIB}",
            "temp_store = MEMORY",
            "busy_timeout = 5000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("compared", 1, compared, deterministic=True)
        _lay_out(store)
    except StoreUnusable:
        connection.close()
        raise
    except _database_errors() as error:
        connection.close()
        why = "or its key is another one" if key else "or it is encrypted"
        raise StoreUnusable(f"{path} is not a store, {why}.") from error
    return store


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""What SQLite's ``lower`` does: Latin letters only."""


def compared(text: str | None) -> str:
    """Answer a text as it is searched: whichever signs it is written with, and in lower case."""
    return folded(text or "").translate(_LOWER)


def _connect(path: str | Path, key: bytes | None) -> sqlite3.Connection:
    if key is None:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if not CAN_ENCRYPT:
        raise StoreUnusable("Nothing here can encrypt; install the extra `protected`.")
    if len(key) != _KEY_BYTES:
        raise StoreUnusable(f"A key has {_KEY_BYTES} bytes.")
    # SQLCipher's module has the very interface of sqlite3, and no types.
    connect = import_module("sqlcipher3.dbapi2").connect
    connection = cast(
        "sqlite3.Connection", connect(path, isolation_level=None, check_same_thread=False)
    )
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    # Quicker than SHA-512 on machines with SHA instructions, and enough to notice any change.
    connection.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
    return connection


def _database_errors() -> tuple[type[Exception], ...]:
    if not CAN_ENCRYPT:
        return (sqlite3.DatabaseError,)
    return (sqlite3.DatabaseError, import_module("sqlcipher3.dbapi2").DatabaseError)


def is_plain(path: str | Path) -> bool:
    """Answer whether a file is a store that anybody can read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_PLAIN_HEAD)) == _PLAIN_HEAD
    except FileNotFoundError:
        return False


def store_files(path: str | Path) -> tuple[Path, ...]:
    """Answer the files of a store: the database, its log, its index of the log."""
    path = Path(path)
    return tuple(path.with_name(path.name + ending) for ending in ("", "-wal", "-shm"))


def encrypt_store(path: str | Path, key: bytes) -> None:
    """Encrypt a store that is not: the encrypted copy takes its place at once.

    The old bytes are overwritten where the file system lets them be; flash may keep them a while.
    """
    path = Path(path)
    copy = path.with_name(path.name + ".encrypting")
    copy.unlink(missing_ok=True)
    plain = open_store(path)
    layout = plain.row("PRAGMA user_version")[0]
    # A log must not be left beside the copy that takes the file's place.
    plain.row("PRAGMA journal_mode = DELETE")
    plain.close()
    connect = import_module("sqlcipher3.dbapi2").connect
    connection = connect(path, isolation_level=None)
    connection.execute(f"ATTACH DATABASE ? AS fresh KEY \"x'{key.hex()}'\"", (str(copy),))
    connection.execute("PRAGMA fresh.cipher_hmac_algorithm = HMAC_SHA256")
    connection.execute("SELECT sqlcipher_export('fresh')").fetchall()
    connection.execute(f"PRAGMA fresh.user_version = {int(layout)}")
    connection.execute("DETACH DATABASE fresh")
    connection.close()
    with copy.open("rb+") as file:
        os.fsync(file.fileno())
    if os.name == "nt":
        copy.replace(path)
        return
    size = path.stat().st_size
    with path.open("rb+") as old:
        copy.replace(path)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())


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
            _adopt_kept_records(connection, spec)


def create_table(connection: sqlite3.Connection, spec: RecordSpec, prefix: str) -> None:
    """Make the table of one kind: ``base_`` holds what is shown, ``stage_`` what is coming."""
    columns = "".join(f", {field.name} {_affinity(field)}" for field in spec.fields)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {prefix}_{spec.kind} "
        f"(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, handle INTEGER{columns}, extra BLOB)"
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
    if not _columns(connection, f"base_{spec.kind}"):
        create_table(connection, spec, "base")
        create_indexes(connection, spec)
    # A first load that the old app began goes on under the new one.
    if _columns(connection, "stage_customer") and not _columns(connection, f"stage_{spec.kind}"):
        create_table(connection, spec, "stage")
    for prefix in ("base", "stage"):
        _add_columns(connection, spec, f"{prefix}_{spec.kind}")


def _adopt_kept_records(connection: sqlite3.Connection, spec: RecordSpec) -> None:
    """Let an updated app see the records that the store kept without knowing their kind.

    Those that came with a first load that is not complete belong to what is coming.
    """
    kept = connection.execute(
        "SELECT id, seq, fields FROM unknown_record WHERE kind = ?", (spec.kind,)
    ).fetchall()
    if not kept:
        return
    table = f"{'stage' if _is_loading(connection) else 'base'}_{spec.kind}"
    columns = "".join(f", {field.name}" for field in spec.fields)
    places = ", ".join("?" * (len(spec.fields) + 4))
    rows = []
    for record_id, seq, packed in kept:
        fields = msgspec.msgpack.decode(packed)
        handle = fields.pop(HANDLE, None)
        values = [to_column(field, fields.pop(field.name, None)) for field in spec.fields]
        rest = msgspec.msgpack.encode(fields) if fields else None
        rows.append((record_id, seq, handle, *values, rest))
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} (id, seq, handle{columns}, extra) VALUES ({places})", rows
    )
    connection.execute("DELETE FROM unknown_record WHERE kind = ?", (spec.kind,))


def _is_loading(connection: sqlite3.Connection) -> bool:
    """Answer whether the pages of a first load are coming."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'progress'").fetchone()
    return row is not None and msgspec.msgpack.decode(row[0]).get("staging") == "snapshot"


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _add_columns(connection: sqlite3.Connection, spec: RecordSpec, table: str) -> None:
    """Give a table the columns that it lacks, with the values that were kept beside it."""
    known = _columns(connection, table)
    added = [field for field in spec.fields if field.name not in known]
    if not known or not added:
        return
    for field in added:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {field.name} {_affinity(field)}")
    kept = connection.execute(f"SELECT id, extra FROM {table} WHERE extra IS NOT NULL").fetchall()
    for record_id, extra in kept:
        fields = msgspec.msgpack.decode(extra)
        values = [to_column(field, fields.pop(field.name, None)) for field in added]
        rest = msgspec.msgpack.encode(fields) if fields else None
        columns = ", ".join(f"{field.name} = ?" for field in added)
        connection.execute(
            f"UPDATE {table} SET {columns}, extra = ? WHERE id = ?", (*values, rest, record_id)
        )


PACKED: Final = frozenset({FieldType.SET, FieldType.ANY})
"""Types of fields whose values a column holds as JSON."""


def to_column(field: FieldSpec, value: Any) -> Any:
    """Answer a value as a column holds it: sets and free values as JSON."""
    if value is None or field.type not in PACKED:
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
    if field.type in PACKED:
        return [to_column(field, value) for value in values]
    return values
