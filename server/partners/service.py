"""Admit agents to the channel."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure
from server.audit import service as audit
from server.identity import service as identity
from server.identity.schemas import InvitationView, NewUser
from server.kit import db, ids
from server.kit.errors import IdReused
from server.kit.text import clean, cleaned
from server.partners import queries, rules
from server.partners.schemas import AgentView, NewAgent, NewTerritory, TerritoryView
from server.tenants import service as tenants

# No conflict target, so that the application need not be granted to read other agents.
_ADD: Final = """
INSERT INTO agent (tenant_id, name, short_name, city, tier, joined_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_SHORT: Final = 8
_GRANT: Final = """
INSERT INTO territory (
    id, agent_id, city, district, is_exclusive, valid_from, valid_until, granted_by, granted_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING
"""
_TAKE_TURNS: Final = "SELECT pg_advisory_xact_lock(hashtext('territory'))"
_OVERLAP: Final = """
SELECT EXISTS (
    SELECT FROM territory
    WHERE agent_id <> $1 AND city = $2 AND is_exclusive AND id <> $6
        AND ($3::text IS NULL OR district IS NULL OR district = $3)
        AND valid_from <= coalesce($5::date, 'infinity')
        AND coalesce(valid_until, 'infinity') >= $4::date
)
"""
_TERRITORY: Final = """
SELECT id, agent_id, city, district, is_exclusive, valid_from, valid_until FROM territory
WHERE id = $1
"""


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


async def grant_territory(actor: Actor, new: NewTerritory, *, now: datetime) -> TerritoryView:
    """Let an agent work in a place, alone or beside others. May be repeated under the same id.

    :raises TerritoryTaken: another agent alone may work there in that time.
    :raises TerritoryEndsBeforeItBegins: the last day lies before the first.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    if new.valid_until is not None and new.valid_until < new.valid_from:
        raise rules.TerritoryEndsBeforeItBegins(
            "Let the last day lie behind the first.", field="valid_until"
        )
    territory_id = new.id or ids.new_id(now)
    city = cleaned(new.city, "city")
    district = None if new.district is None else cleaned(new.district, "district")
    await queries.agent(actor, new.agent_id)
    async with db.platform_transaction(actor):
        # Two that overlap must not both look and then both write.
        await db.connection().execute(_TAKE_TURNS)
        when = (new.valid_from, new.valid_until)
        if new.is_exclusive and await db.connection().fetchval(
            _OVERLAP, new.agent_id, city, district, *when, territory_id
        ):
            raise rules.TerritoryTaken(
                "Another agent alone may work there; end that right first.", field="city"
            )
        status = await db.connection().execute(
            _GRANT,
            *(territory_id, new.agent_id, city, district, new.is_exclusive, *when),
            *(actor.user_id, now),
        )
        if status.endswith(" 1"):
            await audit.record_platform_write(
                actor, "territory.granted", subject_id=territory_id, now=now, agent_id=new.agent_id
            )
        row = await db.connection().fetchrow(_TERRITORY, territory_id)
    view = msgspec.convert(dict(row or {}), TerritoryView)
    if (view.agent_id, view.city, view.district) != (new.agent_id, city, district):
        raise IdReused("This id belongs to another territory; make a new one.", field="id")
    return view
