"""Look up the tenant and its teams."""

from uuid import UUID

import msgspec

from server.access import Actor
from server.kit import db
from server.kit.errors import NotFound
from server.tenants import rules
from server.tenants.schemas import LeaseTerms, TeamView, TenantView


async def tenant(actor: Actor) -> TenantView:
    """Give the actor's own company."""
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            "SELECT tenant_id, name, short_name, city, lease_hours, lease_only FROM tenant "
            "WHERE tenant_id = $1",
            actor.tenant_id,
        )
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), TenantView)


async def company(actor: Actor) -> TenantView:
    """Give an agent's own company; the platform is none."""
    actor.ensure_agent()
    return await tenant(actor)


async def lease_terms(tenant_id: UUID) -> LeaseTerms:
    """Give the terms of a tenant's devices; call inside a transaction of the tenant."""
    row = await db.connection().fetchrow(
        "SELECT lease_hours, lease_only FROM tenant WHERE tenant_id = $1", tenant_id
    )
    assert row is not None, "whoever asks belongs to a tenant"
    return LeaseTerms(rules.lease_ms(row["lease_hours"]), row["lease_only"])


async def teams(actor: Actor) -> list[TeamView]:
    """List the company's teams by name."""
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(
            'SELECT id, name FROM team WHERE tenant_id = $1 ORDER BY name COLLATE "C"',
            actor.tenant_id,
        )
    return [msgspec.convert(dict(row), TeamView) for row in rows]
