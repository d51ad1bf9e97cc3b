"""What a manager of one team may not see or take through a lead: what is another team's."""

import msgspec
import pytest

from server.access import Actor, Scope
from server.customers import queries as customers
from server.customers import service as customer_service
from server.customers.schemas import CustomerEdit, NewCustomer
from server.kit import db
from server.kit.errors import NotFound
from server.leads import queries, service
from server.leads.rules.routing import CustomerOfOthers
from server.leads.rules.states import LeadState, ReturnReason
from server.leads.schemas import LeadFilters, Return
from server.tenants import service as tenants
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_lead, a_phone, a_rep, decide, receive
from tests.waiting import meanwhile


async def a_team(tenant: Tenant, name: str) -> Actor:
    """Make a team with one rep; give the rep."""
    team_id = new_id()
    await tenants.add_team(tenant.tenant_id, team_id, name=name, now=NOW)
    return await a_rep(tenant, team_id)


def manager_of(tenant: Tenant, rep: Actor) -> Actor:
    """Give a manager who sees the rep's team alone."""
    return msgspec.structs.replace(tenant.manager, scope=Scope.TEAM, team_id=rep.team_id)


async def test_a_lead_takes_no_customer_from_another_team(tenant: Tenant) -> None:
    ours, theirs = await a_team(tenant, "甲"), await a_team(tenant, "乙")
    manager, phone, customer_id = manager_of(tenant, ours), a_phone(), new_id()
    new = NewCustomer(id=customer_id, name="狮峰茶行", phone=phone)
    await customer_service.create(theirs, new, now=NOW)
    [lead_id] = (await receive(manager, a_lead("狮峰茶行", phone=phone))).ids
    await service.keep(manager, decide([lead_id]), now=NOW)

    with pytest.raises(CustomerOfOthers):
        await service.route(manager, lead_id, person_id=ours.user_id, now=NOW)

    assert (await customers.one(theirs, customer_id)).owner_id == theirs.user_id
    page = await queries.list_page(manager, LeadFilters())
    detail = await queries.detail(manager, lead_id)
    assert [lead.verdict_values for lead in (*page.items, detail.lead)] == [{}, {}]
    whole = await queries.detail(tenant.owner, lead_id)
    assert whole.lead.verdict_values == {"customer_id": str(customer_id)}
    routed = await service.route(manager, lead_id, person_id=theirs.user_id, now=NOW)
    assert routed.person_id == theirs.user_id


async def test_a_customer_that_changes_hands_meanwhile_is_looked_at_again(
    tenant: Tenant,
) -> None:
    ours, theirs = await a_team(tenant, "甲"), await a_team(tenant, "乙")
    manager, phone, customer_id = manager_of(tenant, ours), a_phone(), new_id()
    new = NewCustomer(id=customer_id, name="狮峰茶行", phone=phone)
    await customer_service.create(ours, new, now=NOW)
    [lead_id] = (await receive(manager, a_lead("狮峰茶行", phone=phone))).ids
    await service.keep(manager, decide([lead_id]), now=NOW)
    colleague = await a_rep(tenant, ours.team_id)

    async with db.tenant_transaction(tenant.tenant_id):
        change = CustomerEdit(owner_id=theirs.user_id, team_id=theirs.team_id)
        await customer_service.edit(tenant.owner, customer_id, change, now=NOW)
        routing = await meanwhile(
            service.route(manager, lead_id, person_id=colleague.user_id, now=NOW)
        )

    with pytest.raises(CustomerOfOthers):
        await routing
    assert (await customers.one(theirs, customer_id)).owner_id == theirs.user_id


async def test_a_lead_in_another_teams_hands_is_theirs(tenant: Tenant) -> None:
    ours, theirs = await a_team(tenant, "甲"), await a_team(tenant, "乙")
    manager, phone = manager_of(tenant, ours), a_phone()
    [lead_id] = (await receive(manager, a_lead("狮峰茶行", phone=phone))).ids
    await service.keep(manager, decide([lead_id]), now=NOW)
    assert (await queries.detail(manager, lead_id)).lead.id == lead_id
    await service.route(manager, lead_id, person_id=theirs.user_id, now=NOW)

    assert (await queries.list_page(manager, LeadFilters())).items == []
    for refused in (
        queries.detail(manager, lead_id),
        service.call(manager, lead_id, now=NOW),
        service.route(manager, lead_id, person_id=ours.user_id, now=NOW),
    ):
        with pytest.raises(NotFound):
            await refused

    assert (await service.call(theirs, lead_id, now=NOW)).phone == f"+86{phone}"
    theirs_manager = manager_of(tenant, theirs)
    assert (await queries.detail(theirs_manager, lead_id)).lead.id == lead_id


async def test_an_offered_lead_is_given_back_only_while_its_customer_is_in_sight(
    tenant: Tenant,
) -> None:
    ours, theirs = await a_team(tenant, "甲"), await a_team(tenant, "乙")
    [lead_id] = (await receive(tenant.manager, a_lead())).ids
    await service.route(tenant.owner, lead_id, person_id=ours.user_id, now=NOW)
    customer_id = (await queries.detail(tenant.owner, lead_id)).lead.customer_id
    assert customer_id is not None
    given = CustomerEdit(owner_id=theirs.user_id)
    await customer_service.edit(tenant.owner, customer_id, given, now=NOW)

    with pytest.raises(NotFound):
        await service.give_back(ours, lead_id, Return(reason=ReturnReason.OUT_OF_AREA), now=NOW)

    assert (await queries.detail(tenant.owner, lead_id)).lead.state is LeadState.OFFERED
