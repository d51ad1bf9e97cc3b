"""Ops of a restored tenant that came before what they belong to.

After a restoration every device sends again what the backup does not hold, in whatever order they
come. An edit may come before the creation that another device sends: it is kept here and settled as
soon as its record is there again, in the name and with the edit time of who made it. What comes of
it takes the place of the outcome that is remembered, for which its device asks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.access import Actor, Role, of_the_product
from server.audit import service as audit
from server.changelog import service as changelog
from server.identity import queries as identity
from server.kit import db, telemetry
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Code, Create, Outcome, ReceivedOp, RecordOp, Status
from sync_protocol.schema import SCHEMA, is_uuid

_DETAIL: Final = "This was kept; it is settled when another device has sent its record again."
_ENDED: Final = "Its record did not come back within 30 days, so nothing came of this."
_FULL: Final = "The server keeps no more that waits for its record; enter this once more later."
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
RETURNING device_id, user_id, number, op, clock, kept_at
"""
_ANSWER: Final = """
UPDATE op_outcome o SET outcome = r->2 FROM jsonb_array_elements($2::jsonb) AS r
WHERE o.tenant_id = $1 AND o.device_id = (r->>0)::uuid AND o.number = (r->>1)::bigint
"""

_COUNT: Final = """
SELECT count(*) AS of_all, count(*) FILTER (WHERE device_id = $2) AS of_device
FROM orphan_op WHERE tenant_id = $1
"""
_GIVE_UP: Final = """
DELETE FROM orphan_op WHERE tenant_id = $1 AND kept_at < $2 RETURNING device_id, number
"""

KEEP: Final = timedelta(days=30)
"""How long an op waits: longer than any device keeps the ops that it has sent."""
OF_DEVICE_MAX: Final = 5_000
OF_TENANT_MAX: Final = 50_000

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

    async def bring_home(
        self, actor: Actor, made: Collection[str], now: datetime
    ) -> dict[int, Outcome]:
        """Settle what waited for these records; give what came of the actor's own."""
        ...


class PostgresOrphans:
    """Keeps them in the table `orphan_op`."""

    def __init__(self, *, of_device: int = OF_DEVICE_MAX, of_tenant: int = OF_TENANT_MAX) -> None:
        self.of_device = of_device
        self.of_tenant = of_tenant

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
        """Insert them in one statement; what is there and out of sight is not waited for."""
        waiting = dict(_waiting(ops, outcomes))
        there = await _there(actor.tenant_id, set(waiting.values())) if waiting else set()
        kept = [op for op in ops if waiting.get(op.number, "") not in {"", *there}]
        if not kept:
            return {}
        if not await self._has_room(actor, len(kept)):
            return {op.number: _refused(op.number) for op in kept}
        await _keep(actor, [(op, waiting[op.number]) for op in kept], edit_clock, now)
        return {op.number: _waits(op.number) for op in kept}

    async def _has_room(self, actor: Actor, more: int) -> bool:
        """Say whether so many more may wait."""
        held = await db.connection().fetchrow(_COUNT, actor.tenant_id, actor.device_id)
        assert held is not None, "a count is a row"
        of_device, of_all = int(held["of_device"]), int(held["of_all"])
        return of_device + more <= self.of_device and of_all + more <= self.of_tenant

    async def bring_home(
        self, actor: Actor, made: Collection[str], now: datetime
    ) -> dict[int, Outcome]:
        """Settle them device by device, and what waited for what they made.

        What fails stays where it is: it must not fail the push that brought its record.
        """
        try:
            async with db.current().savepoint():
                return await self._settle(actor, made, now)
        except db.PASSING:
            raise
        # Whatever it is, the push itself is good.
        except Exception as error:
            telemetry.report(error)
            log.exception("orphans.failed", error=type(error).__name__)
            return {}

    async def _settle(
        self, actor: Actor, made: Collection[str], now: datetime
    ) -> dict[int, Outcome]:
        """Take what waited, as long as anything does; give what came of the actor's own."""
        fresh = set(made)
        came: list[tuple[UUID, Outcome]] = []
        while fresh:
            rows = await db.connection().fetch(_TAKE, actor.tenant_id, list(fresh))
            fresh = set()
            rows.sort(key=itemgetter("device_id", "number"))
            for device_id, of_device in groupby(rows, itemgetter("device_id")):
                created, outcomes = await _settle_again(actor.tenant_id, list(of_device), now)
                fresh |= created
                came += [(device_id, outcome) for outcome in outcomes]
        if came:
            await _answer(actor.tenant_id, came)
        return {each.number: each for device_id, each in came if device_id == actor.device_id}


async def _keep(
    actor: Actor, kept: Sequence[tuple[ReceivedOp, str]], edit_clock: EditClock, now: datetime
) -> None:
    """Keep ops, each with the record that it waits for."""
    rows = [[op.number, waits_for, op] for op, waits_for in kept]
    await db.connection().execute(
        _KEEP,
        actor.tenant_id,
        actor.device_id,
        actor.user_id,
        msgspec.json.encode(rows).decode(),
        msgspec.json.encode(edit_clock).decode(),
        now,
    )


