"""Move value along the budget tree. Each function joins the platform's transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from billing.budgets import rules
from billing.budgets.schemas import Allocation, BudgetScope, Funding
from billing.budgets.tables import Budget
from billing.ledger import service as ledger
from billing.ledger.schemas import (
    AccountKind,
    Bound,
    Journal,
    NewAccount,
    Outcome,
    Single,
)

_PLACE: Final = """
INSERT INTO budget (id, parent_id, program_id, owner_id, scope, currency, opened_at)
VALUES ({}, {}, {}, {}, {}, {}, {}) ON CONFLICT (id) DO NOTHING
"""


async def open_program(
    program_id: UUID, *, platform_id: UUID, currency: str, now: datetime
) -> None:
    """Open the pool of a program, and the platform's source of money where there is none yet.

    :raises AccountDiffers: the program's pool belongs to another platform.
    """
    pool_id = rules.program_budget(program_id, currency)
    source = NewAccount(
        id=rules.funding_account(platform_id, currency),
        owner_id=platform_id,
        subject_id=platform_id,
        kind=AccountKind.FUNDING,
        currency=currency,
    )
    pool = NewAccount(
        id=pool_id,
        owner_id=platform_id,
        subject_id=program_id,
        kind=AccountKind.BUDGET,
        currency=currency,
        bound=Bound.DEBITS_WITHIN_CREDITS,
        is_shared=True,
    )
    await ledger.open_accounts([source, pool], now=now)
    await Budget.raw(
        _PLACE, pool_id, None, program_id, platform_id, BudgetScope.PROGRAM, currency, now
    )


async def fund(
    funding: Funding, *, transfer_id: UUID, platform_id: UUID, actor_id: UUID, now: datetime
) -> Outcome:
    """Put money into a program's pool, or take out what is available of it.

    :param transfer_id: made by the caller for this attempt.
    """
    currency = funding.amount.currency
    source = rules.funding_account(platform_id, currency)
    pool = rules.program_budget(funding.program_id, currency)
    moved = Single(
        id=transfer_id,
        debit_id=pool if funding.is_return else source,
        credit_id=source if funding.is_return else pool,
        amount=funding.amount,
        event="budget.returned" if funding.is_return else "budget.funded",
    )
    return await _record(funding.key, moved, platform_id, actor_id, now=now)


async def allocate(
    allocation: Allocation, *, transfer_id: UUID, platform_id: UUID, actor_id: UUID, now: datetime
) -> Outcome:
    """Give a part of the pool to an agent, who from then on draws on it alone; or take it back.

    :param transfer_id: made by the caller for this attempt.
    """
    currency = allocation.amount.currency
    pool = rules.program_budget(allocation.program_id, currency)
    own = rules.agent_budget(allocation.program_id, allocation.agent_id, currency)
    if not allocation.is_return:
        await _open_agent(allocation, own, pool, now=now)
    moved = Single(
        id=transfer_id,
        debit_id=own if allocation.is_return else pool,
        credit_id=pool if allocation.is_return else own,
        amount=allocation.amount,
        event="budget.given_back" if allocation.is_return else "budget.allocated",
    )
    return await _record(allocation.key, moved, platform_id, actor_id, now=now)


async def _open_agent(allocation: Allocation, own: UUID, pool: UUID, *, now: datetime) -> None:
    """Open an agent's budget below the pool; it counts once something was put into it."""
    account = NewAccount(
        id=own,
        owner_id=allocation.agent_id,
        subject_id=allocation.program_id,
        kind=AccountKind.BUDGET,
        currency=allocation.amount.currency,
        bound=Bound.DEBITS_WITHIN_CREDITS,
    )
    await ledger.open_accounts([account], now=now)
    await Budget.raw(
        _PLACE,
        own,
        pool,
        allocation.program_id,
        allocation.agent_id,
        BudgetScope.AGENT,
        allocation.amount.currency,
        now,
    )


async def _record(
    key: UUID, moved: Single, platform_id: UUID, actor_id: UUID, *, now: datetime
) -> Outcome:
    """Record one movement of the platform's."""
    journal = Journal(
        owner_id=platform_id,
        key=key,
        group_id=moved.id,
        transfers=[moved],
        actor_id=actor_id,
        effective_at=now,
    )
    return await ledger.record(journal, now=now)
