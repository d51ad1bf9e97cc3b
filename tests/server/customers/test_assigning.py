"""Whoever a manager's phone gives a customer to: the rules and the trail are those of the API."""

from uuid import UUID

import pytest

from server.access import Actor, Role
from server.audit import queries as audit
from server.customers import queries, service
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.customers.schemas import CustomerEdit
from server.settings import Settings
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from sync_protocol.messages import Status
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_rep
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def boss(database: Settings, tenant: Tenant) -> Device:
    """Give a manager's phone."""
    return await make_device(database, tenant, role=Role.SALES_MANAGER)


async def of_another_team(tenant: Tenant) -> Actor:
    """Let a rep join another team."""
    team = await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)
    return await a_rep(tenant, team.id)


async def added(boss: Device, **fields: str) -> UUID:
    """Let the phone add a customer."""
    customer = new_id()
    done = await boss.outcome(boss.create("customer", customer, name="老街茶庄", **fields))
    assert done.status is Status.APPLIED
    return customer


async def assigned(tenant: Tenant) -> list[tuple[UUID | None, UUID | None]]:
    """Give whom the trail calls assigned, each with by whom."""
    lines = (await audit.entries(tenant.owner)).items
    return [
        (each.subject_id, each.actor_id) for each in lines if each.action == "customer.assigned"
    ]


async def test_the_team_goes_with_the_owner_from_a_phone_too(tenant: Tenant, boss: Device) -> None:
    heir, customer = await of_another_team(tenant), await added(boss)
    made = await added(boss, owner_id=str(heir.user_id))

    await boss.push(boss.edit("customer", customer, owner_id=str(heir.user_id)))

    for each in (customer, made):
        held = await queries.one(tenant.owner, each)
        assert (held.owner_id, held.team_id) == (heir.user_id, heir.team_id)


async def test_a_team_that_a_phone_names_stays(tenant: Tenant, boss: Device) -> None:
    heir, customer = await of_another_team(tenant), await added(boss)
    names = {"owner_id": str(heir.user_id), "team_id": str(tenant.team_id)}

    await boss.push(boss.edit("customer", customer, **names))

    assert (await queries.one(tenant.owner, customer)).team_id == tenant.team_id


async def test_s45_who_asked_not_to_be_called_is_given_to_nobody_new_by_a_phone(
    tenant: Tenant, boss: Device
) -> None:
    heir, customer = await a_rep(tenant), await added(boss, phone="+8613977776666")
    await opt_outs.opt_out(tenant.owner, "+8613977776666", OptOutReason.ASKED, now=NOW)

    done = await boss.outcome(boss.edit("customer", customer, owner_id=str(heir.user_id)))
    same = await boss.outcome(boss.edit("customer", customer, owner_id=str(boss.actor.user_id)))

    assert (done.status, done.code, done.field) == (Status.REJECTED, OptedOut.code, "owner_id")
    assert same.status in (Status.APPLIED, Status.MERGED)
    change = CustomerEdit(owner_id=heir.user_id)
    with pytest.raises(OptedOut):
        await service.edit(tenant.owner, customer, change, now=NOW)


async def test_the_trail_tells_what_a_phone_assigned(tenant: Tenant, boss: Device) -> None:
    heir, customer = await a_rep(tenant), await added(boss)

    await boss.push(boss.edit("customer", customer, name="老街茶行"))
    assert await assigned(tenant) == []
    await boss.push(boss.edit("customer", customer, owner_id=str(heir.user_id)))

    assert await assigned(tenant) == [(customer, boss.actor.user_id)]
