"""Take what a device did and give it what it may hold.

One push and one pull are one transaction each.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from server.access import Actor
from server.changelog import service as changelog
from server.customers import service as customers
from server.identity.schemas import HeldDevice
from server.kit import clock, db
from server.kit.errors import Refusal
from server.sync import cursors, feed, pairs, quarantine, rules, scopes
from server.sync.aliases import ALIASES, Aliases, edits_led, needed
from server.sync.comparing import tell_apart
from server.sync.inbox import resolve
from server.sync.merging import MERGE, merge, merge_intent
from server.sync.orphans import ORPHANS, Orphans
from server.sync.postgres import STORE
from server.sync.registry import (
    KINDS,
    MUTATIONS,
    PREPARATIONS,
    TIMED,
    Answer,
    Mutation,
    Preparation,
    TimedMutation,
)
from server.sync.segments import SEGMENTS, Segments
from server.sync.store import Left, Remembered, Report, Standing, SyncStore
from server.sync.unmerging import unmerge
from sync_protocol.cursor import Cursor
from sync_protocol.handles import handles_of, with_ids
from sync_protocol.merge import EditClock
from sync_protocol.messages import (
    Code,
    FrameInvalid,
    Intent,
    OpGap,
    Outcome,
    PullRequest,
    PullResponse,
    PushResponse,
    ReceivedOp,
    ReceivedPush,
    Status,
    is_same_op,
    op_digest,
    runs,
    split_frame,
)
from sync_protocol.upcast import upcast

__all__ = [
    "HERE",
    "Room",
    "merge",
    "pull",
    "push",
    "resolve",
    "seq_for",
    "tell_apart",
    "unmerge",
]

_FIRST_EPOCH: Final = 1

LookLater = Callable[[Actor, Collection[str], datetime], Awaitable[None]]
NoteAssigned = Callable[[Actor, Collection[str], datetime], Awaitable[None]]


class Room(msgspec.Struct, frozen=True):
    """Where sync happens: what it writes to, and what intents may ask for."""

    store: SyncStore
    mutations: Mapping[str, Mutation]
    preparations: Sequence[Preparation] = ()
    timed: Mapping[str, TimedMutation] = {}
    """Intents for which it counts when they were asked."""
    orphans: Orphans | None = None
    """Where ops of a restored tenant wait for their records; without it they are refused."""
    aliases: Aliases | None = None
    """What knows merged customers; without it there are none."""
    segments: Segments | None = None
    """What keeps pages of first syncs; without it every page is read from the rows."""
    look_later: LookLater | None = None
    """Leaves new customers to who looks for doubles."""
    note_assigned: NoteAssigned | None = None
    """Writes into the trail whose customers were given to somebody else."""


HERE: Final = Room(
    STORE,
    {**MUTATIONS, MERGE: merge_intent},
    PREPARATIONS,
    TIMED,
    orphans=ORPHANS,
    aliases=ALIASES,
    segments=SEGMENTS,
    look_later=pairs.look_later,
    note_assigned=customers.note_assigned,
)
"""The product's own."""


async def push(
    actor: Actor, request: ReceivedPush, *, now: datetime, room: Room = HERE
) -> PushResponse:
    """Settle a device's ops, each once for ever; then answer a pull, if one came along.

    Where the server fails on a push, it settles a part of it, so that the rest of the queue goes
    on; an op, or an atomic group, on which it fails twice by itself is put into quarantine.

    :raises ClientTooOld, OutOfOrder, DeviceRequired, EpochUnknown: before anything is settled.
    """
    rules.ensure_device(actor)
    rules.ensure_supported(request.protocol)
    outcomes: list[Outcome] = []
    for run in _runs(request):
        answer = await _push_run(room, actor, run, now)
        outcomes += answer.outcomes
        if not _is_settled(run, answer):
            break
    return msgspec.structs.replace(answer, outcomes=outcomes)


