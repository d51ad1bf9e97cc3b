"""Push and pull in PostgreSQL: the store of the product."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Scope
from server.changelog import storage
from server.changelog.postgres import PostgresStore
from server.identity import service as identity
from server.identity.schemas import HeldDevice
from server.kit import db
from server.sync import scopes
from server.sync.registry import KINDS
from server.sync.store import After, Left, Remembered, Report, Row, Standing

_STANDING: Final = """
SELECT coalesce(c.seq, 0) AS seq, coalesce(c.epoch, 1) AS epoch, coalesce(c.min_seq, 0) AS min_seq,
    d.last_op, d.last_sync_at, d.heard_at, t.lease_hours * 3600000::bigint AS lease_ms
FROM device d
JOIN tenant t ON t.tenant_id = d.tenant_id
JOIN user_account u ON u.tenant_id = d.tenant_id AND u.id = d.user_id AND u.disabled_at IS NULL
LEFT JOIN tenant_clock c ON c.tenant_id = d.tenant_id
WHERE d.tenant_id = $1 AND d.id = $2 AND d.revoked_at IS NULL
"""
_REMEMBERED: Final = """
SELECT number, digest, outcome FROM op_outcome
WHERE tenant_id = $1 AND device_id = $2 AND number = ANY($3::bigint[])
"""
_REMEMBERED_AS: Final = """
SELECT number, digest, outcome FROM op_outcome
WHERE tenant_id = $1 AND device_id = $2 AND digest = ANY($3::bytea[])
"""
_REMEMBER: Final = """
INSERT INTO op_outcome (tenant_id, device_id, at, number, digest, outcome)
SELECT $1, $2, $3, (r->>0)::bigint, decode(r->>1, 'base64'), r->2
FROM jsonb_array_elements($4::jsonb) AS r
"""


class PostgresSyncStore(PostgresStore):
    """The doors and the statements behind the port `server.sync.store.SyncStore`."""

    def snapshot(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        """Open a transaction that reads one moment."""
        return db.tenant_transaction(tenant_id, readonly=True, snapshot=True)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Open a savepoint in the open transaction."""
        return db.current().savepoint()

    async def hold_device(self, actor: Actor) -> HeldDevice:
        """Lock the device's row."""
        return await identity.hold_device(actor)

    async def device_synced(self, actor: Actor, report: Report, *, now: datetime) -> None:
        """Write the device's row."""
        await identity.device_synced(
            actor,
            last_op=report.last_op,
            is_up_to_date=report.is_up_to_date,
            is_heard=report.is_heard,
            pending=report.pending,
            app_version=report.app_version,
            now=now,
        )

    async def remembered(self, actor: Actor, numbers: Collection[int]) -> dict[int, Remembered]:
        """Look outcomes up."""
        rows = await db.connection().fetch(
            _REMEMBERED, actor.tenant_id, actor.device_id, list(numbers)
        )
        return {row["number"]: _remembered(row) for row in rows}

    async def remembered_as(
        self, actor: Actor, digests: Collection[bytes]
    ) -> dict[bytes, Remembered]:
        """Look through all outcomes of the device: its store was put back to an old image."""
        rows = await db.connection().fetch(
            _REMEMBERED_AS, actor.tenant_id, actor.device_id, list(digests)
        )
        return {row["digest"]: _remembered(row) for row in rows}

    async def remember(self, actor: Actor, settled: Sequence[Remembered], now: datetime) -> None:
        """Insert outcomes."""
        rows = [[each.number, each.digest, msgspec.Raw(each.outcome)] for each in settled]
        await db.connection().execute(
            _REMEMBER, actor.tenant_id, actor.device_id, now, msgspec.json.encode(rows).decode()
        )

    async def standing(self, actor: Actor) -> Standing | None:
        """Read clock and device in one query."""
        row = await db.connection().fetchrow(_STANDING, actor.tenant_id, actor.device_id)
        return msgspec.convert(dict(row), Standing) if row else None

    async def epoch(self, tenant_id: UUID) -> int:
        """Read the clock; a tenant that has never written stands at one."""
        epoch = await db.connection().fetchval(
            "SELECT epoch FROM tenant_clock WHERE tenant_id = $1", tenant_id
        )
        return int(epoch or 1)

    async def changed(self, actor: Actor, kind: str, after: After, limit: int) -> Sequence[Row]:
        """Read one kind of the feed."""
        rows: Sequence[Row] = await db.connection().fetch(
            _statement(kind, actor.scope),
            actor.tenant_id,
            after.seq,
            after.record_id,
            limit,
            actor.user_id,
            actor.team_id,
            after.base,
            after.started,
        )
        return rows

    async def left_scope(self, actor: Actor, since: int) -> list[Left]:
        """Read what left a scope; nothing ever leaves that of the whole company."""
        if actor.scope is Scope.TENANT:
            return []
        rows = await db.connection().fetch(
            _left_statement(actor.scope), actor.tenant_id, since, actor.user_id, actor.team_id
        )
        return [Left(**row) for row in rows]


STORE: Final = PostgresSyncStore()
"""It holds nothing, so one is enough."""


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
            "k.id::text AS id, k.handle, k.seq, k.created_seq, k.versions, k.deleted",
            *storage.read_columns(name, "k"),
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
    """Select the children that changed, and those whose customer entered the scope or came back.

    What was deleted since the base is told again with its customer: an earlier page of the run may
    have passed it over while the customer was out of sight.
    """
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
              AND k.seq < c.scope_seq AND NOT (k.deleted AND k.seq <= $7) {_UNSEEN}
              AND {within}
            ORDER BY c.scope_seq, k.id LIMIT $4
        )) AS feed ORDER BY effective, id LIMIT $4
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


@cache
def _left_statement(scope: Scope) -> str:
    """Write the SELECT of what left a scope. $1 tenant, $2 since when, $3 user, $4 team."""
    return scopes.left(scope, since="$2", user="$3", team="$4")


def _remembered(row: asyncpg.Record) -> Remembered:
    """Turn a row into what was answered."""
    return Remembered(row["number"], row["digest"], row["outcome"].encode())
