"""Ops of a restored tenant that came before what they belong to.

After a restoration every device sends again what the backup does not hold, in whatever order they
come. An edit may come before the creation that another device sends: it is kept here and settled as
soon as its record is there again, in the name and with the edit time of who made it. What comes of
it takes the place of the outcome that is remembered, for which its device asks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec
import structlog

from server.access import Actor, Role, of_the_product
from server.audit import service as audit
from server.changelog import service as changelog
from server.kit import db, telemetry
from server.sync.aliases import ALIASES, Aliases, edits_led, needed
from server.sync.orphan_rows import ROWS, Kept, OrphanRows
from server.sync.postgres import STORE
from server.sync.registry import KINDS
from server.sync.store import SyncStore
from sync_protocol.merge import EditClock
from sync_protocol.messages import Code, Create, Outcome, ReceivedOp, RecordOp, Status
from sync_protocol.schema import SCHEMA, is_uuid

_DETAIL: Final = "This was kept; it is settled when another device has sent its record again."
_ENDED: Final = "Its record did not come back within 30 days, so nothing came of this."
_FULL: Final = "The server keeps no more that waits for its record; enter this once more later."
_LACKS: Final = (Code.NOT_FOUND, Code.PARENT_MISSING, Code.REFERENCE_MISSING)
_TAGS: Final = "tags"
_FOLLOWS: Final = (Code.DEPENDENCY_REJECTED, Code.GROUP_REJECTED)

KEEP: Final = timedelta(days=30)
"""How long an op waits: longer than any device keeps the ops that it has sent."""
OF_DEVICE_MAX: Final = 5_000
OF_TENANT_MAX: Final = 50_000

log = structlog.get_logger()


class Orphans:
    """Keeps ops whose record is not there yet, and settles them when it is."""

    def __init__(
        self,
        rows: OrphanRows = ROWS,
        store: SyncStore = STORE,
        aliases: Aliases = ALIASES,
        *,
        of_device: int = OF_DEVICE_MAX,
        of_tenant: int = OF_TENANT_MAX,
    ) -> None:
        self._rows = rows
        self._store = store
        self._aliases = aliases
        self.of_device = of_device
        self.of_tenant = of_tenant

    async def hold(self, actor: Actor) -> None:
        """Let the pushes of restored devices of one tenant go one by one."""
        await self._rows.hold(actor.tenant_id)

    async def waiting(self, actor: Actor) -> tuple[int, int]:
        """Count what waits of the actor's device, and of the tenant."""
        return await self._rows.count(actor)

    async def keep(
        self,
        actor: Actor,
        ops: Sequence[ReceivedOp],
        outcomes: Mapping[int, Outcome],
        edit_clock: EditClock,
        now: datetime,
    ) -> dict[int, Outcome]:
        """Keep what lacks its record; give the outcomes that these ops have instead.

        What is there and out of sight is not waited for.
        """
        lacking = await self._lacking(actor.tenant_id, ops, outcomes)
        if not lacking:
            return {}
        of_device, of_all = await self._rows.count(actor)
        more = len(lacking)
        if of_device + more > self.of_device or of_all + more > self.of_tenant:
            return {op.number: _refused(op.number) for op, _ in lacking}
        assert actor.device_id is not None, "its ops were taken"
        kept = [
            Kept(actor.device_id, actor.user_id, op, waits_for, edit_clock, now)
            for op, waits_for in lacking
        ]
        await self._rows.keep(actor.tenant_id, kept)
        return {op.number: _waits(op.number) for op, _ in lacking}

    async def _lacking(
        self, tenant_id: UUID, ops: Sequence[ReceivedOp], outcomes: Mapping[int, Outcome]
    ) -> list[tuple[RecordOp, str]]:
        """Give the ops whose record is nowhere, with the record."""
        waiting = dict(_waiting(ops, outcomes))
        wanted = {each for lacks in waiting.values() for each in lacks}
        there = await self._rows.there(tenant_id, wanted) if wanted else set()
        lacking = [
            (op, next((each for each in waiting.get(op.number, ()) if each not in there), None))
            for op in ops
            if isinstance(op, RecordOp)
        ]
        return [(op, waits_for) for op, waits_for in lacking if waits_for is not None]

    async def bring_home(
        self, actor: Actor, made: Collection[str], now: datetime
    ) -> dict[int, Outcome]:
        """Settle what waited for these records; give what came of the actor's own.

        What fails stays where it is: it must not fail the push that brought its record.
        """
        try:
            async with self._store.savepoint():
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
        """Settle device by device, and then what waited for what that made."""
        fresh = set(made)
        came: list[tuple[UUID, Outcome]] = []
        while fresh:
            taken = await self._rows.take(actor.tenant_id, fresh)
            fresh = set()
            taken.sort(key=lambda each: (each.device_id, each.op.number))
            # Those that came in one push have one clock.
            for (device_id, _), of_push in groupby(
                taken, lambda each: (each.device_id, each.clock)
            ):
                created, outcomes = await self._settle_again(actor.tenant_id, list(of_push), now)
                fresh |= created
                came += [(device_id, outcome) for outcome in outcomes]
        if came:
            await self._rows.answer(actor.tenant_id, came)
        return {each.number: each for device_id, each in came if device_id == actor.device_id}

    async def _settle_again(
        self, tenant_id: UUID, kept: Sequence[Kept], now: datetime
    ) -> tuple[set[str], list[Outcome]]:
        """Settle the ops of a device's push as that would have.

        Give the records that they made, and outcomes. They were answered as applied: that their
        author was let go since takes nothing away. What lacks another record goes on waiting, for
        that one.
        """
        first = kept[0]
        person = await self._rows.author(tenant_id, first.user_id)
        author = msgspec.structs.replace(person, device_id=first.device_id)
        ops: Sequence[ReceivedOp] = [each.op for each in kept]
        held = await self._store.load(author, KINDS, needed(ops))
        redirected = await self._aliases.redirected(author, ops, held)
        applied = await changelog.apply(
            author,
            redirected,
            kinds=KINDS,
            # Their bases are of the epoch before.
            sight=changelog.Sight(base_limit=0, led=edits_led(ops, redirected)),
            edit_clock=first.clock,
            store=self._store,
            now=now,
        )
        outcomes = {outcome.number: outcome for outcome in applied.result.outcomes}
        lacking = await self._lacking(tenant_id, [each.op for each in kept], outcomes)
        if lacking:
            since = min(each.kept_at for each in kept)
            again = [
                msgspec.structs.replace(first, op=op, waits_for=waits_for, kept_at=since)
                for op, waits_for in lacking
            ]
            await self._rows.keep(tenant_id, again)
        still = {op.number for op, _ in lacking}
        created = {record_id for _, record_id in applied.result.created}
        return created, [each for each in applied.result.outcomes if each.number not in still]

    async def give_up(self, tenant_id: UUID, *, before: datetime) -> int:
        """Throw away what has waited since before a moment, and say so; give how much it was."""
        old = await self._rows.take_old(tenant_id, before)
        if old:
            await self._rows.answer(
                tenant_id, [(each.device_id, _ended(each.op.number)) for each in old]
            )
        return len(old)


