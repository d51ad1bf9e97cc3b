"""The table of ops that wait for their records, and what is asked of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from server.access import Actor
from server.identity import queries as identity
from server.kit import db
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Outcome, RecordOp

_LOCK: Final = "SELECT FROM tenant WHERE tenant_id = $1 FOR NO KEY UPDATE"
_KEEP: Final = """
INSERT INTO orphan_op (tenant_id, device_id, number, user_id, waits_for, op, clock, kept_at)
SELECT $1, (r->>0)::uuid, (r->>1)::bigint, (r->>2)::uuid, (r->>3)::uuid, r->4, r->5,
    (r->>6)::timestamptz
FROM jsonb_array_elements($2::jsonb) AS r
"""
_TAKE: Final = """
DELETE FROM orphan_op WHERE tenant_id = $1 AND waits_for = ANY($2::uuid[])
RETURNING device_id, user_id, waits_for::text, op, clock, kept_at
"""
_TAKE_OLD: Final = """
DELETE FROM orphan_op WHERE tenant_id = $1 AND kept_at < $2
RETURNING device_id, user_id, waits_for::text, op, clock, kept_at
"""
_ANSWER: Final = """
UPDATE op_outcome o SET outcome = r->2 FROM jsonb_array_elements($2::jsonb) AS r
WHERE o.tenant_id = $1 AND o.device_id = (r->>0)::uuid AND o.number = (r->>1)::bigint
"""
_COUNT: Final = """
SELECT count(*) AS of_all, count(*) FILTER (WHERE device_id = $2) AS of_device
FROM orphan_op WHERE tenant_id = $1
"""


class Kept(msgspec.Struct, frozen=True):
    """An op that waits."""

    device_id: UUID
    user_id: UUID
    """Who made it, and in whose name it will be settled."""
    op: RecordOp
    waits_for: str
    """The id of the record that another device has to send again."""
    clock: EditClock
    """What was known about its edit time when it came."""
    kept_at: datetime


class OrphanRows(Protocol):
    """Where they are kept; called inside a unit of work."""

    async def hold(self, tenant_id: UUID) -> None:
        """Lock something of the tenant's that no other part of sync locks."""
        ...

    async def count(self, actor: Actor) -> tuple[int, int]:
        """Count what waits of the actor's device, and of the tenant."""
        ...

    async def keep(self, tenant_id: UUID, kept: Sequence[Kept]) -> None:
        """Keep ops."""
        ...

    async def take(self, tenant_id: UUID, record_ids: Collection[str]) -> list[Kept]:
        """Take out what waits for these records."""
        ...

    async def take_old(self, tenant_id: UUID, before: datetime) -> list[Kept]:
        """Take out what has waited since before a moment."""
        ...

    async def answer(self, tenant_id: UUID, came: Sequence[tuple[UUID, Outcome]]) -> None:
        """Remember what came of ops, by device, in the place of what was remembered."""
        ...

    async def there(self, tenant_id: UUID, record_ids: Collection[str]) -> set[str]:
        """Give which of these records the company has, in whosever sight."""
        ...

    async def author(self, tenant_id: UUID, user_id: UUID) -> Actor:
        """Give who made an op; that they were let go since takes nothing away."""
        ...


class PostgresOrphanRows:
    """Keeps them in the table `orphan_op`."""

    async def hold(self, tenant_id: UUID) -> None:
        """Lock the tenant's own row."""
        await db.connection().execute(_LOCK, tenant_id)

    async def count(self, actor: Actor) -> tuple[int, int]:
        """Count in one statement."""
        held = await db.connection().fetchrow(_COUNT, actor.tenant_id, actor.device_id)
        assert held is not None, "a count is a row"
        return int(held["of_device"]), int(held["of_all"])

    async def keep(self, tenant_id: UUID, kept: Sequence[Kept]) -> None:
        """Insert them in one statement."""
        rows = [
            [
                each.device_id,
                each.op.number,
                each.user_id,
                each.waits_for,
                each.op,
                each.clock,
                each.kept_at,
            ]
            for each in kept
        ]
        await db.connection().execute(_KEEP, tenant_id, msgspec.json.encode(rows).decode())

    async def take(self, tenant_id: UUID, record_ids: Collection[str]) -> list[Kept]:
        """Delete and return them."""
        return _kept(await db.connection().fetch(_TAKE, tenant_id, list(record_ids)))

    async def take_old(self, tenant_id: UUID, before: datetime) -> list[Kept]:
        """Delete and return them."""
        return _kept(await db.connection().fetch(_TAKE_OLD, tenant_id, before))

    async def answer(self, tenant_id: UUID, came: Sequence[tuple[UUID, Outcome]]) -> None:
        """Update outcomes in one statement."""
        rows = [[device_id, outcome.number, outcome] for device_id, outcome in came]
        await db.connection().execute(_ANSWER, tenant_id, msgspec.json.encode(rows).decode())

    async def there(self, tenant_id: UUID, record_ids: Collection[str]) -> set[str]:
        """Look in the tables of all kinds at once."""
        rows = await db.connection().fetch(_there_statement(), tenant_id, list(record_ids))
        return {row["id"] for row in rows}

    async def author(self, tenant_id: UUID, user_id: UUID) -> Actor:
        """Read the person."""
        person = await identity.author(tenant_id, user_id)
        assert person is not None, "people are let go, and never deleted"
        return person


def _kept(rows: Sequence[Any]) -> list[Kept]:
    """Give rows as what waits."""
    return [
        Kept(
            device_id=row["device_id"],
            user_id=row["user_id"],
            op=msgspec.json.decode(row["op"], type=RecordOp),
            waits_for=row["waits_for"],
            clock=msgspec.json.decode(row["clock"], type=EditClock),
            kept_at=row["kept_at"],
        )
        for row in rows
    ]


@cache
def _there_statement() -> str:
    """Write the SELECT of records of any kind. $1 tenant, $2 ids."""
    return " UNION ALL ".join(
        f"SELECT id::text FROM {kind.table} WHERE tenant_id = $1 AND id = ANY($2::uuid[])"  # noqa: S608 - named by the rooms' record kinds
        for kind in KINDS.values()
    )


ROWS: Final = PostgresOrphanRows()
"""It holds nothing, so one is enough."""
