"""Many callers share a budget through one line: exactly it is issued, and none fails another."""

import asyncio
from collections import Counter

import asyncpg
import msgspec
import pytest

from billing.errors import AmountOutOfRange
from billing.issuance.pool import ROWS_MAX, Pool
from billing.issuance.schemas import Issue, IssueCode, Issued, Terms
from server.kit import db
from server.settings import Settings
from tests.billing import books
from tests.billing.books import OPERATOR, Program
from tests.factories import NOW, Tenant, new_id

CALLERS = ROWS_MAX + 44
"""More than go with one statement."""


@pytest.fixture
def pool(database: Settings) -> Pool:
    """The line of this process."""
    return Pool(lambda: db.platform_transaction(OPERATOR), actor_id=OPERATOR.user_id)


def _issue(pool: Pool, program: Program, row: Issue) -> asyncio.Task[Issued]:
    """Join the line."""
    terms = Terms(program_id=program.id, limit_per_customer=program.limit_per_customer)
    return asyncio.create_task(pool.issue(terms, row, group_id=new_id(), now=NOW))


async def test_many_callers_of_two_agents_issue_exactly_the_budget(
    pool: Pool, tenant: Tenant, rival: Tenant
) -> None:
    program, other = await books.make_program(100 * 100), await books.make_program(100)
    agents = [tenant.tenant_id, rival.tenant_id] * (CALLERS // 2)

    answers = await asyncio.gather(
        *(_issue(pool, program, books.ask(agent)) for agent in agents),
        *(_issue(pool, other, books.ask(tenant.tenant_id)) for _ in range(2)),
    )

    assert Counter(answer.code for answer in answers[:-2]) == {
        IssueCode.ISSUED: 100,
        IssueCode.BUDGET_EXHAUSTED: CALLERS - 100,
    }
    # First come, first served.
    assert {answer.code for answer in answers[:100]} == {IssueCode.ISSUED}
    assert [a.code for a in answers[-2:]] == [IssueCode.ISSUED, IssueCode.BUDGET_EXHAUSTED]
    summed = await books.books(program)
    assert (summed.held_minor, summed.available_minor) == (100 * 100, 0)
    assert await books.contradictions() == []


async def test_one_key_has_one_effect_and_a_caller_that_leaves_has_its_benefit(
    pool: Pool, tenant: Tenant
) -> None:
    program = await books.make_program(1_000)
    row = books.ask(tenant.tenant_id)

    def again(amount_minor: int = 100) -> Issue:
        return books.ask(tenant.tenant_id, amount_minor, key=row.key, customer=row.customer_token)

    gone = _issue(pool, program, row)
    others = [_issue(pool, program, again()) for _ in range(20)]
    await asyncio.sleep(0)
    gone.cancel()
    answers = await asyncio.gather(*others)
    altered = await _issue(pool, program, again(101))

    assert {answer.code for answer in answers} == {IssueCode.ISSUED}
    assert len({answer.issuance_id for answer in answers}) == 1
    assert altered.code is IssueCode.ID_REUSED
    assert (await books.books(program)).held_minor == 100


async def test_a_row_that_the_books_cannot_take_fails_alone(pool: Pool, tenant: Tenant) -> None:
    program = await books.make_program(100 * 100)
    taken = books.ask(tenant.tenant_id)
    assert (await _issue(pool, program, taken)).code is IssueCode.ISSUED
    rows = [books.ask(tenant.tenant_id) for _ in range(20)]
    # Its issuance would have the id of another one.
    rows[7] = msgspec.structs.replace(rows[7], id=taken.id)

    answers = await asyncio.gather(
        *(_issue(pool, program, row) for row in rows), return_exceptions=True
    )
    with pytest.raises(AmountOutOfRange):
        await _issue(pool, program, books.ask(tenant.tenant_id, 0))

    assert isinstance(answers.pop(7), asyncpg.UniqueViolationError)
    assert {a.code for a in answers if isinstance(a, Issued)} == {IssueCode.ISSUED}
    assert (await books.books(program)).held_minor == 20 * 100


async def test_when_the_database_is_away_everybody_is_told_and_the_line_goes_on(
    pool: Pool, tenant: Tenant
) -> None:
    program = await books.make_program(1_000)
    rows = [books.ask(tenant.tenant_id) for _ in range(3)]
    away, db.ENGINE.pool = db.ENGINE.pool, None
    try:
        told = await asyncio.gather(
            *(_issue(pool, program, row) for row in rows), return_exceptions=True
        )
    finally:
        db.ENGINE.pool = away

    assert all(isinstance(each, Exception) for each in told)
    answers = await asyncio.gather(*(_issue(pool, program, row) for row in rows))
    assert [(a.code, a.is_new) for a in answers] == [(IssueCode.ISSUED, True)] * 3


async def test_a_caller_in_a_transaction_of_its_own_is_issued_apart_from_it(
    pool: Pool, tenant: Tenant
) -> None:
    program = await books.make_program(100)

    async def undone() -> None:
        async with db.tenant_transaction(tenant.tenant_id):
            await _issue(pool, program, books.ask(tenant.tenant_id))
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert (await books.books(program)).held_minor == 100


async def test_an_issuance_of_a_budget_that_is_not_there_is_refused(
    pool: Pool, tenant: Tenant
) -> None:
    program = await books.make_program(100)
    lie = """
        INSERT INTO issuance (id, agent_id, request_key, program_id, customer_token, slot,
            budget_id, amount_minor, currency, state, issued_at)
        SELECT id, $1, $2, $3, 'somebody', 1, $2, 1, 'CNY', 'issued', $5
        FROM ledger_transfer WHERE credit_id = $4
    """
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="a budget is missing"):
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(
                lie, tenant.tenant_id, new_id(), program.id, program.pool_id, NOW
            )
