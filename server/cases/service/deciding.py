"""What becomes of a case is decided under its lock: begun, waiting, resolved, closed, reopened."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.activities import service as activities
from server.audit import service as audit
from server.automation import queries as automation
from server.cases import queries, rules
from server.cases.kinds import SERVICE_CASE, WRITTEN
from server.cases.queries import EVENT
from server.cases.schemas import CaseView, Decide, NewComment
from server.changelog import facts
from server.customers.holding import hold
from server.kit import calendars, clock, db, ids
from server.kit.errors import IdReused
from server.notifications import service as notifications
from server.notifications.rules import Kind
from sync_protocol.merge import HeldRecord
from sync_protocol.serving import State, Verb

_EVENT: Final = f"{EVENT} AND id = $2"
_WRITE: Final = """
INSERT INTO service_case_event (tenant_id, id, case_id, seq, verb, state, text, done_by, done_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_TOLD: Final[dict[Verb, str]] = {
    Verb.START: "started",
    Verb.WAIT: "paused",
    Verb.RESUME: "resumed",
    Verb.RESOLVE: "resolved",
    Verb.CLOSE: "closed",
    Verb.REOPEN: "reopened",
}
_COMMENT: Final = "comment"
_ASSIGN: Final = "assign"


async def decide(actor: Actor, case_id: UUID, asked: Decide, *, now: datetime) -> CaseView:
    """Begin, let wait, resume, resolve, close or reopen a case.

    Asked again under the same id, it is answered the same.

    :raises CaseMoved: it does not stand where this leads on from.
    :raises CaseUnexplained: nobody said how it was helped, or what is still wrong.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    event_id = asked.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await hold(actor, SERVICE_CASE, case_id, kinds=WRITTEN)
        if not await _is_made(actor, event_id, case_id, asked.verb, asked.text):
            was = State(held.fields["state"])
            rules.ensure_possible(asked.verb, was)
            rules.ensure_explained(asked.verb, asked.text)
            values = await _values(actor, asked, held, now=now)
            seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
            await _write(actor, held, event_id, asked.verb, values["state"], asked.text, seq, now)
            told = f"service_case.{_TOLD[asked.verb]}"
            await audit.record(actor, told, subject_id=case_id, now=now)
        return await queries.one(actor, case_id, now=now)


async def _values(
    actor: Actor, asked: Decide, held: HeldRecord, *, now: datetime
) -> dict[str, Any]:
    """Give the fields that a decision writes; the clock stands still while the customer thinks."""
    now_ms = clock.to_ms(now)
    state = rules.outcome(asked.verb)
    values: dict[str, Any] = {"state": str(state), "state_since": now_ms}
    if held.fields["answered_at"] is None:
        values["answered_at"] = now_ms
    if asked.verb is Verb.RESOLVE:
        values |= {"resolved_at": now_ms, "result": asked.text}
    if asked.verb is Verb.REOPEN:
        values["resolved_at"] = None
    stood_still = (
        {State.WAITING} if asked.verb is not Verb.REOPEN else {State.RESOLVED, State.CLOSED}
    )
    if held.fields["state"] in stood_still:
        terms = (await automation.sla_of(actor.tenant_id)).terms
        since = clock.from_ms(held.fields["state_since"])
        if asked.verb is Verb.REOPEN and held.fields["resolved_at"] is not None:
            since = clock.from_ms(held.fields["resolved_at"])
        waited = timedelta(milliseconds=held.fields["waited_ms"])
        waited += calendars.worked(terms.calendar, since, now)
        opened = clock.from_ms(held.fields["opened_at"])
        versions = await queries.versions_of(actor.tenant_id)
        target = rules.in_force(versions, opened).targets.of(held.fields["severity"])
        due = rules.dues(terms.calendar, target, opened, waited).resolve
        values |= {
            "waited_ms": waited // timedelta(milliseconds=1),
            "resolve_due_at": clock.to_ms(due),
        }
    return values


async def comment(actor: Actor, case_id: UUID, said: NewComment, *, now: datetime) -> CaseView:
    """Say something about a case; the first word of ours answers it. The same id says it once.

    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    event_id = said.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await hold(actor, SERVICE_CASE, case_id, kinds=WRITTEN)
        if not await _is_made(actor, event_id, case_id, _COMMENT, said.text):
            seq = None
            if held.fields["answered_at"] is None:
                values = {"answered_at": clock.to_ms(now)}
                seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
            state = held.fields["state"]
            await _write(actor, held, event_id, _COMMENT, state, said.text, seq, now)
        return await queries.one(actor, case_id, now=now)


async def assign(actor: Actor, case_id: UUID, assignee_id: UUID, *, now: datetime) -> CaseView:
    """Give a case to somebody who sees its customer, and tell them; again changes nothing.

    :raises NotYoursToAssign: managers give cases to others; anybody takes one.
    :raises AssigneeUnfit: the person is not there, or does not see the customer.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    rules.ensure_may_assign(actor, str(assignee_id))
    async with db.tenant_transaction(actor.tenant_id):
        held = await hold(actor, SERVICE_CASE, case_id, kinds=WRITTEN)
        if held.fields["assignee_id"] != str(assignee_id):
            customer_id = UUID(held.fields["customer_id"])
            await activities.ensure_seen(actor.tenant_id, {customer_id: assignee_id})
            values = {"assignee_id": str(assignee_id)}
            seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
            state = held.fields["state"]
            await _write(actor, held, ids.new_id(now), _ASSIGN, state, None, seq, now)
            if assignee_id != actor.user_id:
                await notifications.tell(
                    actor.tenant_id,
                    [assignee_id],
                    Kind.CASE_OPENED,
                    key=f"{Kind.CASE_OPENED}:{case_id}:{assignee_id}:{seq}",
                    subject=held.fields["subject"],
                    page="/cases",
                    subject_id=case_id,
                    now=now,
                )
        return await queries.one(actor, case_id, now=now)


async def _write(
    actor: Actor,
    held: HeldRecord,
    event_id: UUID,
    verb: str,
    state: str,
    text: str | None,
    seq: int | None,
    now: datetime,
) -> None:
    """Write down what was done or said."""
    key = (actor.tenant_id, event_id, UUID(held.id), seq)
    await db.connection().execute(_WRITE, *key, verb, state, text, actor.user_id, now)


async def _is_made(
    actor: Actor, event_id: UUID, case_id: UUID, verb: str, text: str | None
) -> bool:
    """Say whether this was done before, with these words.

    :raises IdReused: the id is another event's.
    """
    row = await db.connection().fetchrow(_EVENT, actor.tenant_id, event_id)
    if row is not None and (row["case_id"], row["verb"], row["text"]) != (case_id, verb, text):
        raise IdReused("This id is another event's; make a new one.", field="id")
    return row is not None
