"""A company's own requests: one, lists, and how long help takes and how often it helps."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.customers.reveals.beneath import Holder, holder
from server.customers.rules import masks
from server.customers.sight import Where, newest_first
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page
from server.requests import rules
from server.requests.queries import platform
from server.requests.queries.sums import BY_RESOURCE, MEDIANS
from server.requests.schemas import (
    EventView,
    Figures,
    RequestDetail,
    RequestFilters,
    RequestView,
)
from sync_protocol.helping import LEADS, State, Verb, is_possible

_COLUMNS: Final = """
    k.id, k.seq, k.customer_id, c.name AS customer_name, k.opportunity_id,
    o.name AS opportunity_name, k.resource, k.subject, k.detail, k.wished_on, k.briefing, k.state,
    k.state_since, k.requested_at, k.requested_by, k.party, k.helper_id, k.dispatch_id,
    k.dispatched_at, k.accepted_at, k.closed_at, k.due_at, k.reason, k.result, k.verdict,
    c.owner_id AS customer_owner_id
"""
_FROM: Final = """
    resource_request k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
    LEFT JOIN opportunity o ON o.tenant_id = k.tenant_id AND o.id = k.opportunity_id
"""
EVENT: Final = """
SELECT id, request_id, verb, state, party, text, done_by, done_at FROM resource_request_event
WHERE tenant_id = $1
"""
_EVENTS: Final = f"{EVENT} AND request_id = $2 ORDER BY done_at DESC, id DESC LIMIT 500"
_SAID: Final = """
SELECT request_id, string_agg(text, E'\\n') AS said FROM resource_request_event
WHERE tenant_id = $1 AND request_id = ANY($2::uuid[]) GROUP BY request_id
"""
_UNTOLD: Final = frozenset({"created_seq", "customer_owner_id"})
_FIGURES: Final = MEDIANS.format(sent_at="dispatched_at", asked_at="requested_at")


async def one(actor: Actor, request_id: UUID, *, now: datetime) -> RequestView:
    """Give one request within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    return _view(actor, await _row(actor, request_id), now)


async def detail(actor: Actor, request_id: UUID, *, now: datetime) -> RequestDetail:
    """Give a request with what was done with it, and what the platform sees of it."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        row = await _row(actor, request_id)
        events = await db.connection().fetch(_EVENTS, actor.tenant_id, request_id)
        sent = await platform.sent(actor, request_id)
    owner_id, request = row["customer_owner_id"], _view(actor, row, now)
    return RequestDetail(
        request=request,
        events=[masks.view(actor, owner_id, EventView(**each)) for each in events],
        sent=[masks.view(actor, owner_id, each) for each in sent],
        verbs=_verbs(actor, request),
    )


async def _row(actor: Actor, request_id: UUID) -> asyncpg.Record:
    """Read a request within sight."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("k.id = {}", request_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return row


def _verbs(actor: Actor, request: RequestView) -> list[Verb]:
    """List what somebody may do with a request where it stands; judged once is judged."""
    if Permission.CUSTOMERS_WRITE not in ROLE_PERMISSIONS[actor.role]:
        return []
    fields = {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in msgspec.structs.asdict(request).items()
    }
    return [
        verb
        for verb in LEADS
        if is_possible(verb, State(request.state))
        and rules.may(actor, verb, fields)
        and not (verb is Verb.JUDGE and request.verdict)
    ]


async def list_page(
    actor: Actor,
    filters: RequestFilters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[RequestView]:
    """List the requests within sight, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _filtered(actor, filters, now)
    rows, following = await newest_first(actor, _COLUMNS, _FROM, where, cursor, limit)
    return Page([_view(actor, row, now) for row in rows], following)


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> list[RequestView]:
    """List the requests for a customer, the newest first; none of one out of sight."""
    filters = RequestFilters(customer_id=customer_id)
    return (await list_page(actor, filters, now=now, limit=50)).items


async def of_deal(actor: Actor, opportunity_id: UUID, *, now: datetime) -> list[RequestView]:
    """List the requests for a deal, the newest first."""
    filters = RequestFilters(opportunity_id=opportunity_id)
    return (await list_page(actor, filters, now=now, limit=50)).items


async def holders(actor: Actor, customer_id: UUID, now: datetime) -> list[Holder]:
    """Give what numbers may stand in of the requests for a customer within sight."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await of_customer(actor, customer_id, now=now)
        rows = await db.connection().fetch(_SAID, actor.tenant_id, [each.id for each in found])
    said = {row["request_id"]: row["said"] for row in rows}
    return [holder(each.subject, each, said.get(each.id)) for each in found]


async def figures(actor: Actor, *, since: datetime | None = None) -> list[Figures]:
    """Say how requests within sight went: of all first, then by resource (S79)."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    if since is not None:
        where.add("k.requested_at >= {}", since)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT k.resource, {_FIGURES} FROM {_FROM} WHERE {where.text} {BY_RESOURCE}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    return [msgspec.convert(dict(row), Figures) for row in rows]


def _where(actor: Actor) -> Where:
    """Begin a question about the requests for the customers within sight."""
    where = Where(actor)
    where.add("k.tenant_id = {} AND NOT k.deleted", actor.tenant_id)
    return where


def _filtered(actor: Actor, filters: RequestFilters, now: datetime) -> Where:
    """Turn filters into conditions."""
    where = _where(actor)
    names = ("state", "resource", "party", "requested_by", "helper_id", "customer_id")
    for name in (*names, "opportunity_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"k.{name} = {{}}", value)
    if filters.is_live:
        where.add("k.state IN ('requested', 'dispatched', 'accepted')")
    if filters.is_late:
        where.add("k.due_at < {}", now)
    if filters.q and (text := filters.q.strip()):
        where.add_text(("k.subject", "c.name"), text)
    return where


def _view(actor: Actor, row: asyncpg.Record, now: datetime) -> RequestView:
    """Turn a row into a view as of now for the actor, from whom its numbers may be hidden."""
    given: dict[str, Any] = {name: value for name, value in row.items() if name not in _UNTOLD}
    view = RequestView(**given, is_late=row["due_at"] is not None and row["due_at"] < now)
    return masks.view(actor, row["customer_owner_id"], view)
