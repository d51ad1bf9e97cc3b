"""A company's own registrations: one, lists, the protection wall in figures."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.customers.sight import Where, newest_first
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page
from server.registrations.queries import rulebook
from server.registrations.rules import states, terms
from server.registrations.rules.terms import Terms
from server.registrations.schemas import RegistrationView, Wall
from sync_protocol.registering import LIVE, State, Verb, is_possible

_COLUMNS: Final = """
    k.id, k.seq, k.customer_id, c.name AS customer_name, k.state, k.state_since, k.registered_by,
    k.earliest_at, k.latest_at, k.clock_flag, k.decides_at, k.protected_until, k.extensions,
    k.reason, k.contest_until, k.case_id, k.evidence_until
"""
_FROM: Final = """
    registration k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
"""
_SUMS: Final = """
    count(*) FILTER (WHERE k.state IN ('granted', 'extended', 'converted')) AS protected,
    count(*) FILTER (
        WHERE k.state IN ('granted', 'extended') AND k.protected_until <= {}
    ) AS expiring,
    count(*) FILTER (WHERE k.state = 'checking') AS checking,
    count(*) FILTER (WHERE k.state = 'contested') AS contested,
    count(*) FILTER (WHERE k.state IN ('refused', 'revoked')) AS refused
"""
_LIVE: Final = tuple(sorted(LIVE))


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which registrations are asked for."""

    state: State | None = None
    is_live: bool = False
    customer_id: UUID | None = None


async def one(actor: Actor, registration_id: UUID, *, now: datetime) -> RegistrationView:
    """Give one registration within sight.

    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("k.id = {}", registration_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
        given = (await rulebook.terms_at(now)).terms
    if row is None:
        raise NotFound
    return _view(actor, row, given, now)


async def list_page(
    actor: Actor,
    filters: Filters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[RegistrationView]:
    """List the registrations within sight, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    if filters.state is not None:
        where.add("k.state = {}", str(filters.state))
    if filters.is_live:
        where.add("k.state = ANY ({}::text[])", list(_LIVE))
    if filters.customer_id is not None:
        where.add("k.customer_id = {}", filters.customer_id)
    async with db.tenant_transaction(actor.tenant_id):
        rows, following = await newest_first(actor, _COLUMNS, _FROM, where, cursor, limit)
        given = (await rulebook.terms_at(now)).terms
    return Page([_view(actor, row, given, now) for row in rows], following)


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> list[RegistrationView]:
    """List a customer's registrations, the newest first; none of one out of sight."""
    return (await list_page(actor, Filters(customer_id=customer_id), now=now, limit=20)).items


async def wall(actor: Actor, *, now: datetime) -> Wall:
    """Count how the registrations within sight stand."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    async with db.tenant_transaction(actor.tenant_id):
        given = (await rulebook.terms_at(now)).terms
        soon = where.param(now + max(given.warn_days, default=0) * terms.DAY)
        row = await db.connection().fetchrow(
            f"SELECT {_SUMS.format(soon)} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    return msgspec.convert(dict(row or {}), Wall)


def _where(actor: Actor) -> Where:
    """Begin a question about the registrations of the customers within sight."""
    where = Where(actor)
    where.add("k.tenant_id = {} AND NOT k.deleted", actor.tenant_id)
    return where


def _view(actor: Actor, row: asyncpg.Record, given: Terms, now: datetime) -> RegistrationView:
    """Turn a row into a view as of now."""
    told: dict[str, Any] = {name: value for name, value in row.items() if name != "created_seq"}
    state, until = State(told.pop("state")), row["protected_until"]
    is_live = state in LIVE and until is not None
    can_contest = row["contest_until"] is not None and now < row["contest_until"]
    verbs = [
        verb
        for verb in Verb
        if is_possible(verb, state) and (verb is not Verb.CONTEST or can_contest)
    ]
    return RegistrationView(
        **told,
        state=state,
        days_left=terms.days_left(until, now) if is_live else None,
        is_expiring=is_live
        and state is not State.CONVERTED
        and terms.is_expiring(given, until, now),
        verbs=verbs if states.may_decide(actor, row) else [],
    )
