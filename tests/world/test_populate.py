"""A world that was brought into the product is in it once, however often that was begun."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from server.settings import to_environment
from sync_protocol.registering import LIVE
from world import channel, demo, populate, processes, truth
from world.api import Api
from world.journey import stage
from world.journey.stage import Stage
from world.model import Scale, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("no_database")]

_PASSWORD = "walk-the-same-road"
_SMALL = Scale(agents=2, customers_per_agent=40, teams_per_agent=2, reps_per_team=2)


@pytest.fixture(scope="module")
def throwaway() -> Iterator[Stage]:
    """Run a product of our own."""
    with stage.throwaway() as running:
        yield running


@pytest.fixture(scope="module")
def world() -> World:
    """Give a small world."""
    return demo.with_checker(channel.from_seed(5, _SMALL))


@pytest.fixture
def filled(throwaway: Stage, world: World, no_database: None) -> Iterator[Stage]:
    """Bring the world into the product, and let a worker begin then, as the demo does."""
    _ensure(throwaway, world)
    environ = processes.own_environment(throwaway.folder, **to_environment(throwaway.settings))
    log = throwaway.folder / "worker.log"
    with processes.tonglu("worker", ["worker"], environ=environ, log=log):
        yield throwaway


def _ensure(throwaway: Stage, world: World) -> bool:
    """Bring the world into the product."""
    return asyncio.run(
        populate.ensure(
            world,
            url=throwaway.url,
            settings=throwaway.settings,
            password=_PASSWORD,
            folder=throwaway.folder / "devices",
        )
    )


async def _counted(throwaway: Stage, world: World) -> list[dict[str, int]]:
    """Count what each agent has, through the API."""
    counts = []
    for agent in world.agents:
        async with await Api.signed_in(throwaway.url, agent.owner.login, _PASSWORD) as owner:
            summary = await owner.get("/v1/customers/summary")
            benefits = [item async for item in owner.every("/v1/benefits/requests")]
            details = [await owner.get(f"/v1/customers/{one.id}") for one in agent.customers]
            counts.append(
                {
                    "customers": summary["customers"],
                    "contacts": sum(len(detail["contacts"]) for detail in details),
                    "visits": sum(len(detail["notes"]) for detail in details),
                    "benefits_minor": sum(item["amount_minor"] for item in benefits),
                }
            )
    return counts


def test_the_product_holds_what_the_truth_says_and_a_second_time_changes_nothing(
    throwaway: Stage, world: World
) -> None:
    was_made = _ensure(throwaway, world)
    was_made_again = _ensure(throwaway, world)

    assert (was_made, was_made_again) == (True, False)
    assert asyncio.run(_counted(throwaway, world)) == [
        {
            "customers": told.customers,
            "contacts": told.contacts,
            "visits": told.visits,
            "benefits_minor": told.benefits_minor,
        }
        for told in truth.of(world).agents
    ]


_ROOMS = (
    *("/v1/opportunities", "/v1/quotes", "/v1/contracts", "/v1/leads", "/v1/visits", "/v1/tasks"),
    *("/v1/service-cases", "/v1/resource-requests", "/v1/customers/duplicate-pairs", "/v1/quality"),
    *("/v1/sync/conflicts", "/v1/imports", "/v1/platform-reads", "/v1/notifications"),
    *("/v1/campaigns", "/v1/lead-sources", "/v1/price-books", "/v1/products", "/v1/pools"),
    *("/v1/automation/plays", "/v1/custom-fields", "/v1/saved-views", "/v1/sharings"),
    *("/v1/statements", "/v1/commissions/lines", "/v1/reconciliation/files"),
    *(f"/v1/registrations?state={state}" for state in (*LIVE, "checking", "refused", "expired")),
)


async def _empty_rooms(throwaway: Stage, world: World) -> list[tuple[str, str]]:
    """Name the rooms in which an owner finds nothing."""
    empty = []
    for agent in world.agents:
        async with await Api.signed_in(throwaway.url, agent.owner.login, _PASSWORD) as owner:
            for room in _ROOMS:
                told = await owner.get(room)
                if not (told["items"] if isinstance(told, dict) else told):
                    empty.append((agent.slug, room))
    return empty


def test_every_room_of_every_agent_has_something_to_look_at(filled: Stage, world: World) -> None:
    def are_full() -> bool:
        return not asyncio.run(_empty_rooms(filled, world))

    assert processes.wait_for(are_full, timeout_s=60), asyncio.run(_empty_rooms(filled, world))


async def _closed(throwaway: Stage, world: World) -> tuple[list[str], list[bool], list[int]]:
    """Give finance's months, whether each run of vouchers is checked, and what invoices leave."""
    login = world.platform.staff[1].login
    async with await Api.signed_in(throwaway.url, login, _PASSWORD) as finance:
        months = await finance.get("/v1/platform/accounting/periods")
        told = await finance.get(f"/v1/platform/accounting/periods/{months[-1]['id']}")
        [holder] = (await finance.get("/v1/platform/plan-holders"))["items"]
        invoices = await finance.get(f"/v1/platform/agents/{holder['agent_id']}/invoices")
    states = [each["state"] for each in months]
    checked = [each["checked_by"] is not None for each in told["runs"]]
    return states, sorted(checked), [each["left_minor"] for each in invoices["items"]]


def test_finance_has_a_closed_month_with_vouchers_and_an_invoice(
    filled: Stage, world: World
) -> None:
    states, checked, left = asyncio.run(_closed(filled, world))

    assert states == ["open", "soft_closed"]
    assert checked == [False, True]
    # Two thousand messages at ten fen, and six percent of it.
    assert left == [212_00]


async def _left_to_do(throwaway: Stage, world: World) -> list[list[str]]:
    """Name, for each agent, the steps of its on-boarding that are left, as its owner reads them."""
    left = []
    for agent in world.agents:
        async with await Api.signed_in(throwaway.url, agent.owner.login, _PASSWORD) as owner:
            told = await owner.get("/v1/partnership")
            assert [each["title"] for each in told["agreements"]] == ["渠道代理协议"]
            left.append([each["code"] for each in told["steps"] if each["ticked_at"] is None])
    return left


def test_agents_are_on_board_but_for_a_territory_and_what_they_share(
    filled: Stage, world: World
) -> None:
    left = asyncio.run(_left_to_do(filled, world))

    assert left == [["territory", "contract"]] * len(world.agents)


async def _waits(throwaway: Stage, world: World) -> list[dict[str, Any]]:
    """Sum up, as the platform reads it, what agents waited for it."""
    login = world.platform.staff[0].login
    async with await Api.signed_in(throwaway.url, login, _PASSWORD) as operator:
        waits: list[dict[str, Any]] = await operator.get("/v1/platform/registrations/waits")
    return waits


def test_agents_waited_for_days_and_for_verdicts_alone(filled: Stage, world: World) -> None:
    waits = asyncio.run(_waits(filled, world))

    assert {each["reason"] for each in waits} == {"verdict"}
    assert all(each["minutes"] < 5 * 24 * 60 * each["registrations"] for each in waits)
