"""Ops of a restored tenant that came before what they belong to.

After a restoration every device sends again what the backup does not hold, in whatever order they
come. An edit may come before the creation that another device sends: it is kept here and settled as
soon as its record is there again, in the name and with the edit time of who made it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.access import Actor
from server.changelog import service as changelog
from server.identity import queries as identity
from server.kit import db, telemetry
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Code, Create, Outcome, ReceivedOp, RecordOp, Status
from sync_protocol.schema import SCHEMA, is_uuid

_DETAIL: Final = "This was kept; it is settled when another device has sent its record again."
_LACKS: Final = (Code.NOT_FOUND, Code.PARENT_MISSING)
_FOLLOWS: Final = (Code.DEPENDENCY_REJECTED, Code.GROUP_REJECTED)
_LOCK: Final = "SELECT FROM tenant WHERE tenant_id = $1 FOR NO KEY UPDATE"
_KEEP: Final = """
INSERT INTO orphan_op (tenant_id, device_id, number, user_id, waits_for, op, clock, kept_at)
SELECT $1, $2, (r->>0)::bigint, $3, (r->>1)::uuid, r->2, $5::jsonb, $6
FROM jsonb_array_elements($4::jsonb) AS r
"""
_TAKE: Final = """
DELETE FROM orphan_op WHERE tenant_id = $1 AND waits_for = ANY($2::uuid[])
RETURNING device_id, user_id, number, op, clock
"""

log = structlog.get_logger()


class Orphans(Protocol):
    """What keeps ops whose record is not there yet."""

    async def hold(self, actor: Actor) -> None:
        """Let the pushes of restored devices of one tenant go one by one."""
        ...

    async def keep(
        self,
        actor: Actor,
        ops: Sequence[ReceivedOp],
        outcomes: Mapping[int, Outcome],
        edit_clock: EditClock,
        now: datetime,
    ) -> dict[int, Outcome]:
        """Keep what lacks its record; give the outcomes that these ops have instead."""
        ...

    async def bring_home(self, actor: Actor, made: Collection[str], now: datetime) -> None:
        """Settle what waited for these records."""
        ...


class PostgresOrphans:
    """Keeps them in the table `orphan_op`."""

    async def hold(self, actor: Actor) -> None:
        """Lock the tenant's own row, which no other part of sync does."""
        await db.connection().execute(_LOCK, actor.tenant_id)

    async def keep(
        self,
        actor: Actor,
        ops: Sequence[ReceivedOp],
        outcomes: Mapping[int, Outcome],
        edit_clock: EditClock,
        now: datetime,
    ) -> dict[int, Outcome]:
        """Insert them in one statement."""
        waiting = dict(_waiting(ops, outcomes))
        if not waiting:
            return {}
        kept = [op for op in ops if op.number in waiting]
        rows = [[op.number, waiting[op.number], op] for op in kept]
        await db.connection().execute(
            _KEEP,
            actor.tenant_id,
            actor.device_id,
            actor.user_id,
            msgspec.json.encode(rows).decode(),
            msgspec.json.encode(edit_clock).decode(),
            now,
        )
        return {
            op.number: Outcome(
                number=op.number, status=Status.APPLIED, code=Code.WAITING, detail=_DETAIL
            )
            for op in kept
        }

    async def bring_home(self, actor: Actor, made: Collection[str], now: datetime) -> None:
        """Settle them device by device, and what waited for what they made.

        What fails stays where it is: it must not fail the push that brought its record.
        """
        try:
            async with db.current().savepoint():
                await self._settle(actor, made, now)
        except db.PASSING:
            raise
        # Whatever it is, the push itself is good.
        except Exception as error:
            telemetry.report(error)
            log.exception("orphans.failed", error=type(error).__name__)

    async def _settle(self, actor: Actor, made: Collection[str], now: datetime) -> None:
        """Take what waited, as long as anything does."""
        fresh = set(made)
        while fresh:
            rows = await db.connection().fetch(_TAKE, actor.tenant_id, list(fresh))
            fresh = set()
            rows.sort(key=itemgetter("device_id", "number"))
            for _, of_device in groupby(rows, itemgetter("device_id")):
                fresh |= await _settle_again(actor.tenant_id, list(of_device), now)


async def _settle_again(tenant_id: UUID, rows: Sequence[asyncpg.Record], now: datetime) -> set[str]:
    """Settle a device's ops as its push would have; give the records that they made.

    They were answered as applied: that their author was let go since takes nothing away.
    """
    person = await identity.author(tenant_id, rows[0]["user_id"])
    assert person is not None, "people are let go, and never deleted"
    author = msgspec.structs.replace(person, device_id=rows[0]["device_id"])
    applied = await changelog.apply(
        author,
        [msgspec.json.decode(row["op"], type=RecordOp) for row in rows],
        kinds=KINDS,
        # Their bases are of the epoch before.
        base_limit=0,
        edit_clock=msgspec.json.decode(rows[0]["clock"], type=EditClock),
        now=now,
    )
    return {record_id for _, record_id in applied.result.created}


def _waiting(
    ops: Sequence[ReceivedOp], outcomes: Mapping[int, Outcome]
) -> Iterable[tuple[int, str]]:
    """Give the number of each op that lacks a record, with the record that it lacks."""
    lacking: dict[object, str] = {}
    for op in ops:
        code = outcomes[op.number].code
        if not isinstance(op, RecordOp) or code not in _LACKS:
            continue
        lacks = _parent_of(op) if code == Code.PARENT_MISSING else op.id
        if is_uuid(lacks):
            lacking[op.id] = lacks
            if op.group is not None:
                lacking[op.group] = lacks
            yield op.number, lacks
    for op in ops:
        if isinstance(op, RecordOp) and outcomes[op.number].code in _FOLLOWS:
            lacks = lacking.get(op.group or op.id, "")
            if lacks:
                yield op.number, lacks


def _parent_of(op: RecordOp) -> str:
    """Give the customer of a record that is made."""
    parent = SCHEMA.record(op.kind).parent
    return str(op.fields.get(parent, "")) if isinstance(op, Create) and parent else ""


ORPHANS: Final = PostgresOrphans()
"""It holds nothing, so one is enough."""
