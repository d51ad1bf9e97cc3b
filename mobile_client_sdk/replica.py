"""The base tables: what the server said last. Pages are staged and shown at once.

A first load goes into tables of its own, without indexes, which take the place of the shown ones
when the last page has come; a crash in between continues where it was. Later pulls of one page are
applied at once, those of several are kept as they came until the last one is there.
"""
# ruff: noqa: S608 - the names in SQL come from the schema, never from a person or the wire

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, repeat
from typing import Any, Final

import msgspec

from mobile_client_sdk.store import (
    HANDLE,
    Store,
    create_indexes,
    create_table,
    from_column,
    to_column,
    to_columns,
)
from sync_protocol.digest import row_hash
from sync_protocol.messages import (
    Delete,
    Edit,
    Op,
    Patch,
    PullRequest,
    PullResponse,
    RecordBatch,
)
from sync_protocol.schema import SCHEMA, FieldSpec, RecordSpec, is_uuid

_IS_ID: Final = f"id GLOB '{'-'.join('[0-9a-f]' * digits for digits in (8, 4, 4, 4, 12))}'"
FEW_ROWS = 200
"""Of a kind with no more a first load is copied: renaming lets SQLite read its schema anew."""
_CHILDREN: Final = tuple(spec.kind for spec in SCHEMA.records if spec.parent is not None)


class Progress(msgspec.Struct, frozen=True):
    """Where the replica stands."""

    cursor: str | None = None
    """Continues from what is shown; none before the first load."""
    seq: int = 0
    """The sequence that is shown."""
    epoch: int = 0
    """The epoch of that sequence."""
    staging: str | None = None
    """``snapshot`` or ``delta`` while pages are being staged."""
    staging_cursor: str | None = None
    rows: int = 0
    """Rows that the pages staged so far have brought."""


