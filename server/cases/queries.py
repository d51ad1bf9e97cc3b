"""Ask about service cases. Nothing here changes anything."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.cases import rules
from server.cases.schemas import CaseDetail, CaseEventView, CaseFilters, CaseView, TargetsView
from server.customers.reveals.beneath import Holder, holder
from server.customers.rules import masks
from server.customers.sight import Where, newest_first
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page
from sync_protocol.serving import LIVE, SERIOUS

_COLUMNS: Final = """
    k.id, k.seq, k.customer_id, c.name AS customer_name, k.subject, k.detail, k.severity,
    k.category, k.assignee_id, k.state, k.state_since, k.opened_at, k.opened_by, k.answer_due_at,
    k.answered_at, k.resolve_due_at, k.resolved_at, k.result, c.owner_id AS customer_owner_id
"""
_FROM: Final = """
    service_case k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
"""
EVENT: Final = """
SELECT id, case_id, verb, state, text, done_by, done_at FROM service_case_event
WHERE tenant_id = $1
"""
_EVENTS: Final = f"{EVENT} AND case_id = $2 ORDER BY done_at DESC, id DESC LIMIT 500"
_VERSIONS: Final = """
SELECT version, valid_from, targets FROM case_targets WHERE tenant_id = $1
ORDER BY valid_from, version
"""
_SAID: Final = """
SELECT case_id, string_agg(text, E'\\n') AS said FROM service_case_event
WHERE tenant_id = $1 AND case_id = ANY($2::uuid[]) GROUP BY case_id
"""
_UNTOLD: Final = frozenset({"created_seq", "customer_owner_id"})
_NUMBER: Final = 6
"""Digits of an id by which people call a case."""


async def one(actor: Actor, case_id: UUID, *, now: datetime) -> CaseView:
    """Give one case within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    return _view(actor, await _row(actor, case_id), now)


async def detail(actor: Actor, case_id: UUID, *, now: datetime) -> CaseDetail:
    """Give a case with what was done and said about it."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        row = await _row(actor, case_id)
        events = await db.connection().fetch(_EVENTS, actor.tenant_id, case_id)
    owner_id = row["customer_owner_id"]
    return CaseDetail(
        case=_view(actor, row, now),
        events=[masks.view(actor, owner_id, CaseEventView(**each)) for each in events],
    )


async def _row(actor: Actor, case_id: UUID) -> asyncpg.Record:
    """Read a case within sight."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("k.id = {}", case_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return row


async def list_page(
    actor: Actor,
    filters: CaseFilters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[CaseView]:
    """List the cases within sight, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _filtered(actor, filters, now)
    rows, following = await newest_first(actor, _COLUMNS, _FROM, where, cursor, limit)
    return Page([_view(actor, row, now) for row in rows], following)


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> list[CaseView]:
    """List the cases of a customer, the newest first; none of one out of sight."""
    filters = CaseFilters(customer_id=customer_id)
    return (await list_page(actor, filters, now=now, limit=50)).items


async def holders(actor: Actor, customer_id: UUID, now: datetime) -> list[Holder]:
    """Give what numbers may stand in of a customer's cases within sight."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await of_customer(actor, customer_id, now=now)
        rows = await db.connection().fetch(_SAID, actor.tenant_id, [each.id for each in found])
    said = {row["case_id"]: row["said"] for row in rows}
    return [holder(each.subject, each, said.get(each.id)) for each in found]


def alarming(cases: list[CaseView]) -> list[CaseView]:
    """Give the cases of which everybody is to know who opens their customer (S94)."""
    return [each for each in cases if each.state in LIVE and each.severity in SERIOUS]


def _where(actor: Actor) -> Where:
    """Begin a question about the cases of the customers within sight."""
    where = Where(actor)
    where.add("k.tenant_id = {} AND NOT k.deleted", actor.tenant_id)
    return where


def _filtered(actor: Actor, filters: CaseFilters, now: datetime) -> Where:
    """Turn filters into conditions."""
    where = _where(actor)
    for name in ("state", "severity", "assignee_id", "customer_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"k.{name} = {{}}", value)
    if filters.is_live:
        where.add("k.state IN ('open', 'in_progress', 'waiting')")
    if filters.is_late:
        where.add(
            "k.state IN ('open', 'in_progress') AND least("
            "CASE WHEN k.answered_at IS NULL THEN k.answer_due_at END, k.resolve_due_at) < {}",
            now,
        )
    if filters.q and (text := filters.q.strip()):
        where.add_text(("k.subject", "c.name"), text)
    return where


def _view(actor: Actor, row: asyncpg.Record, now: datetime) -> CaseView:
    """Turn a row into a view as of now for the actor, from whom its numbers may be hidden."""
    given: dict[str, Any] = {name: value for name, value in row.items() if name not in _UNTOLD}
    state = row["state"]
    view = CaseView(
        **given,
        number=row["id"].hex[-_NUMBER:].upper(),
        is_answer_late=rules.is_late(row["answer_due_at"], row["answered_at"], state, now),
        is_resolve_late=rules.is_late(row["resolve_due_at"], row["resolved_at"], state, now),
    )
    return masks.view(actor, row["customer_owner_id"], view)


async def targets(actor: Actor, *, now: datetime) -> TargetsView:
    """Give the targets that hold now, and the versions that there are, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        versions = await versions_of(actor.tenant_id)
    latest = max((each.version for each in versions), default=0)
    return TargetsView(
        current=rules.in_force(versions, now), latest=latest, versions=[*reversed(versions)]
    )


async def versions_of(tenant_id: UUID) -> list[rules.Version]:
    """Give every version of a company's targets in their order, in the open transaction."""
    rows = await db.connection().fetch(_VERSIONS, tenant_id)
    return [
        rules.Version(
            version=row["version"],
            valid_from=row["valid_from"],
            targets=msgspec.json.decode(row["targets"], type=rules.Targets),
        )
        for row in rows
    ]
