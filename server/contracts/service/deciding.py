"""What becomes of a contract is decided under its lock: submitted, approved, signed, terminated.

A signature wins the deal where the gates of its process let it, and makes the customer a signed one
whatever they say: what was signed is signed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.changelog import facts, storage
from server.contracts import queries, rules
from server.contracts.kinds import WRITTEN
from server.contracts.queries.contracts import EVENT
from server.contracts.schemas import ContractEventView, Decide, Decided
from server.contracts.service.holding import hold
from server.identity.rules.absences import day_of
from server.kit import clock, db, ids
from server.kit.errors import IdReused
from server.notifications import service as notifications
from server.notifications.service import Paper
from server.pipeline import service as pipeline
from sync_protocol.contracting.states import LIVE, State, Verb, by_days
from sync_protocol.merge import HeldRecord

_EVENT: Final = f"{EVENT} AND id = $2"
_WRITE: Final = """
INSERT INTO contract_event (tenant_id, id, contract_id, seq, verb, from_state, state, content_hash,
    remark, done_by, done_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_NUMBERED: Final = """
SELECT EXISTS (SELECT FROM contract WHERE tenant_id = $1 AND number = $2 AND id <> $3
    AND state NOT IN ('draft', 'void') AND NOT deleted)
"""
_USED: Final = """
SELECT EXISTS (SELECT FROM contract WHERE tenant_id = $1 AND quote_id = $2 AND id <> $3
    AND state NOT IN ('draft', 'waiting', 'void') AND NOT deleted)
"""
_DUE: Final = """
SELECT id FROM contract
WHERE tenant_id = $1 AND NOT deleted
    AND (
        state IN ('signed', 'in_force') AND ends_on < $2
        OR state = 'signed' AND effective_on <= $2
    )
ORDER BY id LIMIT $3 FOR UPDATE
"""
_BATCH: Final = 200
"""Contracts that begin or end in one unit of work."""
_TOLD: Final[Mapping[Verb, str]] = {
    Verb.SUBMIT: "submitted",
    Verb.APPROVE: "approved",
    Verb.DECLINE: "declined",
    Verb.SIGN: "signed",
    Verb.REVISE: "revised",
    Verb.TERMINATE: "terminated",
    Verb.VOID: "voided",
}
_MANAGED: Final = frozenset({Verb.APPROVE, Verb.DECLINE, Verb.TERMINATE})
"""What managers alone do."""


async def decide(actor: Actor, contract_id: UUID, asked: Decide, *, now: datetime) -> Decided:
    """Submit, approve, decline, sign, revise, terminate or give up a contract.

    Asked again under the same id, it is answered the same.

    :raises ContractMoved: it does not stand where this leads on from.
    :raises ContractChanged: it says something else than the asker saw, or than was approved.
    :raises SigningSelf: nobody approves what they wrote or submitted.
    :raises ContractNumberTaken, ContractUnreasoned, StillToCome: naming the field.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    if asked.verb in _MANAGED:
        ensure(actor, Permission.CONTRACTS_APPROVE)
    event_id = asked.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held, quote = await hold(actor, contract_id)
        made = await _made(actor, event_id)
        if made is None:
            await _decide(actor, held, quote, event_id, asked, now=now)
            made = await _made(actor, event_id)
        else:
            _ensure_same(actor, made, held, asked)
        assert made is not None, "it was made in this transaction, or before"
        return Decided(event=made, contract=await queries.one(actor, contract_id, now=now))


async def _decide(
    actor: Actor,
    held: HeldRecord,
    quote: HeldRecord | None,
    event_id: UUID,
    asked: Decide,
    *,
    now: datetime,
) -> None:
    """Judge and write what becomes of a locked contract."""
    verb, was, today = asked.verb, State(held.fields["state"]), str(day_of(now))
    rules.ensure_possible(verb, was)
    rules.ensure_seen(verb, asked.content_hash, held.fields)
    rules.ensure_reason(verb, asked.remark)
    if verb is Verb.APPROVE:
        rules.ensure_checker(actor, held.fields)
    offer = quote.fields if quote and not await _is_used(actor, held) else None
    settled = rules.is_settled(actor, held.fields, offer)
    state = rules.outcome(verb, held.fields, today, settled=settled)
    values = _values(actor, asked, state, held, now=now)
    seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    if verb in {Verb.SUBMIT, Verb.SIGN}:
        # The tenant's clock is held by now: of two at once the second sees the first.
        await _ensure_number_free(actor, held)
    await db.connection().execute(
        _WRITE,
        *(actor.tenant_id, event_id, UUID(held.id), seq, verb, was, state),
        *(rules.hash_of(held.fields), asked.remark, actor.user_id, now),
    )
    await audit.record(actor, f"contract.{_TOLD[verb]}", subject_id=UUID(held.id), now=now)
    paper = Paper(id=UUID(held.id), name=held.fields["title"], page="/contracts", event_id=event_id)
    if state is State.WAITING:
        await notifications.ask_for_approval(actor, paper, now=now)
    if verb in {Verb.APPROVE, Verb.DECLINE}:
        author_id = held.fields["submitted_by"]
        await notifications.tell_of_approval(actor, paper, author_id, now=now)
    if verb is Verb.SIGN:
        await _tell_deal(actor, held, now=now)


async def _is_used(actor: Actor, held: HeldRecord) -> bool:
    """Say whether another contract came of the locked quote: it speaks for one."""
    key = (actor.tenant_id, UUID(held.fields["quote_id"]), UUID(held.id))
    return bool(await db.connection().fetchval(_USED, *key))


async def _ensure_number_free(actor: Actor, held: HeldRecord) -> None:
    """Refuse a number that another contract has; two drafts may have been typed offline.

    :raises ContractNumberTaken: naming the field.
    """
    number = held.fields["number"]
    if number is not None and await db.connection().fetchval(
        _NUMBERED, actor.tenant_id, number, UUID(held.id)
    ):
        raise rules.ContractNumberTaken(
            "Another contract has this number; give this one its own.", field="number"
        )


def _values(
    actor: Actor, asked: Decide, state: State, held: HeldRecord, *, now: datetime
) -> dict[str, Any]:
    """Give the fields that a decision writes."""
    values: dict[str, Any] = {"state": str(state), "state_since": clock.to_ms(now)}
    today = str(day_of(now))
    match asked.verb:
        case Verb.SUBMIT:
            values |= {"submitted_by": str(actor.user_id), "decided_by": None, "decision": None}
        case Verb.APPROVE | Verb.DECLINE:
            values |= {"decided_by": str(actor.user_id), "decision": asked.remark}
        case Verb.SIGN:
            values["signed_on"] = rules.happened_on(asked.signed_on, today, field="signed_on")
            values["closed_on"] = held.fields["ends_on"] if state is State.ENDED else None
        case Verb.TERMINATE:
            values |= {"closed_on": today, "decision": asked.remark}
        case Verb.VOID:
            values["decision"] = asked.remark
        case _:
            pass
    if state is State.APPROVED:
        values["approved_hash"] = rules.hash_of(held.fields)
    elif state in {State.DRAFT, State.WAITING}:
        values["approved_hash"] = None
    return values


async def _tell_deal(actor: Actor, held: HeldRecord, *, now: datetime) -> None:
    """Let the deal be won, worth what was signed, and the customer be a signed one."""
    deal, is_yuan = held.fields["opportunity_id"], held.fields["currency"] == "CNY"
    await pipeline.sign(
        actor,
        UUID(held.fields["customer_id"]),
        UUID(deal) if deal else None,
        amount_minor=held.fields["amount_minor"] if is_yuan else None,
        now=now,
    )


async def _made(actor: Actor, event_id: UUID) -> ContractEventView | None:
    """Give what was done under this id."""
    row = await db.connection().fetchrow(_EVENT, actor.tenant_id, event_id)
    return None if row is None else ContractEventView(**row)


def _ensure_same(actor: Actor, made: ContractEventView, held: HeldRecord, asked: Decide) -> None:
    """Refuse what is not what was asked before.

    :raises IdReused: the id is another decision's, another person's, or about something else.
    """
    wanted = (UUID(held.id), asked.verb, actor.user_id, asked.remark)
    is_same = (made.contract_id, made.verb, made.done_by, made.remark) == wanted
    is_about = asked.content_hash in {None, made.content_hash}
    # The day stands on the contract; who says none means the one that was taken.
    days = {None, held.fields["signed_on"]} if asked.verb is Verb.SIGN else {None, asked.signed_on}
    if not (is_same and is_about and asked.signed_on in days):
        raise IdReused("This id is another decision's; make a new one.", field="id")


async def follow_days(tenant_id: UUID, *, now: datetime) -> int:
    """Let a company's signed contracts begin and end on their days; give how many did."""
    actor = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="worker")
    today, moved = str(day_of(now)), 0
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(_DUE, tenant_id, today, _BATCH)
            if not rows:
                return moved
            keys = [("contract", str(row["id"])) for row in rows]
            held = await storage.load(actor, WRITTEN, keys)
            unit = {key: _by_days(each, today, now) for key, each in held.items()}
            seq = await facts.note(actor, unit, kinds=WRITTEN, now=now)
            await db.connection().executemany(
                _WRITE,
                [
                    (
                        *(tenant_id, ids.new_id(now), UUID(each.id), seq),
                        "end" if unit[key]["state"] == State.ENDED else "begin",
                        *(each.fields["state"], unit[key]["state"], rules.hash_of(each.fields)),
                        *(None, actor.user_id, now),
                    )
                    for key, each in held.items()
                ],
            )
        moved += len(rows)


def _by_days(held: HeldRecord, today: str, now: datetime) -> dict[str, Any]:
    """Give the fields of a contract that stands where its days say."""
    state = by_days(held.fields["effective_on"], held.fields["ends_on"], today)
    closed_on = None if state in LIVE else held.fields["ends_on"]
    return {"state": str(state), "state_since": clock.to_ms(now), "closed_on": closed_on}
