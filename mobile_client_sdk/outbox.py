"""What was done on this device: ops in their order, durable before anybody says "saved".

An op stays pending until the server has settled it, and is kept for two weeks after that, so that a
server that was restored from a backup gets it again. What an op does is shown through the overlay
until the replica shows it.
"""

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final

import msgspec

from mobile_client_sdk.store import Store
from sync_protocol.messages import (
    MAX_GROUP,
    MAX_INTENTS,
    MAX_OPS,
    MAX_REQUEST_BYTES,
    TARGET_FRAME_BYTES,
    Code,
    Create,
    Delete,
    Edit,
    Intent,
    Op,
    Outcome,
    SetChange,
    Status,
)
from sync_protocol.schema import SCHEMA, FieldType
from sync_protocol.version import SCHEMA_VERSION

KEPT_MS: Final = 14 * 24 * 3600 * 1000
"""How long a settled op is kept."""
CREATED: Final = "+"
"""The overlay's mark of a record that was made here."""
DELETED: Final = "-"
"""The overlay's mark of a record that was deleted here."""
INTENT_KIND: Final = "intent"
_SCHEMAS: Final = "schemas"
"""From which op on the ops are of which schema."""
_LOST: Final = "lost"
"""Numbers that an old image of this store does not know to have been used."""
_MAX_GROUP_BYTES: Final = MAX_REQUEST_BYTES * 3 // 4

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Op).decode
_decode_outcome: Final = msgspec.msgpack.Decoder(Outcome).decode


class GroupRefused(Exception):
    """An atomic group does not fit into one push, or asks for what the server decides alone."""


class Frame(msgspec.Struct, frozen=True):
    """Ops for one push."""

    ops: list[Op]
    epoch: int
    """The epoch that their bases are of."""
    schema: int = SCHEMA_VERSION
    """The schema under which they were made."""


class MadeOp(msgspec.Struct, frozen=True):
    """An op that was made here, and what became of it."""

    op: Op
    outcome: Outcome | None


