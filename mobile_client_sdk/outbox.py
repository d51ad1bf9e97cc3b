"""What was done on this device: ops in their order, durable before anybody says "saved".

An op stays pending until the server has settled it, and is kept for two weeks after that, so that a
server that was restored from a backup gets it again. What an op does is shown through the overlay
until the replica shows it.
"""

# ruff: noqa: S608 - what is put into SQL are conditions of this file
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Final

import msgspec

from mobile_client_sdk.asked import Asked
from mobile_client_sdk.ops import (
    effects,
    has_effect,
    joined,
    kind_of,
    renumbered,
    shifted,
    units,
)
from mobile_client_sdk.store import Store
from mobile_client_sdk.units import Held
from sync_protocol.messages import (
    MAX_GROUP,
    MAX_INTENTS,
    MAX_OPS,
    TARGET_FRAME_BYTES,
    Code,
    Intent,
    Op,
    Outcome,
    Status,
)
from sync_protocol.version import SCHEMA_VERSION

KEPT_MS: Final = 14 * 24 * 3600 * 1000
"""How long a settled op is kept."""
_SCHEMAS: Final = "schemas"
"""From which op on the ops are of which schema."""
_LOST: Final = "lost"
"""Numbers that an old image of this store does not know to have been used."""
_NEVER: Final = 2**63 - 1
"""Above all numbers."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Op).decode
_decode_outcome: Final = msgspec.msgpack.Decoder(Outcome).decode


class Frame(msgspec.Struct, frozen=True):
    """Ops for one push."""

    ops: list[Op]
    epoch: int
    """The epoch that their bases are of."""
    schema: int = SCHEMA_VERSION
    """The schema under which they were made."""
    missing: int = 0
    """Up to which number right before them there is no op."""


class MadeOp(msgspec.Struct, frozen=True):
    """An op that was made here, and what became of it."""

    op: Op
    outcome: Outcome | None


class Outbox:
    """The ops of one device."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked = Asked(store)
        self.units = Held(store)
        self.recalled: list[str] = []
        """Of which programs units were called back, and are to be given back."""
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
            [(_encode(op), op.number) for op in joined([_decode(body) for (body,) in rows])],
        )

    def _write(self, ops: list[Op]) -> None:
        epoch = (self._store.get("progress") or {}).get("epoch", 0)
        self._insert([(op, epoch) for op in ops])

    def _insert(self, made: list[tuple[Op, int]]) -> None:
        """Write ops with the epoch that their bases are of."""
        if not made:
            return
        self._mark_schema(made[0][0].number)
        touched = [(kind_of(op), op.id) for op, _ in made]
        with self._store.transaction(touching=touched) as connection:
            connection.executemany(
                "INSERT INTO outbox (number, kind, record_id, body, epoch) VALUES (?, ?, ?, ?, ?)",
                [(op.number, kind_of(op), op.id, _encode(op), epoch) for op, epoch in made],
            )
            self._overlay(connection, [op for op, _ in made])
            self.units.note([op for op, _ in made])
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
                for field, value in effects(op)
            ],
        )

    # -------------------------------------------------------------------------------- sending

    def frame(self, *, most: int = MAX_OPS) -> Frame | None:
        """Answer the next ops to push, none if there are none; an atomic group is never cut."""
        # A group that begins within the frame is read to its end.
        unsettled, asked = self._unsettled()
        rows = self._store.rows(
            f"SELECT body, epoch, number FROM outbox WHERE {unsettled} ORDER BY number LIMIT ?",
            (*asked, most + MAX_GROUP),
        )
        if not rows:
            return None
        ops: list[Op] = []
        size, intents, epoch, first = 0, 0, rows[0][1], rows[0][2]
        schema, until = self._schema_of(first)
        alike = takewhile(
            lambda row: row[1][1:] == (epoch, first + row[0]) and row[1][2] < until,
            enumerate(rows),
        )
        for unit in units([(_decode(body), len(body)) for _, (body, _, _) in alike]):
            size += sum(each[1] for each in unit)
            intents += isinstance(unit[0][0], Intent)
            too_many = len(ops) + len(unit) > most or intents > MAX_INTENTS
            if ops and (too_many or size > TARGET_FRAME_BYTES):
                break
            ops += [each[0] for each in unit]
        return Frame(ops, epoch, schema, self._missing_before(first))

    def pending_count(self) -> int:
        """Answer how many ops the server has not settled, or may have settled otherwise since."""
        unsettled, asked = self._unsettled()
        count = self._store.row(f"SELECT count(*) FROM outbox WHERE {unsettled}", asked)[0]
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

    def _unsettled(self) -> tuple[str, tuple[int, ...]]:
        """Answer the condition of ops that are to be sent, and its values."""
        after, until = self._asked.span()
        if after == until:
            return "status IS NULL", ()
        return "(status IS NULL OR number > ? AND number <= ?)", (after, until)

    def _missing_before(self, number: int) -> int:
        """Answer up to which number before one there is no op: an old image leaves a gap."""
        before = self._store.row("SELECT max(number) FROM outbox WHERE number < ?", (number,))[0]
        is_behind_a_gap = before is not None and before < number - 1
        return number - 1 if is_behind_a_gap else self.forgotten()

    def last_settled(self) -> int:
        """Answer the highest number that the server has settled."""
        lowest = self._store.row("SELECT min(number) FROM outbox WHERE status IS NULL")[0]
        return int(lowest if lowest is not None else self.next_number()) - 1

    # ------------------------------------------------------------------------------- settling

    def settle(self, outcomes: list[Outcome], now_ms: int) -> list[Outcome]:
        """Note what became of ops; what was refused is shown no longer. Answer what is news."""
        after, until = self._asked.span()
        with self._store.transaction() as connection:
            news = [
                each
                for each in outcomes
                if connection.execute(
                    "UPDATE outbox SET status = ?1, outcome = ?2, seq = ?3, settled_at_ms = ?4, "
                    "seen = 0 WHERE number = ?5 AND outcome IS NOT ?2 "
                    "AND (status IS NULL OR number > ?6 AND number <= ?7) RETURNING number",
                    (
                        *(each.status.value, _encode(each), each.seq, now_ms, each.number),
                        *(after, until),
                    ),
                ).fetchall()
            ]
            connection.executemany(
                "DELETE FROM overlay WHERE number = ?",
                [(each.number,) for each in outcomes if not has_effect(each.status)],
            )
            self._asked.hear(outcomes)
            for each in news:
                self._hear_of_units(each)
        if self.pending_count() == 0:
            self._last_at_ms = 0
        return news

    def _hear_of_units(self, outcome: Outcome) -> None:
        """Take what an outcome says of units that are held."""
        made = self.find(outcome.number)
        recalled = None if made is None else self.units.hear(made.op, outcome)
        if recalled is not None:
            self.recalled.append(recalled)

    # ------------------------------------------------------------------------- asking once more

    def ask_again(self, now_ms: int) -> None:
        """Let the server tell once more what became of all that it settled.

        It was restored, and may have settled ops otherwise in its present life, from copies that
        came late. What is older than two weeks it may have forgotten.
        """
        old = self._store.row(
            "SELECT max(number) FROM outbox WHERE settled_at_ms < ?", (now_ms - KEPT_MS,)
        )[0]
        last = self._store.row(
            "SELECT max(number) FROM outbox WHERE number <= ?", (self.last_settled(),)
        )[0]
        self._asked.ask(max(self.forgotten(), old or 0), last or 0)

    def ask_for_waiting(self) -> None:
        """Let the server tell what became of what waited for its record, if anything did."""
        self._asked.ask_for_waiting()

    def reopen(self, numbers: list[int]) -> None:
        """Make settled ops pending again under whose numbers the server has settled others."""
        with self._store.transaction() as connection:
            bodies = [
                connection.execute(
                    "UPDATE outbox SET status = NULL, outcome = NULL, seq = NULL, "
                    "settled_at_ms = NULL, seen = 0 WHERE number = ? AND status IS NOT NULL "
                    "RETURNING body",
                    (number,),
                ).fetchone()
                for number in numbers
            ]
            self._overlay(connection, [_decode(row[0]) for row in bodies if row is not None])
            self._asked.came_to(numbers)

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
            self.units.forget()
            marks = [
                [number + shift if number >= first else number, schema]
                for number, schema in self._store.get(_SCHEMAS) or []
            ]
            self._store.put(_SCHEMAS, marks)
            self._insert([(shifted(op, shift), epoch) for op, epoch in pending])

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
            self._insert([(renumbered(op, numbers), epoch) for op, epoch in made])

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
        waiting = self._asked.waiting()
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "DELETE FROM outbox WHERE settled_at_ms < ? AND number < min(?, coalesce("
                "(SELECT min(number) FROM outbox WHERE status IS NULL OR settled_at_ms >= ? "
                "OR number IN (SELECT number FROM overlay) "
                "OR (seen = 0 AND status NOT IN (?, ?))), ?))",
                (
                    *(before, waiting[0] if waiting else _NEVER, before),
                    *(Status.APPLIED.value, Status.MERGED.value, _NEVER),
                ),
            )

    def _last_pending_op(self) -> Op | None:
        row = self._store.row(
            "SELECT body FROM outbox WHERE status IS NULL ORDER BY number DESC LIMIT 1"
        )
        return None if row is None else _decode(row[0])


def unreadable(number: int, detail: str) -> Outcome:
    """Answer the outcome of an op that the server refuses to read."""
    return Outcome(number=number, status=Status.REJECTED, code=Code.OP_UNREADABLE, detail=detail)
