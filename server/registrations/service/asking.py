"""What people do with their registrations: make one, extend it, give it back, contest a refusal.

All is decided for good in the registry; what is written here is what one's own company sees until
then. A registration crosses as hashes, an interval and a right, and without a word about whom.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.customers import holding
from server.customers import queries as customers
from server.kit import clock, db, divisions, ids, outbox
from server.kit.calendars import ZONE
from server.kit.errors import IdReused, Invalid
from server.partners import queries as partners
from server.partners.rules.territories import Right
from server.registrations import queries
from server.registrations.kinds import REGISTRATION, WRITTEN
from server.registrations.queries import identities, rulebook
from server.registrations.queries.evidence import last_extension
from server.registrations.rules import states, terms, times
from server.registrations.rules.states import AlreadyRegistered, NoExtensionLeft
from server.registrations.rules.times import Interval
from server.registrations.schemas import Decide, NewRegistration, RegistrationView
from server.registrations.service import budget, entries, evidence
from server.registrations.service.registry import ARRIVED, Arrival
from sync_protocol.merge import HeldRecord
from sync_protocol.registering import LIVE, OPEN, State, Verb

CONTESTED: Final = "registrations.contested"

_HELD: Final = "SELECT customer_id, state FROM registration WHERE tenant_id = $1 AND id = $2"
_LOCK: Final = "SELECT id FROM customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_OPEN: Final = """
SELECT EXISTS (
    SELECT FROM registration
    WHERE tenant_id = $1 AND customer_id = $2 AND state = ANY ($3::text[]) AND NOT deleted
)
"""
_LET_GO: Final = """
SELECT g.created_at, g.state_since FROM registration g
JOIN customer c ON c.tenant_id = g.tenant_id AND c.id = g.customer_id
JOIN customer mine ON mine.tenant_id = $1 AND mine.id = $2
    AND (c.id = mine.id OR c.phone = mine.phone OR c.uscc = mine.uscc)
WHERE g.tenant_id = $1 AND g.state IN ('expired', 'released') AND g.state_since > $4 AND EXISTS (
    SELECT FROM change h
    WHERE h.tenant_id = g.tenant_id AND h.root_id = g.customer_id AND h.kind = 'registration'
        AND h.record_id = g.id AND h.patch->'state'->>0 = ANY ($3::text[])
)
ORDER BY g.state_since DESC LIMIT 1
"""
_TODAY: Final = """
SELECT count(*) AS by_agent, count(*) FILTER (WHERE registered_by = $2) AS by_person
FROM registration
WHERE tenant_id = $1 AND created_at >= $3 AND latest_at >= $3 AND latest_at < $4
"""


async def register(
    actor: Actor, new: NewRegistration, *, made: Interval | None = None, now: datetime
) -> RegistrationView:
    """Register a customer for one's company; under the same id again it is answered the same.

    :param made: when it was made, of what comes from a device that was offline.
    :raises NotFound: the customer is not there, or out of sight.
    :raises IdentityMissing: it has no credit code, phone or place.
    :raises IdentityTooWide: it has more of them than one registration may protect.
    :raises AlreadyRegistered: the company has it registered.
    :raises RegistrationCooling: the company had it protected, and let it go a short while ago.
    :raises OutsideTerritory: another agent alone may work there.
    :raises AgentLeaving: the company leaves the channel.
    :raises RegistrationQuota: the day's registrations are used up.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    registration_id = new.id or ids.new_id(now)
    made = made or times.online(clock.to_ms(now))
    async with db.tenant_transaction(actor.tenant_id):
        held = await db.connection().fetchrow(_HELD, actor.tenant_id, registration_id)
        if held is None:
            await _register(actor, registration_id, new.customer_id, made, now=now)
        elif held["customer_id"] != new.customer_id:
            raise IdReused("This id is another registration's; make a new one.", field="id")
        return await queries.one(actor, registration_id, now=now)


