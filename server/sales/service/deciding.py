"""What becomes of a quote is decided under its lock: submitted, approved, sent, accepted.

Locks are taken in the one order of every write: the customer, the deal, the quote, and the
tenant's clock at last.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.changelog import facts, storage
from server.identity.rules.absences import day_of
from server.kit import clock, db, ids
from server.kit.errors import IdReused, NotFound
from server.notifications import service as notifications
from server.notifications.service import Paper
from server.pipeline import queries as pipeline_queries
from server.pipeline import service as pipeline
from server.pipeline.schemas import OpportunityEdit
from server.sales import queries
from server.sales.kinds import WRITTEN
from server.sales.queries.products import sold
from server.sales.queries.quotes import EVENT
from server.sales.rules import quotes as rules
from server.sales.schemas import Decide, Decided, QuoteEventView
from sync_protocol.merge import HeldRecord
from sync_protocol.quoting.states import State, Verb

_PLACE: Final = "SELECT customer_id, opportunity_id FROM quote WHERE tenant_id = $1 AND id = $2"
_EVENT: Final = f"{EVENT} AND id = $2"
_WRITE: Final = """
INSERT INTO quote_event (tenant_id, id, quote_id, seq, verb, from_state, state, content_hash,
    total_minor, remark, done_by, done_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_LATE: Final = """
SELECT id FROM quote
WHERE tenant_id = $1 AND state IN ('waiting', 'approved', 'sent') AND valid_until < $2
    AND NOT deleted
ORDER BY id LIMIT $3 FOR UPDATE
"""
_BATCH: Final = 200
"""Quotes that expire in one unit of work."""
_TOLD: Final[dict[Verb, str]] = {
    Verb.SUBMIT: "submitted",
    Verb.APPROVE: "approved",
    Verb.DECLINE: "declined",
    Verb.SEND: "sent",
    Verb.ACCEPT: "accepted",
    Verb.REFUSE: "refused",
    Verb.REVISE: "revised",
    Verb.WITHDRAW: "withdrawn",
}


async def decide(actor: Actor, quote_id: UUID, asked: Decide, *, now: datetime) -> Decided:
    """Submit, approve, decline, send, accept, refuse, revise or withdraw a quote.

    Asked again under the same id, it is answered the same.

    :raises QuoteMoved: it does not stand where this leads on from.
    :raises QuoteChanged: it says something else than the asker saw, or than was approved.
    :raises MakerIsNoChecker: nobody approves what they wrote or submitted.
    :raises QuoteOver: its last day has passed.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    if asked.verb in {Verb.APPROVE, Verb.DECLINE}:
        ensure(actor, Permission.QUOTES_APPROVE)
    event_id = asked.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, quote_id)
        made = await _made(actor, event_id, quote_id, asked)
        if made is None:
            await _decide(actor, held, event_id, asked, now=now)
            made = await _made(actor, event_id, quote_id, asked)
        assert made is not None, "it was made in this transaction, or before"
        return Decided(event=made, quote=await queries.one(actor, quote_id))


async def _decide(
    actor: Actor, held: HeldRecord, event_id: UUID, asked: Decide, *, now: datetime
) -> None:
    """Judge and write what becomes of a locked quote."""
    verb, was = asked.verb, State(held.fields["state"])
    rules.ensure_possible(verb, was)
    rules.ensure_seen(verb, asked.content_hash, held.fields)
    doubtful = await _ensure_fit(actor, verb, held, now=now)
    state = rules.outcome(verb, doubtful)
    values = _values(actor, verb, state, held, asked.remark, now=now)
    seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    await db.connection().execute(
        _WRITE,
        *(actor.tenant_id, event_id, UUID(held.id), seq, verb, was, state),
        *(rules.hash_of(held.fields), held.fields["total_minor"], asked.remark),
        *(actor.user_id, now),
    )
    await audit.record(actor, f"quote.{_TOLD[verb]}", subject_id=UUID(held.id), now=now)
    paper = Paper(id=UUID(held.id), name=held.fields["name"], page="/quotes", event_id=event_id)
    if state is State.WAITING:
        await notifications.ask_for_approval(actor, paper, now=now)
    if verb in {Verb.APPROVE, Verb.DECLINE}:
        author_id = held.fields["submitted_by"]
        await notifications.tell_of_approval(actor, paper, author_id, now=now)
    if verb is Verb.ACCEPT:
        await _tell_deal(actor, held, now=now)


async def _ensure_fit(actor: Actor, verb: Verb, held: HeldRecord, *, now: datetime) -> list[str]:
    """Refuse what may not go on as it is; give the lines that somebody else must look at.

    :raises QuoteEmpty: it offers nothing.
    """
    today = str(day_of(now))
    match verb:
        case Verb.SUBMIT:
            rules.ensure_in_time(held.fields, today)
            return await _doubtful(actor, held, today)
        case Verb.APPROVE:
            rules.ensure_checker(actor, held.fields)
            rules.ensure_in_time(held.fields, today)
        case Verb.SEND | Verb.ACCEPT:
            rules.ensure_approved(held.fields)
            rules.ensure_in_time(held.fields, today)
        case _:
            pass
    return []


async def _doubtful(actor: Actor, held: HeldRecord, today: str) -> list[str]:
    """Give the lines below their floor, and those that call a product something else.

    :raises PriceBookOver: the book does not hold today.
    """
    lines = rules.read(held.fields)
    if not lines:
        raise rules.QuoteEmpty("Add what is offered first.", field="lines")
    book = await queries.price_book(actor, UUID(held.fields["price_book_id"]))
    is_late = (book.valid_until or today) < today
    if book.state != "active" or (book.valid_from or today) > today or is_late:
        raise rules.PriceBookOver(
            "This price book does not hold today; write the quote by another one.",
            field="price_book_id",
        )
    wanted = [UUID(line.product_id) for line in lines]
    known = await sold(actor, book.id, wanted)
    below = rules.below_floor(lines, held.fields["discount_minor"] or 0, known)
    return below + rules.misnamed(lines, known)


def _values(
    actor: Actor,
    verb: Verb,
    state: State,
    held: HeldRecord,
    remark: str | None,
    *,
    now: datetime,
) -> dict[str, Any]:
    """Give the fields that a decision writes."""
    values: dict[str, Any] = {"state": str(state), "state_since": clock.to_ms(now)}
    if verb is Verb.SUBMIT:
        values |= {"submitted_by": str(actor.user_id), "decided_by": None, "decision": None}
    if verb in {Verb.APPROVE, Verb.DECLINE}:
        values |= {"decided_by": str(actor.user_id), "decision": remark}
    if state is State.APPROVED:
        values["approved_hash"] = rules.hash_of(held.fields)
    elif state is State.DRAFT:
        values["approved_hash"] = None
    return values


async def _tell_deal(actor: Actor, held: HeldRecord, *, now: datetime) -> None:
    """Let an open deal be worth what the customer accepted; the word stands without a deal, too."""
    deal_id = UUID(held.fields["opportunity_id"])
    try:
        deal = await pipeline_queries.one(actor, deal_id, now=now)
    except NotFound:
        # It was deleted meanwhile.
        return
    if deal.state == "open" and held.fields["currency"] == "CNY":
        worth = OpportunityEdit(amount_minor=held.fields["total_minor"])
        await pipeline.edit(actor, deal_id, worth, now=now)


async def _hold(actor: Actor, quote_id: UUID) -> HeldRecord:
    """Lock a quote, and its customer and deal before it, as every write does.

    :raises NotFound: it is not there, or out of sight.
    """
    key = ("quote", str(quote_id))
    place = await db.connection().fetchrow(_PLACE, actor.tenant_id, quote_id)
    customer_id = str(place["customer_id"]) if place else None
    while place is not None and customer_id is not None:
        deal = ("opportunity", str(place["opportunity_id"]))
        held = (await storage.load(actor, WRITTEN, [("customer", customer_id), deal, key])).get(key)
        if held is None or held.deleted or not held.visible:
            break
        if held.fields["customer_id"] == customer_id:
            return held
        # A merge gave it to another customer while the lock was waited for.
        customer_id = held.fields["customer_id"]
    raise NotFound


async def _made(
    actor: Actor, event_id: UUID, quote_id: UUID, asked: Decide
) -> QuoteEventView | None:
    """Give what was done under this id before, if it was just this.

    :raises IdReused: the id is another decision's, another person's, or about something else.
    """
    row = await db.connection().fetchrow(_EVENT, actor.tenant_id, event_id)
    if row is None:
        return None
    made = QuoteEventView(**row)
    wanted = (quote_id, asked.verb, actor.user_id, asked.remark)
    is_same = (made.quote_id, made.verb, made.done_by, made.remark) == wanted
    if not is_same or asked.content_hash not in {None, made.content_hash}:
        raise IdReused("This id is another decision's; make a new one.", field="id")
    return made


async def expire(tenant_id: UUID, *, now: datetime) -> int:
    """Let a company's quotes end whose last day has passed; give how many did."""
    actor = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="worker")
    expired = 0
    while True:
        async with db.tenant_transaction(tenant_id):
            key = (tenant_id, str(day_of(now)), _BATCH)
            rows = await db.connection().fetch(_LATE, *key)
            if not rows:
                return expired
            keys = [("quote", str(row["id"])) for row in rows]
            held = await storage.load(actor, WRITTEN, keys)
            values = {"state": str(State.EXPIRED), "state_since": clock.to_ms(now)}
            seq = await facts.note(actor, dict.fromkeys(keys, values), kinds=WRITTEN, now=now)
            await db.connection().executemany(
                _WRITE,
                [
                    (
                        *(tenant_id, ids.new_id(now), UUID(each.id), seq, "expire"),
                        *(each.fields["state"], State.EXPIRED, rules.hash_of(each.fields)),
                        *(each.fields["total_minor"], None, actor.user_id, now),
                    )
                    for each in held.values()
                ],
            )
        expired += len(rows)
