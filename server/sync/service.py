"""Take what a device did and give it what it may hold.

One push and one pull are one transaction each.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from server.access import Actor
from server.changelog import service as changelog
from server.identity import service as identity
from server.kit import clock, db
from server.kit.errors import Refusal
from server.sync import cursors, feed, quarantine, rules, scopes
from server.sync.inbox import resolve
from server.sync.registry import KINDS, MUTATIONS
from sync_protocol.cursor import Cursor
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
    op_digest,
    split_frame,
)

__all__ = ["pull", "push", "resolve"]

_REMEMBERED: Final = """
SELECT number, digest, outcome FROM op_outcome
WHERE tenant_id = $1 AND device_id = $2 AND number = ANY($3::bigint[])
"""
_REMEMBER: Final = """
INSERT INTO op_outcome (tenant_id, device_id, at, number, digest, outcome)
SELECT $1, $2, $3, u.number, u.digest, u.outcome::jsonb
FROM UNNEST($4::bigint[], $5::bytea[], $6::text[]) AS u(number, digest, outcome)
"""


async def push(actor: Actor, request: ReceivedPush, *, now: datetime) -> PushResponse:
    """Settle a device's ops, each once for ever; then answer a pull, if one came along.

    Where the server fails on a push, it settles a part of it, so that the rest of the queue goes
    on; an op, or an atomic group, on which it fails twice by itself is put into quarantine.

    :raises ClientTooOld, OutOfOrder, DeviceRequired: before anything is settled.
    """
    rules.ensure_device(actor)
    rules.ensure_supported(request.protocol)
    part, has_failed = request, False
    while True:
        try:
            return await _push(actor, part, now)
        except (Refusal, *db.PASSING):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue must go on
            quarantine.report(error, part.ops)
            unit = quarantine.first_part(part.ops)
            if len(unit) < len(part.ops):
                part = msgspec.structs.replace(part, ops=unit, pull=None)
            elif has_failed:
                return await _put_into_quarantine(actor, part, now)
            else:
                has_failed = True


async def _push(actor: Actor, request: ReceivedPush, now: datetime) -> PushResponse:
    """Settle the ops of a push in one transaction."""
    async with db.tenant_transaction(actor.tenant_id):
        device = await identity.hold_device(actor)
        settled, fresh = _split(request, device.last_op)
        remembered = await _remembered(actor, settled)
        outcomes = await _settle(actor, fresh, device.last_sync_at, request, now) if fresh else []
        acknowledged = await _acknowledge(actor, request, device.last_op, fresh, outcomes, now)
    pulled = await pull(actor, request.pull, now=now) if request.pull else None
    return PushResponse(
        outcomes=[*remembered, *outcomes],
        acknowledged=acknowledged,
        server_time_ms=clock.to_ms(now),
        pull=pulled,
    )


async def _put_into_quarantine(actor: Actor, request: ReceivedPush, now: datetime) -> PushResponse:
    """Answer ops that cannot be settled, for good, so that what follows them is not held up."""
    async with db.tenant_transaction(actor.tenant_id):
        device = await identity.hold_device(actor)
        settled, fresh = _split(request, device.last_op)
        remembered = await _remembered(actor, settled)
        outcomes = [quarantine.outcome(op) for op in fresh]
        acknowledged = await _acknowledge(actor, request, device.last_op, fresh, outcomes, now)
    return PushResponse(
        outcomes=[*remembered, *outcomes],
        acknowledged=acknowledged,
        server_time_ms=clock.to_ms(now),
    )


async def _acknowledge(
    actor: Actor,
    request: ReceivedPush,
    last_op: int,
    fresh: Sequence[ReceivedOp],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> int:
    """Keep the outcomes, and how far the device has come."""
    acknowledged = max([last_op, request.forgotten, *(op.number for op in fresh)])
    await _remember(actor, fresh, outcomes, now)
    is_last = request.pull is not None
    await identity.device_synced(actor, last_op=acknowledged, is_up_to_date=is_last, now=now)
    return acknowledged


async def is_enrolled(actor: Actor) -> bool:
    """Say whether the actor's device still counts; asked while a stream is open."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await feed.standing(actor) is not None


def _split(request: ReceivedPush, acknowledged: int) -> tuple[list[ReceivedOp], list[ReceivedOp]]:
    """Part what was settled before from what is fresh."""
    try:
        return split_frame(request.ops, acknowledged=acknowledged, forgotten=request.forgotten)
    except (OpGap, FrameInvalid) as error:
        refusal = rules.OutOfOrder(str(error), field="ops", acknowledged=acknowledged)
        raise refusal from error


async def _remembered(actor: Actor, ops: Sequence[ReceivedOp]) -> list[Outcome]:
    """Answer ops that were settled before.

    The same op gets the same outcome, another op is told so.
    """
    if not ops:
        return []
    rows = await db.connection().fetch(
        _REMEMBERED, actor.tenant_id, actor.device_id, [op.number for op in ops]
    )
    held = {row["number"]: row for row in rows}
    return [_answer_again(op, held.get(op.number)) for op in ops]


