"""Deals move through their process: decided under their lock, by the rules that phones know."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts, storage
from server.customers import service as customers
from server.customers.rules.status import Status
from server.kit import clock, db, ids
from server.kit.errors import IdReused, NotFound
from server.pipeline import rules
from server.pipeline.kinds import WRITTEN
from server.pipeline.queries import deals, processes
from server.pipeline.schemas import Move, Moved, NewOpening
from sync_protocol.merge import HeldRecord
from sync_protocol.process.definition import Canonical
from sync_protocol.process.gates import Deal, State, Verb, Verdict

_KIND: Final = "opportunity"
_CUSTOMER_OF: Final = "SELECT customer_id FROM opportunity WHERE tenant_id = $1 AND id = $2"
_STATUSES: Final = """
SELECT id, status FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
ORDER BY id
"""
_MOVE: Final = """
SELECT id, opportunity_id, seq, verb, from_stage, to_stage, state, deviations, reason, remark,
    stayed_ms, moved_by, moved_at
FROM opportunity_move WHERE tenant_id = $1 AND id = $2
"""
_WRITE: Final = """
INSERT INTO opportunity_move (
    tenant_id, id, opportunity_id, seq, verb, from_stage, to_stage, state, deviations, reason,
    remark, stayed_ms, moved_by, moved_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14)
"""
_OPEN: Final = """
INSERT INTO template_opening (
    tenant_id, id, opportunity_id, step_id, template_id, opened_by, opened_at
) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, id) DO NOTHING
"""


async def move(actor: Actor, opportunity_id: UUID, asked: Move, *, now: datetime) -> Moved:
    """Move a deal: forward through its gates, back, lost, or open again.

    Winning raises the customer's status with it. Asked again under the same id, it is answered the
    same.

    :raises GateClosed: a strict gate asks for something first; all of it is named.
    :raises DealMoved: it is no longer where the asker saw it.
    :raises DealClosed: and the like, for what is no move.
    :raises NotFound: the deal is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    move_id = asked.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, opportunity_id)
        if await _is_made(actor, move_id, opportunity_id, asked):
            return await _moved(actor, move_id, opportunity_id, now=now)
        stage = str(held.fields["stage"])
        rules.ensure_still_there(asked.from_stage, stage)
        rules.ensure_reason(asked.verb, asked.reason)
        process_id = held.fields["process_id"]
        process = await processes.process(actor, UUID(process_id) if process_id else None)
        verdict = rules.judge(process.definition, _deal(held), asked.verb, asked.to_stage)
        seq = await _write(actor, held, verdict, asked, now=now)
        await db.connection().execute(
            _WRITE,
            *(actor.tenant_id, move_id, opportunity_id, seq, asked.verb, stage, verdict.stage),
            *(verdict.state, _json(verdict), asked.reason, asked.remark),
            *(clock.to_ms(now) - held.fields["stage_since"], actor.user_id, now),
        )
        await audit.record(
            actor,
            f"opportunity.{_TOLD[asked.verb]}" if verdict.state is not State.WON else _WON,
            subject_id=opportunity_id,
            now=now,
        )
        if asked.verb is Verb.ADVANCE:
            reached = process.definition.stage(verdict.stage)
            assert reached is not None, "the verdict names a stage of the process"
            customer_id = UUID(held.fields["customer_id"])
            await raise_customers(actor, {customer_id: reached.canonical}, now=now)
        return await _moved(actor, move_id, opportunity_id, now=now)


_WON: Final = "opportunity.won"
_TOLD: Final[Mapping[Verb, str]] = {
    Verb.ADVANCE: "advanced",
    Verb.RETURN: "returned",
    Verb.LOSE: "lost",
    Verb.REOPEN: "reopened",
}


