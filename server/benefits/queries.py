"""Ask about benefits. An agent is answered out of its own rows, the platform out of the books.

Both read the same issuances, so what they see agrees.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.budgets import queries as budgets
from billing.budgets.schemas import BudgetScope
from billing.issuance import queries as issuance
from billing.issuance.schemas import IssuanceFilter, IssuanceState, IssuanceView
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits.rules import BenefitState, Program
from server.benefits.schemas import (
    AllocationView,
    BenefitFilters,
    BenefitView,
    IssuanceFilters,
    IssuanceRecord,
    IssuanceTotal,
    ProgramOffer,
    ProgramView,
)
from server.customers import queries as customers
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor

_TERMS: Final = "id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at"
_PROGRAMS: Final = f"SELECT {_TERMS} FROM benefit_program ORDER BY opens_at DESC, id DESC LIMIT 200"  # noqa: S608 - a constant
_PROGRAM: Final = f"SELECT {_TERMS} FROM benefit_program WHERE id = $1"  # noqa: S608 - a constant

_STATE: Final = """
CASE WHEN r.state <> 'issued' THEN r.state
     WHEN i.state = 'issued' AND v.state = 'waiting' THEN 'in_review' ELSE i.state END
"""
_BENEFITS: Final = f"""
SELECT r.id, r.customer_id, c.name AS customer_name, r.program_id, p.name AS program_name,
    r.amount_minor, r.currency,
    {_STATE} AS state, r.refusal_code, r.requested_by, r.requested_at, r.decided_at, i.settled_at,
    i.expires_at, coalesce(i.used_minor, 0) AS used_minor,
    coalesce(i.amount_minor - i.used_minor - i.released_minor, 0) AS open_minor
FROM benefit_request r
JOIN customer c ON c.tenant_id = r.tenant_id AND c.id = r.customer_id
JOIN benefit_program p ON p.id = r.program_id
LEFT JOIN issuance i ON i.agent_id = r.tenant_id AND i.request_key = r.id
LEFT JOIN benefit_review v ON v.issuance_id = i.id
"""  # noqa: S608 - a constant


async def offers(actor: Actor, *, now: datetime) -> list[ProgramOffer]:
    """List the programs that are open or will be, those that opened last first."""
    ensure(actor, Permission.BENEFITS_REQUEST)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_PROGRAMS)
    programs = msgspec.convert([dict(row) for row in rows], list[Program])
    return [
        ProgramOffer(**msgspec.structs.asdict(program), is_open=program.opens_at <= now)
        for program in programs
        if program.closes_at is None or now < program.closes_at
    ]


async def benefit(actor: Actor, request_id: UUID) -> BenefitView:
    """Give one benefit of a customer within sight.

    :raises NotFound: also when it is another tenant's.
    """
    ensure(actor, Permission.BENEFITS_REQUEST)
    where = Where(actor, with_deleted=True)
    where.add("r.id = {}", request_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(f"{_BENEFITS} WHERE {where.text}", *where.args)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), BenefitView)


async def benefits(
    actor: Actor,
    filters: BenefitFilters,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[BenefitView]:
    """List the benefits of the customers within sight, the last requested first.

    :raises NotFound: the customer of the filter is not within sight.
    """
    ensure(actor, Permission.BENEFITS_REQUEST)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where = Where(actor, with_deleted=True)
    if filters.customer_id is not None:
        where.add("r.customer_id = {}", filters.customer_id)
    if filters.program_id is not None:
        where.add("r.program_id = {}", filters.program_id)
    if filters.state is not None:
        where.add(f"{_STATE} = {{}}", filters.state)
    if cursor is not None:
        last_at, last_id = decode_cursor(cursor, tuple[datetime, UUID])
        where.add("(r.requested_at, r.id) < ({}, {})", last_at, last_id)
    statement = f"""
        {_BENEFITS} WHERE {where.text}
        ORDER BY r.requested_at DESC, r.id DESC LIMIT {where.param(limit + 1)}
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        if filters.customer_id is not None:
            await customers.one(actor, filters.customer_id, with_deleted=True)
        rows = await db.connection().fetch(statement, *where.args)
    items = msgspec.convert([dict(row) for row in rows[:limit]], list[BenefitView])
    more = len(rows) > limit
    return Page(items, encode_cursor(items[-1].requested_at, items[-1].id) if more else None)


async def programs(actor: Actor) -> list[ProgramView]:
    """List the programs with where their budgets stand, those that opened last first."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_PROGRAMS)
        return await _with_books([dict(row) for row in rows])


async def program(actor: Actor, program_id: UUID) -> ProgramView:
    """Give one program with where its budget stands."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        row = await db.connection().fetchrow(_PROGRAM, program_id)
        if row is None:
            raise NotFound
        [view] = await _with_books([dict(row)])
    return view


