"""What a person sees: the base with the overlay on top, read in small pages."""
# ruff: noqa: S608 - the names in SQL come from the schema, never from a person or the wire

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from mobile_client_sdk.ops import CREATED, DELETED
from mobile_client_sdk.records import Record
from mobile_client_sdk.store import PACKED, Store, compared, from_column
from sync_protocol.messages import SetChange
from sync_protocol.schema import SCHEMA, FieldType
from sync_protocol.schema.custom import is_custom
from sync_protocol.texts import CHINESE_SIGNS

R = TypeVar("R", bound=Record)
Values = dict[str, Any]
_PAGE: Final = 200
_decode_set: Final = msgspec.msgpack.Decoder(SetChange).decode
_decode: Final = msgspec.msgpack.Decoder().decode


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which records of a kind, and in which order."""

    equal: Mapping[str, object] = {}
    """Fields and the values that they must have."""
    search: str = ""
    """A part of one of ``search_in``; Latin letters in either case."""
    search_in: tuple[str, ...] = ()
    having: Mapping[str, str] = {}
    """Set fields and an element that they must have."""
    order_by: str = "id"


class Views:
    """Reads of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: Final = {
            spec.kind: tuple(field.name for field in spec.fields) for spec in SCHEMA.records
        }
        # The custom fields of a record lie beside its columns.
        self._columns: Final = {
            spec.kind: (*self._names[spec.kind], *(["extra"] if spec.extensible else []))
            for spec in SCHEMA.records
        }
        self._packed: Final = {
            spec.kind: tuple(each for each in spec.fields if each.type in PACKED)
            for spec in SCHEMA.records
        }

    def get(self, kind: type[R], record_id: str, as_of: int) -> R | None:
        """Answer one record, or none."""
        overlay = self._store.rows(
            "SELECT field, value FROM overlay WHERE kind = ? AND id = ? ORDER BY number",
            (kind.KIND, record_id),
        )
        values = _fold(kind.KIND, self._base(kind.KIND, record_id), overlay)
        return None if values is None else kind(id=record_id, as_of=as_of, **values)

    def match(self, kind: type[R], record_id: str, question: Question, as_of: int) -> R | None:
        """Answer one record if it is an answer to a question, or none."""
        record = self.get(kind, record_id, as_of)
        return record if record is not None and _matches(_shown(record), question) else None

    def find(self, kind: type[R], question: Question, as_of: int) -> Iterator[R]:
        """Answer the records of a question, in order, a page at a time."""
        base = (
            kind(id=record_id, as_of=as_of, **values)
            for record_id, values in self._base_pages(kind.KIND, question)
        )
        touched = sorted(
            (
                kind(id=record_id, as_of=as_of, **values)
                for record_id, values in self._touched(kind.KIND)
                if _matches(values, question)
            ),
            key=lambda record: place(record, question.order_by),
        )
        if not touched:
            return base
        return heapq.merge(base, touched, key=lambda record: place(record, question.order_by))

    def count(self, kind: type[Record]) -> int:
        """Answer how many records of a kind there are."""
        untouched = self._store.row(
            f"SELECT count(*) FROM base_{kind.KIND} WHERE id NOT IN "
            "(SELECT id FROM overlay WHERE kind = ?)",
            (kind.KIND,),
        )[0]
        return int(untouched) + sum(1 for _ in self._touched(kind.KIND))

    def _base(self, kind: str, record_id: str) -> Values | None:
        row = self._store.row(
            f"SELECT {', '.join(self._columns[kind])} FROM base_{kind} WHERE id = ?", (record_id,)
        )
        return None if row is None else self._values(kind, row)

    def _values(self, kind: str, row: Iterable[Any]) -> Values:
        values = dict(zip(self._columns[kind], row, strict=True))
        if "extra" in values:
            values["custom"] = _custom(values.pop("extra"))
        for field in self._packed[kind]:
            values[field.name] = from_column(field, values[field.name])
        return values

    def _touched(self, kind: str) -> Iterator[tuple[str, Values]]:
        """Answer the records that the overlay changes, as they are shown."""
        rows = self._store.rows(
            "SELECT id, field, value FROM overlay WHERE kind = ? ORDER BY id, number", (kind,)
        )
        if not rows:
            return
        by_id: dict[str, list[tuple[str, bytes]]] = {}
        for record_id, field, value in rows:
            by_id.setdefault(record_id, []).append((field, value))
        base = self._store.rows(
            f"SELECT id, {', '.join(self._columns[kind])} FROM base_{kind} "
            "WHERE id IN (SELECT id FROM overlay WHERE kind = ?)",
            (kind,),
        )
        held = {row[0]: row[1:] for row in base}
        for record_id, overlay in by_id.items():
            row = held.get(record_id)
            values = _fold(kind, None if row is None else self._values(kind, row), overlay)
            if values is not None:
                yield record_id, values

    def _base_pages(self, kind: str, question: Question) -> Iterator[tuple[str, Values]]:
        """Read the untouched records, page after page: nothing stays open in between."""
        names = self._columns[kind]
        order = _place_in_sql(kind, question.order_by)
        where, values = _conditions(question)
        after: tuple[object, ...] = ()
        while True:
            bound = f" AND ({order}) > (?, ?)" if after else ""
            rows = self._store.rows(
                f"SELECT {order}, {', '.join(names)} FROM base_{kind} "
                f"WHERE id NOT IN (SELECT id FROM overlay WHERE kind = ?){where}{bound} "
                f"ORDER BY {order} LIMIT {_PAGE}",
                (kind, *values, *after),
            )
            for row in rows:
                yield row[1], self._values(kind, row[2:])
            if len(rows) < _PAGE:
                return
            after = rows[-1][:2]