class Replica:
    """What the server said, as a device holds it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def progress(self) -> Progress:
        """Answer where the replica stands."""
        return msgspec.convert(self._store.get("progress") or {}, Progress)

    @property
    def is_loaded(self) -> bool:
        """Answer whether a first load has been completed."""
        return self.progress.seq > 0 or self.progress.cursor is not None

    def request(self, limit: int) -> PullRequest:
        """Ask for the next page."""
        progress = self.progress
        cursor = progress.staging_cursor if progress.staging else progress.cursor
        return PullRequest(cursor=cursor, limit=limit)

    def receive(self, request: PullRequest, page: PullResponse) -> bool:
        """Take a page; answer whether the replica now shows a new state.

        A page that continues from somewhere else is an old one that came late: it is dropped.
        """
        with self._store.transaction() as connection:
            progress = self.progress
            expected = progress.staging_cursor if progress.staging else progress.cursor
            if page.from_cursor != expected or request.cursor != expected:
                return False
            if page.reset and request.cursor is not None:
                self._start_again(connection, progress)
                return False
            if progress.staging is None and progress.cursor is None:
                progress = self._begin_snapshot(connection)
            if progress.staging == "snapshot":
                return self._stage_snapshot(connection, progress, page)
            return self._stage_delta(connection, progress, page)

    def by_handle(self, ops: Sequence[Op]) -> list[Op]:
        """Name the ops' records by their handles, where the server has told them."""
        ids: dict[str, set[str]] = {}
        for op in ops:
            if isinstance(op, Edit | Delete) and op.kind in SCHEMA.kinds():
                ids.setdefault(op.kind, set()).add(op.id)
        handles: dict[tuple[str, str], int] = {}
        for kind, wanted in ids.items():
            rows = self._store.rows(
                f"SELECT id, handle FROM base_{kind} "
                f"WHERE handle > 0 AND id IN ({', '.join('?' * len(wanted))})",
                tuple(wanted),
            )
            handles.update({(kind, record_id): handle for record_id, handle in rows})
        return [
            msgspec.structs.replace(op, id="", handle=handles[op.kind, op.id])
            if isinstance(op, Edit | Delete) and (op.kind, op.id) in handles
            else op
            for op in ops
        ]

    # ------------------------------------------------------------------------- looking and mending

    def hashes(self) -> dict[str, dict[str, int]]:
        """Answer the hash of every record that is held, by kind and id."""
        held: dict[str, dict[str, int]] = {}
        for spec in SCHEMA.records:
            names = "".join(f", {field.name}" for field in spec.fields)
            rows = self._store.rows(f"SELECT id, seq, handle, extra{names} FROM base_{spec.kind}")
            held[spec.kind] = {
                row[0]: _hash(spec.kind, row, spec.fields) for row in rows if is_uuid(row[0])
            }
        for kind, record_id, seq, fields in self._store.rows(
            "SELECT kind, id, seq, fields FROM unknown_record"
        ):
            content = _unpacked(fields)
            handle = content.pop(HANDLE, None)
            held.setdefault(kind, {})[record_id] = row_hash(kind, record_id, seq, content, handle)
        return held

    def mend(self, strange: Mapping[str, Iterable[str]], batches: Iterable[RecordBatch]) -> None:
        """Take away what the server does not have, and put in what it has."""
        with self._store.transaction() as connection:
            for spec in SCHEMA.records:
                connection.execute(f"DELETE FROM base_{spec.kind} WHERE NOT {_IS_ID}")
            for kind, record_ids in strange.items():
                table, of_kind = f"base_{kind}", ""
                if kind not in SCHEMA.kinds():
                    table, of_kind = "unknown_record", "AND kind = ?2"
                connection.executemany(
                    f"DELETE FROM {table} WHERE id = ?1 {of_kind}",
                    [(each, kind)[: 2 if of_kind else 1] for each in record_ids],
                )
            for batch in batches:
                _insert(connection, batch, "base")

    def start_anew(self) -> None:
        """Forget the cursor, so that the next pull is a first load; what is shown stays so long."""
        with self._store.transaction() as connection:
            self._start_again(connection, self.progress)

    # ------------------------------------------------------------------------- a first load

    def _begin_snapshot(self, connection: sqlite3.Connection) -> Progress:
        for spec in SCHEMA.records:
            create_table(connection, spec, "stage")
            connection.execute(f"DELETE FROM stage_{spec.kind}")
        connection.execute("DELETE FROM unknown_record")
        return Progress(staging="snapshot")

    def _start_again(self, connection: sqlite3.Connection, progress: Progress) -> None:
        """Forget the cursor, which the server cannot continue; what is shown stays until then."""
        connection.execute("DELETE FROM staged")
        self._save(Progress(seq=progress.seq, epoch=progress.epoch))

    def _stage_snapshot(
        self, connection: sqlite3.Connection, progress: Progress, page: PullResponse
    ) -> bool:
        rows = _apply(connection, page, "stage")
        if page.more:
            shown = self.progress
            self._save(
                Progress(
                    seq=shown.seq,
                    epoch=shown.epoch,
                    staging="snapshot",
                    staging_cursor=page.cursor,
                    rows=progress.rows + rows,
                )
            )
            return False
        for spec in SCHEMA.records:
            _show_staged(connection, spec)
        self._save(Progress(cursor=page.cursor, seq=page.seq, epoch=page.epoch))
        return True

    # --------------------------------------------------------------------------- what is new

    def _stage_delta(
        self, connection: sqlite3.Connection, progress: Progress, page: PullResponse
    ) -> bool:
        if page.more:
            connection.execute(
                "INSERT INTO staged (body) VALUES (?)", (msgspec.msgpack.encode(page),)
            )
            self._save(
                Progress(
                    cursor=progress.cursor,
                    seq=progress.seq,
                    epoch=progress.epoch,
                    staging="delta",
                    staging_cursor=page.cursor,
                    rows=progress.rows + _row_count(page),
                )
            )
            return False
        staged = connection.execute("SELECT page FROM staged ORDER BY page").fetchall()
        for (number,) in staged:
            body = connection.execute("SELECT body FROM staged WHERE page = ?", (number,))
            _apply(connection, msgspec.msgpack.decode(body.fetchone()[0], type=PullResponse))
        _apply(connection, page)
        if staged:
            connection.execute("DELETE FROM staged")
        self._save(Progress(cursor=page.cursor, seq=page.seq, epoch=page.epoch))
        return True

    def _save(self, progress: Progress) -> None:
        self._store.put("progress", msgspec.to_builtins(progress))


