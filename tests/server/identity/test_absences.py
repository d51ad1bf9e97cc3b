"""Absences (S100): days on which nothing that cannot wait is given to a person."""

from datetime import date, timedelta
from typing import Any

import pytest

from server.access import Actor, Role
from server.identity import queries, service
from server.identity.rules.absences import AbsenceUnfit, day_of
from server.identity.schemas import AbsenceView, NewAbsence
from server.kit import db
from server.kit.errors import IdReused, NotFound
from tests.factories import NOW, Tenant, make_tenant, new_id, new_user

MONDAY = date(2026, 3, 2)


async def away(actor: Actor, person: Actor, days: int = 0, **fields: Any) -> AbsenceView:
    """Note that a person is away from Monday on."""
    new = NewAbsence(starts_on=MONDAY, ends_on=MONDAY + timedelta(days=days), **fields)
    return await service.add_absence(actor, person.user_id, new, now=NOW)


async def absent_on(tenant: Tenant, day: date) -> set[object]:
    async with db.tenant_transaction(tenant.tenant_id):
        return set(await queries.absent_on(tenant.tenant_id, day))


async def test_s100_a_person_is_away_from_the_first_day_to_the_last(tenant: Tenant) -> None:
    await away(tenant.manager, tenant.rep, days=2)

    days = [MONDAY + timedelta(days=n) for n in range(-1, 4)]
    assert [bool(await absent_on(tenant, day)) for day in days] == [False, True, True, True, False]
    assert await absent_on(tenant, MONDAY) == {tenant.rep.user_id}


async def test_a_rep_says_so_for_nobody_else_and_a_manager_for_the_own_team(
    tenant: Tenant,
) -> None:
    other_team = (await make_tenant()).rep
    colleague = tenant.actor(Role.SALES_REP)
    await service.invite(tenant.owner, new_user(colleague, team_id=None), now=NOW)

    await away(tenant.rep, tenant.rep)
    for actor, person in (
        (tenant.rep, tenant.manager),
        (tenant.manager, colleague),
        (tenant.owner, other_team),
    ):
        with pytest.raises(NotFound):
            await away(actor, person)
    assert (await away(tenant.owner, colleague)).user_id == colleague.user_id


async def test_an_absence_may_come_twice_and_is_taken_back_once(tenant: Tenant) -> None:
    absence_id = new_id()
    first = await away(tenant.rep, tenant.rep, id=absence_id)
    again = await away(tenant.rep, tenant.rep, id=absence_id)
    with pytest.raises(IdReused):
        await away(tenant.rep, tenant.rep, days=1, id=absence_id)

    await service.remove_absence(tenant.manager, absence_id, now=NOW)

    assert again == first
    assert await queries.absences(tenant.rep, tenant.rep.user_id) == []
    with pytest.raises(NotFound):
        await service.remove_absence(tenant.manager, absence_id, now=NOW)


async def test_days_that_are_none_are_refused(tenant: Tenant) -> None:
    with pytest.raises(AbsenceUnfit):
        await away(tenant.rep, tenant.rep, days=-1)
    with pytest.raises(AbsenceUnfit):
        await away(tenant.rep, tenant.rep, days=400)


def test_a_day_is_that_of_the_platforms_clocks() -> None:
    assert day_of(NOW.replace(hour=15, minute=59)) == MONDAY
    assert day_of(NOW.replace(hour=16)) == MONDAY + timedelta(days=1)
