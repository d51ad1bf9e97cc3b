"""What becomes of deals is told in the campaign that their leads came by (S40, S43)."""

from datetime import date, timedelta
from typing import Any

import pytest

from server.identity import keys
from server.kit import db
from server.leads import queries as leads
from server.leads import service as lead_service
from server.leads.schemas import CampaignView, NewCost
from server.pipeline.service import feeding
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.server.contracts import stories as contracts
from tests.server.leads.stories import a_campaign, a_source, offered, one
from tests.server.pipeline.stories import begin, change, move, win

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def opened_keys(database: Settings) -> None:
    """Derive the keys of this process, which opted-out phones are hashed with."""
    keys.open_keys(database)


async def left_for_the_worker(tenant: Tenant) -> str:
    """Read which deals the worker shall look at."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload::text FROM outbox WHERE tenant_id = $1 AND topic = 'deals.written'",
            tenant.tenant_id,
        )
    return " ".join(row["payload"] for row in rows)


async def campaign_of(tenant: Tenant) -> CampaignView:
    """Plan a campaign that cost a thousand yuan."""
    campaign = await a_campaign(tenant, (await a_source(tenant)).id, budget_minor=1_000_00)
    cost: dict[str, Any] = {"id": new_id(), "spent_on": date(2026, 3, 1)}
    new = NewCost(campaign_id=campaign.id, amount_minor=1_000_00, **cost)
    await lead_service.add_cost(tenant.manager, new, now=NOW)
    return campaign


async def test_s43_a_deal_that_is_won_is_told_in_its_leads_campaign(tenant: Tenant) -> None:
    campaign = await campaign_of(tenant)
    lead = await offered(tenant, campaign_id=campaign.id)
    await offered(tenant, campaign_id=campaign.id)
    customer = (await one(tenant.manager, lead)).customer_id
    deal = await begin(tenant.rep, customer, lead_id=lead, now=NOW + DAY)

    await win(tenant.rep, deal, now=NOW + 2 * DAY)
    assert str(deal) in await left_for_the_worker(tenant)
    for _ in range(2):
        await feeding.tell_leads(tenant.tenant_id, [str(deal)])

    held = await leads.campaign(tenant.manager, campaign.id)
    assert (held.leads, held.signed, held.signed_minor) == (2, 1, 500_00)
    assert (held.cost_per_lead_minor, held.cost_per_signed_minor) == (500_00, 1_000_00)
    [funnel] = await leads.funnels(tenant.manager)
    assert [step.leads for step in funnel.steps] == [2, 1, 1, 1]


async def test_a_deal_on_its_way_is_an_opportunity_and_a_lost_one_stays_where_it_came(
    tenant: Tenant,
) -> None:
    lead = await offered(tenant)
    customer = (await one(tenant.manager, lead)).customer_id
    deal = await begin(tenant.rep, customer, now=NOW + DAY)
    await change(tenant.rep, deal, amount_minor=1, expected_on="2026-04-01")
    await move(tenant.rep, deal, "lose", reason="price", now=NOW + 2 * DAY)

    await feeding.tell_leads(tenant.tenant_id, [str(deal)])

    [funnel] = await leads.funnels(tenant.manager)
    assert [step.leads for step in funnel.steps] == [1, 0, 0, 0]


async def test_what_was_before_the_lead_is_not_its_merit(tenant: Tenant) -> None:
    lead = await offered(tenant, now=NOW + 9 * DAY)
    customer = (await one(tenant.manager, lead)).customer_id
    deal = await begin(tenant.rep, customer, now=NOW)
    await win(tenant.rep, deal, now=NOW + DAY)

    await feeding.tell_leads(tenant.tenant_id, [str(deal)])

    [funnel] = await leads.funnels(tenant.manager)
    assert [step.leads for step in funnel.steps] == [1, 0, 0, 0]


async def test_a_contract_without_a_deal_signs_its_lead_too(tenant: Tenant) -> None:
    campaign = await campaign_of(tenant)
    lead = await offered(tenant, campaign_id=campaign.id)
    customer = (await one(tenant.manager, lead)).customer_id

    contract = await contracts.write(tenant.rep, customer_id=customer)
    await contracts.sign(tenant, contract)

    held = await leads.campaign(tenant.manager, campaign.id)
    assert (held.signed, held.signed_minor) == (1, 1_000_00)
