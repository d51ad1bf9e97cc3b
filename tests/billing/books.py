"""Short ways into the books for tests: a platform with programs, and agents who issue."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec

from billing.budgets import queries as budget_queries
from billing.budgets import rules as names
from billing.budgets import service as budgets
from billing.budgets.schemas import Allocation, Funding, ProgramBooks
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, Issued, Terms
from billing.ledger import queries as ledger_queries
from billing.ledger.schemas import Balance, Outcome
from billing.money import Money
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Settled, Wish
from server.access import PLATFORM_TENANT, Actor
from server.kit import db
from tests import factories
from tests.factories import NOW, new_id

T = TypeVar("T")

OPERATOR: Actor = factories.make_platform_actor()
_READ = """
SELECT relname, seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables
WHERE relname = ANY ($1)
"""


class Program(msgspec.Struct, frozen=True):
    """A program of CNY vouchers with a funded pool."""

    id: UUID
    limit_per_customer: int = 1

    @property
    def pool_id(self) -> UUID:
        """Give the account of its pool."""
        return names.program_budget(self.id, "CNY")

    def own_budget_id(self, agent_id: UUID) -> UUID:
        """Give the account of an agent's allocation."""
        return names.agent_budget(self.id, agent_id, "CNY")


async def make_program(budget_minor: int = 0, *, limit_per_customer: int = 1) -> Program:
    """Open a program and fund it."""
    program = Program(new_id(), limit_per_customer)
    async with db.platform_transaction(OPERATOR):
        await budgets.open_program(program.id, platform_id=PLATFORM_TENANT, currency="CNY", now=NOW)
    if budget_minor:
        await fund(program, budget_minor)
    return program


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again when a lock was waited for too long, as whoever is answered 503 does.

    A deadlock is not excused: accounts are locked in one order.
    """
    while True:
        try:
            return await attempt()
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
            if db.ENGINE.current_transaction.get() is not None:
                raise


async def fund(
    program: Program, amount_minor: int, *, key: UUID | None = None, is_return: bool = False
) -> Outcome:
    """Put money in, or take it out."""
    funding = Funding(
        key=key or new_id(),
        program_id=program.id,
        amount=Money(amount_minor, "CNY"),
        is_return=is_return,
    )

    async def attempt() -> Outcome:
        async with db.platform_transaction(OPERATOR):
            return await budgets.fund(
                funding,
                transfer_id=new_id(),
                platform_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=NOW,
            )

    return await patiently(attempt)


async def allocate(
    program: Program, agent_id: UUID, amount_minor: int, *, is_return: bool = False
) -> Outcome:
    """Give an agent its own part, or take it back."""
    allocation = Allocation(
        key=new_id(),
        program_id=program.id,
        agent_id=agent_id,
        amount=Money(amount_minor, "CNY"),
        is_return=is_return,
    )

    async def attempt() -> Outcome:
        async with db.platform_transaction(OPERATOR):
            return await budgets.allocate(
                allocation,
                transfer_id=new_id(),
                platform_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=NOW,
            )

    return await patiently(attempt)


def ask(
    agent_id: UUID,
    amount_minor: int = 100,
    *,
    key: UUID | None = None,
    customer: str | None = None,
) -> Issue:
    """Write a request for a benefit; each for another customer unless one is named."""
    return Issue(
        key=key or new_id(),
        id=new_id(),
        agent_id=agent_id,
        customer_token=customer or new_id().hex,
        amount=Money(amount_minor, "CNY"),
    )


async def issue(program: Program, rows: Sequence[Issue]) -> list[Issued]:
    """Issue in one transaction of the agent whose rows these are."""
    [agent_id] = {row.agent_id for row in rows}
    terms = Terms(program_id=program.id, limit_per_customer=program.limit_per_customer)

    async def attempt() -> list[Issued]:
        async with db.tenant_transaction(agent_id):
            return await issuance.issue(
                terms, rows, group_id=new_id(), actor_id=OPERATOR.user_id, now=NOW
            )

    return await patiently(attempt)


async def settle(wish: Wish, *, now: datetime = NOW) -> Settled:
    """Have something done with a benefit."""

    async def attempt() -> Settled:
        async with db.platform_transaction(OPERATOR):
            return await redemptions.settle(
                wish,
                transfer_ids=[new_id() for _ in range(redemptions.IDS)],
                owner_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=now,
            )

    return await patiently(attempt)


async def void(
    issuance_id: UUID, *, key: UUID | None = None, amount_minor: int | None = None
) -> Settled:
    """Withdraw a benefit, or a part of it."""
    return await settle(
        Wish(
            key=key or new_id(),
            kind=Kind.REVOKE,
            issuance_id=issuance_id,
            amount_minor=amount_minor,
            reason="the customer has closed down",
        )
    )


async def balance(account_id: UUID) -> Balance:
    """Give the counters of an account."""
    async with db.platform_transaction(OPERATOR):
        return (await ledger_queries.balances([account_id]))[account_id]


async def books(program: Program) -> ProgramBooks:
    """Sum up a program."""
    async with db.platform_transaction(OPERATOR):
        return (await budget_queries.program_books([program.id]))[program.id]


async def contradictions() -> list[str]:
    """Look through the whole books."""
    async with db.platform_transaction(OPERATOR):
        return [
            f"{finding.invariant}: {finding.subject}"
            for finding in await ledger_queries.contradictions()
        ]


async def rows_read(*tables: str) -> dict[str, int]:
    """Count the rows that this connection has read of each table, and not yet reported."""
    rows = await db.connection().fetch(_READ, tables)
    return {row["relname"]: row["rows"] for row in rows}