def _show_staged(connection: sqlite3.Connection, spec: RecordSpec) -> None:
    """Let what a first load brought of one kind take the place of what is shown."""
    base, stage = f"base_{spec.kind}", f"stage_{spec.kind}"
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {stage} LIMIT ?)"
    if connection.execute(counted, (FEW_ROWS + 1,)).fetchone()[0] <= FEW_ROWS:
        names = ", ".join(("id", "seq", "handle", *(field.name for field in spec.fields), "extra"))
        connection.execute(f"DELETE FROM {base}")
        connection.execute(f"INSERT INTO {base} ({names}) SELECT {names} FROM {stage}")
        connection.execute(f"DELETE FROM {stage}")
        return
    connection.execute(f"DROP TABLE {base}")
    connection.execute(f"ALTER TABLE {stage} RENAME TO {base}")
    create_indexes(connection, spec)


def _row_count(page: PullResponse) -> int:
    return sum(len(batch.ids) for batch in page.batches) + len(page.patches)


def _apply(connection: sqlite3.Connection, page: PullResponse, prefix: str = "base") -> int:
    """Put a page into tables; answer how many rows it had."""
    _drop(connection, page.drops, prefix)
    for batch in page.batches:
        _insert(connection, batch, prefix)
    for shape, patches in groupby(page.patches, _shape):
        _patch(connection, shape, list(patches), prefix)
    return _row_count(page)


def _drop(connection: sqlite3.Connection, customer_ids: Iterable[str], prefix: str) -> None:
    """Take customers out of sight, with all that belongs to them."""
    for customer_id in customer_ids:
        connection.execute(f"DELETE FROM {prefix}_customer WHERE id = ?", (customer_id,))
        for kind in _CHILDREN:
            connection.execute(f"DELETE FROM {prefix}_{kind} WHERE customer_id = ?", (customer_id,))
        _drop_unknown(connection, customer_id)


def _drop_unknown(connection: sqlite3.Connection, customer_id: str) -> None:
    """Take away what belongs to a customer and is of a kind that this app does not know."""
    kept = connection.execute("SELECT kind, id, fields FROM unknown_record").fetchall()
    connection.executemany(
        "DELETE FROM unknown_record WHERE kind = ? AND id = ?",
        [
            (kind, record_id)
            for kind, record_id, fields in kept
            if _unpacked(fields).get("customer_id") == customer_id
        ],
    )


def _insert(connection: sqlite3.Connection, batch: RecordBatch, prefix: str) -> None:
    if batch.kind not in SCHEMA.kinds():
        _keep_unknown(connection, batch)
        return
    known = SCHEMA.fields(batch.kind)
    names = [name for name in batch.fields if name in known]
    columns = [
        to_columns(known[name], column)
        for name, column in zip(batch.fields, batch.columns, strict=True)
        if name in known
    ]
    extras = _extras(batch, known)
    places = ", ".join("?" * (len(names) + 4))
    handles = batch.handles or repeat(None, len(batch.ids))
    connection.executemany(
        f"INSERT OR REPLACE INTO {prefix}_{batch.kind} "
        f"(id, seq, handle, {''.join(f'{name}, ' for name in names)}extra) VALUES ({places})",
        zip(batch.ids, batch.seqs, handles, *columns, extras, strict=True),
    )


def _extras(batch: RecordBatch, known: Mapping[str, Any]) -> Iterable[bytes | None]:
    """Keep the fields that a newer server knows and this app does not."""
    unknown = [
        (name, column)
        for name, column in zip(batch.fields, batch.columns, strict=True)
        if name not in known
    ]
    if not unknown:
        return [None] * len(batch.ids)
    names = [name for name, _ in unknown]
    rows = zip(*(column for _, column in unknown), strict=True)
    return [_packed(names, row) for row in rows]


def _packed(names: Iterable[str], row: Iterable[Any]) -> bytes:
    return msgspec.msgpack.encode(dict(zip(names, row, strict=True)))


