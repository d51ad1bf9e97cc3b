"""Ask whether a company's plan includes more of something; remembered for a minute.

A change of plan is known in the process that made it at once, in the others within a minute. Where
a plan cannot refuse, as the free one never does, nothing is counted and no statement is made.
What phones did offline is never asked here: it is kept, and told by what is used.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.metering import queries as metering
from billing.metering import service as usage
from billing.metering.rules import UsageEvent
from billing.plans import queries as plans
from billing.plans.rules.entitlements import Decision, Entitlement, Verdict, decide
from billing.plans.rules.versions import Meter
from server.entitlements import rules
from server.kit.calendars import ZONE
from server.kit.remembered import Remembered

_LIFE: Final = timedelta(minutes=1)
_KNOWN: Final[Remembered[Entitlement]] = Remembered(_LIFE)
"""By company, what it may use."""


async def entitled(tenant_id: UUID, *, now: datetime) -> Entitlement:
    """Give what a company may use today. Call inside a transaction of the company.

    It is one statement each minute, and none in between.
    """
    held = _KNOWN.get(tenant_id, now=now)
    if held is None:
        today = now.astimezone(ZONE).date()
        held = (await plans.subscription(tenant_id, today)).entitled(today)
        _KNOWN.put(tenant_id, held, now=now)
    return held


def forget(tenant_id: UUID) -> None:
    """Read anew what a company may use, the next time that it is asked."""
    _KNOWN.forget(tenant_id)


async def ensure_within(
    tenant_id: UUID,
    meter: Meter,
    counted: Callable[[], Awaitable[int]],
    *,
    asked: int = 1,
    now: datetime,
) -> None:
    """Refuse more of something than the company's plan includes.

    :param counted: counts what is used; asked for only where the plan may refuse.
    :raises PlanLimitReached: saying which limit, how much is used, and what to do.
    """
    held = await entitled(tenant_id, now=now)
    if held.may_refuse(meter):
        rules.ensure_allowed(decide(held, meter, used=await counted(), asked=asked))


async def fitting(
    tenant_id: UUID,
    meter: Meter,
    counted: Callable[[], Awaitable[int]],
    *,
    asked: int,
    now: datetime,
) -> tuple[int, Decision | None]:
    """Say how many of so many more a company's plan includes, and what is said of the next one.

    For many that may be taken in part, as rows of a file are; None where all of them fit.

    :param counted: counts what is used; asked for only where the plan may refuse.
    """
    held = await entitled(tenant_id, now=now)
    if not asked or not held.may_refuse(meter):
        return asked, None
    used = await counted()
    for fit in range(asked):
        decision = decide(held, meter, used=used + fit)
        if decision.verdict is Verdict.REFUSED:
            return fit, decision
    return asked, None


async def take(tenant_id: UUID, meter: Meter, *, key: UUID, now: datetime) -> None:
    """Count something that is done once, within what the company's plan includes for a month.

    :param key: of this use: the same one counts once.
    :raises PlanLimitReached: so many were done in this month already.
    """

    async def done() -> int:
        return (await metering.used(tenant_id, month=_month(now))).get(meter, 0)

    await ensure_within(tenant_id, meter, done, now=now)
    await usage.record(tenant_id, [UsageEvent(id=key, meter=meter, at=now, amount=1)], now=now)


def _month(now: datetime) -> datetime:
    """Give when the present month began in China."""
    return now.astimezone(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
