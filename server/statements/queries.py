"""Ask about statements. The platform's finance sees all, an agent's owner its company's own."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.statements import published, rules
from billing.statements import queries as books
from billing.statements.rules import Account
from billing.statements.schemas import (
    PlacedLine,
    StatementLineView,
    StatementRow,
    StatementView,
)
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.benefits import queries as benefits
from server.kit import db
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.partners import queries as partners
from server.statements.schemas import (
    StatementAccountView,
    StatementDetail,
    StatementDispute,
    StatementSignatureView,
    StatementSummary,
)
from server.tenants import queries as tenants

LINES_MAX: Final = 2_000
"""As many lines are read at once."""
_TELLER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="statements")
"""Reads proofs of the books' log, which an agent's own transaction cannot."""

# ------------------------------------------------------------------------------- the platform


async def drawn(
    actor: Actor, *, agent_id: UUID | None = None, cursor: str | None = None, now: datetime
) -> Page[StatementSummary]:
    """List statements, the newest month first; each agent is told that it was read."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        page = await _page(agent_id, cursor, now)
        agents = [each.agent_id for each in page.items]
        await audit.record_platform_read(actor, agents, "statements.list", now=now)
    return page


async def drawn_one(actor: Actor, statement_id: UUID, *, now: datetime) -> StatementDetail:
    """Give a statement; its agent is told that it was read.

    :raises StatementNotFound: there is none.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.statement(statement_id)
        await audit.record_platform_read(actor, [found.agent_id], "statements.one", now=now)
        return await detail(found, await _agent_name(actor, found.agent_id), now)


async def drawn_lines(
    actor: Actor, statement_id: UUID, *, after: int = 0, now: datetime
) -> list[StatementLineView]:
    """List the lines of a statement above a number; its agent is told that they were read."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.statement(statement_id)
        await audit.record_platform_read(actor, [found.agent_id], "statements.lines", now=now)
        return await books.lines(statement_id, after=after, limit=LINES_MAX)


async def drawn_whole(
    actor: Actor, statement_id: UUID, *, most: int, now: datetime
) -> tuple[StatementDetail, Sequence[StatementLineView]]:
    """Give a statement with its first lines, to be written as a file; its agent is told.

    :raises StatementNotFound: there is none.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await drawn_one(actor, statement_id, now=now)
        return found, await books.lines(statement_id, limit=most)


async def disputes(
    actor: Actor,
    *,
    statement_id: UUID | None = None,
    cursor: str | None = None,
    now: datetime,
) -> Page[StatementDispute]:
    """List the disputes that wait for an answer, the most urgent first; their agents are told.

    :param statement_id: only this one's.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    after = decode_cursor(cursor, tuple[date, UUID, int]) if cursor else None
    async with db.platform_transaction(actor):
        found = await books.disputes(statement_id=statement_id, after=after, limit=PAGE_SIZE + 1)
        items = [
            msgspec.convert(
                {**msgspec.structs.asdict(each), "month": month(each.period)}, StatementDispute
            )
            for each in found[:PAGE_SIZE]
        ]
        agents = [each.agent_id for each in items]
        await audit.record_platform_read(actor, agents, "statements.disputes", now=now)
    if len(found) <= PAGE_SIZE:
        return Page(items, None)
    last = items[-1]
    return Page(items, encode_cursor(last.due_on, last.statement_id, last.n))


async def places(actor: Actor, transfer_ids: Sequence[UUID]) -> list[PlacedLine]:
    """Say where movements stand in agents' statements: number and month, nothing of the line."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        return await books.placed(transfer_ids)


# ---------------------------------------------------------------------------------- the agents


async def own(actor: Actor, *, cursor: str | None = None, now: datetime) -> Page[StatementSummary]:
    """List the statements of one's own company, the newest month first."""
    ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await _page(actor.tenant_id, cursor, now)


async def own_one(actor: Actor, statement_id: UUID, *, now: datetime) -> StatementDetail:
    """Give a statement of one's own company.

    :raises StatementNotFound: also when it is another company's.
    """
    ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        found = await books.statement(statement_id)
        return await detail(found, (await tenants.tenant(actor)).name, now)


