"""Say that the database was restored from a backup, so that devices send again what it lost."""

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from server.access import PLATFORM_TENANT, Role, of_the_product
from server.audit import service as audit
from server.changelog import restoration
from server.kit import db

_OF_PEOPLE: Final = "SELECT DISTINCT tenant_id FROM login_name"
_OF_AGENTS: Final = "SELECT tenant_id FROM agent"

log = structlog.get_logger()


async def begin_epochs(*, found_by: str, now: datetime) -> int:
    """Begin an epoch for every tenant, each with a line in its trail; give how many there are.

    Doing it once more does no harm but that devices take another snapshot. A device keeps its ops
    for two weeks after they were acknowledged: those that the backup does not hold it sends again,
    those that it does hold are known by their numbers.

    :param found_by: ``operator`` or ``start-up``.
    """
    found = await tenants()
    for tenant_id in found:
        async with db.tenant_transaction(tenant_id):
            stand = await restoration.begin_epoch(tenant_id, now=now)
            await audit.record(
                of_the_product(tenant_id, role=Role.PLATFORM_OPERATOR, name="operator"),
                "database.restored",
                subject_id=tenant_id,
                now=now,
                epoch=stand.epoch,
                seq=stand.seq,
                found_by=found_by,
            )
    log.error("database.restored", found_by=found_by, tenants=len(found))
    return len(found)


async def tenants() -> list[UUID]:
    """List all agents' tenants, in one order."""
    async with db.global_transaction():
        people = await db.connection().fetch(_OF_PEOPLE)
    async with db.job_transaction():
        agents = await db.connection().fetch(_OF_AGENTS)
    return sorted({row["tenant_id"] for row in (*people, *agents)} - {PLATFORM_TENANT})
