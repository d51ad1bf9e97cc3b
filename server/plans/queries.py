"""Ask about plans. The platform sees every agent's, an agent's owner its company's own."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.invoices import queries as invoicing
from billing.invoices.schemas import InvoiceRow, InvoiceView
from billing.metering import queries as metering
from billing.plans import queries as books
from billing.plans.rules.entitlements import Allowance, Decision, decide
from billing.plans.rules.subscriptions import plan_on
from billing.plans.rules.versions import Meter, PlanVersion
from billing.plans.schemas import HolderRow, HoldersAsked, Subscription
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.partners import queries as partners
from server.plans.schemas import AgentPlan, PlanUse, Use
from server.tenants import queries as tenants

_LEVELS: Final = """
SELECT
    (SELECT count(*) FROM user_account WHERE tenant_id = $1 AND disabled_at IS NULL) AS seats,
    (SELECT count(*) FROM customer WHERE tenant_id = $1 AND NOT deleted) AS customers,
    (
        SELECT coalesce(sum(stored_bytes + staged_bytes), 0)::bigint
        FROM attachment_usage WHERE tenant_id = $1
    ) AS storage_bytes
"""


async def versions(actor: Actor) -> list[PlanVersion]:
    """List the versions of all plans, those that begin last first."""
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        return await books.versions()


async def holders(
    actor: Actor, asked: HoldersAsked, *, cursor: str | None = None, now: datetime
) -> Page[HolderRow]:
    """List which plan each agent has, and how it stands; each is told."""
    ensure(actor, Permission.PLANS_KEEP)
    after = decode_cursor(cursor, tuple[UUID])[0] if cursor else None
    today = now.astimezone(ZONE).date()
    async with db.platform_transaction(actor):
        found = await books.holders(asked, today, after=after, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        agents = [each.agent_id for each in items]
        await audit.record_platform_read(actor, agents, "plans.holders", now=now)
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].agent_id) if more else None)


async def agent_plan(actor: Actor, agent_id: UUID, *, now: datetime) -> AgentPlan:
    """Give an agent's plan, its grants, and what the books count of its use; the agent is told.

    How many seats, customers and bytes it has is its own affair: its contract says who sees them.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.PLANS_KEEP)
    today = now.astimezone(ZONE).date()
    month = now.astimezone(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    async with db.platform_transaction(actor):
        await partners.agent(actor, agent_id)
        held = await books.subscription(agent_id, today)
        used = await metering.used(agent_id, month=month)
        await audit.record_platform_read(actor, [agent_id], "plans.agent", now=now)
    told = _use(held, used, today)
    parts = msgspec.structs.asdict(told) | {
        "uses": [each for each in told.uses if not each.meter.is_level]
    }
    return AgentPlan(**parts, parked_reason=held.parked_reason, changes=held.changes)


async def invoice(actor: Actor, invoice_id: UUID, *, now: datetime) -> InvoiceView:
    """Give an agent's invoice with its lines; the agent is told.

    :raises InvoiceNotFound: there is none.
    """
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        found = await invoicing.invoice(invoice_id)
        await audit.record_platform_read(actor, [found.agent_id], "plans.invoices", now=now)
    return found


async def printed(actor: Actor, invoice_id: UUID, *, now: datetime) -> tuple[InvoiceView, str]:
    """Give an agent's invoice with the agent's name; the agent is told.

    :raises InvoiceNotFound: there is none.
    """
    found = await invoice(actor, invoice_id, now=now)
    return found, (await partners.agent(actor, found.agent_id)).name


async def invoices(
    actor: Actor, agent_id: UUID, *, cursor: str | None = None, now: datetime
) -> Page[InvoiceRow]:
    """List an agent's invoices, the newest first; the agent is told.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        await partners.agent(actor, agent_id)
        found = await _invoices(agent_id, cursor)
        if found.items:
            await audit.record_platform_read(actor, [agent_id], "plans.invoices", now=now)
    return found


async def own_use(actor: Actor, *, now: datetime) -> PlanUse:
    """Give one's company's plan, and what is used of it."""
    _ensure_owner(actor)
    today = now.astimezone(ZONE).date()
    month = now.astimezone(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        held = await books.subscription(actor.tenant_id, today)
        done = await metering.used(actor.tenant_id, month=month)
        row = await db.connection().fetchrow(_LEVELS, actor.tenant_id)
    assert row is not None, "sums are one row"
    return _use(held, {**done, **{Meter(name): n for name, n in row.items()}}, today)


def _use(held: Subscription, used: Mapping[Meter, int], today: date) -> PlanUse:
    """Put what is used beside what there is."""
    entitled = held.entitled(today)
    version, _ = plan_on(held.changes, held.plans, today)
    decisions = [decide(entitled, meter, used=max(0, used.get(meter, 0))) for meter in Meter]
    return PlanUse(
        agent_id=held.agent_id,
        plan=version,
        is_paused=entitled.is_paused,
        standing=entitled.standing,
        clock_on=held.clock_on,
        uses=[_one_use(each, entitled.allowances.get(each.meter)) for each in decisions],
        features=sorted(entitled.features),
        grants=[each for each in held.grants if each.ends_on is None or each.ends_on >= today],
    )


def _one_use(decided: Decision, allowance: Allowance | None) -> Use:
    """Say how much of one thing is used, and what comes of more."""
    return Use(
        meter=decided.meter,
        used=decided.used,
        most=decided.most,
        kind=None if allowance is None else allowance.kind,
        grace_until=None if allowance is None else allowance.grace_until,
        verdict=decided.verdict,
        zh=decided.zh,
        en=decided.en,
    )


async def own_invoices(actor: Actor, *, cursor: str | None = None) -> Page[InvoiceRow]:
    """List one's company's final invoices, the newest first."""
    _ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await _invoices(actor.tenant_id, cursor)


async def own_invoice(actor: Actor, invoice_id: UUID) -> InvoiceView:
    """Give one of one's company's final invoices with its lines.

    :raises InvoiceNotFound: it has none with this id.
    """
    _ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await invoicing.invoice(invoice_id)


async def own_printed(actor: Actor, invoice_id: UUID) -> tuple[InvoiceView, str]:
    """Give one of one's company's final invoices with the company's name.

    :raises InvoiceNotFound: it has none with this id.
    """
    return await own_invoice(actor, invoice_id), (await tenants.tenant(actor)).name


async def _invoices(agent_id: UUID, cursor: str | None) -> Page[InvoiceRow]:
    """Give a page of invoices, inside the open transaction."""
    before = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    found = await invoicing.invoices(agent_id, before=before, limit=PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].month, items[-1].id) if more else None)


def _ensure_owner(actor: Actor) -> None:
    """Refuse who does not see what the company uses and pays."""
    actor.ensure_agent()
    ensure(actor, Permission.PLANS_SEE)