class Outbox:
    """The ops of one device."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._grouped: list[Op] | None = None
        self._next_in_group = 0
        self._is_atomic = False
        last = self._last_pending_op()
        self._last_at_ms = last.at_ms if last is not None else 0

    # --------------------------------------------------------------------------------- adding

    def next_number(self) -> int:
        """Answer the number of the next op."""
        if self._grouped is not None:
            return self._next_in_group + len(self._grouped)
        return int(self._store.get("next_number") or 1)

    def edit_time(self, now_ms: int) -> int:
        """Answer the time of an edit; while ops are pending it does not go back."""
        self._last_at_ms = max(now_ms, self._last_at_ms)
        return self._last_at_ms

    def add(self, make: Callable[[int], Op]) -> None:
        """Make an op under the next number, durably; inside a group, when the group ends."""
        if self._grouped is not None:
            self._grouped.append(make(self._next_in_group + len(self._grouped)))
            return
        with self._store.transaction(touching=()):
            self._write([make(self.next_number())])

    @contextmanager
    def group(self, *, atomic: bool) -> Iterator[None]:
        """Make all ops inside durable at once; an atomic group is also settled at once.

        A group inside a group joins it; an atomic one inside a plain one stays atomic by itself.

        :raises GroupRefused: if an atomic group does not fit into one push, or has an intent.
        """
        if self._grouped is not None:
            with self._inner_group(atomic=atomic):
                yield
            return
        with self._store.transaction(touching=()):
            first = self._next_in_group = self.next_number()
            self._grouped, self._is_atomic = [], atomic
            try:
                yield
                self.flush()
            finally:
                self._grouped, self._is_atomic = None, False
            if atomic:
                self._join(first)

    @contextmanager
    def _inner_group(self, *, atomic: bool) -> Iterator[None]:
        """Join the group that is open."""
        if self._is_atomic or not atomic:
            yield
            return
        self.flush()
        first, self._is_atomic = self.next_number(), True
        try:
            yield
        finally:
            self._is_atomic = False
        self.flush()
        self._join(first)

    def flush(self) -> None:
        """Let reads inside a group see what the group has done so far; it commits at its end."""
        if self._grouped:
            ops, self._grouped = self._grouped, []
            self._write(ops)
            self._next_in_group = ops[-1].number + 1

    def _join(self, first: int) -> None:
        """Mark the ops from a number on as one atomic group."""
        rows = self._store.rows(
            "SELECT body FROM outbox WHERE number >= ? ORDER BY number", (first,)
        )
        self._store.connection.executemany(
            "UPDATE outbox SET body = ? WHERE number = ?",
            [(_encode(op), op.number) for op in _joined([_decode(body) for (body,) in rows])],
        )

    def _write(self, ops: list[Op]) -> None:
        epoch = (self._store.get("progress") or {}).get("epoch", 0)
        self._insert([(op, epoch) for op in ops])

    def _insert(self, made: list[tuple[Op, int]]) -> None:
        """Write ops with the epoch that their bases are of."""
        if not made:
            return
        self._mark_schema(made[0][0].number)
        touched = [(_kind(op), op.id) for op, _ in made]
        with self._store.transaction(touching=touched) as connection:
            connection.executemany(
                "INSERT INTO outbox (number, kind, record_id, body, epoch) VALUES (?, ?, ?, ?, ?)",
                [(op.number, _kind(op), op.id, _encode(op), epoch) for op, epoch in made],
            )
            self._overlay(connection, [op for op, _ in made])
            self._store.put("next_number", made[-1][0].number + 1)

    def _mark_schema(self, number: int) -> None:
        """Note from which op on the app's present schema is that of the ops."""
        marks = self._store.get(_SCHEMAS) or []
        if not marks or marks[-1][1] != SCHEMA_VERSION:
            self._store.put(_SCHEMAS, [*marks, [number, SCHEMA_VERSION]])

    def _schema_of(self, number: int) -> tuple[int, float]:
        """Answer the schema under which an op was made, and from which op on it is another one."""
        schema, until = SCHEMA_VERSION, math.inf
        for first, each in reversed(self._store.get(_SCHEMAS) or []):
            schema = each
            if first <= number:
                break
            until = first
        return schema, until

    def _overlay(self, connection: sqlite3.Connection, ops: list[Op]) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO overlay (kind, id, number, field, value) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (op.kind, op.id, op.number, field, _encode(value))
                for op in ops
                if not isinstance(op, Intent)
                for field, value in _effects(op)
            ],
        )

    # -------------------------------------------------------------------------------- sending

    def frame(self, *, most: int = MAX_OPS) -> Frame | None:
        """Answer the next ops to push, none if there are none; an atomic group is never cut."""
        # A group that begins within the frame is read to its end.
        rows = self._store.rows(
            "SELECT body, epoch, number FROM outbox WHERE status IS NULL ORDER BY number LIMIT ?",
            (most + MAX_GROUP,),
        )
        if not rows:
            return None
        ops: list[Op] = []
        size, intents, epoch = 0, 0, rows[0][1]
        schema, until = self._schema_of(rows[0][2])
        alike = takewhile(lambda row: row[1] == epoch and row[2] < until, rows)
        for unit in _units([(_decode(body), len(body)) for body, _, _ in alike]):
            size += sum(each[1] for each in unit)
            intents += isinstance(unit[0][0], Intent)
            too_many = len(ops) + len(unit) > most or intents > MAX_INTENTS
            if ops and (too_many or size > TARGET_FRAME_BYTES):
                break
            ops += [each[0] for each in unit]
        return Frame(ops, epoch, schema)

    def pending_count(self) -> int:
        """Answer how many ops the server has not settled."""
        count = self._store.row("SELECT count(*) FROM outbox WHERE status IS NULL")[0]
        return int(count) + len(self._grouped or ())

    def belong_to(self, device_id: str) -> None:
        """Note as which device the ops are sent.

        What was settled for another device, which this store was before it enrolled again, is done
        for good: the server would take it for new.
        """
        held = self._store.get("sent_as") or {}
        if held.get("device_id") == device_id:
            return
        before = self.last_settled() if held else 0
        self._store.put("sent_as", {"device_id": device_id, "settled_before": before})

    def _settled_before(self) -> int:
        """Answer up to which number ops were settled for an earlier device."""
        return int((self._store.get("sent_as") or {}).get("settled_before", 0))

    def forgotten(self) -> int:
        """Answer up to which number ops are no longer kept, or are not for this device to send."""
        lowest = self._store.row("SELECT min(number) FROM outbox")[0]
        kept = int(lowest if lowest is not None else self.next_number())
        return max(kept - 1, self._settled_before())

    def last_settled(self) -> int:
        """Answer the highest number that the server has settled."""
        lowest = self._store.row("SELECT min(number) FROM outbox WHERE status IS NULL")[0]
        return int(lowest if lowest is not None else self.next_number()) - 1

    # ------------------------------------------------------------------------------- settling

    def settle(self, outcomes: list[Outcome], now_ms: int) -> None:
        """Note what became of ops; what was refused is shown no longer."""
        with self._store.transaction() as connection:
            connection.executemany(
                "UPDATE outbox SET status = ?, outcome = ?, seq = ?, settled_at_ms = ? "
                "WHERE number = ? AND status IS NULL",
                [
                    (each.status.value, _encode(each), each.seq, now_ms, each.number)
                    for each in outcomes
                ],
            )
            connection.executemany(
                "DELETE FROM overlay WHERE number = ?",
                [(each.number,) for each in outcomes if not _has_effect(each.status)],
            )
        if self.pending_count() == 0:
            self._last_at_ms = 0

    def show(self, seq: int) -> None:
        """Let go of what the replica shows by itself at this sequence."""
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM overlay WHERE number IN (SELECT number FROM outbox "
                "WHERE number IN (SELECT number FROM overlay) "
                "AND status IS NOT NULL AND seq <= ?)",
                (seq,),
            )

    def rewind(self, acknowledged: int) -> bool:
        """Make settled ops pending again that a restored server does not have."""
        acknowledged = max(acknowledged, self._settled_before())
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT body FROM outbox WHERE number > ? AND status IS NOT NULL", (acknowledged,)
            ).fetchall()
            if not rows:
                return False
            connection.execute(
                "UPDATE outbox SET status = NULL, outcome = NULL, seq = NULL, "
                "settled_at_ms = NULL, seen = 0 WHERE number > ?",
                (acknowledged,),
            )
            self._overlay(connection, [_decode(body) for (body,) in rows])
            return True

    def renumber(self, acknowledged: int) -> None:
        """Give pending ops numbers above those that the server has settled.

        So it is after this device was restored from an old image: it has made other ops under
        numbers that it had used before.
        """
        with self._store.transaction() as connection:
            pending = [
                (_decode(body), epoch)
                for body, epoch in connection.execute(
                    "SELECT body, epoch FROM outbox WHERE status IS NULL ORDER BY number"
                )
            ]
            first = pending[0][0].number if pending else self.next_number()
            shift = acknowledged + 1 - first
            if shift <= 0:
                return
            connection.execute("DELETE FROM outbox WHERE status IS NULL")
            connection.executemany(
                "DELETE FROM overlay WHERE number = ?", [(op.number,) for op, _ in pending]
            )
            self._store.put("next_number", acknowledged + 1)
            lost = self.lost() or (first, acknowledged)
            self._store.put(_LOST, (min(lost[0], first), acknowledged))
            marks = [
                [number + shift if number >= first else number, schema]
                for number, schema in self._store.get(_SCHEMAS) or []
            ]
            self._store.put(_SCHEMAS, marks)
            self._insert([(_shifted(op, shift), epoch) for op, epoch in pending])

    def lost(self) -> tuple[int, int] | None:
        """Answer the first and the last number of ops that this store no longer knows of."""
        held = self._store.get(_LOST)
        return None if held is None else (held[0], held[1])

    def adopt(self, made: list[tuple[Op, int]]) -> None:
        """Take ops that were made elsewhere, with the epochs of their bases, under numbers of here.

        Ops of one atomic group come together and stay one.
        """
        with self._store.transaction(touching=()):
            first = self.next_number()
            numbers = {op.number: first + position for position, (op, _) in enumerate(made)}
            self._insert([(_renumbered(op, numbers), epoch) for op, epoch in made])

    def void(self, number: int, outcome: Outcome, now_ms: int) -> None:
        """Take back an op that the server cannot even read.

        Its number still has to be settled, so an intent that asks for nothing takes its place.
        """
        with self._store.transaction() as connection:
            op = _decode(
                connection.execute(
                    "SELECT body FROM outbox WHERE number = ?", (number,)
                ).fetchone()[0]
            )
            nothing = Intent(number=number, id=op.id, name="void", at_ms=op.at_ms)
            connection.execute("DELETE FROM overlay WHERE number = ?", (number,))
            connection.execute(
                "UPDATE outbox SET body = ? WHERE number = ?", (_encode(nothing), number)
            )
            self._store.put(f"voided:{number}", [_encode(op), _encode(outcome), now_ms])

    # -------------------------------------------------------------------------------- reading

    def refusals(self) -> list[MadeOp]:
        """Answer the ops that had no effect and that nobody has looked at."""
        rows = self._store.rows(
            "SELECT number, body, outcome FROM outbox WHERE status IS NOT NULL AND seen = 0 "
            "AND status NOT IN (?, ?) ORDER BY number",
            (Status.APPLIED.value, Status.MERGED.value),
        )
        return [self._inbox(number, body, outcome) for number, body, outcome in rows]

    def _inbox(self, number: int, body: bytes, outcome: bytes) -> MadeOp:
        voided = self._store.get(f"voided:{number}")
        if voided is not None:
            return MadeOp(_decode(voided[0]), _decode_outcome(voided[1]))
        return MadeOp(_decode(body), _decode_outcome(outcome))

    def find(self, number: int) -> MadeOp | None:
        """Answer an op by its number, while it is kept."""
        row = self._store.row("SELECT body, outcome FROM outbox WHERE number = ?", (number,))
        if row is None:
            return None
        return MadeOp(_decode(row[0]), None if row[1] is None else _decode_outcome(row[1]))

    def by_record(self, record_id: str) -> list[MadeOp]:
        """Answer the kept ops on one record, in order."""
        rows = self._store.rows(
            "SELECT body, outcome FROM outbox WHERE record_id = ? ORDER BY number", (record_id,)
        )
        return [
            MadeOp(_decode(body), None if outcome is None else _decode_outcome(outcome))
            for body, outcome in rows
        ]

    def mark_seen(self, number: int) -> None:
        """Note that a person has looked at a refusal."""
        with self._store.transaction(touching=()) as connection:
            connection.execute("UPDATE outbox SET seen = 1 WHERE number = ?", (number,))

    def tidy(self, now_ms: int) -> None:
        """Let go of old settled ops; refusals stay until somebody has looked at them."""
        before = now_ms - KEPT_MS
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "DELETE FROM outbox WHERE settled_at_ms < ? AND number < coalesce("
                "(SELECT min(number) FROM outbox WHERE status IS NULL OR settled_at_ms >= ? "
                "OR number IN (SELECT number FROM overlay) "
                "OR (seen = 0 AND status NOT IN (?, ?))), 9223372036854775807)",
                (before, before, Status.APPLIED.value, Status.MERGED.value),
            )

    def _last_pending_op(self) -> Op | None:
        row = self._store.row(
            "SELECT body FROM outbox WHERE status IS NULL ORDER BY number DESC LIMIT 1"
        )
        return None if row is None else _decode(row[0])