async def _register(
    actor: Actor, registration_id: UUID, customer_id: UUID, made: Interval, *, now: datetime
) -> None:
    """Write a registration down and leave it to the registry."""
    await partners.ensure_begins(actor.tenant_id, now=now)
    customer = await customers.one(actor, customer_id)
    await db.connection().execute(_LOCK, actor.tenant_id, customer_id)
    if await db.connection().fetchval(_OPEN, actor.tenant_id, customer_id, sorted(OPEN)):
        raise AlreadyRegistered(
            "Your company has this customer registered already.", field="customer_id"
        )
    states.ensure_cooled(await _again_at(actor.tenant_id, customer_id, now), now)
    held = (await rulebook.terms_at(now)).terms
    # Of the day on which it was made: whoever was away for three days has three days' worth.
    made_at = clock.from_ms(made.latest_ms).astimezone(ZONE)
    day = made_at.replace(hour=0, minute=0, second=0, microsecond=0)
    made_today = await db.connection().fetchrow(
        _TODAY, actor.tenant_id, actor.user_id, day, day + terms.DAY
    )
    states.ensure_within_day(held, **dict(made_today or {}))
    place = divisions.locate(
        city=customer.city, district=customer.district, address=customer.address
    )
    made_on = made_at.date()
    right = await partners.right(actor.tenant_id, place.code, on=made_on)
    states.ensure_inside(right)
    keys = await identities.keys_of(actor.tenant_id, customer_id)
    fields = {
        "customer_id": str(customer_id),
        "state": str(State.CHECKING),
        "state_since": clock.to_ms(now),
        "registered_by": str(actor.user_id),
        "earliest_at": made.earliest_ms,
        "latest_at": made.latest_ms,
        "clock_flag": made.flag,
        "decides_at": clock.to_ms(now + held.settles_after),
        "extensions": 0,
    }
    await facts.add(actor, REGISTRATION.name, str(registration_id), fields, kinds=WRITTEN, now=now)
    # One, whatever it will be: that somebody is not refused tells of others, too.
    is_answered = await budget.take(actor.tenant_id, most=held.checks_per_day_agent, now=now)
    await audit.record(actor, "registration.made", subject_id=registration_id, now=now)
    arrival = Arrival(
        id=registration_id,
        tenant_id=actor.tenant_id,
        keys=keys,
        earliest_ms=made.earliest_ms,
        latest_ms=made.latest_ms,
        floor_ms=made.floor_ms,
        ceiling_ms=made.ceiling_ms,
        clock_flag=made.flag,
        has_territory=right is Right.EXCLUSIVE,
        arrived_at=now,
        places=identities.divisions_of(place.code),
        territory=await _territory(actor.tenant_id, place.code, on=made_on)
        if right is Right.EXCLUSIVE
        else None,
        is_answered=is_answered,
    )
    await outbox.add(ARRIVED, msgspec.to_builtins(arrival), tenant_id=None, now=now)


async def _again_at(tenant_id: UUID, customer_id: UUID, now: datetime) -> datetime | None:
    """Give when a company may register a customer again that it had protected and let go.

    That is by the terms that it was registered under, and of customers with the same phone or
    code, too. What the registry alone can tell to be the same it refuses.
    """
    oldest = now - terms.COOLING_DAYS_MAX * terms.DAY
    row = await db.connection().fetchrow(_LET_GO, tenant_id, customer_id, sorted(LIVE), oldest)
    if row is None:
        return None
    held = (await rulebook.terms_at(row["created_at"])).terms
    let_go_at: datetime = row["state_since"]
    return let_go_at + held.cooling_days * terms.DAY


async def _territory(tenant_id: UUID, code: str | None, *, on: date) -> str | None:
    """Give the hash of the widest place around a customer that an agent has to itself."""
    for each in divisions.lineage(code or ""):
        if await partners.right(tenant_id, each, on=on) is Right.EXCLUSIVE:
            return identities.divisions_of(each)[-1]
    return None


