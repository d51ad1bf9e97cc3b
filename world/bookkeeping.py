"""Let the books have been kept: a month of commission, closed, its statement, a payout, a file.

The month has gone by already, so services are called here with the moments at which it was; what
is of today goes through HTTP. Ids come from the world's, so that it may all be done again.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID, uuid5

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.benefits import jobs as benefits
from server.commissions import jobs as commissions
from server.commissions import service
from server.commissions.schemas import NewRefund, NewSale
from server.identity import keys
from server.kit.sheets import csv_of
from server.settings import Settings
from server.statements import service as statements
from server.statements.schemas import NewStatement
from world import closing
from world.api import Api, Json
from world.model import Agent, Customer, Deal, DealOutcome, World
from world.people import CHINA, instant

_FINANCE: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="demo")
_SALES: Final = 4
"""So many deals of each agent were paid last month."""
_HOLD_DAYS: Final = 10
"""So long a customer may change its mind."""
_RATE_PPM: Final = 80_000
_ABOVE: Final = 5_000_000
_ABOVE_PPM: Final = 100_000
"""From fifty thousand yuan on, ten of a hundred instead of eight."""
_HEADER: Final = ("权益编号", "客户标识", "活动", "金额", "日期", "状态")
_FIELDS: Final = ("id", "customer", "program", "amount", "day", "state")
_STATES: Final = {"issued": "有效", "redeemed": "已核销", "voided": "已撤销", "expired": "已过期"}
_LISTED: Final = 100
_DEARER: Final = 1_00
"""By so much one line of an agent's file is off."""
_FORGOTTEN: Final = 3
"""This line is not in it."""


async def keep(world: World, finance: Api, *, settings: Settings, now: datetime) -> None:
    """Earn last month's commission, close and state it, put its payout together.

    The database is open.
    """
    keys.open_keys(settings)
    month = _month_before(now)
    plan_id = await _plan(world, month)
    for agent in world.agents:
        await _sell(agent, plan_id, month)
    await commissions.earn(_at(month, 28))
    await closing.close(world, month, now=now)
    await benefits.seal(now)
    for agent in world.agents:
        drawn = NewStatement(
            id=uuid5(agent.tenant_id, f"statement {month}"),
            agent_id=agent.tenant_id,
            month=f"{month:%Y-%m}",
        )
        await statements.draw(_FINANCE, drawn, now=now)
    await finance.post("/v1/platform/payouts", {"id": str(uuid5(plan_id, f"payout {month}"))})


def file_id(agent: Agent) -> UUID:
    """Give the id of the file that an agent hands in."""
    return uuid5(agent.tenant_id, "file")


async def hand_in(world: World, agent: Agent, finance: Api, *, now: datetime) -> None:
    """Let finance take an agent's own book in; two lines of it are not as the platform has them."""
    source = uuid5(agent.tenant_id, "source")
    column_map = {
        "columns": dict(zip(_FIELDS, _HEADER, strict=True)),
        "program_words": {each.name: str(each.id) for each in world.platform.programs},
    }
    await finance.post(
        "/v1/platform/reconciliation/sources",
        {
            "id": str(source),
            "agent_id": str(agent.tenant_id),
            "name": "门店台账",
            "column_map": column_map,
        },
    )
    handed = {
        "id": str(file_id(agent)),
        "source_id": str(source),
        "month": f"{now.astimezone(CHINA):%Y-%m}",
        "file_name": f"{agent.short_name}台账.csv",
    }
    issued = await finance.get(
        "/v1/platform/issuances", agent_id=str(agent.tenant_id), limit=_LISTED
    )
    rows = [
        _line(each, more=_DEARER if n == 1 else 0)
        for n, each in enumerate(issued["items"])
        if n != _FORGOTTEN
    ]
    content = csv_of([_HEADER, *rows])
    await finance.raw("POST", "/v1/platform/reconciliation/files", params=handed, content=content)


def _line(issued: Json, *, more: int) -> tuple[str, ...]:
    """Write a benefit as the agent has booked it, perhaps a little dearer."""
    day = datetime.fromisoformat(issued["issued_at"]).astimezone(CHINA).date()
    return (
        issued["id"],
        issued["customer_token"],
        issued["program_name"],
        f"{(issued['amount_minor'] + more) / 100:.2f}",
        f"{day:%Y-%m-%d}",
        _STATES[issued["state"]],
    )


# ------------------------------------------------------------------------------- the month before


def _month_before(now: datetime) -> date:
    """Give the first day of the last month that may be stated: an hour after its end it may."""
    first = (now - timedelta(hours=1)).astimezone(CHINA).date().replace(day=1)
    return (first - timedelta(days=1)).replace(day=1)


def _at(month: date, day: int) -> datetime:
    """Give the morning of a day of it."""
    return instant(month.replace(day=day)) + timedelta(hours=9)


async def _plan(world: World, month: date) -> UUID:
    """Publish the plan by which everybody earns."""
    plan_id = uuid5(world.platform.programs[0].id, "commission plan")
    plan = PlanVersion(
        id=uuid5(plan_id, "version"),
        plan_id=plan_id,
        begins_on=month,
        currency="CNY",
        measure=Measure.REVENUE,
        hold_days=_HOLD_DAYS,
        tiers=[Tier(at_least=0, rate=_RATE_PPM), Tier(at_least=_ABOVE, rate=_ABOVE_PPM)],
    )
    await service.publish(_FINANCE, plan, now=_at(month, 1))
    return plan_id


async def _sell(agent: Agent, plan_id: UUID, month: date) -> None:
    """Record what the first deals brought, and that a part of one was given back."""
    for n, (customer, deal) in enumerate(_won(agent)):
        on = month.replace(day=3 + 5 * n)
        sale = NewSale(
            id=uuid5(deal.id, f"sale {month}"),
            plan_id=plan_id,
            contract_id=uuid5(deal.id, "contract"),
            contract_number=f"HT-{month:%y%m}-{customer.uscc[-4:]}",
            on=on,
            sold=deal.amount_minor,
            sellers=[Seller(agent.tenant_id)],
        )
        await service.record_sale(_FINANCE, sale, now=_at(month, on.day))
        if n == 1:
            back = NewRefund(
                id=uuid5(sale.id, "refund"),
                sale_id=sale.id,
                refunded=deal.amount_minor // 4,
                reason="门店撤回一台",
            )
            await service.refund(_FINANCE, back, now=_at(month, on.day + 2))


def _won(agent: Agent) -> Iterator[tuple[Customer, Deal]]:
    """Give the first deals that were won, each of another customer."""
    won = (
        (customer, next((d for d in customer.deals if d.outcome is DealOutcome.WON), None))
        for customer in agent.customers
    )
    return islice(((customer, deal) for customer, deal in won if deal), _SALES)