def _runs(request: ReceivedPush) -> list[ReceivedPush]:
    """Cut a push into its runs; the pull comes along with the last.

    One whose ops do not follow each other is refused whole.
    """
    if any(after.number != before.number + 1 for before, after in pairwise(request.ops)):
        return [request]
    *firsts, last = runs(request.ops)
    return [
        *(msgspec.structs.replace(request, ops=list(ops), pull=None) for ops in firsts),
        msgspec.structs.replace(request, ops=list(last)),
    ]


def _is_settled(run: ReceivedPush, answer: PushResponse) -> bool:
    """Say whether all of a run has its outcome, so that what follows may be settled."""
    settled = {each.number for each in answer.outcomes if each.code != Code.NUMBER_REUSED}
    return settled.issuperset(op.number for op in run.ops)


async def _push_run(room: Room, actor: Actor, request: ReceivedPush, now: datetime) -> PushResponse:
    """Settle a run of a push, or what can be settled of it."""
    part, has_failed = request, False
    while True:
        try:
            return await _push(room, actor, part, now)
        except (Refusal, *db.PASSING):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue must go on
            quarantine.report(error, part.ops)
            unit = quarantine.first_part(part.ops)
            if len(unit) < len(part.ops):
                part = msgspec.structs.replace(part, ops=unit, pull=None)
            elif has_failed:
                return await _put_into_quarantine(room, actor, part, now)
            else:
                has_failed = True


async def _push(room: Room, actor: Actor, request: ReceivedPush, now: datetime) -> PushResponse:
    """Settle the ops of a push in one unit of work."""
    async with room.store.unit_of_work(actor.tenant_id):
        held = await _hold(room.store, actor, request, now)
        if held.is_restored and handles_of(request.ops):
            # Handles of another epoch mean nothing here: the device sends the same ops by ids.
            return PushResponse(
                outcomes=[], acknowledged=held.device.last_op, server_time_ms=clock.to_ms(now)
            )
        acknowledged = await _acknowledge(room.store, actor, request, held, now)
        outcomes = await _settle(room, actor, held, request, now) if held.fresh else []
        await _remember(room.store, actor, held, outcomes, now)
    pulled = await pull(actor, request.pull, now=now, room=room) if request.pull else None
    return PushResponse(
        outcomes=[*held.answered, *outcomes],
        acknowledged=acknowledged,
        server_time_ms=clock.to_ms(now),
        pull=pulled,
    )


async def _put_into_quarantine(
    room: Room, actor: Actor, request: ReceivedPush, now: datetime
) -> PushResponse:
    """Answer ops that cannot be settled, for good, so that what follows them is not held up."""
    async with room.store.unit_of_work(actor.tenant_id):
        held = await _hold(room.store, actor, request, now)
        acknowledged = await _acknowledge(room.store, actor, request, held, now)
        outcomes = [quarantine.outcome(op) for op in held.fresh]
        await _remember(room.store, actor, held, outcomes, now)
    return PushResponse(
        outcomes=[*held.answered, *outcomes],
        acknowledged=acknowledged,
        server_time_ms=clock.to_ms(now),
    )


class _Held(msgspec.Struct, frozen=True):
    """A push whose device is locked: what was answered before, and what is fresh."""

    device: HeldDevice
    answered: list[Outcome]
    fresh: list[ReceivedOp]
    is_restored: bool
    """Whether the device has not heard that the tenant was restored since."""
    is_old: bool
    """Whether its ops may be of a life before a restoration."""
    epoch: int