def _place_in_sql(kind: str, order_by: str) -> str:
    """Answer the order and the id, which tells equals apart; what is missing comes first."""
    field = SCHEMA.fields(kind).get(order_by)
    if field is None or field.required:
        return f"{order_by}, id"
    nothing = "0" if field.type in (FieldType.INT, FieldType.TIME) else "''"
    return f"coalesce({order_by}, {nothing}), id"


_SIGNED: Final = f"'*[{CHINESE_SIGNS}]*'"


def _conditions(question: Question) -> tuple[str, list[object]]:
    where, values = "", []
    for name, value in question.equal.items():
        where += f" AND {name} IS ?"
        values.append(value)
    for name, element in question.having.items():
        where += f" AND instr({name}, ?)"
        values.append(f'"{element}"')
    if question.search:
        # What has no sign of Chinese writing is held as it is compared, but for capitals.
        said = "CASE WHEN {0} GLOB {1} THEN compared({0}) ELSE lower({0}) END"
        parts = " OR ".join(
            f"instr({said.format(name, _SIGNED)}, ?)" for name in question.search_in
        )
        where += f" AND ({parts})"
        values += [compared(question.search)] * len(question.search_in)
    return where, values


def _matches(values: Values, question: Question) -> bool:
    """Answer what ``_conditions`` asks of the base, for a record in memory."""
    if any(values.get(name) != value for name, value in question.equal.items()):
        return False
    if any(element not in values[name] for name, element in question.having.items()):
        return False
    part = compared(question.search)
    return not part or any(part in compared(values[name]) for name in question.search_in)


def place(record: Record, order_by: str) -> tuple[Any, str]:
    """Answer where a record stands in an order, as SQLite has it."""
    value = getattr(record, order_by)
    if value is None:
        field = SCHEMA.field(record.KIND, order_by)
        value = 0 if field.type in (FieldType.INT, FieldType.TIME) else ""
    return value, record.id


def _fold(kind: str, base: Values | None, overlay: Iterable[tuple[str, bytes]]) -> Values | None:
    """Lay what was done here over what the server said."""
    values, is_there = base or _blank(kind), base is not None
    for field, value in overlay:
        if field == CREATED:
            is_there = True
        elif field == DELETED:
            is_there = False
        else:
            held = values["custom"] if is_custom(field) else values
            if SCHEMA.field(kind, field).type is FieldType.SET:
                change = _decode_set(value)
                known = {*(held.get(field) or ())}
                held[field] = sorted(known - {*change.remove} | {*change.add})
            else:
                held[field] = _decode(value)
    return values if is_there else None


def _shown(record: Record) -> Values:
    """Answer the fields of a record."""
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _blank(kind: str) -> Values:
    spec = SCHEMA.record(kind)
    custom: Values = {"custom": {}} if spec.extensible else {}
    return custom | {
        field.name: [] if field.type is FieldType.SET else None for field in spec.fields
    }


def _custom(extra: bytes | None) -> Values:
    """Answer the custom fields among what was kept beside the columns; an empty one is none."""
    kept = _decode(extra) if extra else {}
    return {
        name: value
        for name, value in kept.items()
        if is_custom(name) and value is not None and value != []
    }