async def own_lines(actor: Actor, statement_id: UUID, *, after: int = 0) -> list[StatementLineView]:
    """List the lines of a statement of one's own company above a number.

    :raises StatementNotFound: also when it is another company's.
    """
    ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await books.statement(statement_id)
        return await books.lines(statement_id, after=after, limit=LINES_MAX)


async def own_whole(
    actor: Actor, statement_id: UUID, *, most: int, now: datetime
) -> tuple[StatementDetail, Sequence[StatementLineView]]:
    """Give a statement of one's own company with its first lines, to be written as a file.

    :raises StatementNotFound: also when it is another company's.
    """
    ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        found = await own_one(actor, statement_id, now=now)
        return found, await books.lines(statement_id, limit=most)


async def own_places(actor: Actor, transfer_ids: Sequence[UUID]) -> list[PlacedLine]:
    """Say where movements stand in the statements of one's own company."""
    ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        return await books.placed(transfer_ids, agent_id=actor.tenant_id)


async def own_signed(actor: Actor, statement_id: UUID) -> bytes:
    """Write a signed statement of one's own company as `tonglu-verify` checks it, alone.

    :raises StatementNotFound: also when it is another company's.
    :raises NotSigned: the platform has not signed it yet.
    """
    ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await books.statement(statement_id)
    async with db.platform_transaction(_TELLER):
        content, _ = await published.signed_file(found)
    return content


# ----------------------------------------------------------------------------------------- both


def ensure_owner(actor: Actor) -> None:
    """Refuse who does not see what the company earns."""
    actor.ensure_agent()
    ensure(actor, Permission.COMMISSIONS_SEE)


def month(period: date) -> str:
    """Write a month as in 2026-11."""
    return f"{period:%Y-%m}"


async def _page(agent_id: UUID | None, cursor: str | None, now: datetime) -> Page[StatementSummary]:
    """Give a page of a list, in an open transaction."""
    before = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    found = await books.statements(agent_id=agent_id, before=before, limit=PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    more = encode_cursor(items[-1].period, items[-1].id) if len(found) > PAGE_SIZE else None
    return Page([summary(each, now) for each in items], more)


async def _agent_name(actor: Actor, agent_id: UUID) -> str:
    """Name an agent as the platform does."""
    names = {each.tenant_id: each.name for each in await partners.agents(actor)}
    return names.get(agent_id, "")


def summary(found: StatementRow, now: datetime) -> StatementSummary:
    """Give a statement as people see it."""
    return StatementSummary(**_summary(found, now))


def _summary(found: StatementRow, now: datetime) -> dict[str, Any]:
    """Give what both views have of a statement."""
    same = ("id", "agent_id", "currency", "lines", "confirmed", "disputes", "open_disputes")
    return {
        **{name: getattr(found, name) for name in (*same, "answer_by", "drawn_at")},
        "month": month(found.period),
        "hash": found.hash.hex(),
        "standing": found.standing(now.astimezone(rules.ZONE).date()),
        "signatures": [
            StatementSignatureView(**msgspec.structs.asdict(each)) for each in found.signatures
        ],
    }


async def detail(found: StatementView, agent_name: str, now: datetime) -> StatementDetail:
    """Give a statement with its accounts, in an open transaction."""
    names = await benefits.program_names(
        [each.subject_id for each in found.accounts if each.kind != "commission"]
    )
    accounts = [_account(each, names.get(each.subject_id, "")) for each in found.accounts]
    return StatementDetail(**_summary(found, now), agent_name=agent_name, accounts=accounts)


def _account(found: Account, program_name: str) -> StatementAccountView:
    """Give an account as people see it."""
    is_commission = found.kind == "commission"
    return StatementAccountView(
        account_id=found.account_id,
        program_id=None if is_commission else found.subject_id,
        program_name=program_name,
        lines=found.lines,
        opening_pending=found.opening_pending,
        opening_posted=found.opening_posted,
        closing_pending=found.closing_pending,
        closing_posted=found.closing_posted,
    )
