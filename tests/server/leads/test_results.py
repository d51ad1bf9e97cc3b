"""What leads cost and brought, told where they came in (S40, S41, S43, S50, S51)."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit.errors import IdReused
from server.leads import queries, service
from server.leads.rules.campaigns import CampaignOverBudget, CampaignUnfit, ReviewMissing
from server.leads.rules.funnel import cohort_of, entries
from server.leads.rules.states import STAGES, Stage
from server.leads.schemas import CampaignEdit, NewCampaign, NewCost, Review
from server.leads.service.campaigns import CostKeyTaken
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_campaign, a_lead, a_source, ready, receive

FEBRUARY = datetime(2026, 2, 10, 2, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


async def reach(tenant: Tenant, lead_id: UUID, stage: Stage, at: datetime, value: int = 0) -> None:
    await service.reached(tenant.rep, stage, lead_id=lead_id, at=at, value_minor=value or None)


async def spend(
    tenant: Tenant, amount: int, campaign_id: UUID | None = None, **fields: Any
) -> None:
    given: dict[str, Any] = {"id": new_id(), "spent_on": date(2026, 3, 5)} | fields
    new = NewCost(amount_minor=amount, campaign_id=campaign_id, **given)
    await service.add_cost(tenant.manager, new, now=NOW)


async def test_s40_conversion_and_days_are_those_worked_out_by_hand(tenant: Tenant) -> None:
    # Ten leads of February; five accepted after 1 to 5 days; two of these come to opportunities 10
    # and 20 days later, and one of them signs after 30. The medians are 3, 15 and 30.
    saved = await receive(tenant.manager, *(a_lead() for _ in range(10)), now=FEBRUARY)
    await receive(tenant.manager, a_lead(), now=MARCH)
    days = timedelta(days=1)
    for n, lead_id in enumerate(saved.ids[:5], 1):
        await reach(tenant, lead_id, Stage.PRE_OPPORTUNITY, FEBRUARY + n * days)
    for n, lead_id in enumerate(saved.ids[:2], 1):
        await reach(tenant, lead_id, Stage.OPPORTUNITY, FEBRUARY + (n + 10 * n) * days)
    await reach(tenant, saved.ids[0], Stage.SIGNED, FEBRUARY + 41 * days, 500_000)

    march, february = await queries.funnels(tenant.manager)

    assert (march.cohort, march.steps[0].leads, march.steps[1].leads) == ("2026-03", 1, 0)
    assert february.cohort == "2026-02"
    assert [step.leads for step in february.steps] == [10, 5, 2, 1]
    assert [step.conversion for step in february.steps] == [None, 0.5, 0.4, 0.5]
    assert [step.days for step in february.steps] == [None, 3.0, 15.0, 30.0]


async def test_s43_a_late_signing_lands_in_the_cohort_of_its_intake(tenant: Tenant) -> None:
    source = await a_source(tenant)
    old = await ready(tenant, FEBRUARY, source_id=source.id)
    await ready(tenant, FEBRUARY, source_id=source.id)
    await ready(tenant, MARCH, source_id=source.id)
    await spend(tenant, 30_000, source_id=source.id, spent_on=date(2026, 2, 28))
    await spend(tenant, 10_001, source_id=source.id, spent_on=date(2026, 3, 1))

    await reach(tenant, old, Stage.SIGNED, MARCH + timedelta(days=90), 900_000)

    march, february = await queries.channels(tenant.manager)
    assert (february.cohort, february.leads, february.signed) == ("2026-02", 2, 1)
    assert (february.cost_per_lead_minor, february.cost_per_signed_minor) == (15_000, 30_000)
    assert february.value_per_signed_minor == 900_000
    assert (march.leads, march.signed, march.cost_per_lead_minor) == (1, 0, 10_001)
    assert march.cost_per_signed_minor is None
    ledger = (await queries.costs(tenant.manager)).items
    assert sum(each.amount_minor for each in ledger) == march.cost_minor + february.cost_minor


async def test_s41_a_stage_reached_again_or_late_changes_nothing(tenant: Tenant) -> None:
    lead_id = await ready(tenant, FEBRUARY)

    for at in (MARCH, FEBRUARY + timedelta(days=1), MARCH):
        await reach(tenant, lead_id, Stage.OPPORTUNITY, at)
        await reach(tenant, lead_id, Stage.PRE_OPPORTUNITY, at)

    [cohort] = await queries.funnels(tenant.manager)
    assert [step.leads for step in cohort.steps] == [1, 1, 1, 0]
    assert cohort.steps[1].days == 28.0
    await service.reached(tenant.rep, Stage.SIGNED, customer_id=new_id(), at=MARCH)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STAGES),
            st.integers(-5, 60).map(lambda n: FEBRUARY + timedelta(days=n)),
        ),
        max_size=12,
    )
)
def test_s40_entries_are_monotone_and_the_first_stays(
    steps: list[tuple[Stage, datetime]],
) -> None:
    held: dict[Stage, datetime | None] = {Stage.LEAD: FEBRUARY}
    for stage, at in steps:
        new = entries(held, stage, at)
        assert not set(new) & {each for each, entered in held.items() if entered}
        held |= new
        assert entries(held, stage, at + timedelta(days=1)) == {}

    entered = [held.get(stage) for stage in STAGES]
    known = [each for each in entered if each is not None]
    assert known == sorted(known)
    assert entered[: len(known)] == known


def test_a_cohort_is_a_month_of_the_platforms_clocks() -> None:
    assert cohort_of(datetime(2026, 2, 28, 15, 59, tzinfo=UTC)) == "2026-02"
    assert cohort_of(datetime(2026, 2, 28, 16, 0, tzinfo=UTC)) == "2026-03"


async def test_s50_nothing_is_spent_beyond_the_budget_not_even_at_once(tenant: Tenant) -> None:
    campaign = await a_campaign(tenant, (await a_source(tenant)).id, budget_minor=10_000)

    tries = await asyncio.gather(
        *(spend(tenant, 4_000, campaign.id) for _ in range(4)), return_exceptions=True
    )

    assert [type(each) for each in tries].count(CampaignOverBudget) == 2
    await spend(tenant, -1_000, campaign.id)
    with pytest.raises(CampaignUnfit):
        await spend(tenant, -8_000, campaign.id)
    edit = CampaignEdit(budget_minor=6_999)
    with pytest.raises(CampaignOverBudget):
        await service.change_campaign(tenant.manager, campaign.id, edit, now=NOW)
    assert (await queries.campaign(tenant.manager, campaign.id)).spent_minor == 7_000


async def test_a_cost_may_be_sent_twice(tenant: Tenant) -> None:
    campaign = await a_campaign(tenant, (await a_source(tenant)).id, budget_minor=10_000)
    cost_id = new_id()

    await spend(tenant, 6_000, campaign.id, id=cost_id)
    await spend(tenant, 6_000, campaign.id, id=cost_id)
    with pytest.raises(IdReused):
        await spend(tenant, 5_000, campaign.id, id=cost_id)

    assert (await queries.campaign(tenant.manager, campaign.id)).spent_minor == 6_000


async def test_s50_results_of_a_campaign_join_its_leads(tenant: Tenant) -> None:
    campaign = await a_campaign(
        tenant, (await a_source(tenant)).id, budget_minor=10_000, planned_leads=3
    )
    saved = await receive(
        tenant.manager, *(a_lead(campaign_id=campaign.id) for _ in range(3)), now=NOW
    )
    await spend(tenant, 9_000, campaign.id)
    await reach(tenant, saved.ids[0], Stage.SIGNED, MARCH, 70_000)

    found = await queries.campaign(tenant.manager, campaign.id)

    assert (found.planned_leads, found.leads, found.signed) == (3, 3, 1)
    assert (found.cost_per_lead_minor, found.cost_per_signed_minor) == (3_000, 9_000)
    assert found.signed_minor == 70_000


async def test_s51_the_next_budget_waits_for_the_review_of_the_last(tenant: Tenant) -> None:
    source = await a_source(tenant)
    campaign = await a_campaign(tenant, source.id, budget_minor=10_000)
    await spend(tenant, 1_000, campaign.id)
    april = NOW + timedelta(days=40)
    text = Review(text="来了三家，成一家；下次早点发请柬。")
    with pytest.raises(CampaignUnfit):
        await service.review_campaign(tenant.manager, campaign.id, text, now=NOW)

    async def plan(budget_minor: int) -> UUID:
        days: dict[str, Any] = {"starts_on": date(2026, 4, 20), "ends_on": date(2026, 4, 30)}
        new = NewCampaign(name="谷雨", source_id=source.id, budget_minor=budget_minor, **days)
        return (await service.add_campaign(tenant.manager, new, now=april)).id

    with pytest.raises(ReviewMissing):
        await plan(5_000)
    without = await plan(0)
    edit = CampaignEdit(budget_minor=5_000)
    with pytest.raises(ReviewMissing):
        await service.change_campaign(tenant.manager, without, edit, now=april)
    await service.review_campaign(tenant.manager, campaign.id, text, now=april)

    assert await plan(5_000)


async def test_two_sources_at_once_do_not_share_a_cost_key(tenant: Tenant) -> None:
    tries = await asyncio.gather(
        *(a_source(tenant, name, cost_key="seo") for name in ("甲", "乙")), return_exceptions=True
    )
    source_id = new_id()
    same = await asyncio.gather(
        *(a_source(tenant, "丙", cost_key="sem", id=source_id) for _ in range(3))
    )

    assert [type(each) for each in tries].count(CostKeyTaken) == 1
    assert {each.id for each in same} == {source_id}
    assert [each.cost_key for each in await queries.sources(tenant.rep)].count("sem") == 1
