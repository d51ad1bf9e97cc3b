"""Admit agents to the channel."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure
from server.audit import service as audit
from server.identity import service as identity
from server.identity.schemas import InvitationView, NewUser
from server.kit import db, ids
from server.kit.calendars import ZONE
from server.kit.errors import IdReused
from server.kit.text import clean, cleaned
from server.partners import queries
from server.partners.rules import agents as rules
from server.partners.schemas import AgentView, NewAgent
from server.tenants import service as tenants

# No conflict target, so that the application need not be granted to read other agents.
_ADD: Final = """
INSERT INTO agent (tenant_id, name, short_name, city, tier, joined_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_FIRST_TIER: Final = """
INSERT INTO agent_tier (id, agent_id, tier, since, reason, set_by, set_at)
VALUES ($1, $1, $2, $3, '', $4, $5) ON CONFLICT DO NOTHING
"""
_SHORT: Final = 8


async def admit(actor: Actor, request: NewAgent, *, now: datetime) -> AgentView:
    """Give an agent company its workspace, its first team and its owner. May be repeated.

    :raises IdReused: the id belongs to another company, or came with other content.
    :raises LoginTaken: somebody has the owner's login name already.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    tenant_id = request.id or ids.new_id(now)
    rules.ensure_own_id(tenant_id)
    name, city = cleaned(request.name, "name", 100), cleaned(request.city, "city")
    short_name = clean(request.short_name or name)[:_SHORT]
    owner = _owner(tenant_id, request)
    async with db.tenant_transaction(tenant_id):
        await tenants.provision(tenant_id, name=name, short_name=short_name, city=city, now=now)
        await identity.found_company(
            tenant_id,
            rules.team_id(tenant_id),
            owner,
            team_name=cleaned(request.team_name, "team_name", 60),
            now=now,
        )
        await db.connection().execute(_ADD, tenant_id, name, short_name, city, request.tier, now)
        since = now.astimezone(ZONE).date()
        await db.connection().execute(
            _FIRST_TIER, tenant_id, request.tier, since, actor.user_id, now
        )
    view = await queries.agent(actor, tenant_id)
    if (view.name, view.city, view.tier) != (name, city, request.tier):
        raise IdReused("This id belongs to another company; make a new one.", field="id")
    if view.joined_at == now:
        async with db.tenant_transaction(PLATFORM_TENANT):
            await audit.record(actor, "agent.admitted", subject_id=tenant_id, now=now)
    return view


async def invite_owner(actor: Actor, tenant_id: UUID, *, now: datetime) -> InvitationView:
    """Invite the first owner of an agent, who sees that in the feed. A code that is open ends.

    :raises NotFound: there is no such agent.
    :raises OwnerHasJoined: the company sees to its own people now.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    await queries.agent(actor, tenant_id)
    # Before the code exists, so that there is never one without the line.
    async with db.platform_transaction(actor):
        await audit.record_platform_read(actor, [tenant_id], "owner.invited", now=now)
    return await identity.invite_first_owner(actor, tenant_id, rules.owner_id(tenant_id), now=now)


def _owner(tenant_id: UUID, request: NewAgent) -> NewUser:
    """Write the first owner down as a person of the company."""
    return NewUser(
        id=rules.owner_id(tenant_id),
        login=request.owner.login,
        name=request.owner.name,
        role=Role.AGENT_OWNER,
        team_id=rules.team_id(tenant_id),
    )
