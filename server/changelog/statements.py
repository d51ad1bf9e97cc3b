"""The SQL of a unit of work: one statement out of parts, each with its own parameters.

The clock ticks in the first part, whose one row the others join: it has the sequence, the handle
of the first new record, and who writes when. Rows travel as one JSON array of arrays a part, which
costs the driver a seventh of what an array a column does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec

from server.changelog import storage
from server.changelog.kinds import Along, RecordKind
from server.changelog.store import Change
from sync_protocol.merge import HeldRecord, encode_versions
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType

_CLOCK: Final = """
WITH clock AS (
    INSERT INTO tenant_clock (tenant_id, seq, epoch, min_seq, handles)
    VALUES ($1, 1, 1, 0, $2)
    ON CONFLICT (tenant_id) DO UPDATE
    SET seq = tenant_clock.seq + 1, handles = tenant_clock.handles + $2
    RETURNING tenant_id, seq, handles - $2 + 1 AS handle,
        $3::uuid AS actor_id, $4::uuid AS device_id, $5::timestamptz AS at
)"""
_CLOCK_PARAMETERS: Final = 5
_AHEAD: Final = "WITH clock AS (SELECT $1::uuid AS tenant_id)"
_PARAMETER: Final = re.compile(r"\$(\d+)")
_ENCODER: Final = msgspec.json.Encoder()
_HISTORY: Final = """
INSERT INTO change
    (tenant_id, seq, actor_id, device_id, at, kind, record_id, root_id, action, patch)
SELECT clock.tenant_id, clock.seq, clock.actor_id, clock.device_id, clock.at,
    r->>0, (r->>1)::uuid, (r->>2)::uuid, r->>3, r->4
FROM clock, jsonb_array_elements($1::jsonb) AS r
"""
_EXITS: Final = """
INSERT INTO scope_exit (tenant_id, seq, customer_id, owner_id, team_id)
SELECT clock.tenant_id, clock.seq, (r->>0)::uuid, (r->>1)::uuid, (r->>2)::uuid
FROM clock, jsonb_array_elements($1::jsonb) AS r
"""


class Part(msgspec.Struct, frozen=True):
    """One write of a unit: a statement with parameters ``$1`` ..., which may read ``clock``."""

    text: str
    values: tuple[Any, ...]

    @classmethod
    def along(cls, along: Along) -> "Part":
        """Take what a room writes along."""
        return cls(along.statement, along.values)


@cache
def unit(texts: tuple[str, ...]) -> str:
    """Put the parts behind the clock.

    $1 tenant, $2 count of new records, $3 author, $4 device, $5 time, then the parts' own.
    """
    return f"{_CLOCK}{_behind(texts, _CLOCK_PARAMETERS)}\nSELECT seq, handle FROM clock"


@cache
def ahead(texts: tuple[str, ...]) -> str:
    """Put parts that need no sequence into a statement that leaves the clock alone.

    $1 tenant, then the parts' own.
    """
    return f"{_AHEAD}{_behind(texts, 1)}\nSELECT"


def _behind(texts: tuple[str, ...], taken: int) -> str:
    """Write the parts one behind the other, their parameters behind those that are taken."""
    written = []
    for number, text in enumerate(texts):
        numbers = {int(found[1]) for found in _PARAMETER.finditer(text)}
        shifted = _PARAMETER.sub(lambda found, by=taken: f"${int(found[1]) + by}", text)  # type: ignore[misc] # mypy reads no default of a lambda
        written.append(f", part_{number} AS (\n{shifted.strip()}\n)")
        taken += max(numbers, default=0)
    return "".join(written)


# ----------------------------------------------------------------------------------------- parts


def insertion(kind: RecordKind, records: Sequence[HeldRecord], *, first: int) -> Part:
    """Write new records of one kind.

    :param first: the place of the first among the unit's new records, by which handles are given.
    """
    of_fields, derived = _of_fields(kind.name), tuple(kind.derived)
    custom = _custom_of(kind.name)
    rows = []
    for place, record in enumerate(records, first):
        more = kind.derive(record.fields) if derived else {}
        rows.append(
            [
                place,
                record.created.device,
                record.created.number,
                record.created.at_ms,
                record.id,
                _versions(record),
                record.deleted,
                *of_fields(record.fields),
                *custom(record.fields),
                *(more[name] for name in derived),
            ]
        )
    return Part(_insert(kind.table, kind.name, _derived(kind)), (_json(rows),))


def update(kind: RecordKind, changes: Sequence[Change]) -> Part:
    """Write changed records of one kind, whole; what is derived where it changed."""
    of_fields, derived = _of_fields(kind.name), tuple(kind.derived)
    custom = _custom_of(kind.name)
    rows = {}
    for change in changes:
        record, before = change.after, change.before
        assert before is not None, "it stood before"
        is_same = all(record.fields[name] == before.fields[name] for name in kind.derived_from)
        more = {} if is_same else kind.derive(record.fields)
        rows[record.id] = [
            record.id,
            _versions(record),
            record.deleted,
            *of_fields(record.fields),
            *custom(record.fields),
            *(more.get(name) for name in derived),
        ]
    return Part(_update(kind.table, kind.name, _derived(kind)), (_json(rows), ",".join(rows)))


def history(rows: Sequence[Sequence[Any]]) -> Part:
    """Write lines of history: kind, record, root, action, patch."""
    return Part(_HISTORY, (_json(rows),))


def exits(rows: Sequence[Sequence[Any]]) -> Part:
    """Write whose sight customers left: customer, owner, team."""
    return Part(_EXITS, (_json(rows),))


def _json(rows: Sequence[Sequence[Any]] | Mapping[str, Sequence[Any]]) -> str:
    """Write rows as they travel."""
    return _ENCODER.encode(rows).decode()


@cache
def _of_fields(kind_name: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Give what takes the values of a record's fields, in the order of their numbers."""
    return itemgetter(*SCHEMA.outline(kind_name).names)


