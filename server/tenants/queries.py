"""Look up the tenant and its teams."""

import msgspec

from server.access import Actor
from server.kit import db
from server.kit.errors import NotFound
from server.tenants.schemas import TeamView, TenantView


async def tenant(actor: Actor) -> TenantView:
    """Give the actor's own company."""
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            "SELECT tenant_id, name, short_name, city FROM tenant WHERE tenant_id = $1",
            actor.tenant_id,
        )
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), TenantView)


async def teams(actor: Actor) -> list[TeamView]:
    """List the company's teams by name."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(
            'SELECT id, name FROM team WHERE tenant_id = $1 ORDER BY name COLLATE "C"',
            actor.tenant_id,
        )
    return [msgspec.convert(dict(row), TeamView) for row in rows]