async def _hold(store: SyncStore, actor: Actor, request: ReceivedPush, now: datetime) -> _Held:
    """Lock the device, name records by their ids, and part what was settled from what is fresh."""
    device = await store.hold_device(actor)
    epoch = await store.epoch(actor.tenant_id)
    if request.epoch:
        rules.ensure_epoch(request.epoch, held=epoch, now=now)
    is_restored = request.epoch not in (0, epoch)
    # What a device made before its first pull tells no epoch.
    is_old = is_restored or (not request.epoch and epoch > _FIRST_EPOCH)
    ops, handles = request.ops, handles_of(request.ops)
    if handles and not is_restored:
        ops = with_ids(ops, await store.ids_of(actor.tenant_id, KINDS, handles))
    settled, fresh = _split(request, ops, device.last_op)
    answered = await _remembered(store, actor, settled)
    if any(outcome.code == Code.NUMBER_REUSED for outcome in answered):
        # The device was restored from an old image: it gives all of these new numbers, in order.
        fresh = []
    return _Held(device, answered, fresh, is_restored, is_old, epoch)


async def _acknowledge(
    store: SyncStore, actor: Actor, request: ReceivedPush, held: _Held, now: datetime
) -> int:
    """Write down how far the device has come; before the tenant's clock is held by the ops."""
    last_op = max([held.device.last_op, request.forgotten, *(op.number for op in held.fresh)])
    report = Report(
        last_op=last_op,
        # An honest device asks to pull in the push behind which nothing waits.
        is_up_to_date=request.pull is not None,
        is_heard=request.pull is not None and not request.pending,
        pending=request.pending,
        app_version=request.app_version or None,
    )
    await store.device_synced(actor, report, now=now)
    return last_op