async def _answer(tenant_id: UUID, came: Sequence[tuple[UUID, Outcome]]) -> None:
    """Remember what came of ops, in the place of that they wait."""
    rows = [[device_id, outcome.number, outcome] for device_id, outcome in came]
    await db.connection().execute(_ANSWER, tenant_id, msgspec.json.encode(rows).decode())


async def _settle_again(
    tenant_id: UUID, rows: Sequence[asyncpg.Record], now: datetime
) -> tuple[set[str], list[Outcome]]:
    """Settle a device's ops as its push would have; give the records that they made, and outcomes.

    They were answered as applied: that their author was let go since takes nothing away. What lacks
    another record goes on waiting, for that one.
    """
    person = await identity.author(tenant_id, rows[0]["user_id"])
    assert person is not None, "people are let go, and never deleted"
    author = msgspec.structs.replace(person, device_id=rows[0]["device_id"])
    ops = [msgspec.json.decode(row["op"], type=RecordOp) for row in rows]
    edit_clock = msgspec.json.decode(rows[0]["clock"], type=EditClock)
    applied = await changelog.apply(
        author,
        ops,
        kinds=KINDS,
        # Their bases are of the epoch before.
        base_limit=0,
        edit_clock=edit_clock,
        now=now,
    )
    outcomes = {outcome.number: outcome for outcome in applied.result.outcomes}
    waiting = dict(_waiting(ops, outcomes))
    there = await _there(tenant_id, set(waiting.values())) if waiting else set()
    kept = [
        (op, waiting[op.number]) for op in ops if waiting.get(op.number, "") not in {"", *there}
    ]
    if kept:
        await _keep(author, kept, edit_clock, min(row["kept_at"] for row in rows))
    still = {op.number for op, _ in kept}
    created = {record_id for _, record_id in applied.result.created}
    return created, [each for each in applied.result.outcomes if each.number not in still]


async def give_up(tenant_id: UUID, *, now: datetime) -> int:
    """Throw away what has waited for too long, and say so; give how much it was."""
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_GIVE_UP, tenant_id, now - KEEP)
        if rows:
            await _answer(tenant_id, [(row["device_id"], _ended(row["number"])) for row in rows])
            product = of_the_product(tenant_id, role=Role.PLATFORM_OPERATOR, name="operator")
            await audit.record(
                product, "waiting_ops.given_up", subject_id=None, now=now, ops=len(rows)
            )
    return len(rows)


async def _there(tenant_id: UUID, record_ids: Collection[str]) -> set[str]:
    """Give which of these records the company has, in whosever sight."""
    rows = await db.connection().fetch(_there_statement(), tenant_id, list(record_ids))
    return {row["id"] for row in rows}


@cache
def _there_statement() -> str:
    """Write the SELECT of records of any kind. $1 tenant, $2 ids."""
    return " UNION ALL ".join(
        f"SELECT id::text FROM {kind.table} WHERE tenant_id = $1 AND id = ANY($2::uuid[])"  # noqa: S608 - named by the rooms' record kinds
        for kind in KINDS.values()
    )


def _waits(number: int) -> Outcome:
    """Answer an op that is kept."""
    return Outcome(number=number, status=Status.APPLIED, code=Code.WAITING, detail=_DETAIL)


def _ended(number: int) -> Outcome:
    """Answer an op whose record did not come."""
    return Outcome(number=number, status=Status.REJECTED, code=Code.WAITING_ENDED, detail=_ENDED)


def _refused(number: int) -> Outcome:
    """Answer an op for which there is no room."""
    return Outcome(number=number, status=Status.REJECTED, code=Code.WAITING_FULL, detail=_FULL)


def _waiting(
    ops: Sequence[ReceivedOp], outcomes: Mapping[int, Outcome]
) -> Iterable[tuple[int, str]]:
    """Give the number of each op that lacks a record, with the record that it lacks.

    A group waits as one.
    """
    lacking: dict[object, str] = {}
    for op in ops:
        code = outcomes[op.number].code
        if isinstance(op, RecordOp) and code in _LACKS:
            lacks = _parent_of(op) if code == Code.PARENT_MISSING else op.id
            if is_uuid(lacks):
                lacking[op.group or op.id] = lacks
    for op in ops:
        if isinstance(op, RecordOp) and outcomes[op.number].code in (*_LACKS, *_FOLLOWS):
            lacks = lacking.get(op.group or op.id, "")
            if lacks:
                yield op.number, lacks


def _parent_of(op: RecordOp) -> str:
    """Give the customer of a record that is made."""
    parent = SCHEMA.record(op.kind).parent
    return str(op.fields.get(parent, "")) if isinstance(op, Create) and parent else ""


ORPHANS: Final = PostgresOrphans()
"""It holds nothing, so one is enough."""
