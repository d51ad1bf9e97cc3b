"""Batches: what is approved is what is issued, each row once, whatever is sent again (I7, I17)."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Role
from server.benefits.batches import exports, queries, rules, service
from server.benefits.batches.rules import (
    BatchChanged,
    BatchDecided,
    BatchEmpty,
    BatchState,
    Named,
)
from server.benefits.batches.schemas import Approval, BatchRefusal, NewBatch, Outcomes, Withdraw
from server.benefits.rules import BudgetExhausted, Program
from server.customers import service as customers
from server.customers.schemas import Filters, NewCustomer
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.kit.sheets import BOM
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
PROGRAM = Program(
    id=uuid4(),
    name="券",
    amount_minor=100,
    currency="CNY",
    limit_per_customer=1,
    opens_at=NOW,
    closes_at=None,
)
tokens = st.dictionaries(st.integers(1, 50), st.text("abc", min_size=1, max_size=3))


@given(tokens, tokens, st.uuids())
def test_a_hash_is_of_the_rows_and_not_of_their_order(
    one: dict[int, str], other: dict[int, str], agent_id: UUID
) -> None:
    given_hash = rules.content_hash(PROGRAM, agent_id, one.items())
    backwards = reversed(list(one.items()))

    assert given_hash == rules.content_hash(PROGRAM, agent_id, backwards)
    assert (given_hash == rules.content_hash(PROGRAM, agent_id, other.items())) == (one == other)
    dearer = msgspec.structs.replace(PROGRAM, amount_minor=101)
    assert given_hash != rules.content_hash(dearer, agent_id, one.items())
    assert given_hash != rules.content_hash(PROGRAM, uuid4(), one.items())


@given(st.lists(st.sampled_from(["甲", "乙", "丙", None]), max_size=8))
def test_each_row_is_for_one_customer_or_says_why_not(names: list[str | None]) -> None:
    found = {("name", "甲"): [UUID(int=1)], ("name", "乙"): [UUID(int=2), UUID(int=3)]}
    asked = [(at, name or "", Named(name=name)) for at, name in enumerate(names, 1)]
    rows = rules.settled(asked, found)

    assert [row.place for row in rows] == list(range(1, len(names) + 1))
    assert all((row.customer_id is None) == (row.code is not None) for row in rows)
    meant = [row.customer_id for row in rows if row.customer_id]
    assert meant == ([UUID(int=1)] if "甲" in names else [])
    why = {"乙": "customer_ambiguous", "丙": "customer_unknown", None: "customer_unknown"}
    assert all(row.code == why[name] for row, name in zip(rows, names, strict=True) if name != "甲")


# ----------------------------------------------------------------------------------- the story


async def _customers(tenant: Tenant, *names: str) -> list[UUID]:
    """Let the owner add customers."""
    return [
        (await customers.create(tenant.owner, NewCustomer(name=name), now=NOW)).id for name in names
    ]


async def _submit(tenant: Tenant, program_id: UUID, chosen: list[UUID]) -> Outcomes:
    """Let the owner ask for benefits for customers."""
    new = NewBatch(id=new_id(), program_id=program_id, customers=chosen)
    return await service.submit(tenant.owner, new, now=NOW)


async def _approve(outcomes: Outcomes) -> None:
    """Let the operator approve a batch as it is."""
    seen = Approval(content_hash=outcomes.batch.content_hash)
    await service.approve(stories.OPERATOR, outcomes.batch.id, seen, now=NOW)


async def _issue(tenant: Tenant, batch_id: UUID) -> Outcomes:
    """Let the worker issue a batch to its end."""
    while await service.issue_some(tenant.tenant_id, batch_id, now=NOW):
        pass
    return await queries.batch(tenant.owner, batch_id)


async def test_a_request_that_has_the_id_of_a_row_does_not_stop_a_batch(tenant: Tenant) -> None:
    program = await stories.make_program(3)
    chosen = await _customers(tenant, "一号店", "二号店", "三号店")
    new = NewBatch(id=new_id(), program_id=program.id, customers=chosen)
    taken = [rules.request_id(new.id, place) for place in (1, 2)]
    await stories.request(tenant.owner, chosen[0], program.id, request_id=taken[0])
    await stories.request(tenant.owner, chosen[2], program.id, request_id=taken[1])
    await _approve(await service.submit(tenant.owner, new, now=NOW))

    done = await _issue(tenant, new.id)

    assert done.batch.state is BatchState.ISSUED
    assert done.outcomes == {"issued": 1, "id_reused": 1, "customer_limit_reached": 1}


async def test_s05_a_batch_is_issued_as_it_was_approved(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_CHUNK", 2)
    program = await stories.make_program(3)
    chosen = await _customers(tenant, "一号店", "二号店", "三号店", "四号店")
    new = NewBatch(id=new_id(), program_id=program.id, customers=[*chosen, chosen[0], new_id()])
    made = await service.submit(tenant.owner, new, now=NOW)
    assert made.outcomes == {"waiting": 4, "row_repeated": 1, "customer_unknown": 1}
    assert (made.batch.open_rows, made.batch.amount_minor) == (4, 4 * stories.AMOUNT)
    assert await service.issue_some(tenant.tenant_id, new.id, now=NOW) is False

    await _approve(made)
    await _approve(made)
    assert await service.issue_some(tenant.tenant_id, new.id, now=NOW) is True
    halfway = await queries.batch(tenant.owner, new.id)
    done = await _issue(tenant, new.id)

    assert (halfway.batch.state, halfway.outcomes["issued"]) == (BatchState.ISSUING, 2)
    assert done.batch.state is BatchState.ISSUED
    assert done.outcomes == {
        "issued": 3,
        "budget_exhausted": 1,
        "row_repeated": 1,
        "customer_unknown": 1,
    }
    assert await _issue(tenant, new.id) == done
    assert await service.submit(tenant.owner, new, now=NOW) == done
    [last] = [
        row
        for row in (await queries.rows(tenant.owner, new.id)).items
        if row.code == "budget_exhausted"
    ]
    assert last.customer_id == chosen[3]
    # What came of a row stays, also when it is asked for by itself and there is money again.
    await stories.fund(program.id, stories.AMOUNT)
    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.owner, chosen[3], program.id, request_id=last.id)


async def test_a_batch_that_changed_after_its_approval_is_not_issued(tenant: Tenant) -> None:
    program = await stories.make_program()
    one, other, third = await _customers(tenant, "一号店", "二号店", "三号店")
    made = await _submit(tenant, program.id, [one, other])
    await _approve(made)

    shorter = await service.withdraw(tenant.owner, made.batch.id, Withdraw(places=[2]), now=NOW)
    assert shorter.batch.state is BatchState.SUBMITTED
    with pytest.raises(BatchChanged):
        await _approve(made)
    await _approve(shorter)
    # A merge gives the row to another customer.
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE benefit_batch_row SET customer_id = $3 "
            "WHERE tenant_id = $1 AND customer_id = $2",
            *(tenant.tenant_id, one, third),
        )
    merged = await _issue(tenant, made.batch.id)
    assert merged.batch.state is BatchState.SUBMITTED
    assert merged.outcomes == {"waiting": 1, "row_withdrawn": 1}
    await _approve(merged)
    done = await _issue(tenant, made.batch.id)
    assert done.outcomes == {"issued": 1, "row_withdrawn": 1}
    with pytest.raises(BatchDecided):
        await service.withdraw(tenant.owner, made.batch.id, Withdraw(places=[1]), now=NOW)


async def test_the_database_keeps_an_approval_to_what_was_approved(tenant: Tenant) -> None:
    program = await stories.make_program()
    made = await _submit(tenant, program.id, await _customers(tenant, "一号店"))
    agent, batch_id = tenant.tenant_id, made.batch.id

    for statement, wrong in (
        ("UPDATE benefit_batch SET state = 'approved' WHERE id = $1", asyncpg.CheckViolationError),
        (
            "UPDATE benefit_batch SET approved_hash = content_hash WHERE id = $1",
            asyncpg.InsufficientPrivilegeError,
        ),
    ):
        with pytest.raises(wrong):
            async with db.tenant_transaction(agent):
                await db.connection().execute(statement, batch_id)
    await _approve(made)
    await _issue(tenant, batch_id)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with db.tenant_transaction(agent):
            await db.connection().execute(
                "UPDATE benefit_batch_row SET code = 'budget_exhausted' WHERE batch_id = $1",
                batch_id,
            )


async def _text(blocks: AsyncIterator[bytes]) -> list[str]:
    """Read a sheet to its end."""
    content = b"".join([block async for block in blocks])
    assert content.startswith(BOM)
    return content.removeprefix(BOM).decode().splitlines()


async def test_a_spreadsheet_names_customers_as_people_do(tenant: Tenant) -> None:
    program = await stories.make_program()
    phone = NewCustomer(name="一号店", phone="13812345678")
    await customers.create(tenant.owner, phone, now=NOW)
    await _customers(tenant, "二号店", "同名店", "同名店")
    content = (
        "客户名称,手机号,备注\n,138 1234 5678,老客户\n二号店,,\n"
        "同名店,,\n=HYPERLINK(1),,\n二号店,,\n"
    ).encode("gb18030")
    made = await service.submit_file(tenant.owner, new_id(), program.id, content, now=NOW)
    await _approve(made)
    done = await _issue(tenant, made.batch.id)
    lines = await _text(await exports.rejected(tenant.owner, made.batch.id))

    assert done.outcomes["issued"] == 2
    assert [line.split(",")[0] for line in lines] == ["行号", "4", "5", "6"]
    assert lines[2].split(",")[1] == "'=HYPERLINK(1)"
    assert [line.split(",")[3] for line in lines[1:]] == [
        "customer_ambiguous",
        "customer_unknown",
        "row_repeated",
    ]
    again = await service.submit_file(tenant.owner, made.batch.id, program.id, content, now=NOW)
    assert again == done
    with pytest.raises(IdReused):
        await service.submit_file(
            tenant.owner, made.batch.id, program.id, content + b"\n1,,\n", now=NOW
        )


async def test_a_segment_is_settled_when_it_is_asked_for(tenant: Tenant) -> None:
    program = await stories.make_program()
    here = NewCustomer(name="杭州店", city="杭州")
    hangzhou = (await customers.create(tenant.owner, here, now=NOW)).id
    await _customers(tenant, "别处店")
    new = NewBatch(id=new_id(), program_id=program.id, filters=Filters(city="杭州"))
    made = await service.submit(tenant.owner, new, now=NOW)

    [row] = (await queries.rows(tenant.owner, made.batch.id)).items
    assert row.customer_id == hangzhou
    nobody = NewBatch(id=new_id(), program_id=program.id, filters=Filters(city="喀什"))
    with pytest.raises(BatchEmpty):
        await service.submit(tenant.owner, nobody, now=NOW)


async def test_who_makes_a_batch_and_who_decides_it(tenant: Tenant) -> None:
    program = await stories.make_program()
    chosen = await _customers(tenant, "一号店")
    new = NewBatch(id=new_id(), program_id=program.id, customers=chosen)
    with pytest.raises(Forbidden):
        await service.submit(tenant.rep, new, now=NOW)
    made = await service.submit(tenant.manager, new, now=NOW)
    seen = Approval(content_hash=made.batch.content_hash)
    why = BatchRefusal(reason="请先补充拜访记录")

    for actor in (FINANCE, tenant.owner):
        with pytest.raises(Forbidden):
            await service.approve(actor, new.id, seen, now=NOW)
        with pytest.raises(Forbidden):
            await service.refuse(actor, new.id, why, now=NOW)
    view = await queries.submitted_one(FINANCE, new.id, now=NOW)
    assert view == made.batch
    refused = await service.refuse(stories.OPERATOR, new.id, why, now=NOW)
    assert (refused.state, refused.reason) == (BatchState.REFUSED, why.reason)
    with pytest.raises(BatchDecided):
        await service.approve(stories.OPERATOR, new.id, seen, now=NOW)
    with pytest.raises(NotFound):
        await queries.batch(tenant.owner, new_id())
