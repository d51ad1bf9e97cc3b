"""The queue of leads, one lead with its history, and a person's own."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, Scope, ensure
from server.changelog import storage
from server.customers.reveals.beneath import Holder
from server.customers.rules import masks, search
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.kit.schema import or_else
from server.leads import sight
from server.leads.queries import ground
from server.leads.rules import handoff
from server.leads.rules.routing import Reason
from server.leads.rules.states import LeadState, Stage
from server.leads.schemas import (
    Board,
    LeadDetail,
    LeadEventView,
    LeadFilters,
    LeadSort,
    LeadView,
)

_AMOUNT: Final = or_else("l.amount_minor", -1)
_COLUMNS: Final = """
    l.id, l.path, l.name, l.contact_name, l.phone, l.uscc, l.city, l.district, l.industry, l.need,
    l.amount_minor, l.source_id, l.campaign_id, l.cost_key, l.tags, l.rules_version, l.state,
    l.verdict, l.verdict_values, l.received_at, l.received_by, l.consented_at, l.updated_at,
    l.customer_id, l.assignee_id, l.routed_at, l.accept_by, l.route_count, l.return_count,
    l.pre_opportunity_at, l.opportunity_at, l.signed_at
"""
_EVENTS: Final = """
SELECT at, actor_id, kind, detail FROM lead_event
WHERE tenant_id = $1 AND lead_id = $2 ORDER BY number LIMIT 500
"""
_BOARD: Final = """
SELECT l.state, l.verdict, sum(l.leads)::bigint AS leads FROM lead_count l
WHERE {} GROUP BY l.state, l.verdict HAVING sum(l.leads) <> 0
"""
_SEEN: Final = """
SELECT id, owner_id, team_id FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""
_OF_CUSTOMER: Final = """
SELECT id, name, need FROM raw_lead WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id LIMIT 50
"""
_FOUND_MAX: Final = 2000
"""A search that finds more says nothing; the first so many are looked at."""
_MINE: Final = f"""
SELECT {_COLUMNS} FROM raw_lead l
WHERE l.tenant_id = $1 AND l.assignee_id = {{mine}} AND l.state IN ('offered', 'accepted')
    AND {{seen}}
ORDER BY l.state DESC, l.routed_at DESC, l.id LIMIT 200
"""  # noqa: S608 - constants


async def list_page(
    actor: Actor,
    filters: LeadFilters,
    *,
    sort: LeadSort = "received",
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[LeadView]:
    """List the company's leads, the newest or the greatest first."""
    ensure(actor, Permission.LEADS_MANAGE)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where = _Where(actor)
    if filters.state is LeadState.SUSPECT:
        # In as many letters, so that it is known for all of them which index is meant.
        where.add("l.state = 'suspect'")
    elif filters.state is not None:
        where.add("l.state = {}", filters.state)
    for name in ("verdict", "city", "source_id", "campaign_id", "assignee_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"l.{name} = {{}}", value)
    if filters.q is not None and (found := _found(actor, where, filters.q)) is not None:
        where.add(found)
    if sort == "amount":
        key, order = _AMOUNT, f"{_AMOUNT} DESC, l.id"
    else:
        key, order = "l.received_at", "l.received_at DESC, l.id DESC"
    if cursor is not None:
        _continue(where, sort, cursor)
    statement = (
        f"SELECT {_COLUMNS}, {key} AS sort_key FROM raw_lead l"  # noqa: S608 - constants and numbered parameters
        f" WHERE {where.text} ORDER BY {order} LIMIT {where.param(limit + 1)}"
    )
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(statement, *where.args)
        views = await _seen(actor, [view(row) for row in rows[:limit]])
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        views,
        encode_cursor(last["sort_key"], last["id"]) if last else None,
    )


class _Where:
    """The conditions of a list with their parameters."""

    def __init__(self, actor: Actor) -> None:
        self.args: list[Any] = [actor.tenant_id]
        self._texts = ["l.tenant_id = $1"]
        seen, values = sight.condition(actor)
        self.add(seen, *values)

    def add(self, text: str, *values: Any) -> None:
        """Add a condition; each ``{}`` in it becomes the parameter of a value."""
        self._texts.append(text.format(*(self.param(value) for value in values)))

    def param(self, value: Any) -> str:
        """Add a parameter and give its name."""
        self.args.append(value)
        return f"${len(self.args)}"

    @property
    def text(self) -> str:
        """Give all conditions."""
        return " AND ".join(self._texts)


def _continue(where: _Where, sort: LeadSort, cursor: str) -> None:
    """Go on behind the last row."""
    if sort == "amount":
        amount, last_id = decode_cursor(cursor, tuple[int, UUID])
        where.add(f"{_AMOUNT} <= {{0}} AND ({_AMOUNT} < {{0}} OR l.id > {{1}})", amount, last_id)
    else:
        received_at, last_id = decode_cursor(cursor, tuple[datetime, UUID])
        where.add("(l.received_at, l.id) < ({}, {})", received_at, last_id)


def _found(actor: Actor, where: _Where, q: str) -> str | None:
    """Say by the search keys which leads a question finds."""
    question = search.question(q)
    if question is None or not question.stretches:
        return None if question is None else "FALSE"
    parts = []
    for stretch in question.stretches:
        if stretch.is_phone and actor.masks_phones:
            continue
        before = "" if stretch.before is None else f" AND t.before = {where.param(stretch.before)}"
        parts.append(
            f"(SELECT t.lead_id FROM lead_token t WHERE t.tenant_id = $1"  # noqa: S608 - numbered parameters
            f" AND t.token >= {where.param(stretch.prefix)}"
            f" AND t.token < {where.param(stretch.end)}"
            f"{before} ORDER BY t.token, t.lead_id LIMIT {_FOUND_MAX})"
        )
    # An array is made first, and then looked up by the key: as a join, all leads would be read.
    return f"l.id = ANY (ARRAY({' UNION '.join(parts)}))"


async def mine(actor: Actor) -> list[LeadView]:
    """List the leads that were routed to the actor: those that wait for an answer first.

    One whose customer is somebody else's by now, or lies in a pool, is the actor's no longer.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor, with_deleted=True)
    text = _MINE.format(mine=where.param(actor.user_id), seen=sight.beside_customer(where))
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(text, *where.args)
        return await _seen(actor, [view(row) for row in rows])


async def holders(actor: Actor, customer_id: UUID, _now: datetime) -> list[Holder]:
    """Give what numbers may stand in of the leads that a customer came of, beside their phones."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_OF_CUSTOMER, actor.tenant_id, customer_id)
    return [
        Holder(record_id=row["id"], name=row["name"], fields={"need": row["need"]}) for row in rows
    ]


async def detail(actor: Actor, lead_id: UUID) -> LeadDetail:
    """Give a lead with its history: any to a manager, one's own to everybody else.

    :raises NotFound: there is none, or it is somebody else's.
    """
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM raw_lead l WHERE l.tenant_id = $1 AND l.id = $2",  # noqa: S608 - constants
            actor.tenant_id,
            lead_id,
        )
        if row is None:
            raise NotFound
        is_managed = Permission.LEADS_MANAGE in ROLE_PERMISSIONS[actor.role] and (
            await sight.are_seen(actor, [lead_id])
        )
        is_own = row["assignee_id"] == actor.user_id
        if not (is_managed or (is_own and await sight.is_beside_customer(actor, lead_id))):
            raise NotFound
        events = await db.connection().fetch(_EVENTS, actor.tenant_id, lead_id)
        terms = await ground.terms_of(actor.tenant_id)
        [lead] = await _seen(actor, [view(row)])
    told = [masks.view(actor, lead.assignee_id, _event(each)) for each in events]
    routes = [each.detail.get("reasons", []) for each in told if each.kind == "route"]
    return LeadDetail(
        lead=lead,
        events=told,
        missing=handoff.missing(terms, row),
        reasons=msgspec.convert(routes[-1] if routes else [], list[Reason]),
    )