def _hash(kind: str, row: Sequence[Any], fields: Sequence[FieldSpec]) -> int:
    """Hash a row of a base table; what cannot be read is like nothing that the server has."""
    record_id, seq, handle, extra, *values = row
    try:
        content = _unpacked(extra) if extra else {}
        for field, value in zip(fields, values, strict=True):
            content[field.name] = from_column(field, value)
        return row_hash(kind, record_id, seq, content, handle)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError, OverflowError):
        return row_hash(kind, record_id, -1, {})


def _unpacked(extra: bytes) -> dict[str, Any]:
    return msgspec.msgpack.decode(extra, type=dict[str, Any])


def _keep_unknown(connection: sqlite3.Connection, batch: RecordBatch) -> None:
    if batch.handles:
        columns = [*batch.columns, batch.handles]
        batch = msgspec.structs.replace(batch, fields=[*batch.fields, HANDLE], columns=columns)
    rows = zip(*batch.columns, strict=True) if batch.columns else iter([()] * len(batch.ids))
    connection.executemany(
        "INSERT OR REPLACE INTO unknown_record VALUES (?, ?, ?, ?)",
        [
            (batch.kind, record_id, seq, _packed(batch.fields, row))
            for record_id, seq, row in zip(batch.ids, batch.seqs, rows, strict=True)
        ],
    )


class _Shape(msgspec.Struct, frozen=True):
    """What patches have in common that one statement can apply."""

    kind: str
    names: tuple[str, ...]
    is_deletion: bool


def _shape(patch: Patch) -> _Shape:
    return _Shape(patch.kind, tuple(patch.fields), patch.deleted)


def _patch(
    connection: sqlite3.Connection, shape: _Shape, patches: Sequence[Patch], prefix: str
) -> None:
    if shape.kind not in SCHEMA.kinds():
        for patch in patches:
            _patch_unknown(connection, patch)
        return
    table = f"{prefix}_{shape.kind}"
    if shape.is_deletion:
        if shape.kind == "customer":
            _drop(connection, [patch.id for patch in patches], prefix)
        connection.executemany(
            f"DELETE FROM {table} WHERE id = ?", [(patch.id,) for patch in patches]
        )
        return
    fields = SCHEMA.fields(shape.kind)
    known = [fields[name] for name in shape.names if name in fields]
    assignments = "".join(f", {field.name} = ?" for field in known)
    connection.executemany(
        f"UPDATE {table} SET seq = ?{assignments} WHERE id = ?",
        [
            (
                patch.seq,
                *(to_column(field, patch.fields[field.name]) for field in known),
                patch.id,
            )
            for patch in patches
        ],
    )
    unknown = [name for name in shape.names if name not in fields]
    if unknown:
        for patch in patches:
            extra = {name: patch.fields[name] for name in unknown}
            _patch_extra(connection, table, patch.id, extra)


def _patch_extra(
    connection: sqlite3.Connection,
    table: str,
    record_id: str,
    unknown: Mapping[str, Any],
) -> None:
    row = connection.execute(f"SELECT extra FROM {table} WHERE id = ?", (record_id,)).fetchone()
    if row is None:
        return
    extra = msgspec.msgpack.decode(row[0]) if row[0] else {}
    merged = msgspec.msgpack.encode({**extra, **unknown})
    connection.execute(f"UPDATE {table} SET extra = ? WHERE id = ?", (merged, record_id))


def _patch_unknown(connection: sqlite3.Connection, patch: Patch) -> None:
    key = (patch.kind, patch.id)
    where = "WHERE kind = ? AND id = ?"
    row = connection.execute(f"SELECT fields FROM unknown_record {where}", key).fetchone()
    if row is None:
        return
    if patch.deleted:
        connection.execute(f"DELETE FROM unknown_record {where}", key)
        return
    fields = msgspec.msgpack.encode({**msgspec.msgpack.decode(row[0]), **patch.fields})
    connection.execute(
        f"UPDATE unknown_record SET seq = ?, fields = ? {where}", (patch.seq, fields, *key)
    )
