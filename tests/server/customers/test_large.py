"""What a large company asks is answered without reading the large company.

A company of two thousand customers is laid down as the benchmark lays down a million. Plans are
those of the product's own statements; pages are PostgreSQL's, counted and not timed.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from benchmarks import plans, scale_load, scale_work
from benchmarks.scale_load import Company
from server.access import Actor
from server.changelog import storage
from server.customers import queries
from server.customers.schemas import Filters, Sort
from server.customers.sight import parts_of
from server.kit.pages import encode_cursor
from server.pipeline import queries as pipeline
from server.pipeline.schemas import DealFilters
from server.pipeline.service import counting
from server.settings import Settings
from tests.factories import NOW
from tests.postgres import Postgres

_SIZE: Final = 2_000
_OF_REP: Final = 40
_SMALL_ONES: Final = 40
"""By which a company of ordinary size has a hundred customers, or so the planner believes."""
_SMALL: Final = ("enable_seqscan = off",)
_TOUCHED: Final = ("customer", "customer_token", "change", "opportunity")
_VIEWERS: Final = ("manager", "team", "shared", "rep")


@pytest.fixture(scope="module")
async def company(postgres: Postgres, database: Settings) -> AsyncIterator[Company]:
    """A company with fifty reps in five teams, whose deals are counted, among small ones."""
    name = urlsplit(database.database_url).path.strip("/")
    connection = await asyncpg.connect(postgres.superuser_url(name))
    try:
        rng = random.Random(11)
        made = await scale_load.lay_down(connection, rng, _SIZE, of_rep=_OF_REP)
        for _ in range(_SMALL_ONES):
            await scale_load.lay_down(connection, rng, 3)
        await counting.count(made.tenant_id)
        await connection.execute(f"VACUUM ANALYZE {', '.join(_TOUCHED)}")
        yield made
    finally:
        await connection.close()


def viewer(company: Company, who: str) -> Actor:
    """Give one of the people who ask."""
    return scale_work.viewers(company, random.Random(3))[who]


async def planned(company: Company, ask: Callable[[], Awaitable[object]]) -> plans.Plan:
    """Have a question explained."""
    return await plans.of(company.tenant_id, ask, settings=_SMALL)


async def walked(
    ask: Callable[[str | None], Awaitable[Any]], shown: Callable[[Any], Any]
) -> list[Any]:
    """Walk through all pages of a list."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await ask(cursor)
        found += map(shown, page.items)
        if (cursor := page.next_cursor) is None:
            return found


@pytest.mark.parametrize("sort", [Sort.UPDATED, Sort.NAME, Sort.REVENUE])
@pytest.mark.parametrize("who", _VIEWERS)
async def test_pages_show_each_customer_once_to_who_sees_it_in_several_ways(
    company: Company, who: str, sort: Sort
) -> None:
    """One's own customers are one's team's too, and may be of a line that another team shares."""
    actor = viewer(company, who)
    boss = viewer(company, "manager")
    everybody = await walked(
        lambda cursor: queries.list_page(boss, Filters(), sort=sort, cursor=cursor, limit=200),
        lambda customer: customer,
    )
    wanted = [
        customer.id
        for customer in everybody
        if storage.is_visible(actor, customer.owner_id, customer.team_id)
        or parts_of(actor, customer)
    ]

    found = await walked(
        lambda cursor: queries.list_page(actor, Filters(), sort=sort, cursor=cursor, limit=90),
        lambda customer: customer.id,
    )

    assert len(everybody) == _SIZE
    assert wanted
    assert found == wanted


@pytest.mark.parametrize("who", _VIEWERS)
async def test_a_search_finds_what_one_sees_of_what_many_have(company: Company, who: str) -> None:
    actor, boss = viewer(company, who), viewer(company, "manager")
    many = await walked(
        lambda cursor: queries.list_page(boss, Filters(q="物流"), cursor=cursor, limit=200),
        lambda customer: customer,
    )
    wanted = {
        customer.id
        for customer in many
        if storage.is_visible(actor, customer.owner_id, customer.team_id)
        or parts_of(actor, customer)
    }

    found = await walked(
        lambda cursor: queries.list_page(actor, Filters(q="物流"), cursor=cursor, limit=5),
        lambda customer: customer.id,
    )

    assert len(many) > _SIZE / 50
    assert all("物流" in customer.name for customer in many)
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("q", ["苏州", "物流"])
@pytest.mark.parametrize("who", _VIEWERS)
async def test_what_a_search_finds_may_be_listed_in_another_order(
    company: Company, who: str, q: str
) -> None:
    """Of many that are found, the newest are met along the list; few are put in order."""
    actor = viewer(company, who)
    everybody = await walked(
        lambda cursor: queries.list_page(actor, Filters(), cursor=cursor, limit=200),
        lambda customer: customer,
    )

    found = await walked(
        lambda cursor: queries.list_page(
            actor, Filters(q=q), sort=Sort.UPDATED, cursor=cursor, limit=70
        ),
        lambda customer: customer.id,
    )

    assert found == [customer.id for customer in everybody if q in customer.name]


