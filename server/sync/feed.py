"""Read what changed since a cursor, from one snapshot.

One statement for each kind, however many rows.

Rows come in the order of their *effective* sequence: that of their last change, or that at which
their customer
entered the actor's scope, if later. A page may end inside one sequence; the position says where.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Scope
from server.changelog import storage
from server.kit import db
from server.sync import scopes
from server.sync.registry import KINDS
from sync_protocol.cursor import Cursor
from sync_protocol.merge import decode_versions
from sync_protocol.messages import Patch, RecordBatch

_NAMES: Final = tuple(KINDS)
_STANDING: Final = """
SELECT coalesce(c.seq, 0) AS seq, coalesce(c.epoch, 1) AS epoch, coalesce(c.min_seq, 0) AS min_seq,
    d.last_op, d.last_sync_at
FROM device d
JOIN user_account u ON u.tenant_id = d.tenant_id AND u.id = d.user_id AND u.disabled_at IS NULL
LEFT JOIN tenant_clock c ON c.tenant_id = d.tenant_id
WHERE d.tenant_id = $1 AND d.id = $2 AND d.revoked_at IS NULL
"""
_FIRST_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=2**128 - 1)


class Standing(msgspec.Struct, frozen=True):
    """Where the tenant's sequence stands, and what the server knows of the device."""

    seq: int
    epoch: int
    min_seq: int
    last_op: int
    last_sync_at: datetime | None


class Found(msgspec.Struct, frozen=True):
    """A row of the feed and its place in the feed's total order."""

    effective: int
    kind_index: int
    row: asyncpg.Record

    @property
    def place(self) -> tuple[int, int, str]:
        """Give the place in the order."""
        return self.effective, self.kind_index, self.row["id"]


async def standing(actor: Actor) -> Standing | None:
    """Read the tenant's clock and the device in one query; None when the device was revoked.

    A tenant that has never written stands at zero.
    """
    row = await db.connection().fetchrow(_STANDING, actor.tenant_id, actor.device_id)
    return msgspec.convert(dict(row), Standing) if row else None


async def epoch_of(tenant_id: UUID) -> int:
    """Tell how often the tenant was restored from a backup, counted from one."""
    epoch = await db.connection().fetchval(
        "SELECT epoch FROM tenant_clock WHERE tenant_id = $1", tenant_id
    )
    return int(epoch or 1)


async def changed_since(actor: Actor, start: Cursor, limit: int) -> tuple[list[Found], bool]:
    """Fetch up to `limit` rows behind the position.

    In the feed's order, and whether there are more.
    """
    found: list[Found] = []
    for index, name in enumerate(_NAMES):
        rows = await db.connection().fetch(
            _statement(name, actor.scope),
            actor.tenant_id,
            start.seq,
            _after(start, index),
            limit + 1,
            actor.user_id,
            actor.team_id,
            start.base,
            start.started,
        )
        found += [Found(row["effective"], index, row) for row in rows]
    found.sort(key=lambda each: each.place)
    return found[:limit], len(found) > limit


def _after(start: Cursor, kind_index: int) -> UUID:
    """Give the id behind which a kind goes on, within the sequence of the position."""
    if start.after_id is None or kind_index < start.kind_index:
        return _LAST_ID
    return start.after_id if kind_index == start.kind_index else _FIRST_ID


async def left_scope(actor: Actor, start: Cursor) -> list[str]:
    """List the customers that the device may hold and that are no longer in the actor's scope.

    Of a snapshot it may hold what an earlier page has sent.
    """
    if actor.scope is Scope.TENANT:
        return []
    since = start.base or start.started
    rows = await db.connection().fetch(
        _left_statement(actor.scope), actor.tenant_id, since, actor.user_id, actor.team_id
    )
    return [row["customer_id"] for row in rows]


# ------------------------------------------------------------------------------ rows to messages


def as_messages(found: Iterable[Found], base: int) -> tuple[list[RecordBatch], list[Patch]]:
    """Split rows into whole records, by column, and patches of what changed since `base`."""
    whole: dict[int, list[asyncpg.Record]] = {}
    patches = []
    for each in found:
        if each.row["deleted"]:
            patches.append(_tombstone(each))
        elif base == 0 or max(each.row["created_seq"], each.row["entered_seq"]) > base:
            whole.setdefault(each.kind_index, []).append(each.row)
        else:
            patches.append(_patch(each, base))
    return [_batch(_NAMES[index], rows) for index, rows in sorted(whole.items())], patches


