"""The platform sees what was issued, never to whom; both sides see the same; it may withdraw."""

import asyncio
from datetime import timedelta

import httpx
import msgspec
import pytest

from billing.issuance import queries as issuance
from server.access import Role
from server.audit import queries as audit
from server.benefits import queries
from server.benefits import service as benefits
from server.benefits.rules import AlreadyVoided, BenefitState, BudgetExhausted
from server.benefits.schemas import (
    BenefitFilters,
    IssuanceFilters,
    IssuanceRecord,
    NewAllocation,
    NewFunding,
    NewProgram,
    NewVoid,
)
from server.identity import service as identity
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from tests.billing import books
from tests.factories import NOW, Tenant, login_of, make_platform_actor, new_id, new_user
from tests.server.benefits import stories

pytestmark = pytest.mark.usefixtures("database")
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)


async def records(program_id: object, **filters: object) -> list[IssuanceRecord]:
    """Read all pages of a program's issuance records, two a page."""
    chosen = msgspec.convert({"program_id": program_id, **filters}, IssuanceFilters)
    found, cursor = [], None
    while True:
        page = await queries.issuances(FINANCE, chosen, now=NOW, cursor=cursor, limit=2)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_the_platforms_records_are_the_sum_of_the_tenants(
    tenant: Tenant, rival: Tenant
) -> None:
    program = await stories.make_program(5)
    for company, count in ((tenant, 3), (rival, 2)):
        for number in range(count):
            customer_id = await stories.make_customer(company.rep, f"客户{number}")
            await stories.request(company.rep, customer_id, program.id)
    spare = await stories.make_customer(rival.rep, "晚来一步")
    with pytest.raises(BudgetExhausted):
        await stories.request(rival.rep, spare, program.id)
    [voided, *_] = await records(program.id, agent_id=tenant.tenant_id)
    reason = NewVoid(id=new_id(), reason="门店已关")
    await benefits.void(stories.OPERATOR, voided.id, reason, now=NOW)

    seen = sorted((r.agent_id, r.state, r.amount_minor) for r in await records(program.id))
    told = []
    for company in (tenant, rival):
        page = await queries.benefits(company.owner, BenefitFilters(program_id=program.id))
        told += [
            (company.tenant_id, item.state, item.amount_minor)
            for item in page.items
            if item.state is not BenefitState.REFUSED
        ]
    summed = {
        (total.agent_id, total.state): (total.count, total.amount_minor)
        for total in await queries.issuance_totals(FINANCE, now=NOW)
        if total.program_id == program.id
    }

    assert seen == sorted(told)
    assert summed == {
        (tenant.tenant_id, BenefitState.ISSUED): (2, 2 * stories.AMOUNT),
        (tenant.tenant_id, BenefitState.VOIDED): (1, stories.AMOUNT),
        (rival.tenant_id, BenefitState.ISSUED): (2, 2 * stories.AMOUNT),
    }
    view = await queries.program(FINANCE, program.id)
    assert (view.funded_minor, view.held_minor, view.available_minor, view.used_minor) == (
        5 * stories.AMOUNT,
        4 * stories.AMOUNT,
        stories.AMOUNT,
        0,
    )
    assert await books.contradictions() == []


async def test_a_record_tells_nothing_about_the_customer(tenant: Tenant) -> None:
    program, other = await stories.make_program(), await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep, "不愿透露姓名的店")
    asked = [await stories.request(tenant.rep, customer_id, each.id) for each in (program, other)]

    found = [*await records(program.id), *await records(other.id)]

    written = msgspec.json.encode(found).decode()
    for secret in ("不愿透露姓名的店", str(customer_id), customer_id.hex):
        assert secret not in written
    assert not {str(view.id) for view in asked} & {str(record.id) for record in found}


async def test_the_platforms_role_cannot_make_tokens(tenant: Tenant) -> None:
    with pytest.raises(Exception, match="permission denied"):
        await _read_keys()


async def _read_keys() -> None:
    """Try to read what makes tokens, as the platform."""
    async with db.platform_transaction(FINANCE):
        await db.connection().fetch("SELECT token_key FROM benefit_program")


async def test_records_are_filtered(tenant: Tenant, rival: Tenant) -> None:
    program = await stories.make_program()
    for company in (tenant, rival):
        for minute in range(3):
            customer_id = await stories.make_customer(company.rep, f"第{minute}家")
            later = NOW + timedelta(minutes=minute)
            await stories.request(company.rep, customer_id, program.id, now=later)

    assert len(await records(program.id)) == 6
    assert {r.agent_id for r in await records(program.id, agent_id=rival.tenant_id)} == {
        rival.tenant_id
    }
    middle = {"since": NOW + timedelta(minutes=1), "until": NOW + timedelta(minutes=2)}
    assert len(await records(program.id, **middle)) == 2
    assert await records(program.id, state=BenefitState.VOIDED) == []
    assert await records(program.id, state=BenefitState.REFUSED) == []
    moments = [record.issued_at for record in await records(program.id)]
    assert moments == sorted(moments, reverse=True)


