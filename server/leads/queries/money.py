"""Sources, campaigns with what has come of them, the campaign ledger, pages, and terms."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.identity import keys
from server.identity.service import qr
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.leads.queries import ground
from server.leads.rules.funnel import each
from server.leads.schemas import (
    CampaignView,
    CostView,
    FormView,
    SourceView,
    TermsView,
    TerritoryView,
)

_CAMPAIGNS: Final = """
SELECT c.id, c.name, c.source_id, c.starts_on, c.ends_on, c.area, c.audience, c.budget_minor,
    c.planned_leads, c.planned_signed, c.state, c.review,
    coalesce(e.spent_minor, 0)::bigint AS spent_minor, r.leads, r.signed, r.signed_minor
FROM campaign c
LEFT JOIN LATERAL (
    SELECT sum(amount_minor) AS spent_minor FROM lead_cost
    WHERE tenant_id = c.tenant_id AND campaign_id = c.id
) e ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS leads, count(signed_at) AS signed,
        coalesce(sum(signed_minor), 0)::bigint AS signed_minor
    FROM raw_lead WHERE tenant_id = c.tenant_id AND campaign_id = c.id
) r
WHERE c.tenant_id = $1
"""
_COSTS: Final = """
SELECT id, source_id, campaign_id, amount_minor, spent_on, note, entered_by, entered_at
FROM lead_cost WHERE tenant_id = $1
"""
_FORMS: Final = """
SELECT id, campaign_id, title, token, made_at, closed_at FROM lead_form WHERE tenant_id = $1
"""
_LAST: Final = UUID(int=2**128 - 1)


async def sources(actor: Actor) -> list[SourceView]:
    """List the sources as a tree is read: each behind the one that it stands below."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        held = await ground.sources_of(actor.tenant_id)
    return sorted(held.values(), key=lambda one: (one.path, one.id))


async def campaigns(actor: Actor) -> list[CampaignView]:
    """List the campaigns with their results, the last to begin first."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"{_CAMPAIGNS} ORDER BY c.starts_on DESC, c.id DESC LIMIT 200", actor.tenant_id
        )
    return [_campaign(row) for row in rows]


async def campaign(actor: Actor, campaign_id: UUID) -> CampaignView:
    """Give a campaign with its results.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"{_CAMPAIGNS} AND c.id = $2", actor.tenant_id, campaign_id
        )
    if row is None:
        raise NotFound
    return _campaign(row)


def _campaign(row: asyncpg.Record) -> CampaignView:
    """Turn a row into a view, with what one lead and one signing cost."""
    fields = {
        **dict(row),
        "cost_per_lead_minor": each(row["spent_minor"], row["leads"]),
        "cost_per_signed_minor": each(row["spent_minor"], row["signed"]),
    }
    return msgspec.convert(fields, CampaignView)


async def costs(
    actor: Actor, *, campaign_id: UUID | None = None, cursor: str | None = None
) -> Page[CostView]:
    """List the entries of the campaign ledger, the last entered first."""
    ensure(actor, Permission.LEADS_MANAGE)
    (before,) = decode_cursor(cursor, tuple[UUID]) if cursor else (_LAST,)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"{_COSTS} AND id < $2 AND ($3::uuid IS NULL OR campaign_id = $3)"
            " ORDER BY id DESC LIMIT $4",
            *(actor.tenant_id, before, campaign_id, PAGE_SIZE + 1),
        )
    items = [msgspec.convert(dict(row), CostView) for row in rows[:PAGE_SIZE]]
    return Page(items, encode_cursor(items[-1].id) if len(rows) > PAGE_SIZE else None)


async def cost(actor: Actor, cost_id: UUID) -> CostView | None:
    """Give an entry, in the open transaction; None when there is none."""
    row = await db.connection().fetchrow(f"{_COSTS} AND id = $2", actor.tenant_id, cost_id)
    return None if row is None else msgspec.convert(dict(row), CostView)


async def forms(actor: Actor, campaign_id: UUID) -> list[FormView]:
    """List a campaign's pages, the newest first.

    :raises NotFound: there is no such campaign.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await campaign(actor, campaign_id)
        rows = await db.connection().fetch(
            f"{_FORMS} AND campaign_id = $2 ORDER BY id DESC LIMIT 50",
            actor.tenant_id,
            campaign_id,
        )
    return [_form(row) for row in rows]


async def form(actor: Actor, form_id: UUID) -> FormView:
    """Give a campaign's page.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(f"{_FORMS} AND id = $2", actor.tenant_id, form_id)
    if row is None:
        raise NotFound
    return _form(row)


def _form(row: asyncpg.Record) -> FormView:
    """Turn a row into a view, with its address and the QR that says it."""
    address = f"{keys.current().public_url}/f/{row['token']}"
    fields = {**dict(row), "address": address, "qr_svg": qr.svg(address)}
    return msgspec.convert(fields, FormView)


async def terms(actor: Actor) -> TermsView:
    """Give what the company asks of its leads."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        rules = await ground.rules_of(actor.tenant_id)
        territories = await db.connection().fetch(
            "SELECT id, holder_id, city, district FROM lead_territory WHERE tenant_id = $1"
            ' ORDER BY city, district COLLATE "C" NULLS FIRST, id',
            actor.tenant_id,
        )
        return TermsView(
            terms=await ground.terms_of(actor.tenant_id),
            version=rules.version,
            rules=rules.rules,
            territories=[msgspec.convert(dict(row), TerritoryView) for row in territories],
        )
