"""Provisioning of agent companies."""

import asyncpg
import msgspec
import pytest

from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.tenants import queries
from server.tenants import service as tenants
from server.tenants.rules import TeamNameTaken
from server.tenants.schemas import CompanyChange, NewTeam, TeamChange
from tests.factories import NOW, Tenant, make_platform_actor, new_id


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


async def test_an_owner_adds_and_renames_teams(tenant: Tenant, rival: Tenant) -> None:
    request = NewTeam(id=new_id(), name=" 二队 ")
    made = await tenants.create_team(tenant.owner, request, now=NOW)
    assert await tenants.create_team(tenant.owner, request, now=NOW) == made

    with pytest.raises(TeamNameTaken):
        await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)
    with pytest.raises(TeamNameTaken):
        await tenants.rename_team(tenant.owner, tenant.team_id, TeamChange("二队"), now=NOW)
    with pytest.raises(NotFound):
        await tenants.rename_team(rival.owner, made.id, TeamChange("三队"), now=NOW)
    await tenants.rename_team(tenant.owner, tenant.team_id, TeamChange("大客户组"), now=NOW)

    assert {team.name for team in await queries.teams(tenant.rep)} == {"二队", "大客户组"}


async def test_nobody_but_an_owner_changes_the_company(tenant: Tenant) -> None:
    for actor in (tenant.manager, tenant.rep, make_platform_actor()):
        with pytest.raises(Forbidden):
            await tenants.create_team(actor, NewTeam(name="二队"), now=NOW)
        with pytest.raises(Forbidden):
            await tenants.rename_team(actor, tenant.team_id, TeamChange("二队"), now=NOW)
        with pytest.raises(Forbidden):
            await tenants.change_company(actor, CompanyChange(lease_hours=1), now=NOW)
    with pytest.raises(Forbidden):
        await queries.company(make_platform_actor())


async def test_the_owner_decides_how_long_a_device_works_alone(
    tenant: Tenant, rival: Tenant
) -> None:
    assert (await queries.company(tenant.rep)).lease_hours == 72

    await tenants.change_company(tenant.owner, CompanyChange(lease_hours=720), now=NOW)
    await tenants.change_company(tenant.owner, CompanyChange(), now=NOW)

    assert (await queries.company(tenant.rep)).lease_hours == 720
    assert (await queries.company(rival.rep)).lease_hours == 72


@pytest.mark.parametrize("hours", [0, 721, -1])
async def test_a_lease_is_an_hour_to_thirty_days(tenant: Tenant, hours: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"lease_hours": hours}, CompanyChange)
    with pytest.raises(asyncpg.CheckViolationError):
        await tenants.change_company(tenant.owner, CompanyChange(lease_hours=hours), now=NOW)