def _answer_again(op: ReceivedOp, row: Mapping[str, object] | None) -> Outcome:
    """Give the outcome of one op that was settled before."""
    if row is not None and row["digest"] == op_digest(op):
        return msgspec.json.decode(str(row["outcome"]), type=Outcome)
    return Outcome(
        number=op.number,
        status=Status.REJECTED,
        code=Code.NUMBER_REUSED,
        detail="This number was settled for another op; send this one under a new number.",
    )


async def _settle(
    actor: Actor,
    ops: Sequence[ReceivedOp],
    last_sync_at: datetime | None,
    request: ReceivedPush,
    now: datetime,
) -> list[Outcome]:
    """Settle fresh ops.

    The edits in one unit of work, then each intent under a savepoint of its own.
    """
    received_at_ms = clock.to_ms(now)
    applied = await changelog.apply(
        actor,
        ops,
        kinds=KINDS,
        base_limit=await _base_limit(actor, request),
        edit_clock=EditClock(
            received_at_ms=received_at_ms,
            offset_ms=rules.offset_ms(request.device_time_ms, received_at_ms),
            floor_ms=clock.to_ms(last_sync_at) if last_sync_at else 0,
        ),
        now=now,
    )
    outcomes = {outcome.number: outcome for outcome in applied.result.outcomes}
    for intent in applied.result.intents:
        outcomes[intent.number] = await _decide(actor, intent, now)
    return [outcomes[op.number] for op in ops]


async def _base_limit(actor: Actor, request: ReceivedPush) -> int | None:
    """Bound the bases of a device that has not heard of a restoration: it saw nothing of this."""
    if request.epoch == 0:
        return None
    return None if request.epoch == await feed.epoch_of(actor.tenant_id) else 0


async def _decide(actor: Actor, intent: Intent, now: datetime) -> Outcome:
    """Do what an intent asks, or answer why not; a refusal undoes the intent alone."""
    mutation = MUTATIONS.get(intent.name)
    if mutation is None:
        return _rejected(intent, Code.INTENT_UNKNOWN, "The server knows no such request.")
    try:
        async with db.current().savepoint():
            refused = await mutation(actor, intent, now)
    except Refusal as refusal:
        refused = refusal
    if refused is not None:
        return _rejected(intent, refused.code, refused.detail, refused.field)
    return Outcome(number=intent.number, status=Status.APPLIED, code=Code.APPLIED)


def _rejected(intent: Intent, code: str, detail: str, field: str | None = None) -> Outcome:
    """Give the outcome of a refused intent."""
    return Outcome(
        number=intent.number, status=Status.REJECTED, code=code, detail=detail, field=field
    )


async def _remember(
    actor: Actor, ops: Sequence[ReceivedOp], outcomes: Iterable[Outcome], now: datetime
) -> None:
    """Keep outcomes with their effects, in one commit."""
    if not ops:
        return
    await db.connection().execute(
        _REMEMBER,
        actor.tenant_id,
        actor.device_id,
        now,
        [op.number for op in ops],
        [op_digest(op) for op in ops],
        [msgspec.json.encode(outcome).decode() for outcome in outcomes],
    )


# ------------------------------------------------------------------------------------------ pull


async def pull(actor: Actor, request: PullRequest, *, now: datetime) -> PullResponse:
    """Give a device what is newer than its cursor, from one snapshot.

    A cursor of another epoch, of other grants or older than the kept tombstones is answered with
    `reset`. What is not newer costs one query.

    :raises BadCursor: when the cursor was not made for this device.
    """
    rules.ensure_device(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        stands = await feed.standing(actor)
        if stands is None:
            raise rules.DeviceRequired("This device was signed out; enrol it again.")
        page = await _answer_pull(actor, request, stands, now)
    if not page.more and rules.is_sync_news(stands.last_sync_at, now):
        await _note_pull(actor, now)
    return page


async def _answer_pull(
    actor: Actor, request: PullRequest, stands: feed.Standing, now: datetime
) -> PullResponse:
    """Answer a pull inside its snapshot."""
    start = cursors.read(actor, request.cursor, stands)
    if start is None:
        return _reset(request, stands, now)
    if start.base == stands.seq and start.seq == stands.seq:
        return _unchanged(request, stands, now)
    return await _page(actor, request, start, stands, now)


async def _note_pull(actor: Actor, now: datetime) -> None:
    """Write down that a device which has nothing to send is up to date."""
    async with db.tenant_transaction(actor.tenant_id):
        device = await identity.hold_device(actor)
        await identity.device_synced(actor, last_op=device.last_op, now=now)


async def _page(
    actor: Actor, request: PullRequest, start: Cursor, stands: feed.Standing, now: datetime
) -> PullResponse:
    """Give one page of the feed."""
    found, more = await feed.changed_since(actor, start, request.limit)
    batches, patches = feed.as_messages(found, start.base)
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
        patches=patches,
        drops=[] if more else await feed.left_scope(actor, start),
        acknowledged=stands.last_op,
    )


def _unchanged(request: PullRequest, stands: feed.Standing, now: datetime) -> PullResponse:
    """Tell that nothing is newer."""
    return PullResponse(
        from_cursor=request.cursor,
        cursor=request.cursor,
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        acknowledged=stands.last_op,
    )


def _reset(request: PullRequest, stands: feed.Standing, now: datetime) -> PullResponse:
    """Tell the device to start again without a cursor; its outbox is untouched."""
    return PullResponse(
        from_cursor=request.cursor,
        cursor=None,
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        reset=True,
    )