async def give_up(tenant_id: UUID, *, now: datetime) -> int:
    """Throw away what has waited for too long, with a line in the trail."""
    async with db.tenant_transaction(tenant_id):
        ops = await ORPHANS.give_up(tenant_id, before=now - KEEP)
        if ops:
            product = of_the_product(tenant_id, role=Role.PLATFORM_OPERATOR, name="operator")
            await audit.record(product, "waiting_ops.given_up", subject_id=None, now=now, ops=ops)
    return ops


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
) -> Iterable[tuple[int, Sequence[str]]]:
    """Give the number of each op that may lack records, with those that it may lack.

    A group waits as one. Intents are settled later, and wait for nothing.
    """
    lacking: dict[object, list[str]] = {}
    records = [op for op in ops if isinstance(op, RecordOp)]
    for op in records:
        for lacks in _lacked(op, outcomes[op.number]):
            lacking.setdefault(op.group or op.id, []).append(lacks)
    # What waiting does not mend refuses its whole group.
    refused = {op.group for op in records if outcomes[op.number].code not in (*_LACKS, *_FOLLOWS)}
    for op in records:
        if op.group is not None and op.group in refused:
            continue
        if outcomes[op.number].code in (*_LACKS, *_FOLLOWS):
            yield op.number, lacking.get(op.group or op.id, ())


def _lacked(op: RecordOp, outcome: Outcome) -> list[str]:
    """Give the records that an op may lack: its own, its customer, or what a field names."""
    match outcome.code:
        case Code.NOT_FOUND:
            lacks = [op.id]
        case Code.PARENT_MISSING:
            lacks = [_parent_of(op)]
        # An edit of a record that is there must not come behind what was written on it since.
        case Code.REFERENCE_MISSING if isinstance(op, Create):
            lacks = _named_by(op, outcome.field or "")
        case _:
            lacks = []
    return [each for each in lacks if is_uuid(each)]


def _parent_of(op: RecordOp) -> str:
    """Give the customer of a record that is made."""
    parent = SCHEMA.record(op.kind).parent
    return str(op.fields.get(parent, "")) if isinstance(op, Create) and parent else ""


def _named_by(op: Create, field: str) -> list[str]:
    """Give the records that a field names and that a device may send again.

    People and teams are not sent by devices, nor is what the server alone makes.
    """
    if field == _TAGS:
        return list(op.fields.get(field) or ())
    referred = SCHEMA.outline(op.kind).references.get(field)
    if referred is None or not SCHEMA.record(str(referred.references)).creatable:
        return []
    return [str(op.fields.get(field))]


ORPHANS: Final = Orphans()
"""The product's own."""