def unreadable(number: int, detail: str) -> Outcome:
    """Answer the outcome of an op that the server refuses to read."""
    return Outcome(number=number, status=Status.REJECTED, code=Code.OP_UNREADABLE, detail=detail)


def _kind(op: Op) -> str:
    return INTENT_KIND if isinstance(op, Intent) else op.kind


def _has_effect(status: Status) -> bool:
    return status in (Status.APPLIED, Status.MERGED)


def _effects(op: Create | Edit | Delete) -> Iterator[tuple[str, Any]]:
    """Answer what an op does to a record, field by field."""
    if isinstance(op, Delete):
        yield DELETED, True
        return
    if isinstance(op, Create):
        yield CREATED, True
        fields = SCHEMA.fields(op.kind)
        for name, value in op.fields.items():
            if fields[name].type is FieldType.SET:
                yield name, SetChange(add=tuple(value or ()))
            else:
                yield name, value
        return
    yield from op.fields.items()
    yield from op.sets.items()


def _joined(ops: list[Op]) -> list[Op]:
    """Mark ops as one atomic group.

    :raises GroupRefused: if they cannot be one.
    """
    if len(ops) < 2:  # noqa: PLR2004 - one op is atomic by itself
        return ops
    if len(ops) > MAX_GROUP or sum(len(_encode(op)) for op in ops) > _MAX_GROUP_BYTES:
        raise GroupRefused(f"An atomic group has at most {MAX_GROUP} changes of moderate size.")
    if any(isinstance(op, Intent) for op in ops):
        raise GroupRefused("What the server decides, such as a benefit, is not part of a group.")
    group = (ops[0].number, ops[-1].number)
    return [msgspec.structs.replace(op, group=group) for op in ops]


def _shifted(op: Op, shift: int) -> Op:
    changes: dict[str, Any] = {"number": op.number + shift}
    if not isinstance(op, Intent) and op.group is not None:
        changes["group"] = (op.group[0] + shift, op.group[1] + shift)
    return msgspec.structs.replace(op, **changes)


def _renumbered(op: Op, numbers: dict[int, int]) -> Op:
    changes: dict[str, Any] = {"number": numbers[op.number]}
    if not isinstance(op, Intent) and op.group is not None:
        changes["group"] = (numbers[op.group[0]], numbers[op.group[1]])
    return msgspec.structs.replace(op, **changes)


def _units(sized: list[tuple[Op, int]]) -> Iterator[list[tuple[Op, int]]]:
    """Part ops into atomic groups and single ops."""
    unit: list[tuple[Op, int]] = []
    last: tuple[int, int] | None = None
    for op, size in sized:
        group = None if isinstance(op, Intent) else op.group
        if unit and (group is None or group != last):
            yield unit
            unit = []
        unit.append((op, size))
        last = group
    if unit:
        yield unit
