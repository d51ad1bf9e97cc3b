"""Under row-level security the search and the lists are index scans, whoever asks."""

from functools import partial
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from server.access import Sharing
from server.customers import queries, service
from server.customers.schemas import CustomerBatch, Filters, NewCustomer, Sort
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.plans import index_conditions, plans
from tests.postgres import Postgres


@pytest.fixture
async def large(tenant: Tenant, postgres: Postgres, settings: Settings) -> Tenant:
    """A tenant with 3,000 customers, whose statistics are known."""
    for start in range(0, 3000, 1000):
        rows = [
            NewCustomer(
                name=f"{'杭州' if at % 3 else '绍兴'}{chr(0x5000 + at)}{chr(0x6000 + at % 77)}茶行",
                city="杭州" if at % 3 else "绍兴",
                status="intent" if at % 2 else "signed",
                expected_revenue_minor=at,
                phone=f"138{at:08}",
            )
            for at in range(start, start + 1000)
        ]
        await service.create_many(tenant.owner, CustomerBatch(customers=rows), now=NOW)
    database = urlsplit(settings.database_url).path.strip("/")
    superuser = await asyncpg.connect(postgres.superuser_url(database))
    await superuser.execute("ANALYZE customer, customer_token, change")
    await superuser.close()
    return tenant


@pytest.mark.parametrize("q", ["00001234", "13800001", "茶行", "hangzhou", "hz", "龙"])
async def test_a_search_reads_its_stretch_of_the_keys(large: Tenant, q: str) -> None:
    found = await plans(large.owner, lambda: queries.list_page(large.owner, Filters(q=q)))

    for plan in found:
        if q == "龙":
            assert "customer_name" in plan
        else:
            assert "customer_token_pkey" in plan
            assert "token >=" in index_conditions(plan)
        assert "Sort" not in plan
        assert "Seq Scan" not in plan


async def test_a_list_reads_its_page_from_its_index(large: Tenant) -> None:
    by_city = Filters(status=("intent",), city="杭州")
    for filters, sort, index in (
        (by_city, Sort.REVENUE, "customer_list"),
        (Filters(), Sort.REVENUE, "customer_revenue"),
        (Filters(), Sort.NAME, "customer_name"),
        (Filters(), Sort.UPDATED, "customer_seq"),
        (Filters(owner_id=large.rep.user_id), Sort.UPDATED, "customer_owner"),
    ):
        page = await queries.list_page(large.owner, filters, sort=sort)
        for cursor in {None, page.next_cursor}:
            ask = partial(queries.list_page, large.owner, filters, sort=sort, cursor=cursor)
            (plan,) = await plans(large.owner, ask)
            assert index in plan
            assert "tenant_id =" in index_conditions(plan)
            assert "Seq Scan" not in plan


@pytest.mark.parametrize("sort", [None, Sort.NAME])
async def test_s110_what_is_shared_is_listed_by_an_index(large: Tenant, sort: Sort | None) -> None:
    lines = [
        Sharing(id=new_id(), from_team_id=large.team_id, to_team_id=new_id(), levels=("A",)),
        Sharing(id=new_id(), from_team_id=new_id(), to_team_id=new_id(), cities=("杭州",)),
    ]
    rep = msgspec.structs.replace(large.rep, shared=tuple(lines))

    found = await plans(rep, lambda: queries.list_page(rep, Filters(city="绍兴"), sort=sort))

    assert found
    for plan in found:
        assert "Seq Scan" not in plan