async def decide(
    actor: Actor, registration_id: UUID, asked: Decide, *, now: datetime
) -> RegistrationView:
    """Extend a registration on evidence, give it back, or contest its refusal.

    :raises RegistrationMoved: it does not stand where this leads on from.
    :raises RegistrationNotYours: who registered, or a manager, decides.
    :raises NoExtensionLeft, EvidenceOfAnother, EvidenceTooOld, EvidenceDraft, EvidenceUsed: see
        `evidence`.
    :raises ContestTooLate: the days for it are over.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, REGISTRATION, registration_id, kinds=WRITTEN)
        states.ensure_yours(actor, held.fields)
        if asked.verb is Verb.EXTEND:
            await _extend(actor, held, asked, now=now)
        elif held.fields["state"] != _DONE[asked.verb]:
            states.ensure_possible(asked.verb, State(held.fields["state"]))
            await _MOVES[asked.verb](actor, held, now=now)
        return await queries.one(actor, registration_id, now=now)


async def _extend(actor: Actor, held: HeldRecord, asked: Decide, *, now: datetime) -> None:
    """Be protected for longer, for a record that shows work on the customer."""
    if asked.evidence is None:
        raise Invalid("Show a visit, a quote or a contract of this customer.", field="evidence")
    shown_id = asked.id or ids.new_id(now)
    if await evidence.is_shown(actor, held, shown_id, asked.evidence, purpose="extension"):
        return
    states.ensure_possible(Verb.EXTEND, State(held.fields["state"]))
    given = await rulebook.terms_of(actor.tenant_id, UUID(held.id))
    number = (held.fields["extensions"] or 0) + 1
    if number > given.extensions_max:
        raise NoExtensionLeft(
            f"A registration is extended {given.extensions_max} times; win the customer, or let "
            "it go."
        )
    extended_at = await last_extension(actor.tenant_id, UUID(held.id))
    oldest = max(now - given.evidence_age_days * terms.DAY, extended_at)
    await evidence.show(
        actor, held, shown_id, asked.evidence, purpose="extension", oldest=oldest, now=now
    )
    until = clock.from_ms(held.fields["protected_until"]) + given.extension_days * terms.DAY
    values = {
        "state": str(State.EXTENDED),
        "state_since": clock.to_ms(now),
        "extensions": number,
        "protected_until": clock.to_ms(until),
    }
    await _write(actor, held, values, now=now)
    payload = {"id": held.id, "until": until.isoformat(), "number": number}
    await outbox.add(entries.EXTENDED, payload, tenant_id=None, now=now)


async def _release(actor: Actor, held: HeldRecord, *, now: datetime) -> None:
    """Let the customer go."""
    values = {
        "state": str(State.RELEASED),
        "state_since": clock.to_ms(now),
        "protected_until": None,
    }
    await _write(actor, held, values, now=now)
    told = {"id": held.id, "tenant_id": str(actor.tenant_id), "asked_at": now.isoformat()}
    await outbox.add(entries.RELEASED, told, tenant_id=None, now=now)


async def _contest(actor: Actor, held: HeldRecord, *, now: datetime) -> None:
    """Speak against a refusal."""
    until = held.fields["contest_until"]
    states.ensure_not_over(None if until is None else clock.from_ms(until), now)
    values = {"state": str(State.CONTESTED), "state_since": clock.to_ms(now)}
    await _write(actor, held, values, now=now)
    told = {"id": held.id, "asked_at": now.isoformat()}
    await outbox.add(CONTESTED, told, tenant_id=None, now=now)


_MOVES: Final = {Verb.RELEASE: _release, Verb.CONTEST: _contest}
_DONE: Final = {Verb.RELEASE: State.RELEASED, Verb.CONTEST: State.CONTESTED}
"""Where a registration stands for which this was asked before."""


async def _write(actor: Actor, held: HeldRecord, values: dict[str, Any], *, now: datetime) -> None:
    """Write where a registration stands, until the registry has spoken."""
    await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    await audit.record(actor, f"registration.{values['state']}", subject_id=UUID(held.id), now=now)
