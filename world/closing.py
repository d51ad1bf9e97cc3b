"""Let the platform's finance have closed a month: vouchers, and what an agent owes for its plan.

One makes the vouchers, the other one has checked them; a red one waits. An agent pays for messages
beyond the free ones. All of it goes through the product's own use cases, at the moments at which it
was, with ids that come from the world's, so that it may be done again.
"""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from billing.accounting_vouchers.schemas import Standard, Treatment
from billing.periods.schemas import PeriodState
from billing.plans.rules.grants import Grant, Source
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import FREE, Limit, Meter, PlanVersion
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.accounting import queries, service
from server.accounting.schemas import (
    Beginning,
    Check,
    NewRun,
    NewState,
    NewTreatment,
    OpenPeriod,
    TakingBack,
)
from server.plans import service as plans
from world.model import Agent, World
from world.people import CHINA, instant

_STANDARD: Final = Standard.ENTERPRISE
_WRONG: Final = "摘要要写明合同号"
"""Why one voucher is taken back."""
_INCLUDED: Final = 1_000
_MORE: Final = 2_000
"""So many messages of a month an agent pays for, beyond those that cost nothing."""
_MESSAGE: Final = 10
"""What one more costs for a month: ten fen."""
_TAX_PPM: Final = 60_000


async def close(world: World, month: date, *, now: datetime) -> None:
    """Close a month that is over: its vouchers are made and checked, its invoice is final."""
    maker, checker = _finance(world)
    root = world.platform.programs[0].id
    following = _following(month)
    closed_at = min(instant(following), now)
    await _begin(world, maker, month, now=closed_at)
    period_id = await _periods(root, maker, month, now=closed_at)
    if (await queries.period(maker, period_id)).period.state is PeriodState.OPEN:
        closing = NewState(state=PeriodState.SOFT_CLOSED, reason=f"{month.month}月月结")
        await service.change_period(maker, period_id, closing, now=closed_at)
    new = NewRun(id=uuid5(root, f"run {month}"))
    run = await service.make(maker, period_id, new, now=closed_at)
    await service.check(checker, run.id, Check(hash=run.hash), now=closed_at)
    first = (await queries.vouchers(maker, period_id, now=now)).items[0]
    back = TakingBack(id=uuid5(root, f"red {month}"), reason=_WRONG)
    await service.take_back(maker, first.id, back, now=now)
    await _bill(world.agents[0], maker, month, now=now)


def _finance(world: World) -> tuple[Actor, Actor]:
    """Give the platform's two people of finance, as an edge makes them."""
    one, other = (
        Actor(
            user_id=person.id,
            tenant_id=PLATFORM_TENANT,
            role=Role.PLATFORM_FINANCE,
            scope=Scope(person.scope),
            name=person.name,
        )
        for person in world.platform.staff
        if person.role == "platform_finance"
    )
    return one, other


def _following(month: date) -> date:
    """Give the first day of the month after one."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


# ------------------------------------------------------------------------------------ vouchers


async def _begin(world: World, maker: Actor, month: date, *, now: datetime) -> None:
    """Begin with a standard's chart and its posting rules; say what each program's benefits are."""
    first, *others = (each.id for each in world.platform.programs)
    begun = Beginning(id=uuid5(first, "chart"), standard=_STANDARD, begins_on=month)
    await service.begin(maker, begun, now=now)
    for program_id in others:
        treated = NewTreatment(
            id=uuid5(program_id, "treatment"),
            standard=_STANDARD,
            program_id=program_id,
            treatment=Treatment.REVENUE_REDUCTION,
            begins_on=month,
        )
        await service.treat(maker, treated, now=now)


async def _periods(root: UUID, maker: Actor, month: date, *, now: datetime) -> UUID:
    """Open a month and the one after it; give the first one."""
    opened = []
    for begins_on in (month, _following(month)):
        period = OpenPeriod(
            id=uuid5(root, f"period {begins_on}"),
            begins_on=begins_on,
            ends_on=_following(begins_on) - timedelta(days=1),
        )
        opened.append((await service.open_period(maker, period, now=now)).id)
    return opened[0]


# ---------------------------------------------------------------------------------------- plans


async def _bill(agent: Agent, finance: Actor, month: date, *, now: datetime) -> None:
    """Publish a plan that sells more messages, give an agent some for a month, and bill that."""
    before = instant(month) - timedelta(days=1)
    version = PlanVersion(
        id=uuid5(FREE.id, f"version {month}"),
        plan_id=uuid5(FREE.id, "plan"),
        name="增值版 Plus",
        begins_on=month,
        tax_ppm=_TAX_PPM,
        limits={**FREE.limits, Meter.MESSAGES: Limit(most=_INCLUDED)},
        unit_minor={Meter.MESSAGES: _MESSAGE},
    )
    await plans.publish(finance, version, now=before)
    change = Change(
        id=uuid5(agent.tenant_id, "plan"),
        agent_id=agent.tenant_id,
        begins_on=month,
        plan_id=version.plan_id,
    )
    await plans.change(finance, change, now=before)
    grant = Grant(
        id=uuid5(agent.tenant_id, "messages"),
        agent_id=agent.tenant_id,
        source=Source.AGENT,
        meter=Meter.MESSAGES,
        units=_MORE,
        begins_on=month,
    )
    await plans.grant(finance, grant, now=before)
    today = now.astimezone(CHINA).date()
    await plans.move_clock(finance, agent.tenant_id, today, is_preview=False, now=now)
