"""Give a lead to a person, by the rules or by hand, and keep why (S02, S44, S45, S100).

The lead becomes a customer of the person, found by phone or credit code or made, and a record
beside it that reaches the person's phone.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.access import Actor, Permission, Role, Scope, ensure, vouched
from server.changelog import facts, storage
from server.customers import references
from server.customers import service as customers
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs.rules import OptedOut
from server.customers.queries import doubles
from server.customers.rules.duplicates import likeness
from server.customers.schemas import CustomerEdit, NewCustomer
from server.identity import queries as identity
from server.identity.rules.absences import day_of
from server.kit import clock, db, outbox
from server.kit.errors import Refusal
from server.leads import kinds
from server.leads.queries import ground
from server.leads.rules import handoff, routing
from server.leads.rules.handoff import Terms
from server.leads.rules.routing import Decision, NotARouteTarget, Person, Question, Reason, Why
from server.leads.rules.states import LeadState, ensure_may
from server.leads.schemas import Routed
from server.leads.service import holding

OVERDUE: Final = "leads.overdue"
"""The topic of the job that looks whether a lead was accepted in time."""
BATCH: Final = 50
"""How many leads one job routes."""

_PEOPLE: Final = """
SELECT u.id, u.team_id, coalesce(r.open_leads, 0) AS open_leads, r.last_routed_at
FROM user_account u
LEFT JOIN (
    SELECT assignee_id, max(routed_at) AS last_routed_at,
        count(*) FILTER (WHERE state = 'offered' OR (state = 'accepted' AND opportunity_at IS NULL))
            AS open_leads
    FROM raw_lead WHERE tenant_id = $1 AND assignee_id IS NOT NULL GROUP BY assignee_id
) r ON r.assignee_id = u.id
WHERE u.tenant_id = $1 AND u.disabled_at IS NULL AND (u.role = ANY($2::text[]) OR u.id = $3)
ORDER BY u.id
"""
_RETURNED: Final = """
SELECT DISTINCT (detail->>'person')::uuid AS person FROM lead_event
WHERE tenant_id = $1 AND lead_id = $2 AND kind IN ('return', 'overdue')
"""
_HOLD_CUSTOMER: Final = """
SELECT id, owner_id, team_id, deleted FROM customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE
"""
_OFFER: Final = """
UPDATE raw_lead SET state = 'offered', assignee_id = $3, routed_at = $4, accept_by = $5,
    customer_id = $6, route_count = route_count + 1, updated_at = $4
WHERE tenant_id = $1 AND id = $2
"""
_READY: Final = """
SELECT id FROM raw_lead WHERE tenant_id = $1 AND state = 'ready' AND id > $2
ORDER BY id LIMIT $3
"""

references.register(references.Reference("raw_lead", "customer_id"))
log = structlog.get_logger()


async def route(
    actor: Actor, lead_id: UUID, *, person_id: UUID | None = None, now: datetime
) -> Routed:
    """Give a lead to a person, or let the rules find one; nobody is an answer of the rules too.

    Given once more to the same person, it is as it is.

    :param person_id: whom a manager chose.
    :raises HandoffIncomplete: the lead lacks something of the checklist.
    :raises OptedOut: its phone is not to be called.
    :raises PersonAbsent: the person is away today.
    :raises NotARouteTarget: the person does not work here.
    :raises CustomerOfOthers: its customer is another team's, and would change hands.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        [row] = await holding.hold(actor, [lead_id])
        is_offered = row["state"] == LeadState.OFFERED and row["assignee_id"] == person_id
        if person_id is not None and is_offered:
            # Asked again: the person has it.
            return Routed(lead_id=lead_id, person_id=person_id, reasons=[_chosen(person_id)])
        ensure_may("route", LeadState(row["state"]))
        terms = await ground.terms_of(actor.tenant_id)
        handoff.ensure_complete(terms, row)
        if row["phone"] and await opt_outs.among([row["phone"]]):
            raise OptedOut("Who has this phone has asked not to be called.", field="lead_id")
        customer = await _customer_of(actor, row)
        decision = await _decide(actor, row, customer, person_id, now=now)
        _ensure_may_take(actor, customer, decision.person_id)
        detail: dict[str, Any] = msgspec.to_builtins(decision)
        await holding.note(actor, [lead_id], "route", [detail], now=now)
        if decision.person_id is not None:
            await _offer(actor, row, customer, decision.person_id, terms, now=now)
    return Routed(lead_id=lead_id, person_id=decision.person_id, reasons=list(decision.reasons))


