"""Keep sources, campaigns and what they cost (S37, S43, S50, S51)."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.identity.rules.absences import day_of
from server.kit import db, ids
from server.kit.errors import Conflict, IdReused, Invalid, NotFound
from server.kit.text import LINE_MAX, cleaned, tidied
from server.leads import kinds, queries
from server.leads.queries import ground
from server.leads.rules import campaigns as rules
from server.leads.rules.campaigns import CampaignState, Ended, SourceUnfit
from server.leads.rules.names import named
from server.leads.schemas import (
    CampaignEdit,
    CampaignView,
    CostView,
    NewCampaign,
    NewCost,
    NewSource,
    Review,
    SourceEdit,
    SourceView,
)

_ENDED: Final = """
SELECT c.name, c.ends_on, c.state, coalesce(sum(e.amount_minor), 0)::bigint AS spent_minor
FROM campaign c
LEFT JOIN lead_cost e ON e.tenant_id = c.tenant_id AND e.campaign_id = c.id
WHERE c.tenant_id = $1 AND c.source_id = $2 AND c.state = 'open'
GROUP BY c.id, c.name, c.ends_on, c.state ORDER BY c.ends_on, c.id
"""
_HOLD: Final = "SELECT * FROM campaign WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_SPENT: Final = """
SELECT coalesce(sum(amount_minor), 0)::bigint FROM lead_cost
WHERE tenant_id = $1 AND campaign_id = $2
"""
_COST: Final = """
INSERT INTO lead_cost (tenant_id, id, source_id, campaign_id, amount_minor, spent_on, note,
    entered_by, entered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""


class CostKeyTaken(Conflict):
    """Another source books its costs under this key."""

    code = "cost_key_taken"


_LONGEST: Final = {"partner": 100, "area": 100, "audience": 100}
"""Of the texts of a source and a campaign that are shorter than a line."""


async def add_source(actor: Actor, new: NewSource, *, now: datetime) -> SourceView:
    """Add a source to the tree.

    :raises CostKeyTaken: another source has the key.
    :raises SourceUnfit: there is no such parent.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    source_id = new.id or ids.new_id(now)
    try:
        return await _add_source(actor, source_id, new, now=now)
    except asyncpg.UniqueViolationError:
        # The same id or key at the same moment: once more, and what the other one made is found.
        return await _add_source(actor, source_id, new, now=now)


async def _add_source(
    actor: Actor, source_id: UUID, new: NewSource, *, now: datetime
) -> SourceView:
    """Add a source that nobody adds at the same moment."""
    fields = {
        "name": named(new.name),
        "channel": new.channel,
        "cost_key": new.cost_key,
        "parent_id": str(new.parent_id) if new.parent_id else None,
        "partner": tidied(new.partner, "partner", 100) or None,
        "state": "active",
    }
    async with db.tenant_transaction(actor.tenant_id):
        held = await ground.sources_of(actor.tenant_id)
        if source_id not in held:
            _ensure_parent(held, source_id, new.parent_id)
            if any(one.cost_key == new.cost_key for one in held.values()):
                raise CostKeyTaken("Another source has this key; choose another.", field="cost_key")
            await _add(actor, "lead_source", source_id, fields, now=now)
        view = (await ground.sources_of(actor.tenant_id))[source_id]
    if view.name != fields["name"] or view.cost_key != new.cost_key:
        raise IdReused("This id belongs to another source; make a new one.", field="id")
    return view


async def change_source(
    actor: Actor, source_id: UUID, change: SourceEdit, *, now: datetime
) -> SourceView:
    """Change a source's name, place in the tree, partner, or whether it is in use.

    :raises SourceUnfit: it would stand below itself.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    fields = _touched(change)
    async with db.tenant_transaction(actor.tenant_id):
        # Two moves at once could make a ring of two sources: the tree is one thing.
        await db.connection().execute(
            "SELECT FROM lead_source WHERE tenant_id = $1 ORDER BY id FOR UPDATE", actor.tenant_id
        )
        held = await ground.sources_of(actor.tenant_id)
        if source_id not in held:
            raise NotFound
        if "parent_id" in fields:
            _ensure_parent(held, source_id, change.parent_id)
        await _change(actor, "lead_source", source_id, fields, now=now)
        return (await ground.sources_of(actor.tenant_id))[source_id]


def _ensure_parent(held: dict[UUID, SourceView], source_id: UUID, parent_id: Any) -> None:
    """Refuse a parent that is not there, or that stands below the source itself."""
    at = parent_id
    while at is not None:
        if at not in held or at == source_id:
            raise SourceUnfit("Choose a source that is not below this one.", field="parent_id")
        at = held[at].parent_id


async def add_campaign(actor: Actor, new: NewCampaign, *, now: datetime) -> CampaignView:
    """Plan a campaign; one with a budget waits for the reviews of those before it (S51).

    :raises ReviewMissing: a campaign of this source is over and was not reviewed.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    rules.ensure_days(new.starts_on, new.ends_on)
    campaign_id = new.id or ids.new_id(now)
    try:
        return await _add_campaign(actor, campaign_id, new, now=now)
    except asyncpg.UniqueViolationError:
        # As for sources.
        return await _add_campaign(actor, campaign_id, new, now=now)


async def _add_campaign(
    actor: Actor, campaign_id: UUID, new: NewCampaign, *, now: datetime
) -> CampaignView:
    """Plan a campaign that nobody plans at the same moment."""
    fields: dict[str, Any] = {
        "name": named(new.name),
        "source_id": str(new.source_id),
        "starts_on": new.starts_on.isoformat(),
        "ends_on": new.ends_on.isoformat(),
        "area": tidied(new.area, "area", 100) or None,
        "audience": tidied(new.audience, "audience", 100) or None,
        "budget_minor": new.budget_minor,
        "planned_leads": new.planned_leads,
        "planned_signed": new.planned_signed,
        "state": CampaignState.OPEN.value,
    }
    async with db.tenant_transaction(actor.tenant_id):
        if new.source_id not in await ground.sources_of(actor.tenant_id):
            raise SourceUnfit("There is no such source.", field="source_id")
        if not await db.connection().fetchval(
            "SELECT true FROM campaign WHERE tenant_id = $1 AND id = $2",
            actor.tenant_id,
            campaign_id,
        ):
            if new.budget_minor:
                await _ensure_reviewed(actor, new.source_id, now=now)
            await _add(actor, "campaign", campaign_id, fields, now=now)
        view = await queries.campaign(actor, campaign_id)
    if (view.name, view.source_id) != (fields["name"], new.source_id):
        raise IdReused("This id belongs to another campaign; make a new one.", field="id")
    return view


async def change_campaign(
    actor: Actor, campaign_id: UUID, change: CampaignEdit, *, now: datetime
) -> CampaignView:
    """Change a campaign's plan; a greater budget waits for reviews, a smaller one for the costs.

    :raises ReviewMissing: a campaign of this source is over and was not reviewed.
    :raises CampaignOverBudget: more was spent already.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    fields = _touched(change)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, campaign_id)
        _ensure_open(held)
        starts_on = fields.get("starts_on", held["starts_on"])
        ends_on = fields.get("ends_on", held["ends_on"])
        rules.ensure_days(date.fromisoformat(starts_on), date.fromisoformat(ends_on))
        if isinstance(change.budget_minor, int):
            if change.budget_minor > held["budget_minor"]:
                await _ensure_reviewed(actor, held["source_id"], now=now)
            spent = await db.connection().fetchval(_SPENT, actor.tenant_id, campaign_id)
            rules.ensure_within(rules.Budget(change.budget_minor, spent), 0)
        await _change(actor, "campaign", campaign_id, fields, now=now)
        return await queries.campaign(actor, campaign_id)


