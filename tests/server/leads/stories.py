"""Short ways to say what happens in the stories about leads."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from server.access import Actor, Role
from server.customers import service as customers
from server.customers.schemas import NewTag
from server.identity import service as identity
from server.identity.schemas import NewAbsence
from server.leads import queries, service
from server.leads.rules.campaigns import Channel
from server.leads.rules.states import IntakePath
from server.leads.schemas import (
    CampaignView,
    Decision,
    LeadSaved,
    LeadView,
    NewCampaign,
    NewLead,
    NewSource,
    NewTerritory,
    Routed,
    SourceView,
)
from tests.factories import NOW, Tenant, new_id, new_user

TODAY = date(2026, 3, 2)
_phones = iter(range(10**6))


def a_phone() -> str:
    """Give a Chinese mobile that no other lead of the run has."""
    return f"139{next(_phones) + 10_000_000:08d}"


def a_lead(name: str = "杭州龙井茶行", **fields: Any) -> NewLead:
    """Write a lead that nothing speaks against."""
    return NewLead(**({"name": name, "phone": a_phone(), "city": "杭州"} | fields))


async def receive(
    actor: Actor, *leads: NewLead, path: IntakePath = IntakePath.API, now: datetime = NOW
) -> LeadSaved:
    """Take leads in."""
    return await service.receive(actor, leads, path, now=now, place="leads[{}].")


async def one(actor: Actor, lead_id: UUID) -> LeadView:
    """Look at a lead."""
    return (await queries.detail(actor, lead_id)).lead


async def ready(tenant: Tenant, now: datetime = NOW, **fields: Any) -> UUID:
    """Take in a lead that is ready to be routed."""
    [lead_id] = (await receive(tenant.manager, a_lead(**fields), now=now)).ids
    return lead_id


async def route(
    tenant: Tenant, lead_id: UUID, person: Actor | None = None, now: datetime = NOW
) -> Routed:
    """Route a lead, by the rules or to somebody."""
    person_id = person.user_id if person else None
    return await service.route(tenant.manager, lead_id, person_id=person_id, now=now)


async def offered(tenant: Tenant, now: datetime = NOW, **fields: Any) -> UUID:
    """Take in a lead and route it to the rep."""
    lead_id = await ready(tenant, now, **fields)
    await route(tenant, lead_id, tenant.rep, now)
    return lead_id


async def a_rep(tenant: Tenant, team_id: UUID | None = None) -> Actor:
    """Let one more rep join the company."""
    rep = tenant.actor(Role.SALES_REP, team_id=team_id)
    await identity.invite(tenant.owner, new_user(rep, team_id=rep.team_id), now=NOW)
    return rep


async def away(tenant: Tenant, person: Actor, starts: date = TODAY, ends: date = TODAY) -> None:
    """Let somebody be away."""
    new = NewAbsence(starts_on=starts, ends_on=ends)
    await identity.add_absence(tenant.owner, person.user_id, new, now=NOW)


async def holds(tenant: Tenant, holder_id: UUID, city: str, district: str = "") -> None:
    """Let somebody hold a place."""
    new = NewTerritory(holder_id=holder_id, city=city, district=district)
    await service.add_territory(tenant.manager, new, now=NOW)


async def a_source(tenant: Tenant, name: str = "官网", **fields: Any) -> SourceView:
    """Add a source."""
    given = {"name": name, "channel": Channel.WEBSITE, "cost_key": f"k{new_id().hex[-12:]}"}
    return await service.add_source(tenant.manager, NewSource(**(given | fields)), now=NOW)


async def a_campaign(tenant: Tenant, source_id: UUID, **fields: Any) -> CampaignView:
    """Plan a campaign of March."""
    given: dict[str, Any] = {
        "name": "春茶节",
        "source_id": source_id,
        "starts_on": date(2026, 3, 1),
        "ends_on": date(2026, 3, 31),
    }
    new = NewCampaign(**(given | fields))
    now = fields.pop("now", NOW)
    return await service.add_campaign(tenant.manager, new, now=now)


async def a_tag(tenant: Tenant, name: str) -> UUID:
    """Create a tag."""
    return (await customers.create_tag(tenant.owner, NewTag(name=name, meaning=name), now=NOW)).id


def decide(lead_ids: Sequence[UUID], reason: str = "") -> Decision:
    """Write a decision about leads."""
    return Decision(lead_ids=list(lead_ids), reason=reason)