async def route_ready(actor: Actor, *, after: UUID | None, now: datetime) -> UUID | None:
    """Route the next leads that are ready; give where to go on, or None at the end.

    One that cannot be handed off stays where it is, whatever the reason, and holds up no other.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_READY, actor.tenant_id, after or UUID(int=0), BATCH)
    for row in rows:
        try:
            await route(actor, row["id"], now=now)
        except Refusal as refusal:
            log.info("lead.not-routed", subject_id=str(row["id"]), code=refusal.code)
    return rows[-1]["id"] if len(rows) == BATCH else None


async def _customer_of(actor: Actor, row: asyncpg.Record) -> Any:
    """Hold the customer that a lead is: the one it became before, or one with its identity.

    Held until the end, so that it belongs to nobody else by the time it is changed.
    """
    customer_id = row["customer_id"]
    if customer_id is None:
        # The company's own look, whatever is hidden from who routes: nobody is entered twice.
        like = likeness(None, uscc=row["uscc"], phone=row["phone"])
        found = await doubles.alike(vouched(actor), [like])
        customer_id = found[0][0][1]["id"] if found.get(0) else None
    if customer_id is None:
        return None
    return await db.connection().fetchrow(_HOLD_CUSTOMER, actor.tenant_id, customer_id)


async def _decide(
    actor: Actor, row: asyncpg.Record, customer: Any, person_id: UUID | None, *, now: datetime
) -> Decision:
    """Look the facts up and decide."""
    tenant_id = actor.tenant_id
    returned = await db.connection().fetch(_RETURNED, tenant_id, row["id"])
    returned_by = frozenset(each["person"] for each in returned)
    owner_id = customer["owner_id"] if customer else None
    # Somebody who has given this lead back is no reason to send it there again.
    owner_id = None if owner_id in returned_by else owner_id
    absent = await identity.absent_on(tenant_id, day_of(now))
    rows = await db.connection().fetch(_PEOPLE, tenant_id, [Role.SALES_REP], person_id or owner_id)
    people = [Person(**dict(each), is_absent=each["id"] in absent) for each in rows]
    if person_id is not None:
        return _by_hand(person_id, people)
    question = Question(row["city"], row["district"], owner_id, returned_by)
    return routing.decide(question, people, await ground.territories_of(tenant_id))


def _ensure_may_take(actor: Actor, customer: Any, person_id: UUID | None) -> None:
    """Refuse to change a customer out of the actor's sight; to its own person the lead may go.

    :raises CustomerOfOthers: it would change hands, or come back.
    """
    if customer is None or person_id is None:
        return
    stays = customer["owner_id"] == person_id and not customer["deleted"]
    if not (stays or storage.is_visible(actor, customer["owner_id"], customer["team_id"])):
        raise routing.CustomerOfOthers(
            "Another team has this customer; give the lead to whoever has it, or ask somebody"
            " who sees the whole company.",
            field="lead_id",
        )


def _by_hand(person_id: UUID, people: list[Person]) -> Decision:
    """Take a manager's word, unless the person is away or none.

    :raises NotARouteTarget: nobody here has this id.
    :raises PersonAbsent: the person is away.
    """
    person = next((one for one in people if one.id == person_id), None)
    if person is None:
        raise NotARouteTarget("Nobody here has this id.", field="person_id")
    if person.is_absent:
        raise routing.PersonAbsent("This person is away; choose another.", field="person_id")
    return Decision(person_id, (_chosen(person_id),))


def _chosen(person_id: UUID) -> Reason:
    """Say that a manager chose this person."""
    return Reason(Why.BY_HAND, {"person": str(person_id)})


async def _offer(
    actor: Actor,
    row: asyncpg.Record,
    customer: Any,
    person_id: UUID,
    terms: Terms,
    *,
    now: datetime,
) -> None:
    """Make the lead the person's, with the clock running."""
    # Whoever routes does it for the company: `_ensure_may_take` has said what may be changed.
    company = msgspec.structs.replace(actor, scope=Scope.TENANT)
    if customer is None:
        customer_id = await _make_customer(company, row, person_id, now=now)
    else:
        customer_id = customer["id"]
        if customer["deleted"]:
            # The lead lives, and so does whom it is about; what belonged to it comes back as well.
            await customers.restore(company, customer_id, now=now)
        if customer["owner_id"] != person_id:
            change = CustomerEdit(owner_id=person_id)
            await customers.edit(company, customer_id, change, now=now)
    accept_by = now + timedelta(hours=terms.accept_hours)
    await db.connection().execute(
        _OFFER, actor.tenant_id, row["id"], person_id, now, accept_by, customer_id
    )
    await _tell_phone(company, row, customer_id, person_id, accept_by, now=now)
    await outbox.add(
        OVERDUE,
        {"lead_id": str(row["id"]), "accept_by": accept_by.isoformat()},
        tenant_id=actor.tenant_id,
        now=now,
        run_at=accept_by,
    )


