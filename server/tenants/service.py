"""Provision tenants and teams.

Each function is one transaction, and may be repeated with the same id.
"""

from datetime import datetime
from uuid import UUID

from server.kit import db
from server.kit.errors import IdReused

_PROVISION = """
INSERT INTO tenant (tenant_id, name, short_name, city, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id) DO NOTHING
"""
_ADD_TEAM = """
INSERT INTO team (tenant_id, id, name, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, id) DO NOTHING
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
    """
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_ADD_TEAM, tenant_id, team_id, name, now)
        held = await db.connection().fetchval(
            "SELECT name FROM team WHERE tenant_id = $1 AND id = $2", tenant_id, team_id
        )
        if held != name:
            raise IdReused("This id belongs to another team; make a new one.", field="id")
