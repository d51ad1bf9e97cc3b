"""However many ask at once: exactly the budget is issued, each answer holds, nothing is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest

from billing.issuance.schemas import Issue, IssueCode, Issued
from billing.ledger.schemas import Code
from billing.money import Money
from server.kit import db
from server.kit.errors import Unavailable
from server.settings import Settings
from tests.billing import books
from tests.billing.books import Program
from tests.billing.conftest import CALLERS
from tests.factories import Tenant, new_id
from tests.postgres import Postgres

T = TypeVar("T")
Killer = Callable[[int], Awaitable[None]]
BROKEN = (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a caller may see when its backend dies."""


async def test_64_callers_issue_exactly_the_budget(wide_database: Settings, tenant: Tenant) -> None:
    program = await books.make_program(100 * 100)

    async def caller() -> list[IssueCode]:
        return [
            (await books.issue(program, [books.ask(tenant.tenant_id)]))[0].code for _ in range(4)
        ]

    answers = await asyncio.gather(*(caller() for _ in range(CALLERS)))

    assert Counter(code for codes in answers for code in codes) == {
        IssueCode.ISSUED: 100,
        IssueCode.BUDGET_EXHAUSTED: 4 * CALLERS - 100,
    }
    assert (await books.books(program)).held_minor == 100 * 100
    assert (await books.books(program)).available_minor == 0
    assert await books.contradictions() == []


async def test_a_budget_that_does_not_divide_is_left_with_its_rest(
    wide_database: Settings, tenant: Tenant
) -> None:
    program = await books.make_program(1_000)

    answers = await asyncio.gather(
        *(books.issue(program, [books.ask(tenant.tenant_id, 300)]) for _ in range(CALLERS))
    )

    assert sum(answer.code is IssueCode.ISSUED for [answer] in answers) == 3
    assert (await books.books(program)).available_minor == 100


