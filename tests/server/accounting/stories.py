"""What happens in a month that vouchers are made of."""

from datetime import date

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from server.access import Actor
from server.commissions import jobs
from server.commissions import service as commissions
from server.commissions.schemas import NewSale
from tests.factories import NOW, Tenant, new_id


async def earns(finance: Actor, tenant: Tenant, begins_on: date) -> None:
    """Let an agent earn 100 yuan of commission."""
    plan = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        begins_on=begins_on,
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=100_000)],
        hold_days=0,
    )
    await commissions.publish(finance, plan, now=NOW)
    sale = NewSale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        on=NOW.date(),
        sold=1_000_00,
        sellers=[Seller(tenant.tenant_id)],
    )
    await commissions.record_sale(finance, sale, now=NOW)
    await jobs.earn(NOW)