async def _remember(
    store: SyncStore, actor: Actor, held: _Held, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Keep the outcomes of what was settled now."""
    if not held.fresh:
        return
    settled = [
        Remembered(op.number, op_digest(op), msgspec.json.encode(outcome))
        for op, outcome in zip(held.fresh, outcomes, strict=True)
    ]
    await store.remember(actor, settled, now)


async def seq_for(actor: Actor, *, room: Room = HERE) -> int | None:
    """Give the tenant's sequence; None when the actor's device no longer counts."""
    async with room.store.snapshot(actor.tenant_id):
        stands = await room.store.standing(actor)
    return None if stands is None else stands.seq


def _split(
    request: ReceivedPush, ops: Sequence[ReceivedOp], acknowledged: int
) -> tuple[list[ReceivedOp], list[ReceivedOp]]:
    """Part what was settled before from what is fresh."""
    try:
        return split_frame(ops, acknowledged=acknowledged, forgotten=request.forgotten)
    except (OpGap, FrameInvalid) as error:
        refusal = rules.OutOfOrder(str(error), field="ops", acknowledged=acknowledged)
        raise refusal from error


async def _remembered(store: SyncStore, actor: Actor, ops: Sequence[ReceivedOp]) -> list[Outcome]:
    """Answer ops that were settled before.

    The same op gets the same outcome, another op is told so.
    """
    if not ops:
        return []
    by_number = await store.remembered(actor, [op.number for op in ops])
    held = [by_number.get(op.number) for op in ops]
    strange = {
        op_digest(op)
        for op, row in zip(ops, held, strict=True)
        if row is None or not is_same_op(op, row.digest)
    }
    elsewhere = await store.remembered_as(actor, strange) if strange else {}
    return [_answer_again(op, row, elsewhere) for op, row in zip(ops, held, strict=True)]


def _answer_again(
    op: ReceivedOp, held: Remembered | None, elsewhere: Mapping[bytes, Remembered]
) -> Outcome:
    """Give the outcome of one op that was settled before, under its number or under another one.

    Another one is what the device gave it after a restoration, from which it was put back again.
    """
    if held is None or not is_same_op(op, held.digest):
        held = elsewhere.get(op_digest(op))
    if held is not None:
        outcome = msgspec.json.decode(held.outcome, type=Outcome)
        return msgspec.structs.replace(outcome, number=op.number)
    return Outcome(
        number=op.number,
        status=Status.REJECTED,
        code=Code.NUMBER_REUSED,
        detail="This number was settled for another op; send this one under a new number.",
    )


async def _settle(
    room: Room, actor: Actor, held: _Held, request: ReceivedPush, now: datetime
) -> list[Outcome]:
    """Settle fresh ops.

    The edits in one unit of work, then each intent under a savepoint of its own.
    """
    received_at_ms = clock.to_ms(now)
    orphans, keeps = await _orphans(room, actor, held)
    if orphans is not None:
        await orphans.hold(actor)
    edit_clock = EditClock(
        received_at_ms=received_at_ms,
        offset_ms=rules.offset_ms(request.device_time_ms, received_at_ms),
        floor_ms=clock.to_ms(held.device.last_sync_at or held.device.enrolled_at),
        heard_ms=clock.to_ms(held.device.last_heard_at),
    )
    ops: Sequence[ReceivedOp] = upcast(held.fresh, request.schema)
    records = await room.store.load(actor, KINDS, needed(ops))
    led: AbstractSet[int] = frozenset()
    if room.aliases is not None:
        redirected = await room.aliases.redirected(actor, ops, records)
        if redirected is not ops:
            led = edits_led(ops, redirected)
            ops, records = redirected, await room.store.load(actor, KINDS, needed(redirected))
    applied = await changelog.apply(
        actor,
        ops,
        kinds=KINDS,
        held=records,
        # A device that has not heard of a restoration saw nothing of this.
        sight=changelog.Sight(0 if held.is_restored else None, request.lost, led),
        edit_clock=edit_clock,
        store=room.store,
        now=now,
    )
    outcomes = {outcome.number: outcome for outcome in applied.result.outcomes}
    made = {record_id for kind, record_id in applied.result.created if kind == "customer"}
    if made and room.look_later is not None:
        await room.look_later(actor, made, now)
    if applied.moved and room.note_assigned is not None:
        await room.note_assigned(actor, applied.moved, now)
    if orphans is not None:
        if keeps:
            outcomes |= await orphans.keep(actor, ops, outcomes, edit_clock, now)
        made = {record_id for _, record_id in applied.result.created}
        outcomes |= await orphans.bring_home(actor, made, now)
    intents = applied.result.intents
    for prepare in room.preparations if intents else ():
        await prepare(actor, intents, now)
    for intent in intents:
        outcomes[intent.number] = await _decide(room, actor, intent, edit_clock, now)
    return [outcomes[op.number] for op in held.fresh]


async def _orphans(room: Room, actor: Actor, held: _Held) -> tuple[Orphans | None, bool]:
    """Give where ops wait, if any of this push may wait or bring one home; and whether it may wait.

    A device that has heard of the restoration goes on writing on what it has made and what waits.
    """
    if held.is_restored:
        return room.orphans, True
    if room.orphans is None or held.epoch == _FIRST_EPOCH:
        return None, False
    of_device, of_all = await room.orphans.waiting(actor)
    return (room.orphans if held.is_old or of_all else None), of_device > 0


async def _decide(
    room: Room, actor: Actor, intent: Intent, edit_clock: EditClock, now: datetime
) -> Outcome:
    """Do what an intent asks, or answer why not; a refusal undoes the intent alone."""
    answer: Answer = None
    timed, mutation = room.timed.get(intent.name), room.mutations.get(intent.name)
    if timed is None and mutation is None:
        return _rejected(intent, Code.INTENT_UNKNOWN, "The server knows no such request.")
    try:
        async with room.store.savepoint():
            if timed is not None:
                answer = await timed(actor, intent, edit_clock, now)
            elif mutation is not None:
                answer = await mutation(actor, intent, now)
    except Refusal as refusal:
        answer = refusal
    if isinstance(answer, Refusal):
        return _rejected(intent, answer.code, answer.detail, answer.field)
    return Outcome(
        number=intent.number, status=Status.APPLIED, code=Code.APPLIED, told=answer or {}
    )


def _rejected(intent: Intent, code: str, detail: str, field: str | None = None) -> Outcome:
    """Give the outcome of a refused intent."""
    return Outcome(
        number=intent.number, status=Status.REJECTED, code=code, detail=detail, field=field
    )


# ------------------------------------------------------------------------------------------ pull


async def pull(
    actor: Actor, request: PullRequest, *, now: datetime, room: Room = HERE
) -> PullResponse:
    """Give a device what is newer than its cursor, from one snapshot.

    A cursor that cannot be continued is answered with `reset`: it is of another epoch, of other
    grants, older than the kept tombstones, or not made for this device. What is not newer costs
    one query.
    """
    rules.ensure_device(actor)
    async with room.store.snapshot(actor.tenant_id):
        stands = await standing(room, actor)
        page = await page_for(room.store, actor, request, stands, now)
    await note_pull(room, actor, page, stands, now)
    return page


async def standing(room: Room, actor: Actor) -> Standing:
    """Read where the tenant and the device stand, inside a pull's snapshot.

    :raises DeviceRequired: the device no longer counts.
    """
    stands = await room.store.standing(actor)
    if stands is None:
        raise rules.DeviceRequired("This device was signed out; enrol it again.")
    return stands


async def page_for(
    store: SyncStore, actor: Actor, request: PullRequest, stands: Standing, now: datetime
) -> PullResponse:
    """Answer a pull inside its snapshot."""
    start = cursors.read(actor, request.cursor, stands)
    if start is None:
        return _reset(request, stands, now)
    if start.base == stands.seq and start.seq == stands.seq:
        return _unchanged(request, stands, now)
    found, more = await feed.changed_since(store, actor, start, request.limit)
    gone = [] if more else await feed.left_scope(store, actor, start)
    return _page(actor, request, start, stands, found, more=more, gone=gone, now=now)


async def note_pull(
    room: Room, actor: Actor, page: PullResponse, stands: Standing, now: datetime
) -> None:
    """Write down that a device which has nothing to send asks, or is up to date, where it is news.

    It pulls when nothing waits on it; while pages are to come, it is heard of, but not up to date.
    """
    known = (stands.last_sync_at, stands.heard_at if page.more else None)
    lately = max((each for each in known if each is not None), default=None)
    if not rules.is_sync_news(lately, now):
        return
    async with room.store.unit_of_work(actor.tenant_id):
        device = await room.store.hold_device(actor)
        report = Report(last_op=device.last_op, is_up_to_date=not page.more)
        await room.store.device_synced(actor, report, now=now)


def _page(
    actor: Actor,
    request: PullRequest,
    start: Cursor,
    stands: Standing,
    found: Sequence[feed.Found],
    *,
    more: bool,
    gone: Sequence[Left],
    now: datetime,
) -> PullResponse:
    """Give one page of the feed."""
    batches, patches = feed.as_messages(found, start.base)
    drops, left = feed.as_departures(gone)
    last = found[-1] if more else None
    end = Cursor(
        epoch=stands.epoch,
        base=start.base if last else stands.seq,
        seq=last.effective if last else stands.seq,
        kind_index=last.kind_index if last else 0,
        after_id=cursors.as_id(last.row["id"]) if last else None,
        grants=scopes.grants_of(actor),
        started=start.started if last else stands.seq,
    )
    return PullResponse(
        from_cursor=request.cursor,
        cursor=cursors.write(actor, end),
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        more=more,
        batches=batches,
        patches=[*patches, *left],
        drops=drops,
        acknowledged=stands.last_op,
        lease_ms=stands.lease_ms,
    )


def _unchanged(request: PullRequest, stands: Standing, now: datetime) -> PullResponse:
    """Tell that nothing is newer."""
    return PullResponse(
        from_cursor=request.cursor,
        cursor=request.cursor,
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        acknowledged=stands.last_op,
        lease_ms=stands.lease_ms,
    )


def _reset(request: PullRequest, stands: Standing, now: datetime) -> PullResponse:
    """Tell the device to start again without a cursor; its outbox is untouched."""
    return PullResponse(
        from_cursor=request.cursor,
        cursor=None,
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        lease_ms=stands.lease_ms,
        reset=True,
    )
