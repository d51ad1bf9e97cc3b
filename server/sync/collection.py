"""Throw away what no device needs any more: old tombstones, scope exits and outcomes of ops.

A device whose cursor is older than what was thrown away takes a snapshot; its outbox is untouched.
Each batch is one transaction, skips what somebody works on, and raises the tenant's `min_seq` last.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from server.changelog import storage
from server.customers import references
from server.kit import db
from server.sync import orphans, restoration, segments
from server.sync.registry import KINDS
from sync_protocol.messages import MAX_OPS
from sync_protocol.schema import SCHEMA

KEEP: Final = timedelta(days=90)
"""How long a device may stay away without starting again."""
BATCH: Final = 2_000
_WITH_CONTENTS: Final = "attachment"
"""Its bytes lie elsewhere, and its room ends both together."""

_RAISE: Final = """
UPDATE tenant_clock SET min_seq = greatest(min_seq, $2) WHERE tenant_id = $1
"""
_EXITS: Final = """
DELETE FROM scope_exit WHERE (tenant_id, seq, customer_id) IN (
    SELECT e.tenant_id, e.seq, e.customer_id FROM scope_exit e
    JOIN change c ON c.tenant_id = e.tenant_id AND c.root_id = e.customer_id AND c.seq = e.seq
        AND c.kind = 'customer' AND c.record_id = e.customer_id
    WHERE e.tenant_id = $1 AND c.at < $2 LIMIT $3
) RETURNING seq
"""
_RECORD_EXITS: Final = """
DELETE FROM record_exit WHERE (tenant_id, seq, kind, record_id) IN (
    SELECT tenant_id, seq, kind, record_id FROM record_exit
    WHERE tenant_id = $1 AND at < $2 LIMIT $3
) RETURNING seq
"""
# A device has the answers to all ops before its last push, and a push has at most so many.
_OUTCOMES: Final = f"""
DELETE FROM op_outcome WHERE (tenant_id, device_id, number) IN (
    SELECT o.tenant_id, o.device_id, o.number FROM op_outcome o
    JOIN device d ON d.tenant_id = o.tenant_id AND d.id = o.device_id
    WHERE o.tenant_id = $1 AND o.at < $2 AND o.number <= d.last_op - {MAX_OPS} LIMIT $3
) RETURNING number
"""  # noqa: S608 - a constant of the protocol
_SEGMENTS: Final = "DELETE FROM feed_segment WHERE tenant_id = $1 AND made_at < $2"

log = structlog.get_logger()


class Collected(msgspec.Struct, frozen=True):
    """What was thrown away."""

    records: int = 0
    exits: int = 0
    outcomes: int = 0


async def collect_all(*, now: datetime) -> Collected:
    """Throw away what is old in every tenant, one after the other."""
    total = Collected()
    for tenant_id in await restoration.tenants():
        found = await collect(tenant_id, now=now)
        total = Collected(
            total.records + found.records,
            total.exits + found.exits,
            total.outcomes + found.outcomes,
        )
    log.info(
        "tombstones.collected", records=total.records, exits=total.exits, outcomes=total.outcomes
    )
    return total


async def collect(tenant_id: UUID, *, now: datetime, keep: timedelta = KEEP) -> Collected:
    """Throw away what is older than `keep`, in one tenant.

    Segments and waiting ops have times of their own.
    """
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_SEGMENTS, tenant_id, now - segments.FRESH)
    await orphans.give_up(tenant_id, now=now)
    before = now - keep
    records = 0
    for name in reversed([name for name in KINDS if name != _WITH_CONTENTS]):
        for statement in _tombstones(name):
            records += await _in_batches(tenant_id, statement, before, raises=True)
    return Collected(
        records=records,
        exits=await _in_batches(tenant_id, _EXITS, before, raises=True)
        + await _in_batches(tenant_id, _RECORD_EXITS, before, raises=True),
        outcomes=await _in_batches(tenant_id, _OUTCOMES, before, raises=False),
    )


async def _in_batches(tenant_id: UUID, statement: str, before: datetime, *, raises: bool) -> int:
    """Delete batch by batch; give how many rows there were."""
    total = 0
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(statement, tenant_id, before, BATCH)
            if rows and raises:
                # The clock is locked last, as by every write.
                await db.connection().execute(_RAISE, tenant_id, max(row["seq"] for row in rows))
        total += len(rows)
        if len(rows) < BATCH:
            return total


def _tombstones(name: str) -> Iterator[str]:
    """Write the DELETEs of a kind: its own tombstones, and what is hidden by its customer's.

    $1 tenant, $2 before when, $3 how many.
    """
    table, parent = KINDS[name].table, storage.parent_of(name)
    root = f"coalesce(k.{parent}, k.id)" if parent else "k.id"
    kept = " ".join(
        f"AND NOT EXISTS (SELECT FROM {other} r WHERE r.tenant_id = k.tenant_id"
        f" AND r.{column} = k.id)"
        for other, column in _referring(name)
    )
    yield _delete(table, f"{_died('k', name, root)} {kept}")
    if parent:
        of = f"JOIN customer p ON p.tenant_id = k.tenant_id AND p.id = k.{parent}"
        yield _delete(table, f"{_died('p', 'customer', 'p.id')} {kept}", of=of)


def _died(alias: str, name: str, root: str) -> str:
    """Say that a record was deleted before $2."""
    return f"""{alias}.deleted AND EXISTS (
        SELECT FROM change c WHERE c.tenant_id = {alias}.tenant_id AND c.root_id = {root}
        AND c.seq = {alias}.seq AND c.kind = '{name}' AND c.record_id = {alias}.id AND c.at < $2
    )"""


def _delete(table: str, where: str, *, of: str = "") -> str:
    """Write a DELETE of a batch, without waiting for what somebody works on."""
    return f"""
        DELETE FROM {table} WHERE (tenant_id, id) IN (
            SELECT k.tenant_id, k.id FROM {table} k {of}
            WHERE k.tenant_id = $1 AND {where} LIMIT $3 FOR UPDATE OF k SKIP LOCKED
        ) RETURNING seq
    """  # noqa: S608 - names come from the schema and the rooms' record kinds


def _referring(name: str) -> Iterator[tuple[str, str]]:
    """Give the columns that name records of a kind."""
    for kind in KINDS:
        for field in SCHEMA.outline(kind).references.values():
            if field.references == name and field.name != storage.parent_of(kind):
                yield KINDS[kind].table, field.name
    if name == "customer":
        for kind in KINDS:
            if (column := storage.parent_of(kind)) is not None:
                yield KINDS[kind].table, column
        for reference in references.registered():
            yield reference.table, reference.column