async def test_each_agent_on_a_page_is_told_that_it_was_read(tenant: Tenant, rival: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    await stories.request(tenant.rep, customer_id, program.id)

    await records(program.id)

    [line] = (await audit.platform_reads(tenant.owner)).items
    assert (line.what, line.actor_role) == ("benefits.issuances", Role.PLATFORM_FINANCE)
    assert (await audit.platform_reads(rival.owner)).items == []


@pytest.mark.parametrize("state", [None, BenefitState.ISSUED, BenefitState.REFUSED])
async def test_an_agent_is_told_when_it_was_asked_for_and_has_nothing(
    tenant: Tenant, rival: Tenant, state: BenefitState | None
) -> None:
    chosen = IssuanceFilters(agent_id=tenant.tenant_id, state=state)

    assert (await queries.issuances(FINANCE, chosen, now=NOW)).items == []

    lines = (await audit.platform_reads(tenant.owner)).items
    assert [line.what for line in lines] == ["benefits.issuances"]
    assert (await audit.platform_reads(rival.owner)).items == []


async def test_a_benefit_is_withdrawn_and_its_place_is_free(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    customer_id = await stories.make_customer(tenant.rep)
    issued = await stories.request(tenant.rep, customer_id, program.id)
    [record] = await records(program.id)
    reason = NewVoid(id=new_id(), reason="门店已关")

    voided = await benefits.void(stories.OPERATOR, record.id, reason, now=NOW)
    again = await benefits.void(stories.OPERATOR, record.id, reason, now=NOW)

    assert voided == again
    assert (voided.state, voided.settled_at) == (BenefitState.VOIDED, NOW)
    assert (await queries.benefit(tenant.rep, issued.id)).state is BenefitState.VOIDED
    assert "benefits.voided" in {
        line.what for line in (await audit.platform_reads(tenant.owner)).items
    }
    with pytest.raises(AlreadyVoided):
        await benefits.void(
            stories.OPERATOR, record.id, NewVoid(id=new_id(), reason="又一次"), now=NOW
        )
    with pytest.raises(IdReused):
        await benefits.void(
            stories.OPERATOR, record.id, NewVoid(id=reason.id, reason="另一个"), now=NOW
        )
    assert (await stories.request(tenant.rep, customer_id, program.id)).state == "issued"


async def test_a_part_that_was_withdrawn_is_told_beside_the_whole(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    await stories.request(tenant.rep, await stories.make_customer(tenant.rep), program.id)
    [record] = await records(program.id)
    part = NewVoid(id=new_id(), reason="活动结束", amount_minor=record.amount_minor // 4)

    await benefits.void(stories.OPERATOR, record.id, part, now=NOW)

    [left] = await records(program.id)
    assert (left.amount_minor, left.released_minor) == (record.amount_minor, part.amount_minor)
    assert (record.released_minor, left.state) == (0, BenefitState.ISSUED)


async def test_what_was_not_issued_cannot_be_withdrawn(tenant: Tenant) -> None:
    reason = NewVoid(id=new_id(), reason="没有的事")

    with pytest.raises(NotFound):
        await benefits.void(stories.OPERATOR, new_id(), reason, now=NOW)


async def test_a_program_is_created_once_and_stays_as_it_is(tenant: Tenant) -> None:
    new = NewProgram(id=new_id(), name="满月礼", amount_minor=100, opens_at=NOW)
    made = await benefits.create_program(
        stories.OPERATOR, new, token_key=stories.TOKEN_KEY, now=NOW
    )

    again = await benefits.create_program(
        stories.OPERATOR, new, token_key=bytes(32), now=NOW + timedelta(days=1)
    )
    altered = msgspec.structs.replace(new, amount_minor=200)

    assert again == made
    assert made.funded_minor == 0
    with pytest.raises(IdReused):
        await benefits.create_program(
            stories.OPERATOR, altered, token_key=stories.TOKEN_KEY, now=NOW
        )
    with pytest.raises(IdReused):
        await benefits.create_program(
            stories.OPERATOR,
            msgspec.structs.replace(new, currency="POINTS"),
            token_key=stories.TOKEN_KEY,
            now=NOW,
        )


async def test_money_goes_in_once_and_comes_out_while_it_is_there(tenant: Tenant) -> None:
    program = await stories.make_program(0)
    new = NewFunding(id=new_id(), amount_minor=700)
    funded = await asyncio.gather(
        *(benefits.fund(stories.OPERATOR, program.id, new, now=NOW) for _ in range(5))
    )

    assert {view.funded_minor for view in funded} == {700}
    with pytest.raises(IdReused):
        await benefits.fund(
            stories.OPERATOR, program.id, msgspec.structs.replace(new, amount_minor=701), now=NOW
        )
    with pytest.raises(BudgetExhausted):
        await stories.fund(program.id, 701, is_return=True)
    assert (await stories.fund(program.id, 700, is_return=True)).funded_minor == 0


async def test_an_agent_gets_what_the_pool_has(tenant: Tenant) -> None:
    await stories.admit(tenant)
    program = await stories.make_program(2)

    with pytest.raises(BudgetExhausted):
        await stories.allocate(program.id, tenant.tenant_id, 3 * stories.AMOUNT)
    customer_id = await stories.make_customer(tenant.rep)
    # A refused allocation does not bind the agent to a part that it never got.
    assert (await stories.request(tenant.rep, customer_id, program.id)).state == "issued"
    with pytest.raises(NotFound):
        await stories.allocate(program.id, new_id(), 1)
    with pytest.raises(NotFound):
        await stories.allocate(new_id(), tenant.tenant_id, 1)


@pytest.mark.parametrize("role", [Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP])
async def test_an_agent_has_no_way_to_the_platforms_side(tenant: Tenant, role: Role) -> None:
    actor = tenant.actor(role)
    program = await stories.make_program(1)
    program_id = program.id

    for attempt in (
        queries.programs(actor),
        queries.program(actor, program_id),
        queries.allocations(actor, program_id, now=NOW),
        queries.issuances(actor, IssuanceFilters(), now=NOW),
        queries.issuance_totals(actor, now=NOW),
        benefits.fund(actor, program_id, NewFunding(id=new_id(), amount_minor=1), now=NOW),
        benefits.allocate(
            actor,
            program_id,
            NewAllocation(id=new_id(), agent_id=tenant.tenant_id, amount_minor=1),
            now=NOW,
        ),
        benefits.void(actor, new_id(), NewVoid(id=new_id(), reason="想"), now=NOW),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_finance_looks_and_does_not_touch(tenant: Tenant) -> None:
    program = await stories.make_program(1)

    assert program.id in {view.id for view in await queries.programs(FINANCE)}
    with pytest.raises(Forbidden):
        await benefits.fund(FINANCE, program.id, NewFunding(id=new_id(), amount_minor=1), now=NOW)
    with pytest.raises(Forbidden):
        await benefits.void(FINANCE, new_id(), NewVoid(id=new_id(), reason="想"), now=NOW)


async def test_the_books_know_customers_by_tokens_alone(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    await stories.request(tenant.rep, customer_id, program.id)

    async with db.platform_transaction(FINANCE):
        [total] = [t for t in await issuance.totals() if t.program_id == program.id]
        dump = await db.connection().fetch(
            "SELECT to_jsonb(t)::text AS row FROM ledger_transfer t WHERE owner_id = $1",
            tenant.tenant_id,
        )

    assert total.count == 1
    assert all(str(customer_id) not in row["row"] for row in dump)


async def test_a_time_without_its_zone_is_refused(client: httpx.AsyncClient) -> None:
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    password = "a lantern over the river"
    await identity.add_staff(new_user(finance, team_id=None), password=password, now=NOW)
    answer = await client.post(
        "/v1/auth/login", json={"login": login_of(finance), "password": password}
    )
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    for name in ("since", "until"):
        for given in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"):
            answer = await client.get("/v1/platform/issuances", params={name: given})
            assert answer.status_code == 422, answer.text
            assert [each["field"] for each in answer.json()["errors"]] == [name]
        good = await client.get("/v1/platform/issuances", params={name: "2026-01-01T08:00:00Z"})
        assert good.status_code == 200, good.text


async def test_a_program_whose_id_is_taken_changes_nothing_of_the_one_that_has_it() -> None:
    program = await stories.make_program(2)
    again = NewProgram(
        id=program.id,
        name=program.name,
        amount_minor=program.amount_minor,
        opens_at=program.opens_at,
        currency="USD",
    )

    with pytest.raises(IdReused):
        await benefits.create_program(stories.OPERATOR, again, token_key=stories.TOKEN_KEY, now=NOW)
    assert await queries.program(stories.OPERATOR, program.id) == program
    assert len(await queries.allocations(stories.OPERATOR, program.id, now=NOW)) == 1