async def test_the_newest_of_many_that_are_found_are_met_along_the_list(company: Company) -> None:
    boss = viewer(company, "manager")
    many = await queries.summary(boss, Filters(q="苏州"))

    plan = await planned(
        company, lambda: queries.list_page(boss, Filters(q="苏州"), sort=Sort.UPDATED, limit=10)
    )

    assert many.customers > _SIZE / 5
    assert plan.sorted_rows == 0
    assert not any("Join" in node or "Loop" in node for node in plan.nodes)


@pytest.mark.parametrize("who", _VIEWERS)
async def test_what_a_search_finds_is_not_gone_through_for_each_customer(
    company: Company, who: str
) -> None:
    """A plan for a company of ordinary size did that: 5 s and more in one of 8,000 customers."""
    actor = viewer(company, who)

    plan = await planned(company, lambda: queries.summary(actor, Filters(q="物流")))

    assert not any("Nested Loop" in node for node in plan.nodes)


_DEEP: Final = {
    Sort.UPDATED: encode_cursor(_SIZE // 2, UUID(int=0)),
    Sort.NAME: encode_cursor("nan jing", UUID(int=0)),
    Sort.REVENUE: encode_cursor(30_000_000, UUID(int=0)),
}
"""Somewhere in the middle of each order."""


@pytest.mark.parametrize("sort", list(_DEEP))
async def test_a_page_far_down_costs_what_the_first_one_does(company: Company, sort: Sort) -> None:
    boss = viewer(company, "manager")

    async def ask(cursor: str | None) -> object:
        return await queries.list_page(boss, Filters(), sort=sort, cursor=cursor)

    first = await planned(company, lambda: ask(None))
    deep = await planned(company, lambda: ask(_DEEP[sort]))

    assert deep.sorted_rows == 0
    assert deep.pages < 1.2 * first.pages


async def test_deals_far_down_cost_what_the_largest_do(company: Company) -> None:
    boss = viewer(company, "manager")
    middling = encode_cursor(30_000_000, UUID(int=0))

    async def ask(cursor: str | None) -> object:
        filters = DealFilters(state="open")
        return await pipeline.list_page(boss, filters, now=NOW, cursor=cursor, limit=20)

    first = await planned(company, lambda: ask(None))
    deep = await planned(company, lambda: ask(middling))

    assert any("opportunity_largest" in node for node in deep.nodes)
    assert deep.pages < 1.5 * first.pages


async def test_deals_of_a_month_are_found_by_their_day(company: Company) -> None:
    boss = viewer(company, "manager")
    filters = DealFilters(state="open", month="2026-03")

    plan = await planned(company, lambda: pipeline.list_page(boss, filters, now=NOW))
    found = await pipeline.list_page(boss, filters, now=NOW, limit=200)
    everything = await walked(
        lambda cursor: pipeline.list_page(
            boss, DealFilters(state="open"), now=NOW, cursor=cursor, limit=200
        ),
        lambda deal: deal,
    )

    assert any("opportunity_expected" in node for node in plan.nodes)
    wanted = [deal.id for deal in everything if str(deal.expected_on).startswith("2026-03")]
    assert [deal.id for deal in found.items] == wanted


@pytest.mark.parametrize("month", ["2", "2026", "2026-03~", "~"])
async def test_what_is_no_month_has_no_deals(company: Company, month: str) -> None:
    boss = viewer(company, "manager")

    page = await pipeline.list_page(boss, DealFilters(month=month), now=NOW)

    assert page.items == []


@pytest.mark.parametrize("who", ["team", "shared"])
async def test_the_newest_are_read_by_each_way_of_seeing_them(company: Company, who: str) -> None:
    actor = viewer(company, who)

    plan = await planned(company, lambda: queries.list_page(actor, Filters(), limit=10))

    assert any("customer_team" in node and "customer_owner" in node for node in plan.nodes)
    # Ten of each way; those are put in order, and no others.
    assert plan.sorted_rows <= 3 * (10 + 1)


async def test_a_rep_looks_at_no_customer_of_others_while_searching(company: Company) -> None:
    rep, boss = viewer(company, "rep"), viewer(company, "manager")

    plan = await planned(company, lambda: queries.list_page(rep, Filters(q="物流"), limit=200))

    with_it = await queries.summary(boss, Filters(q="物流"))
    # A look at one customer is three pages at least.
    assert plan.pages < 3 * with_it.customers


@pytest.mark.parametrize("narrowed", [{}, {"level": "A"}, {"industry": "教育"}, {"source": "展会"}])
async def test_customers_are_counted_from_an_index_alone(
    company: Company, narrowed: dict[str, Any]
) -> None:
    """Of a city, because a plan for so few customers would have all of them counted otherwise."""
    boss = viewer(company, "manager")

    plan = await plans.of(
        company.tenant_id,
        lambda: queries.summary(boss, Filters(city="杭州市", **narrowed)),
        settings=(*_SMALL, "seq_page_cost = 100", "random_page_cost = 100"),
    )

    assert any("Index Only Scan customer_list" in node for node in plan.nodes)


@pytest.mark.parametrize("question", scale_work.QUESTIONS)
async def test_nothing_is_read_from_end_to_end(company: Company, question: str) -> None:
    """Where an index can answer, it does: under row-level security not every condition may."""
    rng = random.Random(1)
    ask = scale_work.QUESTIONS[question]
    for who in _VIEWERS:
        actor = viewer(company, who)

        plan = await planned(company, partial(ask, actor, company.sample[0], rng))

        assert not set(plan.scanned), (who, plan.nodes)