async def _with_books(rows: Sequence[dict[str, object]]) -> list[ProgramView]:
    """Put what the books say beside the terms."""
    terms = msgspec.convert(rows, list[Program])
    books = await budgets.program_books([program.id for program in terms])
    return [
        ProgramView(
            **msgspec.structs.asdict(program),
            funded_minor=books[program.id].funded_minor,
            available_minor=books[program.id].available_minor,
            held_minor=books[program.id].held_minor,
            used_minor=books[program.id].used_minor,
        )
        for program in terms
    ]


async def allocations(actor: Actor, program_id: UUID, *, now: datetime) -> list[AllocationView]:
    """List where a program's budget stands: the shared pool first, then each agent's part.

    Each agent with a part is told that it was read.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        tree = await budgets.tree(program_id)
        agents = [budget.owner_id for budget in tree if budget.scope is BudgetScope.AGENT]
        await audit.record_platform_read(actor, agents, "benefits.allocations", now=now)
    if not tree:
        raise NotFound
    return [
        AllocationView(
            agent_id=None if budget.scope is BudgetScope.PROGRAM else budget.owner_id,
            put_in_minor=budget.put_in_minor,
            taken_out_minor=budget.taken_out_minor,
            held_minor=budget.held_minor,
            available_minor=budget.available_minor,
        )
        for budget in tree
    ]


async def issuances(
    actor: Actor,
    filters: IssuanceFilters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[IssuanceRecord]:
    """List issuance records, the newest first.

    Each agent on the page is told that it was read, and so is the one that was asked for: no
    records are an answer as well.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    before = decode_cursor(cursor, tuple[UUID])[0] if cursor else None
    chosen = _chosen(filters)
    asked_for = [] if filters.agent_id is None else [filters.agent_id]
    async with db.platform_transaction(actor):
        found = []
        if chosen is not None:
            found = await issuance.issuances(chosen, before=before, limit=limit + 1)
        items = await _records(found[:limit])
        shown = [*asked_for, *(item.agent_id for item in items)]
        await audit.record_platform_read(actor, shown, "benefits.issuances", now=now)
    return Page(items, encode_cursor(items[-1].id) if len(found) > limit else None)


async def issuance_totals(actor: Actor, *, now: datetime) -> list[IssuanceTotal]:
    """Count issuances and their amounts by agent, program and state; each agent is told."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        totals = await issuance.totals()
        await audit.record_platform_read(
            actor, [total.agent_id for total in totals], "benefits.issuance_totals", now=now
        )
    return msgspec.convert(totals, list[IssuanceTotal], from_attributes=True)


async def record_of(issuance_id: UUID) -> IssuanceRecord:
    """Give one issuance record, inside an open transaction of the platform."""
    found = await issuance.one(issuance_id)
    if found is None:
        raise NotFound
    [record] = await _records([found])
    return record


async def terms_of(program_id: UUID) -> Program | None:
    """Give the terms of a program, inside an open transaction, if there is one with this id."""
    row = await db.connection().fetchrow(_PROGRAM, program_id)
    return None if row is None else msgspec.convert(dict(row), Program)


async def named() -> list[tuple[UUID, str]]:
    """Name the programs, inside an open transaction, those that opened last first; 200 of them."""
    return [(row["id"], row["name"]) for row in await db.connection().fetch(_PROGRAMS)]


async def program_names(program_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Name programs by their ids, inside an open transaction; others are left out."""
    rows = await db.connection().fetch(
        "SELECT id, name FROM benefit_program WHERE id = ANY ($1::uuid[])", list(set(program_ids))
    )
    return {row["id"]: row["name"] for row in rows}


async def _records(found: Sequence[IssuanceView]) -> list[IssuanceRecord]:
    """Put the programs' names beside the issuances."""
    names = await program_names([item.program_id for item in found])
    return [
        IssuanceRecord(
            id=item.id,
            agent_id=item.agent_id,
            program_id=item.program_id,
            # The books know programs as ids alone, and may hold some of another room.
            program_name=names.get(item.program_id, ""),
            customer_token=item.customer_token,
            amount_minor=item.amount_minor,
            released_minor=item.released_minor,
            currency=item.currency,
            state=BenefitState(item.state),
            issued_at=item.issued_at,
            settled_at=item.settled_at,
        )
        for item in found
    ]


def _chosen(filters: IssuanceFilters) -> IssuanceFilter | None:
    """Turn the filters into those of the books; None when nothing can match."""
    state: IssuanceState | None = None
    if filters.state is not None:
        if filters.state.value not in {state.value for state in IssuanceState}:
            return None
        state = IssuanceState(filters.state.value)
    return IssuanceFilter(
        agent_id=filters.agent_id,
        program_id=filters.program_id,
        state=state,
        since=filters.since,
        until=filters.until,
    )