async def test_agents_share_a_pool_and_never_exceed_it(
    wide_database: Settings, tenant: Tenant, rival: Tenant
) -> None:
    program = await books.make_program(50 * 100)
    agents = [tenant.tenant_id, rival.tenant_id] * (CALLERS // 2)

    answers = await asyncio.gather(
        *(books.issue(program, [books.ask(agent), books.ask(agent)]) for agent in agents)
    )

    issued = sum(answer.code is IssueCode.ISSUED for batch in answers for answer in batch)
    assert issued == 50
    assert await books.contradictions() == []


async def test_one_key_from_64_callers_has_one_effect_and_one_answer(
    wide_database: Settings, tenant: Tenant
) -> None:
    program = await books.make_program(1_000)
    row = books.ask(tenant.tenant_id)

    def attempt() -> Issue:
        return books.ask(tenant.tenant_id, key=row.key, customer=row.customer_token)

    answers = await asyncio.gather(*(books.issue(program, [attempt()]) for _ in range(CALLERS)))

    assert {answer.code for [answer] in answers} == {IssueCode.ISSUED}
    assert len({answer.issuance_id for [answer] in answers}) == 1
    assert sum(answer.is_new for [answer] in answers) == 1
    assert (await books.books(program)).held_minor == 100


async def test_one_key_with_64_contents_is_good_for_one(
    wide_database: Settings, tenant: Tenant
) -> None:
    program = await books.make_program(100_000)
    key = new_id()

    answers = await asyncio.gather(
        *(
            books.issue(program, [books.ask(tenant.tenant_id, 100 + number, key=key)])
            for number in range(CALLERS)
        )
    )

    assert Counter(answer.code for [answer] in answers) == {
        IssueCode.ISSUED: 1,
        IssueCode.ID_REUSED: CALLERS - 1,
    }
    held = (await books.books(program)).held_minor
    assert 100 <= held < 100 + CALLERS


async def test_a_customer_gets_no_more_than_the_limit(
    wide_database: Settings, tenant: Tenant
) -> None:
    program = await books.make_program(100_000, limit_per_customer=3)

    answers = await asyncio.gather(
        *(
            books.issue(program, [books.ask(tenant.tenant_id, customer="the bakery")])
            for _ in range(CALLERS)
        )
    )

    assert Counter(answer.code for [answer] in answers) == {
        IssueCode.ISSUED: 3,
        IssueCode.CUSTOMER_LIMIT_REACHED: CALLERS - 3,
    }
    assert (await books.books(program)).held_minor == 300


async def test_a_benefit_is_voided_once(wide_database: Settings, tenant: Tenant) -> None:
    program = await books.make_program(100)
    [issued] = await books.issue(program, [books.ask(tenant.tenant_id)])
    assert issued.issuance_id is not None

    issuance_id = issued.issuance_id
    outcomes = await asyncio.gather(*(books.void(issuance_id) for _ in range(CALLERS)))

    assert Counter(outcome.code for outcome in outcomes) == {
        Code.RECORDED: 1,
        Code.ALREADY_VOIDED: CALLERS - 1,
    }
    assert (await books.books(program)).available_minor == 100


async def test_whatever_happens_at_once_the_books_agree(
    wide_database: Settings, tenant: Tenant, rival: Tenant
) -> None:
    program = await books.make_program(20 * 100)
    fortune = random.Random(20_260_302)

    async def story(agent_id: UUID) -> int:
        gained = 0
        for _ in range(6):
            match fortune.randrange(5):
                case 0:
                    funded = await books.fund(program, 300)
                    gained += 300 * (funded.code is Code.RECORDED)
                case 1:
                    returned = await books.fund(program, 200, is_return=True)
                    gained -= 200 * (returned.code is Code.RECORDED)
                case 2:
                    await books.allocate(program, agent_id, 250)
                case 3:
                    await books.allocate(program, agent_id, 100, is_return=True)
                case _:
                    rows = [books.ask(agent_id) for _ in range(3)]
                    for answer in await books.issue(program, rows):
                        if answer.issuance_id is not None and fortune.random() < 0.5:
                            assert (await books.void(answer.issuance_id)).code is Code.RECORDED
        return gained

    agents = [tenant.tenant_id, rival.tenant_id] * 8
    gained = sum(await asyncio.gather(*(story(agent) for agent in agents)))

    summed = await books.books(program)
    assert summed.funded_minor == 20 * 100 + gained
    assert await books.contradictions() == []


# --------------------------------------------------------------------------- broken connections


@pytest.fixture
async def killer(postgres: Postgres, database: Settings) -> Killer:
    """Ends a backend of this database, as a crash of it would."""

    async def kill(pid: int) -> None:
        superuser = await asyncpg.connect(postgres.superuser)
        try:
            await superuser.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        finally:
            await superuser.close()

    return kill


async def test_a_backend_killed_before_its_commit_leaves_nothing(
    database: Settings, tenant: Tenant, killer: Killer
) -> None:
    program = await books.make_program(100)
    row = books.ask(tenant.tenant_id)

    with pytest.raises(BROKEN):
        await _issue_and_die(program, row, killer)

    assert (await books.books(program)).held_minor == 0
    [again] = await books.issue(program, [row])
    assert (again.code, again.is_new) == (IssueCode.ISSUED, True)
    assert await books.contradictions() == []


async def _issue_and_die(program: Program, row: Issue, killer: Killer) -> None:
    """Issue, and lose the backend before the commit."""
    async with db.tenant_transaction(row.agent_id) as opened:
        [answer] = await books.issue(program, [row])
        assert answer.code in {IssueCode.ISSUED, IssueCode.BUDGET_EXHAUSTED}
        await killer(opened.connection.get_server_pid())


async def test_callers_repeat_through_killed_backends_and_issue_exactly_the_budget(
    wide_database: Settings, tenant: Tenant, killer: Killer
) -> None:
    program = await books.make_program(60 * 100)
    fortune = random.Random(7)
    victims = _some(fortune, [index % 3 == 0 for index in range(96)])

    async def caller() -> Issued:
        row = books.ask(tenant.tenant_id)
        if next(victims):
            with pytest.raises(BROKEN):
                await _issue_and_die(program, row, killer)
        return (await books.issue(program, [row]))[0]

    answers = await asyncio.gather(*(caller() for _ in range(96)))

    assert Counter(answer.code for answer in answers) == {
        IssueCode.ISSUED: 60,
        IssueCode.BUDGET_EXHAUSTED: 36,
    }
    assert (await books.books(program)).held_minor == 60 * 100
    assert await books.contradictions() == []


async def test_the_pool_survives_commits_that_fail(
    database: Settings, tenant: Tenant, killer: Killer
) -> None:
    program = await books.make_program(10_000)

    for _ in range(database.pool_size + 4):
        with pytest.raises(BROKEN):
            await _issue_and_die(program, books.ask(tenant.tenant_id), killer)

    answers = await asyncio.gather(
        *(books.issue(program, [books.ask(tenant.tenant_id)]) for _ in range(20))
    )
    assert all(answer.code is IssueCode.ISSUED for [answer] in answers)
    assert (await books.books(program)).held_minor == 20 * 100


def _some(fortune: random.Random, choices: list[T]) -> Iterator[T]:
    """Give the choices in a drawn order."""
    fortune.shuffle(choices)
    return iter(choices)


def test_a_program_knows_its_accounts_without_looking() -> None:
    program, agent_id = Program(new_id()), new_id()

    assert program.pool_id == Program(program.id).pool_id
    assert len({program.pool_id, program.own_budget_id(agent_id), Program(new_id()).pool_id}) == 3
    assert Money(1, "CNY") * 3 == Money(3, "CNY")
