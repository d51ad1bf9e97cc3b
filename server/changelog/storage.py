"""Read synced records in sets: one statement a kind, however many records.

Values cross this border in the form of the wire (ids as text, times in milliseconds, sets as
lists), so that what is settled, stored and sent is one and the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Scope
from server.changelog.kinds import RecordKind
from server.kit import db
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord, Key, decode_versions
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType
from sync_protocol.schema.custom import PREFIX

_JSON: Final = frozenset({FieldType.SET, FieldType.ANY})
CUSTOM: Final = "custom"
"""The column of an extensible kind that holds a record's custom fields: name to value."""


@cache
def fields_of(kind_name: str) -> Sequence[FieldSpec]:
    """Give the fields of a kind, in the order of their numbers."""
    return tuple(SCHEMA.fields(kind_name).values())


def parent_of(kind_name: str) -> str | None:
    """Give the field that names a record's customer.

    None for customers and for what belongs to nobody.
    """
    return SCHEMA.record(kind_name).parent


@cache
def is_extensible(kind_name: str) -> bool:
    """Say whether records of a kind have custom fields."""
    return SCHEMA.record(kind_name).extensible


@cache
def read_columns(kind_name: str, alias: str) -> tuple[str, ...]:
    """Write what reads all fields of a kind, and the custom ones as they lie there."""
    custom = (f"{alias}.{CUSTOM}",) if is_extensible(kind_name) else ()
    return (*(read_expression(field, alias) for field in fields_of(kind_name)), *custom)