async def review_campaign(
    actor: Actor, campaign_id: UUID, review: Review, *, now: datetime
) -> CampaignView:
    """Write what a campaign was good for, when it is over; or why it is cancelled.

    :raises CampaignUnfit: it is not over yet.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, campaign_id)
        is_over = date.fromisoformat(held["ends_on"]) < day_of(now)
        if not (is_over or review.is_cancelled):
            raise rules.CampaignUnfit("It is reviewed when it is over.", field="text")
        state = CampaignState.CANCELLED if review.is_cancelled else CampaignState.REVIEWED
        fields = {"state": state.value, "review": named(review.text, "text", 4_000)}
        await _change(actor, "campaign", campaign_id, fields, now=now)
        return await queries.campaign(actor, campaign_id)


async def add_cost(actor: Actor, new: NewCost, *, now: datetime) -> CostView:
    """Enter what was spent, or came back; never more than the campaign's budget (S50).

    :raises CampaignOverBudget: the budget does not have this much left.
    :raises IdReused: the id is another entry's.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    if not new.amount_minor:
        raise Invalid("An entry is more or less than nothing.", field="amount_minor")
    async with db.tenant_transaction(actor.tenant_id):
        source_id = new.source_id
        if new.campaign_id is not None:
            # The campaign's row is held: two entries at once do not pass its budget together.
            held = await _hold(actor, new.campaign_id)
            source_id = held["source_id"]
        if source_id not in await ground.sources_of(actor.tenant_id):
            raise SourceUnfit("Say which campaign or source it was for.", field="source_id")
        view = await queries.cost(actor, new.id)
        if view is None:
            if new.campaign_id is not None:
                spent = await db.connection().fetchval(_SPENT, actor.tenant_id, new.campaign_id)
                rules.ensure_within(rules.Budget(held["budget_minor"], spent), new.amount_minor)
            await db.connection().execute(
                _COST,
                *(actor.tenant_id, new.id, source_id, new.campaign_id, new.amount_minor),
                *(new.spent_on, tidied(new.note, "note"), actor.user_id, now),
            )
            await audit.record(
                actor,
                "lead_cost.entered",
                subject_id=new.id,
                now=now,
                amount_minor=new.amount_minor,
            )
            view = await queries.cost(actor, new.id)
    assert view is not None, "it was there or has just been written"
    asked = (new.amount_minor, new.campaign_id, new.spent_on)
    if (view.amount_minor, view.campaign_id, view.spent_on) != asked:
        raise IdReused("This id belongs to another entry; make a new one.", field="id")
    return view