async def _make_customer(
    company: Actor, row: asyncpg.Record, person_id: UUID, *, now: datetime
) -> UUID:
    """Make a customer of a lead, owned by the person; its id is the lead's own."""
    sources = await ground.sources_of(company.tenant_id)
    source = sources.get(row["source_id"])
    new = NewCustomer(
        id=row["id"],
        name=row["name"],
        uscc=row["uscc"],
        phone=row["phone"],
        city=row["city"],
        district=row["district"],
        industry=row["industry"],
        source=source.name[:100] if source else None,
        owner_id=person_id,
        expected_revenue_minor=row["amount_minor"],
        remark=row["need"],
        tags=await _living_tags(company, row),
    )
    # Nobody who routes a lead has what the company wants of a new customer: its owner adds it.
    return (await customers.create(company, new, now=now, is_asked=False)).id


async def _living_tags(company: Actor, row: asyncpg.Record) -> list[UUID]:
    """Give those of a lead's tags that are still there."""
    rows = await db.connection().fetch(
        "SELECT id FROM tag WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted",
        company.tenant_id,
        msgspec.json.decode(row["tags"]),
    )
    return [each["id"] for each in rows]


async def _tell_phone(
    company: Actor,
    row: asyncpg.Record,
    customer_id: UUID,
    person_id: UUID,
    accept_by: datetime,
    *,
    now: datetime,
) -> None:
    """Write the lead beside its customer, or write it anew when it was routed before."""
    fields = {
        "assignee_id": str(person_id),
        "routed_at": clock.to_ms(now),
        "accept_by": clock.to_ms(accept_by),
        "state": "offered",
        "return_reason": None,
        "decided_at": None,
    }
    if row["route_count"]:
        key = ("lead", str(row["id"]))
        await facts.note(company, {key: fields}, kinds=kinds.BY_NAME, now=now)
        return
    born = {
        "customer_id": str(customer_id),
        "need": row["need"],
        "source_id": str(row["source_id"]) if row["source_id"] else None,
        "campaign_id": str(row["campaign_id"]) if row["campaign_id"] else None,
    }
    await facts.add(
        company, "lead", str(row["id"]), {**born, **fields}, kinds=kinds.BY_NAME, now=now
    )