def _batch(name: str, rows: Sequence[asyncpg.Record]) -> RecordBatch:
    """Turn rows into columns."""
    fields = storage.fields_of(name)
    return RecordBatch(
        kind=name,
        fields=[field.name for field in fields],
        ids=[row["id"] for row in rows],
        seqs=[row["seq"] for row in rows],
        columns=[storage.read_column(field, [row[field.name] for row in rows]) for field in fields],
    )


def _patch(each: Found, base: int) -> Patch:
    """Give the fields that were written after `base`."""
    name, row = _NAMES[each.kind_index], each.row
    versions, dots = decode_versions(msgspec.json.decode(row["versions"]))
    changed = [
        field
        for field in storage.fields_of(name)
        if field.name in dots or (field.name in versions and versions[field.name].seq > base)
    ]
    values = {field.name: storage.read_column(field, [row[field.name]])[0] for field in changed}
    return Patch(kind=name, id=row["id"], seq=row["seq"], fields=values)


def _tombstone(each: Found) -> Patch:
    """Tell that a record is gone."""
    return Patch(kind=_NAMES[each.kind_index], id=each.row["id"], seq=each.row["seq"], deleted=True)


# ------------------------------------------------------------------------------------ statements

_UNSEEN: Final = "AND NOT (k.deleted AND k.created_seq > $7 AND k.seq <= $8)"
"""What was made and deleted since the base is not told, unless an earlier page may have sent it."""


@cache
def _statement(name: str, scope: Scope) -> str:
    """Write the SELECT of a kind.

    $1 tenant, $2 and $3 position, $4 limit, $5 user, $6 team, $7 base, $8 start of the run.
    """
    columns = ", ".join(
        [
            "k.id::text AS id, k.seq, k.created_seq, k.versions, k.deleted",
            *(storage.read_expression(field, "k") for field in storage.fields_of(name)),
        ]
    )
    if storage.parent_of(name) is None:
        return _of_root(name, columns, scope)
    return _of_child(KINDS[name].table, columns, scope)


def _of_root(name: str, columns: str, scope: Scope) -> str:
    """Select customers within scope, or records that belong to nobody."""
    is_customer = name == "customer"
    within = scopes.predicate(scope if is_customer else Scope.TENANT, "k", user="$5", team="$6")
    entered = "k.scope_seq" if is_customer else "0::bigint"
    return f"""
        SELECT {columns}, k.seq AS effective, {entered} AS entered_seq FROM {KINDS[name].table} k
        WHERE k.tenant_id = $1 AND (k.seq, k.id) > ($2, $3) {_UNSEEN} AND {within}
        ORDER BY k.seq, k.id LIMIT $4
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


def _of_child(table: str, columns: str, scope: Scope) -> str:
    """Select the children that changed, and those whose customer entered the scope or came back."""
    within = f"NOT c.deleted AND {scopes.predicate(scope, 'c', user='$5', team='$6')}"
    return f"""
        SELECT * FROM ((
            SELECT {columns}, k.seq AS effective, coalesce(c.scope_seq, 0) AS entered_seq
            FROM {table} k
            LEFT JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
            WHERE k.tenant_id = $1 AND (k.seq, k.id) > ($2, $3) {_UNSEEN}
              AND (k.customer_id IS NULL OR ({within}))
            ORDER BY k.seq, k.id LIMIT $4
        ) UNION ALL (
            SELECT {columns}, c.scope_seq AS effective, c.scope_seq AS entered_seq FROM customer c
            JOIN {table} k ON k.tenant_id = c.tenant_id AND k.customer_id = c.id
            WHERE c.tenant_id = $1 AND c.scope_seq > $7 AND (c.scope_seq, k.id) > ($2, $3)
              AND k.seq < c.scope_seq AND NOT k.deleted AND {within}
            ORDER BY c.scope_seq, k.id LIMIT $4
        )) AS feed ORDER BY effective, id LIMIT $4
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


@cache
def _left_statement(scope: Scope) -> str:
    """Write the SELECT of what left a scope. $1 tenant, $2 since when, $3 user, $4 team."""
    was = scopes.predicate(scope, "e", user="$3", team="$4")
    still = scopes.predicate(scope, "c", user="$3", team="$4")
    return f"""
        SELECT DISTINCT e.customer_id::text AS customer_id FROM scope_exit e
        WHERE e.tenant_id = $1 AND e.seq > $2 AND {was} AND NOT EXISTS (
            SELECT FROM customer c WHERE c.tenant_id = $1 AND c.id = e.customer_id AND {still}
        )
    """  # noqa: S608 - predicates are constants of server.sync.scopes