async def _hold(actor: Actor, campaign_id: UUID) -> asyncpg.Record:
    """Lock a campaign.

    :raises NotFound: there is none.
    """
    row = await db.connection().fetchrow(_HOLD, actor.tenant_id, campaign_id)
    if row is None:
        raise NotFound("There is no such campaign.", field="campaign_id")
    return row


def _ensure_open(held: asyncpg.Record) -> None:
    """Refuse to change a campaign that was closed."""
    if held["state"] != CampaignState.OPEN:
        raise rules.CampaignUnfit("This campaign is closed; plan a new one.", field="campaign_id")


async def _ensure_reviewed(actor: Actor, source_id: UUID, *, now: datetime) -> None:
    """Refuse money while an earlier campaign of the source was not reviewed."""
    rows = await db.connection().fetch(_ENDED, actor.tenant_id, source_id)
    rules.ensure_reviewed([msgspec.convert(dict(row), Ended) for row in rows], today=day_of(now))


def _touched(change: SourceEdit | CampaignEdit) -> dict[str, Any]:
    """Give what a request touched, as it travels; an empty text is none."""
    given: dict[str, Any] = msgspec.to_builtins(
        {
            name: getattr(change, name)
            for name in change.__struct_fields__
            if getattr(change, name) is not msgspec.UNSET
        }
    )
    if "name" in given:
        given["name"] = named(given["name"])
    return {
        name: (cleaned(value, name, _LONGEST.get(name, LINE_MAX)) or None)
        if isinstance(value, str)
        else value
        for name, value in given.items()
    }


async def _add(
    actor: Actor, kind: str, record_id: UUID, fields: dict[str, Any], *, now: datetime
) -> None:
    """Make a record that everybody of the company gets."""
    await facts.add(actor, kind, str(record_id), fields, kinds=kinds.BY_NAME, now=now)
    await audit.record(actor, f"{kind}.added", subject_id=record_id, now=now)


async def _change(
    actor: Actor, kind: str, record_id: UUID, fields: dict[str, Any], *, now: datetime
) -> None:
    """Change such a record."""
    await facts.note(actor, {(kind, str(record_id)): fields}, kinds=kinds.BY_NAME, now=now)
    await audit.record(
        actor, f"{kind}.changed", subject_id=record_id, now=now, fields=sorted(fields)
    )