@cache
def _custom_of(kind_name: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Give what takes a record's custom fields, which lie in one column where the kind has any."""
    if not storage.is_extensible(kind_name):
        return lambda _: ()
    return lambda fields: (storage.to_custom(fields),)


def _versions(record: HeldRecord) -> str:
    """Write where the values come from; most records stand as they were created."""
    if not (record.versions or record.dots):
        return "{}"
    return _ENCODER.encode(encode_versions(record.versions, record.dots)).decode()


# -------------------------------------------------------------------------------------- statements

_Derived = tuple[tuple[str, str], ...]
"""Names and SQL types of columns that are computed from the fields."""
_BORN: Final = (
    ("created_device", "(r->>1)::uuid"),
    ("created_number", "(r->>2)::bigint"),
    ("created_at", "to_timestamp((r->>3)::bigint / 1000.0)"),
)
"""Where a record comes from: set once."""
_STAMPED: Final = "replace(r->>{at}, '[-1', '[' || clock.seq)::jsonb"
"""Versions of this unit carry NEW_SEQ, which begins a list; ids and names do not hold one."""


def _derived(kind: RecordKind) -> _Derived:
    """Give the computed columns as something that a cache can keep."""
    return tuple(kind.derived.items())


@cache
def _insert(table: str, kind_name: str, derived: _Derived) -> str:
    """Write the INSERT of a kind."""
    columns = {
        "tenant_id": "clock.tenant_id",
        "handle": "clock.handle + (r->>0)::bigint",
        "seq": "clock.seq",
        "created_seq": "clock.seq",
        "created_by": "clock.actor_id",
        **dict(_BORN),
        **_columns(kind_name, derived, first=1 + len(_BORN)),
    }
    if kind_name == "customer":
        columns["scope_seq"] = "clock.seq"
    return f"""
        INSERT INTO {table} ({", ".join(columns)})
        SELECT {", ".join(columns.values())}
        FROM clock, jsonb_array_elements($1::jsonb) AS r
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


@cache
def _update(table: str, kind_name: str, derived: _Derived) -> str:
    """Write the UPDATE of a kind: $1 an object of rows by id, $2 the ids alone.

    No join, so no plan can go wrong that was made while the table was small: the index finds the
    ids, and each record looks its row up.
    """
    columns = {"seq": "clock.seq", **_columns(kind_name, derived, first=0)}
    del columns["id"]
    for name, _ in derived:
        columns[name] = f"coalesce({columns[name]}, t.{name})"
    if kind_name == "customer":
        after = ", ".join(columns[name] for name in ("owner_id", "team_id", "deleted"))
        columns["scope_seq"] = (
            f"CASE WHEN (t.owner_id, t.team_id, t.deleted) IS DISTINCT FROM ({after})"
            " THEN clock.seq ELSE t.scope_seq END"
        )
    return f"""
        UPDATE {table} t SET ({", ".join(columns)}) = (
            SELECT {", ".join(columns.values())}
            FROM clock, LATERAL (SELECT $1::jsonb -> t.id::text AS r OFFSET 0) AS given
        )
        WHERE t.tenant_id = (SELECT tenant_id FROM clock)
            AND t.id = ANY(string_to_array($2, ',')::uuid[])
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


def _columns(kind_name: str, derived: _Derived, *, first: int) -> Mapping[str, str]:
    """Give the columns that every write of a kind sets, and how each is read from its row."""
    named = storage.fields_of(kind_name)
    custom = [storage.CUSTOM] if storage.is_extensible(kind_name) else []
    fields = enumerate(named, first + 3)
    customs = enumerate(custom, first + 3 + len(named))
    computed = enumerate(derived, first + 3 + len(named) + len(custom))
    return {
        "id": f"(r->>{first})::uuid",
        "versions": _STAMPED.format(at=first + 1),
        "deleted": f"(r->>{first + 2})::boolean",
        **{field.name: _stored(field, at) for at, field in fields},
        **{name: f"nullif(r->{at}, 'null'::jsonb)" for at, name in customs},
        **{name: f"(r->>{at})::{sql_type}" for at, (name, sql_type) in computed},
    }


def _stored(field: FieldSpec, at: int) -> str:
    """Write how a field is stored from its place in a row."""
    match field.type:
        case FieldType.TIME:
            return f"to_timestamp((r->>{at})::bigint / 1000.0)"
        case FieldType.SET | FieldType.ANY:
            # A JSON null is no value.
            return f"nullif(r->{at}, 'null'::jsonb)"
        case FieldType.UUID:
            return f"(r->>{at})::uuid"
        case FieldType.INT:
            return f"(r->>{at})::bigint"
        case _:
            return f"r->>{at}"