def custom_fields(kind_name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the custom fields that a row has."""
    text = row[CUSTOM] if is_extensible(kind_name) else None
    found: dict[str, Any] = msgspec.json.decode(text) if text else {}
    return found


def to_custom(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the custom fields of a record as they lie in their column: those with a value."""
    found = {
        name: value
        for name, value in fields.items()
        if name.startswith(PREFIX) and value is not None and value != []
    }
    return found or None


def read_expression(field: FieldSpec, alias: str) -> str:
    """Write the SQL that reads a field in the form of the wire."""
    column = f"{alias}.{field.name}"
    match field.type:
        case FieldType.UUID:
            return f"{column}::text AS {field.name}"
        case FieldType.TIME:
            return f"(extract(epoch FROM {column}) * 1000)::bigint AS {field.name}"
        case _:
            return column


def read_column(field: FieldSpec, values: list[Any]) -> list[Any]:
    """Finish reading values that `read_expression` fetched: JSON columns arrive as text."""
    if field.type not in _JSON:
        return values
    # Most are empty, or say what others say.
    known = {text: msgspec.json.decode(text) for text in set(values) - {None}}
    return [known.get(text) for text in values]


def read_record(kind_name: str, row: asyncpg.Record, *, visible: bool) -> HeldRecord:
    """Turn a row into the record that is settled against."""
    versions, dots = decode_versions(msgspec.json.decode(row["versions"]))
    return HeldRecord(
        kind=kind_name,
        id=row["id"],
        seq=row["seq"],
        created=Version(
            row["created_seq"], row["created_device"], row["created_number"], row["created_ms"]
        ),
        fields={name: row[name] for name in _names(kind_name)}
        | _read_json(kind_name, row)
        | custom_fields(kind_name, row),
        versions=versions,
        dots=dots,
        deleted=row["deleted"],
        visible=visible,
        handle=row["handle"],
    )


def _read_json(kind_name: str, row: asyncpg.Record) -> dict[str, Any]:
    """Give the fields of a row that arrive as text of JSON."""
    return {
        field.name: read_column(field, [row[field.name]])[0] for field in _json_fields(kind_name)
    }


@cache
def _json_fields(kind_name: str) -> tuple[FieldSpec, ...]:
    """Give the fields of a kind that are stored as JSON."""
    return tuple(field for field in fields_of(kind_name) if field.type in _JSON)


@cache
def _names(kind_name: str) -> tuple[str, ...]:
    """Give the names of a kind's fields, in the order of their numbers."""
    return tuple(field.name for field in fields_of(kind_name))


# ------------------------------------------------------------------------------------- reading


async def load(
    actor: Actor, kinds: Mapping[str, RecordKind], keys: Iterable[Key], *, lock: bool = True
) -> dict[Key, HeldRecord]:
    """Fetch the named records, locked in one order on every server: kind by kind, by id."""
    wanted: dict[str, list[str]] = {}
    for kind_name, record_id in sorted(keys):
        wanted.setdefault(kind_name, []).append(record_id)
    held: dict[Key, HeldRecord] = {}
    for kind_name in SCHEMA.kinds():
        if kind_name in wanted and kind_name in kinds:
            statement = _load_statement(kinds[kind_name].table, kind_name, lock=lock)
            rows = await db.connection().fetch(statement, actor.tenant_id, wanted[kind_name])
            if any(row["has_moved"] for row in rows):
                # Waiting for a record's lock while a merge gave it to another customer: that one
                # was not looked at. Now the lock is here, and a second look sees both.
                rows = await db.connection().fetch(statement, actor.tenant_id, wanted[kind_name])
            for row in rows:
                visible = row["is_everybodys"] or is_visible(
                    actor, row["seen_owner"], row["seen_team"]
                )
                held[kind_name, row["id"]] = read_record(kind_name, row, visible=visible)
    return held


async def load_beneath(
    tenant_id: UUID, kinds: Mapping[str, RecordKind], customer_ids: Collection[str]
) -> dict[str, list[HeldRecord]]:
    """Fetch the living records of customers, locked as `load` locks them; conflicts too."""
    found: dict[str, list[HeldRecord]] = {each: [] for each in customer_ids}
    for name in SCHEMA.kinds():
        parent = parent_of(name)
        if parent is None or name not in kinds:
            continue
        statement = _load_statement(kinds[name].table, name, lock=True, is_beneath=True)
        for row in await db.connection().fetch(statement, tenant_id, list(customer_ids)):
            found[row[parent]].append(read_record(name, row, visible=True))
    return found


def is_visible(actor: Actor, owner_id: UUID | None, team_id: UUID | None) -> bool:
    """Say whether a customer of this owner and team is within the actor's sight."""
    match actor.scope:
        case Scope.TENANT:
            return True
        case Scope.TEAM:
            return owner_id == actor.user_id or (team_id is not None and team_id == actor.team_id)
        case _:
            return owner_id == actor.user_id


@cache
def _load_statement(table: str, kind_name: str, *, lock: bool, is_beneath: bool = False) -> str:
    """Write the SELECT of a kind's records. $1 tenant, $2 ids: theirs, or of their customers."""
    columns = ", ".join(
        [
            "k.id::text AS id, k.handle, k.seq, k.created_seq",
            "k.created_device::text AS created_device, k.created_number",
            "(extract(epoch FROM k.created_at) * 1000)::bigint AS created_ms",
            "k.versions, k.deleted",
            *read_columns(kind_name, "k"),
        ]
    )
    parent = parent_of(kind_name)
    join, owner, team, everybodys, moved = "", "NULL::uuid", "NULL::uuid", "true", "false"
    if kind_name == "customer":
        owner, team, everybodys = "k.owner_id", "k.team_id", "false"
    elif parent is not None:
        owner, team, everybodys = "c.owner_id", "c.team_id", f"k.{parent} IS NULL"
        moved = f"k.{parent} IS NOT NULL AND c.id IS NULL"
        join = f"LEFT JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.{parent}"
    seen = (
        f"{owner} AS seen_owner, {team} AS seen_team, {everybodys} AS is_everybodys,"
        f" {moved} AS has_moved"
    )
    locked = "FOR UPDATE OF k" if lock else ""
    wanted = (
        f"k.{parent} = ANY($2::uuid[]) AND NOT k.deleted"
        if is_beneath
        else "k.id = ANY($2::uuid[])"
    )
    return f"""
        SELECT {columns}, {seen} FROM {table} k {join}
        WHERE k.tenant_id = $1 AND {wanted} ORDER BY k.id {locked}
    """  # noqa: S608 - names come from the schema and the rooms' record kinds
