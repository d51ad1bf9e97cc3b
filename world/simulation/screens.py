"""What devices hold and show, compared with what the server held and with what was written."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mobile_client_sdk.records import RECORD_TYPES
from mobile_client_sdk.store import to_column
from server.access import Actor
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import (
    Delete,
    Intent,
    Op,
    Status,
)
from sync_protocol.schema import SCHEMA, FieldType
from world.simulation.customs import CUSTOM, names_of, value_of
from world.simulation.diary import Diary
from world.simulation.notes import Notes, is_same
from world.simulation.phone import Phone
from world.simulation.sight import is_shown
from world.simulation.site import Answer
from world.simulation.tables import Tables

_TYPES: Final = {kind.KIND: kind for kind in RECORD_TYPES}


class Screens(Notes):
    """Looks at a device after every step of its sync."""

    def __init__(self, diary: Diary) -> None:
        super().__init__(diary)
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._columns: dict[int, tuple[HeldRecord, tuple[Any, ...]]] = {}

    def shown(self, phone: Phone, answer: Answer | None) -> None:
        """Look at a device after a step of its sync."""
        client = phone.client
        if client is None or phone.disk.is_dead:
            return
        progress = client._replica.progress  # noqa: SLF001 - an oracle looks beneath
        now = (progress.epoch, progress.seq, progress.cursor)
        was = self._shown.get(phone.device_id)
        if was == (*now, phone.incarnation) or progress.cursor is None:
            self.own_writes(phone)
            return
        self._shown[phone.device_id] = (*now, phone.incarnation)
        is_older = was is not None and was[3] == phone.incarnation and was[:2] > now[:2]
        if is_older and not (answer is not None and answer.is_stale):
            assert was is not None, "it stood somewhere before"
            self.find("monotonic", f"{phone.device_id[-4:]} went from {was[1]} back to {now[1]}")
        if answer is not None and answer.actor is not None:
            self.compare_replica(phone, answer.actor)
        self.own_writes(phone)

    def compare_replica(self, phone: Phone, actor: Actor) -> None:
        """Compare a device's base tables with what the server held at that sequence."""
        client = phone.client
        assert client is not None, "the device is on"
        progress = client._replica.progress  # noqa: SLF001 - an oracle looks beneath
        tables = self.images.get((progress.epoch, progress.seq))
        if tables is None:
            if progress.epoch == self.tables.clock.epoch:
                self.find("no gap", f"a device stands at {progress.seq}, which never was")
            return
        held: dict[str, dict[str, tuple[Any, ...]]] = {kind: {} for kind in SCHEMA.kinds()}
        for row in tables.records.values():
            if is_shown(actor, tables, row.record):
                held[row.record.kind][row.record.id] = self._as_columns(row.record)
        for kind in SCHEMA.kinds():
            self._compare_kind(phone, kind, held[kind])

    def mended(self, phone: Phone, rows: int, searches: int) -> None:
        """Look whether what was mended had been damaged, and was mended at once.

        Beside a damaged row a sound one may be sent that changed since the device was asked.
        """
        self.counts["mended"] += rows
        who = phone.device_id[-4:]
        if not phone.rot.rows:
            self.find("digest", f"{who} mended {rows} rows that were sound")
        if searches > 1:
            self.find("digest", f"{who} looked at what it had mended, and it was damaged still")

    def sound(self, phone: Phone) -> dict[Key, Mapping[str, Any]]:
        """Give what a device would hold of the rows that are damaged on it."""
        if phone.client is None or not phone.rot.rows:
            return {}
        progress = phone.client.progress
        tables = self.images.get((progress.epoch, progress.seq)) or Tables()
        return {
            key: tables.records[key].record.fields
            for key in phone.rot.rows
            if key in tables.records
        }

    def _compare_kind(self, phone: Phone, kind: str, held: Mapping[str, tuple[Any, ...]]) -> None:
        assert phone.client is not None, "the device is on"
        known = phone.schema.fields(kind)
        names = ", ".join(known)
        if phone.schema is not SCHEMA:
            names_held = ("seq", *names_of(kind))
            places = [
                n for n, name in enumerate(names_held) if name in {"seq", *known, *CUSTOM.values()}
            ]
            held = {
                record_id: tuple(row[place] for place in places) for record_id, row in held.items()
            }
        # What a company gave its records is held by an old release, too, beside the columns.
        extra = "extra" if kind in CUSTOM else "NULL"
        rows = phone.disk.rows(f"SELECT id, seq, {names}, {extra} FROM base_{kind}")  # noqa: S608 - names of the schema
        there = {row[0]: (*row[1:-1], *_given(kind, row[-1])) for row in rows}
        for _, record_id in {key for key in phone.rot.rows if key[0] == kind}:
            # Nobody knows of the damage yet; once all was compared, this row is as it should be.
            there.pop(record_id, None)
            held = {each: row for each, row in held.items() if each != record_id}
        if there == held:
            return
        who = phone.device_id[-4:]
        for record_id in sorted(set(held) - set(there)):
            self.find("no gap", f"{who} lacks {kind} {record_id[-4:]}: {held[record_id]}")
        for record_id in sorted(set(there) - set(held)):
            self.find("no foreign rows", f"{who} holds {kind} {record_id[-4:]}: {there[record_id]}")
        for record_id in sorted(set(there) & set(held)):
            if there[record_id] != held[record_id]:
                self.find(
                    "convergence",
                    f"{who} holds {kind} {record_id[-4:]} as {there[record_id]},"
                    f" the server as {held[record_id]}",
                )

    def _as_columns(self, record: HeldRecord) -> tuple[Any, ...]:
        """Give a record as a device's table has it."""
        known = self._columns.get(id(record))
        # The record is kept beside its columns, so that no other takes its place in memory.
        if known is None or known[0] is not record:
            values = (
                to_column(spec, [] if _is_empty_set(spec.type, value) else value)
                for spec in SCHEMA.record(record.kind).fields
                for value in (record.fields.get(spec.name),)
            )
            given = [record.fields.get(CUSTOM[each]) for each in (record.kind,) if each in CUSTOM]
            known = self._columns[id(record)] = record, (record.seq, *values, *given)
        return known[1]

    def own_writes(self, phone: Phone) -> None:
        """Look whether a device shows what was written on it and is not decided otherwise."""
        client = phone.client
        if client is None or phone.disk.is_dead:
            return
        seq = client._replica.progress.seq  # noqa: SLF001 - an oracle looks beneath
        expected: dict[Key, dict[str, Any] | None] = {}
        undone: set[Key] = phone.disk.lingering(seq)
        after, until = phone.disk.asked()
        for op, status in phone.disk.unshown_ops(seq):
            # Of what a restored server is asked about, the sequence is of another life.
            is_known = status == Status.APPLIED and not after < op.number <= until
            if isinstance(op, Intent) or (status is not None and not is_known):
                _forget(expected, op)
                if isinstance(op, Delete):
                    undone.add((op.kind, op.id))
            elif isinstance(op, Delete):
                expected[op.kind, op.id] = None
            elif (op.kind, op.id) in undone or expected.get((op.kind, op.id), {}) is None:
                # The deletion had been undone, and came back with a server that was restored.
                _forget(expected, op)
                undone.add((op.kind, op.id))
            else:
                expected[op.kind, op.id] = {**(expected.get((op.kind, op.id)) or {}), **op.fields}
        for (kind, record_id), fields in expected.items():
            self._compare_screen(phone, kind, record_id, fields)

    def _compare_screen(
        self, phone: Phone, kind: str, record_id: str, fields: Mapping[str, Any] | None
    ) -> None:
        assert phone.client is not None, "the device is on"
        record = phone.client.get(_TYPES[kind], record_id)
        who = f"{phone.device_id[-4:]}: {kind} {record_id[-4:]}"
        if fields is None:
            if record is not None:
                self.find("read your writes", f"{who} was deleted here and is shown")
            return
        if record is None:
            is_there = phone.disk.rows(f"SELECT 1 FROM base_{kind} WHERE id = ?", record_id)  # noqa: S608 - a name of the schema
            if is_there:
                self.find("read your writes", f"{who} was written here and is not shown")
            return
        for name, value in fields.items():
            shown = value_of(record, name)
            if not is_same(shown, value):
                self.find("read your writes", f"{who}.{name} is {shown!r}, written was {value!r}")


def _given(kind: str, extra: bytes | None) -> tuple[Any, ...]:
    """Give what a device keeps of the field that the company gave a kind of records."""
    if kind not in CUSTOM:
        return ()
    kept = msgspec.msgpack.decode(extra) if extra else {}
    return (kept.get(CUSTOM[kind]),)


def _forget(expected: dict[Key, dict[str, Any] | None], op: Op) -> None:
    """Expect nothing of what was decided otherwise."""
    if not isinstance(op, Intent):
        expected.pop((op.kind, op.id), None)


def _is_empty_set(kind: FieldType, value: Any) -> bool:
    return kind is FieldType.SET and value is None
