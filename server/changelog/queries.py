"""Ask how far a tenant is."""

from uuid import UUID

from server.kit import db


async def latest_seq(tenant_id: UUID) -> int:
    """Give the tenant's last sequence number; 0 before its first change."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        seq = await db.connection().fetchval(
            "SELECT seq FROM tenant_clock WHERE tenant_id = $1", tenant_id
        )
    return int(seq or 0)
