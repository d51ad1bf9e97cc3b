"""What crosses to the platform and back: a briefing goes, an answer comes.

The agent's transaction writes the row that the platform reads; the platform's transaction writes
its answer there and leaves a job that brings the agent's record to what the row says. Whatever
comes twice, late or in another order, the record ends where the row stands.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.changelog import facts
from server.customers import queries as customers
from server.customers.rules import search
from server.kit import clock, db, ids, outbox
from server.kit.errors import IdReused, NotFound
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.pipeline import queries as pipeline
from server.requests import rules
from server.requests.queries.platform import ANSWERED, COLUMNS
from server.requests.rules import Wish
from server.requests.schemas import Answer, PlatformRequestView
from server.requests.service import holding
from server.requests.service.holding import Done
from sync_protocol.helping import LEADS, LIVE, Party, State, Verb
from sync_protocol.merge import HeldRecord

SENT: Final = "requests.sent"
"""Something of what the platform sees has moved: its open pages are told."""
_NAMES: Final = """
SELECT name FROM contact WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted
UNION SELECT name FROM store
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND name IS NOT NULL
"""
_SEND: Final = """
INSERT INTO platform_request
    (id, agent_id, request_id, resource, briefing, wished_on, level, city, stage, state, sent_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'dispatched', $10)
"""
_RECALL: Final = """
UPDATE platform_request SET state = 'cancelled', closed_at = $3
WHERE agent_id = $1 AND id = $2 AND state IN ('dispatched', 'accepted') RETURNING true
"""
_JUDGE: Final = "UPDATE platform_request SET verdict = $3 WHERE agent_id = $1 AND id = $2"
_HOLD: Final = f"SELECT {COLUMNS}, answer_id FROM platform_request WHERE id = $1 FOR UPDATE"  # noqa: S608 - constants
_ANSWER: Final = f"""
UPDATE platform_request SET state = $2, answer_id = $3, text = $4,
    accepted_at = CASE WHEN $2 = 'accepted' THEN $5 ELSE accepted_at END,
    closed_at = CASE WHEN $2 = 'accepted' THEN NULL ELSE $5 END
WHERE id = $1 RETURNING request_id, {COLUMNS}
"""  # noqa: S608 - constants
_STANDS: Final = """
SELECT request_id, state, accepted_at, closed_at, text FROM platform_request
WHERE agent_id = $1 AND id = $2
"""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the platform on its way to the agent."""

    dispatch_id: UUID
    event_id: UUID
    verb: Verb
    text: str | None
    done_by: UUID
    done_at: datetime


# ------------------------------------------------------------------------ the agent's side


async def send(actor: Actor, held: HeldRecord, *, dispatch_id: UUID, now: datetime) -> None:
    """Tell the platform what was written for it, in the open transaction, and nothing of whom.

    :raises BriefingMissing, BriefingTells: naming the field.
    """
    fields = held.fields
    customer = await customers.one(actor, UUID(fields["customer_id"]))
    rows = await db.connection().fetch(_NAMES, actor.tenant_id, customer.id)
    calling = search.calling(customer.name, customer.city)
    names = rules.names_of(customer.name, calling, (row["name"] for row in rows))
    briefing = rules.ensure_tells_nobody(fields["briefing"], names)
    stage = await _stage(actor, fields["opportunity_id"], now=now)
    await db.connection().execute(
        _SEND,
        *(dispatch_id, actor.tenant_id, UUID(held.id), fields["resource"], briefing),
        *(fields["wished_on"], customer.level, customer.city, stage, now),
    )
    await _tell_platform(now)


async def _stage(actor: Actor, opportunity_id: str | None, *, now: datetime) -> str | None:
    """Give a deal's stage in the platform's words."""
    if opportunity_id is None:
        return None
    deal = await pipeline.one(actor, UUID(opportunity_id), now=now)
    stage = (await pipeline.versions(actor))[deal.process_id].definition.stage(deal.stage)
    return None if stage is None else str(stage.canonical)


async def recall(actor: Actor, held: HeldRecord, *, now: datetime) -> None:
    """Take a request back from the platform.

    :raises RequestMoved: it has just answered, and its answer is on its way.
    """
    dispatch = UUID(held.fields["dispatch_id"])
    if not await db.connection().fetchval(_RECALL, actor.tenant_id, dispatch, now):
        raise rules.RequestMoved("The platform has just answered; look again.", field="verb")
    await _tell_platform(now)


async def judge(actor: Actor, held: HeldRecord, verdict: str, *, now: datetime) -> None:
    """Let the platform know whether it helped."""
    dispatch = UUID(held.fields["dispatch_id"])
    await db.connection().execute(_JUDGE, actor.tenant_id, dispatch, verdict)
    await _tell_platform(now)