async def board(actor: Actor) -> Board:
    """Count the leads within sight by where they stand, and the suspects by their verdict."""
    ensure(actor, Permission.LEADS_MANAGE)
    where = _Where(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_BOARD.format(where.text), *where.args)
    states = {str(state): 0 for state in LeadState}
    verdicts: dict[str, int] = {}
    for row in rows:
        states[row["state"]] += row["leads"]
        if row["verdict"] is not None:
            verdicts[row["verdict"]] = row["leads"]
    return Board(states=states, verdicts=verdicts)


async def _seen(actor: Actor, views: list[LeadView]) -> list[LeadView]:
    """Hide what the actor is not to see: numbers in texts, and which customer a lead doubles.

    That is told where the customer is within the actor's sight.
    """
    views = [masks.view(actor, each.assignee_id, each) for each in views]
    doubled = {
        UUID(str(each.verdict_values["customer_id"]))
        for each in views
        if "customer_id" in each.verdict_values
    }
    if actor.scope is Scope.TENANT or not doubled:
        return views
    rows = await db.connection().fetch(_SEEN, actor.tenant_id, list(doubled))
    seen = {
        str(row["id"]) for row in rows if storage.is_visible(actor, row["owner_id"], row["team_id"])
    }
    return [_without_hidden(each, seen) for each in views]


def _without_hidden(lead: LeadView, seen: set[str]) -> LeadView:
    """Take the id of a customer out of a verdict unless it is one of those that are seen."""
    values = {
        name: value
        for name, value in lead.verdict_values.items()
        if name != "customer_id" or value in seen
    }
    return msgspec.structs.replace(lead, verdict_values=values)


def view(row: asyncpg.Record) -> LeadView:
    """Turn a row into a view, with the phone masked."""
    fields = {
        **dict(row),
        "phone": masks.masked(row["phone"]),
        "tags": msgspec.json.decode(row["tags"]),
        "verdict_values": msgspec.json.decode(row["verdict_values"]),
        "stage": _stage(row),
    }
    return msgspec.convert(fields, LeadView)


def _stage(row: asyncpg.Record) -> Stage:
    """Say how far a lead has come."""
    for stage in (Stage.SIGNED, Stage.OPPORTUNITY, Stage.PRE_OPPORTUNITY):
        if row[f"{stage}_at"] is not None:
            return stage
    return Stage.LEAD


def _event(row: asyncpg.Record) -> LeadEventView:
    """Turn a line of a history into a view."""
    return LeadEventView(
        at=row["at"],
        actor_id=row["actor_id"],
        kind=row["kind"],
        detail=msgspec.json.decode(row["detail"]),
    )
