"""Provisioning of agent companies."""

import pytest

from server.kit import db
from server.kit.errors import IdReused
from server.tenants import service as tenants
from tests.factories import NOW, Tenant


async def test_a_company_is_provisioned_once(tenant: Tenant) -> None:
    await tenants.provision(
        tenant.tenant_id, name=tenant.name, short_name="again", city="杭州", now=NOW
    )

    with pytest.raises(IdReused):
        await tenants.provision(
            tenant.tenant_id, name="another", short_name="another", city="杭州", now=NOW
        )


async def test_a_company_sees_only_its_own_teams(tenant: Tenant, rival: Tenant) -> None:
    async with db.tenant_transaction(tenant.tenant_id):
        teams = await db.connection().fetch("SELECT tenant_id, id FROM team")

    assert [(row["tenant_id"], row["id"]) for row in teams] == [(tenant.tenant_id, tenant.team_id)]
