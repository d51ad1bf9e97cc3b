"""Provision tenants and teams, and let an owner change them.

Each function is one transaction, and may be repeated with the same id.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.kit.text import cleaned
from server.tenants import queries, rules
from server.tenants.rules import TeamNameTaken
from server.tenants.schemas import CompanyChange, NewTeam, TeamChange, TeamView, TenantView

_PROVISION = """
INSERT INTO tenant (tenant_id, name, short_name, city, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id) DO NOTHING
"""
_ADD_TEAM = """
INSERT INTO team (tenant_id, id, name, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
# Two renamings at once are told apart by the unique key; the one that loses is a conflict.
_RENAME_TEAM = """
UPDATE team SET name = $3 WHERE tenant_id = $1 AND id = $2
  AND NOT EXISTS (SELECT FROM team WHERE tenant_id = $1 AND name = $3 AND id <> $2)
RETURNING id
"""


async def provision(
    tenant_id: UUID, *, name: str, short_name: str, city: str, now: datetime
) -> None:
    """Make the workspace of an agent company.

    :raises IdReused: the id belongs to a company of another name.
    """
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_PROVISION, tenant_id, name, short_name, city, now)
        held = await db.connection().fetchval(
            "SELECT name FROM tenant WHERE tenant_id = $1", tenant_id
        )
        if held != name:
            raise IdReused("This id belongs to another company; make a new one.", field="id")


async def add_team(tenant_id: UUID, team_id: UUID, *, name: str, now: datetime) -> None:
    """Add a team to a company.

    :raises IdReused: the id belongs to a team of another name.
    :raises TeamNameTaken: another team has this name.
    """
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_ADD_TEAM, tenant_id, team_id, name, now)
        held = await db.connection().fetchval(
            "SELECT name FROM team WHERE tenant_id = $1 AND id = $2", tenant_id, team_id
        )
        if held is None:
            raise TeamNameTaken("There is a team of this name; choose another.", field="name")
        if held != name:
            raise IdReused("This id belongs to another team; make a new one.", field="id")


async def create_team(actor: Actor, request: NewTeam, *, now: datetime) -> TeamView:
    """Add a team to the actor's company.

    :raises TeamNameTaken: another team has this name.
    """
    ensure(actor, Permission.USERS_MANAGE)
    name = rules.ensure_name(cleaned(request.name, "name", 60))
    team_id = request.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        await add_team(actor.tenant_id, team_id, name=name, now=now)
        await audit.record(actor, "team.added", subject_id=team_id, now=now)
    return TeamView(team_id, name)


async def rename_team(
    actor: Actor, team_id: UUID, change: TeamChange, *, now: datetime
) -> TeamView:
    """Give a team of the actor's company another name.

    :raises NotFound: there is no such team here.
    :raises TeamNameTaken: another team has this name.
    """
    ensure(actor, Permission.USERS_MANAGE)
    name = rules.ensure_name(cleaned(change.name, "name", 60))
    async with db.tenant_transaction(actor.tenant_id):
        is_there = await db.connection().fetchval(
            "SELECT true FROM team WHERE tenant_id = $1 AND id = $2", actor.tenant_id, team_id
        )
        if not is_there:
            raise NotFound
        renamed = await db.connection().fetchval(_RENAME_TEAM, actor.tenant_id, team_id, name)
        if renamed is None:
            raise TeamNameTaken("There is a team of this name; choose another.", field="name")
        await audit.record(actor, "team.renamed", subject_id=team_id, now=now)
    return TeamView(team_id, name)


async def change_company(actor: Actor, change: CompanyChange, *, now: datetime) -> TenantView:
    """Change what holds for the whole company. Devices learn a new lease at their next contact."""
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        if change.lease_hours is not msgspec.UNSET:
            await db.connection().execute(
                "UPDATE tenant SET lease_hours = $2 WHERE tenant_id = $1",
                actor.tenant_id,
                change.lease_hours,
            )
            await audit.record(
                actor,
                "company.lease_changed",
                subject_id=None,
                now=now,
                lease_hours=change.lease_hours,
            )
        if change.lease_only is not msgspec.UNSET:
            await db.connection().execute(
                "UPDATE tenant SET lease_only = $2 WHERE tenant_id = $1",
                actor.tenant_id,
                change.lease_only,
            )
            await audit.record(
                actor,
                "company.protection_changed",
                subject_id=None,
                now=now,
                lease_only=change.lease_only,
            )
        return await queries.tenant(actor)