async def _hold(actor: Actor, opportunity_id: UUID) -> HeldRecord:
    """Lock a deal, and its customer before it, as every write does.

    :raises NotFound: it is not there, or out of sight.
    """
    key = (_KIND, str(opportunity_id))
    customer_id = await db.connection().fetchval(_CUSTOMER_OF, actor.tenant_id, opportunity_id)
    while customer_id is not None:
        keys = [("customer", str(customer_id)), key]
        held = (await storage.load(actor, WRITTEN, keys)).get(key)
        if held is None or held.deleted or not held.visible:
            break
        if held.fields["customer_id"] == str(customer_id):
            return held
        # A merge gave it to another customer while the lock was waited for.
        customer_id = held.fields["customer_id"]
    raise NotFound


async def _is_made(actor: Actor, move_id: UUID, opportunity_id: UUID, asked: Move) -> bool:
    """Say whether this move was made before.

    :raises IdReused: the id is another move's.
    """
    row = await db.connection().fetchrow(_MOVE, actor.tenant_id, move_id)
    if row is None:
        return False
    is_same = (row["opportunity_id"], row["verb"]) == (opportunity_id, asked.verb)
    if not is_same or asked.to_stage not in {None, row["to_stage"]}:
        raise IdReused("This id is another move's; make a new one.", field="id")
    return True


async def _moved(actor: Actor, move_id: UUID, opportunity_id: UUID, *, now: datetime) -> Moved:
    """Give a move and the deal as it stands."""
    row = await db.connection().fetchrow(_MOVE, actor.tenant_id, move_id)
    assert row is not None, "it was made in this transaction, or before"
    return Moved(
        move=deals.move_of(row), opportunity=await deals.one(actor, opportunity_id, now=now)
    )


def _deal(held: HeldRecord) -> Deal:
    """Give of a held deal what its moves are judged by."""
    return Deal(
        state=State(held.fields["state"]),
        stage=held.fields["stage"],
        done_steps=frozenset(held.fields["done_steps"] or ()),
        fields=held.fields,
    )


async def _write(
    actor: Actor, held: HeldRecord, verdict: Verdict, asked: Move, *, now: datetime
) -> int:
    """Write where the deal stands now; give the sequence."""
    now_ms = clock.to_ms(now)
    is_closed = verdict.state is not State.OPEN
    values: dict[str, Any] = {
        "stage": verdict.stage,
        "state": str(verdict.state),
        "closed_at": now_ms if is_closed else None,
        "lost_reason": asked.reason if verdict.state is State.LOST else None,
    }
    if verdict.stage != held.fields["stage"]:
        values["stage_since"] = now_ms
    seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    assert seq is not None, "a move changes the stage or the state"
    return seq


def _json(verdict: Verdict) -> str:
    """Write what was let pass."""
    return msgspec.json.encode([rules.told(each) for each in verdict.deviations]).decode()


async def raise_customers(
    actor: Actor, reached: Mapping[UUID, Canonical], *, now: datetime
) -> None:
    """Let customers' statuses follow their deals, step by legal step (S46), all at once.

    :param reached: how far a deal of each has come.
    """
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_STATUSES, actor.tenant_id, list(reached))
        steps = {
            row["id"]: rules.statuses_to(
                Status(row["status"] or Status.POTENTIAL), reached[row["id"]]
            )
            for row in rows
        }
        await customers.lead(actor, steps, now=now)


async def open_template(
    actor: Actor, opportunity_id: UUID, new: NewOpening, *, now: datetime
) -> None:
    """Note that somebody looks at a template or case of a deal's process (S54).

    :raises NotFound: the deal is out of sight, or its process has no such template.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        deal = await deals.one(actor, opportunity_id, now=now)
        process = await processes.process(actor, deal.process_id)
        found = process.definition.template(str(new.template_id))
        if found is None:
            raise NotFound("The deal's process has no such template.", field="template_id")
        step, _ = found
        await db.connection().execute(
            _OPEN,
            *(actor.tenant_id, new.id or ids.new_id(now), opportunity_id, UUID(step.id)),
            *(new.template_id, actor.user_id, now),
        )
