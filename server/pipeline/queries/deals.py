"""Deals: one with all that is known of it, lists behind every figure, and the board."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.customers import queries as customers
from server.customers.reveals.beneath import Holder
from server.customers.rules import masks
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.kit.schema import or_else
from server.pipeline import rules
from server.pipeline.queries.processes import versions
from server.pipeline.queries.totals import numbers, sums
from server.pipeline.rules import told
from server.pipeline.schemas import (
    Board,
    Conformance,
    DealFilters,
    MoveView,
    OpenView,
    OpportunityDetail,
    OpportunityView,
    ProcessView,
)
from sync_protocol.process import gates
from sync_protocol.process.definition import Definition
from sync_protocol.process.gates import Deal, State

CARDS: Final = 50
"""How many cards a column of the board begins with."""
NO_MONTH: Final = "none"
"""The month of what has no expected date."""
_AMOUNT: Final = or_else("o.amount_minor", 0)
_COLUMNS: Final = """
    o.id, o.seq, o.customer_id, c.name AS customer_name, c.owner_id, o.name, o.process_id, o.stage,
    o.state, o.amount_minor, o.expected_on, o.forecast_category, o.account_manager_id,
    o.solution_manager_id, o.fulfilment_manager_id, o.done_steps, o.competitor, o.lead_id,
    o.lost_reason, o.remark, o.stage_since, o.closed_at, o.created_at, o.custom, (
        SELECT h.at FROM change h WHERE h.tenant_id = o.tenant_id AND h.root_id = o.customer_id
        AND h.seq = o.seq AND h.kind = 'opportunity' AND h.record_id = o.id
    ) AS updated_at
"""
_FROM: Final = """
    opportunity o JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id
"""
_ALONG: Final = """
    opportunity o CROSS JOIN LATERAL (
        SELECT * FROM customer c WHERE c.tenant_id = o.tenant_id AND c.id = o.customer_id OFFSET 0
    ) AS c
"""
"""The same, deal by deal in the order of a list, each with a look at its customer: for who sees
many customers. Who sees their own alone has few, and is sooner asked for their deals."""
_MOVES: Final = """
SELECT id, opportunity_id, seq, verb, from_stage, to_stage, state, deviations, reason, remark,
    stayed_ms, moved_by, moved_at
FROM opportunity_move WHERE tenant_id = $1 AND opportunity_id = $2 ORDER BY seq DESC, id DESC
"""
_OPENED: Final = """
SELECT template_id, count(*) AS times FROM template_opening
WHERE tenant_id = $1 AND opportunity_id = $2 GROUP BY template_id
"""


def _where(actor: Actor) -> Where:
    """Begin a question about the deals of the customers within sight."""
    where = Where(actor)
    where.add("o.tenant_id = {} AND NOT o.deleted", actor.tenant_id)
    return where


async def one(actor: Actor, opportunity_id: UUID, *, now: datetime) -> OpportunityView:
    """Give one deal within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("o.id = {}", opportunity_id)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await _fetch(where, "")
        if not rows:
            raise NotFound
        return _views(actor, rows, await versions(actor), now)[0]


