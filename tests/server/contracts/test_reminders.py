"""Who decides is told that something waits; who is in charge is told that a contract ends."""

from datetime import date, datetime, time, timedelta

import pytest

from server.access import Actor
from server.contracts import rules, service
from server.kit.calendars import ZONE
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from tests.factories import NOW, Tenant
from tests.server.contracts.stories import TODAY, decide, sign, write

ENDS_ON = date(2026, 12, 31)


async def told(actor: Actor, kind: Kind) -> list[tuple[str, str]]:
    page = await notifications.notifications(actor)
    return [(each.subject, each.link) for each in page.items if each.kind is kind]


def morning(days_before: int) -> datetime:
    return datetime.combine(ENDS_ON - timedelta(days=days_before), time(8), ZONE)


@pytest.mark.parametrize(("left", "step"), [(30, 30), (8, 30), (7, 7), (0, 7)])
def test_a_month_before_and_a_week_before(left: int, step: int) -> None:
    assert rules.reminder(left) == step


async def test_s106_who_approves_a_contract_is_told_and_then_its_author(tenant: Tenant) -> None:
    contract = await write(tenant.rep)
    await decide(tenant.rep, contract, "submit")
    asked = await told(tenant.manager, Kind.APPROVAL_ASKED)
    await decide(tenant.manager, contract, "approve")

    assert asked == [("收银系统采购合同", f"/contracts/{contract}")]
    assert await told(tenant.rep, Kind.APPROVAL_DECIDED) == asked
    assert await told(tenant.owner, Kind.APPROVAL_ASKED) == []


async def test_a_contract_that_ends_soon_is_told_of_once_a_step(tenant: Tenant) -> None:
    contract = await write(tenant.rep, effective_on=TODAY, ends_on=str(ENDS_ON))
    await sign(tenant, contract)
    counts = [
        await service.remind_of_ends(tenant.tenant_id, now=morning(left))
        for left in (40, 31, 30, 30, 12, 7, 7, 1, 0)
    ]

    assert counts == [0, 0, 1, 0, 0, 1, 0, 0, 0]
    assert (
        await told(tenant.rep, Kind.CONTRACT_ENDS)
        == [("收银系统采购合同 · 2026-12-31", f"/contracts/{contract}")] * 2
    )


async def test_a_contract_that_was_renewed_is_told_of_no_more(tenant: Tenant) -> None:
    contract = await write(tenant.rep, effective_on=TODAY, ends_on=str(ENDS_ON))
    await sign(tenant, contract)
    next_one = await write(
        tenant.rep, renews_id=contract, effective_on="2027-01-01", ends_on="2027-12-31"
    )
    draft = await service.remind_of_ends(tenant.tenant_id, now=morning(30))
    await sign(tenant, next_one, now=NOW)

    assert draft == 1
    assert await service.remind_of_ends(tenant.tenant_id, now=morning(7)) == 0