async def _tell_platform(now: datetime) -> None:
    """Have the platform's open pages told, once this is committed."""
    await outbox.add(SENT, {}, tenant_id=PLATFORM_TENANT, now=now)


async def show_platform() -> None:
    """Tell the platform's open pages that something moved."""
    await facts.tick(PLATFORM_TENANT)


# --------------------------------------------------------------------- the platform's side


async def answer(
    actor: Actor, dispatch_id: UUID, asked: Answer, *, now: datetime
) -> PlatformRequestView:
    """Accept, decline or complete what was sent to the platform; the agent hears of it.

    Asked again under the same id, the last answer is answered the same.

    :raises NotFound: nothing was sent under this id.
    :raises RequestMoved: it does not stand where this leads on from.
    :raises RequestUnexplained: nobody said why not, or what came of it.
    """
    ensure(actor, Permission.REQUESTS_ANSWER)
    verb, event_id = Verb(asked.verb), asked.id or ids.new_id(now)
    async with db.platform_transaction(actor):
        row = await db.connection().fetchrow(_HOLD, dispatch_id)
        if row is None:
            raise NotFound
        state = LEADS[verb][1]
        if row["answer_id"] == event_id:
            if (row["state"], row["text"]) != (state, asked.text):
                raise IdReused("This id is another answer's; make a new one.", field="id")
            return _view(row)
        rules.ensure_possible(verb, State(row["state"]))
        rules.ensure_explained(Wish(verb=verb, text=asked.text))
        row = await db.connection().fetchrow(_ANSWER, dispatch_id, state, event_id, asked.text, now)
        assert row is not None, "it is locked"
        told = {"agent_id": row["agent_id"], "state": str(state)}
        await audit.record_platform_write(
            actor, "resource_request.answered", subject_id=dispatch_id, now=now, **told
        )
        await audit.record_platform_read(
            actor, [row["agent_id"]], ANSWERED, now=now, request_id=row["request_id"]
        )
        answered = Answered(
            dispatch_id=dispatch_id,
            event_id=event_id,
            verb=verb,
            text=asked.text,
            done_by=actor.user_id,
            done_at=now,
        )
        payload = msgspec.to_builtins(answered)
        await outbox.add(ANSWERED, payload, tenant_id=row["agent_id"], now=now)
        await outbox.add(SENT, {}, tenant_id=PLATFORM_TENANT, now=now)
    return _view(row)


def _view(row: Any) -> PlatformRequestView:
    """Turn a row into what the platform sees."""
    return msgspec.convert(dict(row), PlatformRequestView)


async def settle(tenant_id: UUID, answered: Answered, *, now: datetime) -> None:
    """Bring an agent's request to what the platform has answered, and tell who asked.

    May run again, and after a later answer: the record ends where the platform's row stands.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="platform")
    async with db.tenant_transaction(tenant_id):
        row = await db.connection().fetchrow(_STANDS, tenant_id, answered.dispatch_id)
        if row is None:
            return
        done = Done(
            id=answered.event_id,
            verb=answered.verb,
            party=Party.PLATFORM,
            text=answered.text,
            done_by=answered.done_by,
            done_at=answered.done_at,
        )
        try:
            held = await holding.hold(product, row["request_id"])
        except NotFound:
            return
        is_lying_there = (
            held.fields["dispatch_id"] == str(answered.dispatch_id) and held.fields["state"] in LIVE
        )
        if await holding.is_made(product, row["request_id"], done):
            return
        values = _values(row, held) if is_lying_there else {}
        await holding.write(product, held, done, values, now=now)
        await notifications.tell(
            tenant_id,
            [UUID(held.fields["requested_by"])],
            Kind.RESOURCE_ANSWERED,
            key=f"{Kind.RESOURCE_ANSWERED}:{done.id}",
            subject=held.fields["subject"],
            page="/requests",
            subject_id=UUID(held.id),
            now=now,
        )


def _values(row: Any, held: HeldRecord) -> dict[str, Any]:
    """Give the fields of a record that stands where the platform's row does."""
    state = State(row["state"])
    accepted, closed = (
        None if row[name] is None else clock.to_ms(row[name])
        for name in ("accepted_at", "closed_at")
    )
    until = rules.wished_until(held.fields["wished_on"]) if state is State.ACCEPTED else None
    return {
        "state": str(state),
        "state_since": closed or accepted,
        "accepted_at": accepted,
        "closed_at": closed,
        "due_at": None if until is None else clock.to_ms(until),
        "result": row["text"] if state is State.DONE else None,
        "reason": row["text"] if state is State.DECLINED else None,
    }