async def detail(actor: Actor, opportunity_id: UUID, *, now: datetime) -> OpportunityDetail:
    """Give a deal with its process, what is open, and how it came here, as of one moment."""
    key = (actor.tenant_id, opportunity_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        deal = await one(actor, opportunity_id, now=now)
        process = (await versions(actor))[deal.process_id]
        moves = [move_of(row) for row in await db.connection().fetch(_MOVES, *key)]
        opened = await db.connection().fetch(_OPENED, *key)
    judged = judged_as(deal)
    stage = process.definition.stage(deal.stage)
    is_open = stage is not None and deal.state == State.OPEN
    return OpportunityDetail(
        opportunity=deal,
        process=process,
        open=[
            OpenView(**told(each))
            for each in (gates.open_in(stage, judged) if is_open and stage else ())
        ],
        conformance=_conformance(process.definition, judged, moves),
        moves=moves,
        opened={row["template_id"]: row["times"] for row in opened},
    )


def _conformance(process: Definition, deal: Deal, moves: Sequence[MoveView]) -> Conformance:
    """Say how far a deal was worked on as its process says, and what of it nobody has shown."""
    done, wanted = gates.conformance(process, deal)
    brought = {each.id for move in moves if move.verb == rules.IMPORT for each in move.deviations}
    return Conformance(
        done=done,
        wanted=wanted,
        deviations=sum(len(move.deviations) for move in moves if move.verb != rules.IMPORT),
        unproven=rules.unproven(process, deal, brought),
    )


def judged_as(deal: OpportunityView) -> Deal:
    """Give of a deal what its moves are judged by."""
    return Deal(
        state=State(deal.state),
        stage=deal.stage,
        done_steps=frozenset(str(step) for step in deal.done_steps),
        fields=msgspec.structs.asdict(deal),
    )


def move_of(row: asyncpg.Record) -> MoveView:
    """Turn a row into a view."""
    deviations = msgspec.json.decode(row["deviations"], type=list[OpenView])
    return MoveView(**{**row, "deviations": deviations})


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> list[OpportunityView]:
    """List a customer's deals, the open ones first.

    :raises NotFound: the customer is not there, or out of sight.
    """
    where = _where(actor)
    where.add("o.customer_id = {}", customer_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await customers.one(actor, customer_id)
        order = f"ORDER BY o.state <> 'open', {_AMOUNT} DESC, o.id LIMIT {PAGE_SIZE_MAX}"
        return _views(actor, await _fetch(where, order), await versions(actor), now)


_TEXTS: Final = ("name", "competitor", "remark")


async def holders(actor: Actor, customer_id: UUID, now: datetime) -> list[Holder]:
    """Give what numbers may stand in of a customer's deals within sight: texts, own fields."""
    where = _where(actor)
    where.add("o.customer_id = {}", customer_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = _views(actor, await _fetch(where, "ORDER BY o.id"), await versions(actor), now)
    return [
        Holder(
            record_id=each.id,
            name=each.name,
            fields={name: getattr(each, name) for name in _TEXTS} | each.custom,
        )
        for each in found
    ]


async def following(
    actor: Actor,
    process_id: UUID | None,
    chosen: Sequence[UUID] | None,
    limit: int,
    *,
    now: datetime,
) -> list[OpportunityView]:
    """List the open deals within sight that follow a version, the largest first."""
    where = _where(actor)
    where.add("o.state = 'open' AND o.process_id IS NOT DISTINCT FROM {}", process_id)
    if chosen is not None:
        where.add("o.id = ANY({}::uuid[])", chosen)
    rows = await _fetch(where, f"ORDER BY {_AMOUNT} DESC, o.id LIMIT {limit}")
    return _views(actor, rows, await versions(actor), now)


async def list_page(
    actor: Actor,
    filters: DealFilters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[OpportunityView]:
    """List the deals that the filters leave, the largest first: what is behind a figure."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        if actor.scope is not Scope.MINE:
            # A plan for all companies is one for a company of ordinary size, and has all deals of
            # a large one read and sorted.
            await db.connection().execute("SET LOCAL plan_cache_mode = force_custom_plan")
        known = await versions(actor)
        where = _narrowed(_where(actor), filters, known, now)
        if cursor is not None:
            amount, last = decode_cursor(cursor, tuple[int, UUID])
            behind = f"{_AMOUNT} <= {{0}} AND ({_AMOUNT} < {{0}} OR o.id > {{1}})"
            where.add(behind, amount, last)
        order = f"ORDER BY {_AMOUNT} DESC, o.id LIMIT {limit + 1}"
        rows = await _fetch(where, order)
    last_row = rows[limit - 1] if len(rows) > limit else None
    return Page(
        _views(actor, rows[:limit], known, now),
        encode_cursor(last_row["amount_minor"] or 0, last_row["id"]) if last_row else None,
    )


async def board(actor: Actor, family_id: UUID | None, *, now: datetime) -> Board:
    """Give a process in columns, as of one moment: its numbers and each column's largest deals."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        known = await versions(actor)
        pipeline = numbers(known, await sums(actor, "stage"), family_id)
        cards = {}
        for at, total in enumerate(pipeline.stages, 1):
            state = State.WON if at == len(pipeline.stages) else State.OPEN
            where = _narrowed(
                _where(actor),
                DealFilters(
                    state=state.value,
                    family_id=family_id,
                    is_built_in=family_id is None,
                    stage=total.stage,
                ),
                known,
                now,
            )
            rows = await _fetch(where, f"ORDER BY {_AMOUNT} DESC, o.id LIMIT {CARDS}")
            cards[total.stage] = _views(actor, rows, known, now)
    return Board(pipeline=pipeline, cards=cards)


def _narrowed(
    where: Where, filters: DealFilters, known: Mapping[UUID | None, ProcessView], now: datetime
) -> Where:
    """Add what a list is narrowed by."""
    _of_process(where, filters, known)
    if filters.state is not None:
        where.add("o.state = {}", filters.state)
    if filters.stage is not None:
        where.add("o.stage = {}", filters.stage)
    if filters.category is not None:
        where.add("coalesce(o.forecast_category, 'pipeline') = {}", filters.category)
    if filters.month == NO_MONTH:
        where.add("o.expected_on IS NULL")
    elif filters.month is not None:
        # The stretch of days is what the index knows; the rest is for what is no month.
        where.add("o.expected_on >= {} AND o.expected_on < {}", filters.month, f"{filters.month}~")
        where.add("left(o.expected_on, 7) = {}", filters.month)
    if filters.customer_id is not None:
        where.add("o.customer_id = {}", filters.customer_id)
    if filters.owner_id is not None:
        where.add("c.owner_id = {}", filters.owner_id)
    if filters.is_stale:
        _only_stale(where, known, now)
    return where


def _of_process(
    where: Where, filters: DealFilters, known: Mapping[UUID | None, ProcessView]
) -> None:
    """Leave the deals of one version, of the built-in process, or of any version of one."""
    if filters.process_id is not None:
        where.add("o.process_id = {}", filters.process_id)
    elif filters.is_built_in:
        where.add("o.process_id IS NULL")
    elif filters.family_id is not None:
        family = [held.id for held in known.values() if held.family_id == filters.family_id]
        where.add("o.process_id = ANY({}::uuid[])", family)


def _only_stale(where: Where, known: Mapping[UUID | None, ProcessView], now: datetime) -> None:
    """Leave the open deals that nobody has touched for longer than their stage allows."""
    limits = [
        (process_id, stage.id, now - timedelta(days=stage.stale_days))
        for process_id, held in known.items()
        for stage in held.definition.stages
        if stage.stale_days
    ]
    where.add(
        "o.state = 'open' AND EXISTS ("
        "SELECT FROM UNNEST({}::uuid[], {}::text[], {}::timestamptz[])"
        " AS limits(process, stage, at)"
        " WHERE limits.process IS NOT DISTINCT FROM o.process_id AND limits.stage = o.stage"
        " AND limits.at > coalesce(("
        "SELECT h.at FROM change h WHERE h.tenant_id = o.tenant_id AND h.root_id = o.customer_id"
        " AND h.seq = o.seq AND h.kind = 'opportunity' AND h.record_id = o.id), o.stage_since))",
        *([each[at] for each in limits] for at in range(3)),
    )


async def _fetch(where: Where, order: str) -> list[asyncpg.Record]:
    """Fetch deals with their customers' names."""
    source = _FROM if where.actor.scope is Scope.MINE else _ALONG
    text = where.text + where.may_see("o.customer_id")
    rows: list[asyncpg.Record] = await db.connection().fetch(
        f"SELECT {_COLUMNS} FROM {source} WHERE {text} {order}",  # noqa: S608 - constants and numbered parameters
        *where.args,
    )
    return rows


def _views(
    actor: Actor,
    rows: Sequence[asyncpg.Record],
    known: Mapping[UUID | None, ProcessView],
    now: datetime,
) -> list[OpportunityView]:
    """Turn rows into views for the actor, from whom phones of their fields may be hidden."""
    return [masks.view(actor, row["owner_id"], _view(dict(row), known, now)) for row in rows]


def _view(
    row: dict[str, Any], known: Mapping[UUID | None, ProcessView], now: datetime
) -> OpportunityView:
    """Turn a row into a view, and say whether it is stale."""
    held = known.get(row["process_id"])
    stage = held.definition.stage(row["stage"]) if held else None
    limit = stage.stale_days if stage and row["state"] == State.OPEN else 0
    touched_at = row["updated_at"] or row["stage_since"]
    done = msgspec.json.decode(row["done_steps"], type=list[UUID]) if row["done_steps"] else []
    custom = msgspec.json.decode(row["custom"]) if row["custom"] else {}
    return OpportunityView(
        **{**row, "done_steps": done, "custom": custom},
        is_stale=bool(limit) and touched_at < now - timedelta(days=limit),
    )
