"""Where agents may work: one alone or several, from a day to a day, with all that lies inside."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor
from server.kit import divisions
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import queries, service
from server.partners.rules.territories import (
    Hold,
    Right,
    TerritoryEndsBeforeItBegins,
    TerritoryEndWrong,
    TerritoryTaken,
    holder_of,
    right_of,
)
from server.partners.schemas import NewAgent, NewOwner, NewTerritory, TerritoryEnd, TerritoryView
from tests.factories import NOW, Tenant, make_platform_actor, new_id

TODAY = NOW.date()
ONE, TWO = UUID(int=1), UUID(int=2)

holds = st.lists(st.builds(Hold, st.sampled_from([ONE, TWO]), st.booleans()), max_size=4)


@pytest.fixture(scope="module")
def operator() -> Actor:
    return make_platform_actor()


@pytest.fixture(scope="module")
async def agents(database: object, operator: Actor) -> list[UUID]:
    """Two agents that compete."""
    admitted = [
        await service.admit(
            operator, NewAgent(name="区域代理", city="金华", owner=NewOwner(name="老板")), now=NOW
        )
        for _ in range(2)
    ]
    return [each.tenant_id for each in admitted]


async def grant(
    operator: Actor, agent_id: UUID, division: str, *, alone: bool = True, days: int | None = None
) -> TerritoryView:
    """Let an agent work in a place from today on."""
    new = NewTerritory(
        agent_id=agent_id,
        division=division,
        is_exclusive=alone,
        valid_from=TODAY,
        valid_until=None if days is None else TODAY + timedelta(days=days),
    )
    return await service.grant_territory(operator, new, now=NOW)


@given(holds)
def test_who_is_alone_keeps_the_others_out(held: list[Hold]) -> None:
    rights = {agent: right_of(agent, held) for agent in (ONE, TWO)}
    alone = {each.agent_id for each in held if each.is_exclusive}

    for agent, right in rights.items():
        works_here = any(each.agent_id == agent for each in held)
        assert (right is Right.EXCLUSIVE) == (agent in alone)
        assert (right in {Right.EXCLUSIVE, Right.SHARED}) == works_here
        assert (right is Right.ELSEWHERE) == (bool(alone) and not works_here)
    to = holder_of(held)
    assert to is None or rights[to] in {Right.EXCLUSIVE, Right.SHARED}
    assert (to is None) == (len(alone or {each.agent_id for each in held}) != 1)


async def test_s02_what_lies_in_a_district_goes_to_who_holds_it_or_what_is_around_it_that_day(
    operator: Actor, agents: list[UUID]
) -> None:
    """The city is one agent's for ten days, then one district of it is the other's."""
    city = await grant(operator, agents[0], "330700", days=9)
    for overlapping in ("330000", "330700", "330782"):
        for alone in (True, False):
            with pytest.raises(TerritoryTaken):
                await grant(operator, agents[1], overlapping, alone=alone)
    later = NewTerritory(
        agent_id=agents[1], division="330782", valid_from=TODAY + timedelta(days=10)
    )
    district = await service.grant_territory(operator, later, now=NOW)

    async def holder(code: str | None, on: date) -> UUID | None:
        assert code is not None
        return (await queries.holder(operator, code, on=on)).holder_id

    yiwu = divisions.locate(address="浙江省金华市义乌市福田街道").code
    assert await holder(yiwu, TODAY) == agents[0]
    assert await holder(yiwu, TODAY + timedelta(days=9)) == agents[0]
    assert await holder(yiwu, TODAY + timedelta(days=10)) == agents[1]
    assert await holder("330702", TODAY + timedelta(days=10)) is None
    assert await holder(yiwu, TODAY - timedelta(days=1)) is None

    within = await queries.territories(operator, within="330000")
    assert {city, district} <= set(within)
    assert set(await queries.territories(operator, within="330700")) == {city, district}
    assert await queries.territories(operator, within="330700", on=TODAY) == [city]
    assert await queries.territories(operator, within="330782") == [district]
    assert (district.place, district.division) == ("浙江省金华市义乌市", "330782")


async def test_shared_places_are_held_by_several_and_nobody_takes_them_alone(
    operator: Actor, agents: list[UUID]
) -> None:
    for agent in agents:
        await grant(operator, agent, "330802", alone=False)

    view = await queries.holder(operator, "330802", on=TODAY)

    assert view.holder_id is None
    assert {each.agent_id for each in view.territories} == set(agents)
    with pytest.raises(TerritoryTaken):
        await grant(operator, agents[0], "330800")


async def test_a_territory_ends_today_or_later_and_makes_room(
    operator: Actor, agents: list[UUID]
) -> None:
    held = await grant(operator, agents[0], "331002", days=30)
    for wrong in (TODAY - timedelta(days=1), TODAY + timedelta(days=31)):
        with pytest.raises((TerritoryEndWrong, TerritoryEndsBeforeItBegins)):
            await service.end_territory(operator, held.id, TerritoryEnd(valid_until=wrong), now=NOW)

    end = TerritoryEnd(valid_until=TODAY)
    ended = await service.end_territory(operator, held.id, end, now=NOW)
    assert await service.end_territory(operator, held.id, end, now=NOW) == ended

    tomorrow = NewTerritory(
        agent_id=agents[1],
        division="331002",
        is_exclusive=True,
        valid_from=TODAY + timedelta(days=1),
    )
    assert await service.grant_territory(operator, tomorrow, now=NOW)


async def test_what_is_refused_about_territories(
    operator: Actor, agents: list[UUID], tenant: Tenant
) -> None:
    backwards = NewTerritory(
        agent_id=agents[0],
        division="350100",
        valid_from=TODAY,
        valid_until=TODAY - timedelta(days=1),
    )
    with pytest.raises(TerritoryEndsBeforeItBegins):
        await service.grant_territory(operator, backwards, now=NOW)
    with pytest.raises(divisions.DivisionUnknown):
        await grant(operator, agents[0], "999999")
    held = await grant(operator, agents[0], "350100", alone=False)
    other = NewTerritory(id=held.id, agent_id=agents[0], division="350102", valid_from=TODAY)
    with pytest.raises(IdReused):
        await service.grant_territory(operator, other, now=NOW)
    with pytest.raises(NotFound):
        await service.end_territory(operator, new_id(), TerritoryEnd(valid_until=TODAY), now=NOW)
    for actor in (tenant.owner, tenant.rep):
        with pytest.raises(Forbidden):
            await queries.territories(actor)
        with pytest.raises(Forbidden):
            await grant(actor, agents[0], "350100", alone=False)
