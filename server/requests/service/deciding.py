"""What becomes of a request inside the company: sent on, answered, taken back, judged."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.activities import service as activities
from server.audit import service as audit
from server.automation import queries as automation
from server.kit import clock, db, ids
from server.kit.errors import IdReused
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word
from server.requests import queries, rules
from server.requests.rules import Wish
from server.requests.schemas import Decide, RequestView
from server.requests.service import holding, platform
from server.requests.service.holding import Done
from sync_protocol.helping import LEADS, Party, State, Verb
from sync_protocol.merge import HeldRecord

_TOLD: Final[dict[Verb, str]] = {
    Verb.DISPATCH: "dispatched",
    Verb.ACCEPT: "accepted",
    Verb.DECLINE: "declined",
    Verb.COMPLETE: "completed",
    Verb.JUDGE: "judged",
    Verb.CANCEL: "cancelled",
}


async def decide(actor: Actor, request_id: UUID, asked: Decide, *, now: datetime) -> RequestView:
    """Send a request on, answer it, take it back, or judge what came of it.

    Asked again under the same id, it is answered the same.

    :raises RequestMoved: it does not stand where this leads on from.
    :raises RequestNotYours, RequestAtPlatform: it is somebody else's to do.
    :raises RequestUnexplained: nobody said why not, what came of it, or whether it helped.
    :raises BriefingMissing, BriefingTells: the platform is told nothing, or too much.
    :raises AssigneeUnfit: the helper is not there, or does not see the customer.
    :raises IdReused: the same id came before with other content.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    done = Done(
        id=asked.id or ids.new_id(now),
        verb=asked.verb,
        party=Party.COMPANY,
        text=asked.verdict if asked.verb is Verb.JUDGE else asked.text,
        done_by=actor.user_id,
        done_at=now,
    )
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, request_id)
        if await holding.is_made(actor, request_id, done):
            _ensure_same_helper(asked, held, done)
        else:
            rules.ensure_possible(asked.verb, State(held.fields["state"]))
            rules.ensure_may(actor, asked.verb, held.fields)
            rules.ensure_explained(Wish(verb=asked.verb, text=asked.text, verdict=asked.verdict))
            values = await _values(actor, asked, held, done, now=now)
            await holding.write(actor, held, done, values, now=now)
            await audit.record(
                actor, f"resource_request.{_TOLD[asked.verb]}", subject_id=request_id, now=now
            )
            words = _words(actor, held, done, values)
            await notifications.tell_all(actor.tenant_id, words, now=now)
        return await queries.one(actor, request_id, now=now)


def _ensure_same_helper(asked: Decide, held: HeldRecord, done: Done) -> None:
    """Refuse to take a dispatch to somebody for a second one to somebody else.

    :raises IdReused: another helper was named under this id.
    """
    helper = None if asked.helper_id is None else str(asked.helper_id)
    is_latest = held.fields["dispatch_id"] == str(done.id)
    if asked.verb is Verb.DISPATCH and is_latest and held.fields["helper_id"] != helper:
        raise IdReused("This id is another event's; make a new one.", field="id")


async def _values(
    actor: Actor, asked: Decide, held: HeldRecord, done: Done, *, now: datetime
) -> dict[str, Any]:
    """Give the fields that a decision writes, and let the platform know where it is concerned."""
    now_ms = clock.to_ms(now)
    values: dict[str, Any] = {"state": str(LEADS[asked.verb][1]), "state_since": now_ms}
    if rules.is_at_platform(held.fields):
        await platform.recall(actor, held, now=now)
    match asked.verb:
        case Verb.DISPATCH:
            return values | await _dispatch(actor, asked, held, done, now=now)
        case Verb.ACCEPT:
            until = rules.wished_until(held.fields["wished_on"])
            due_at = None if until is None else clock.to_ms(until)
            return values | {"accepted_at": now_ms, "due_at": due_at}
        case Verb.COMPLETE:
            return values | {"closed_at": now_ms, "due_at": None, "result": asked.text}
        case Verb.DECLINE | Verb.CANCEL:
            return values | {"closed_at": now_ms, "due_at": None, "reason": asked.text}
        case Verb.JUDGE:
            if held.fields["party"] == Party.PLATFORM:
                await platform.judge(actor, held, str(asked.verdict), now=now)
            return {"verdict": asked.verdict}


async def _dispatch(
    actor: Actor, asked: Decide, held: HeldRecord, done: Done, *, now: datetime
) -> dict[str, Any]:
    """Send a request to somebody of the company who sees the customer, or to the platform."""
    if asked.helper_id is None:
        await platform.send(actor, held, dispatch_id=done.id, now=now)
    else:
        seen = {UUID(held.fields["customer_id"]): asked.helper_id}
        await activities.ensure_seen(actor.tenant_id, seen, field="helper_id")
    calendar = (await automation.sla_of(actor.tenant_id)).terms.calendar
    due = rules.due(calendar, State.DISPATCHED, now)
    return {
        "party": str(Party.PLATFORM if asked.helper_id is None else Party.COMPANY),
        "helper_id": None if asked.helper_id is None else str(asked.helper_id),
        "dispatch_id": str(done.id),
        "dispatched_at": clock.to_ms(now),
        "accepted_at": None,
        "closed_at": None,
        "reason": None,
        "due_at": None if due is None else clock.to_ms(due),
    }


def _words(actor: Actor, held: HeldRecord, done: Done, values: dict[str, Any]) -> list[Word]:
    """Say who hears what of a decision: who is to help, and who asked."""
    asker, helper = held.fields["requested_by"], values.get("helper_id", held.fields["helper_id"])
    heard = {helper: Kind.RESOURCE_ANSWERED, asker: Kind.RESOURCE_ANSWERED}
    if done.verb == Verb.DISPATCH:
        heard[helper] = Kind.RESOURCE_ASKED
    return [
        Word(
            user_id=UUID(person),
            kind=kind,
            key=f"{kind}:{done.id}",
            subject=held.fields["subject"],
            page="/requests",
            subject_id=UUID(held.id),
        )
        for person, kind in heard.items()
        if person is not None and person != str(actor.user_id)
    ]
