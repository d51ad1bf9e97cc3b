"""Read the budget tree. Platform's role only."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from billing.budgets.schemas import BudgetView, ProgramBooks
from billing.budgets.tables import Budget

_TREE: Final = """
SELECT budget.id AS budget_id, budget.program_id, budget.owner_id, budget.scope, budget.currency,
    account.credits_posted AS put_in_minor, account.debits_posted AS taken_out_minor,
    account.debits_pending AS held_minor,
    account.credits_posted - account.debits_posted - account.debits_pending AS available_minor
FROM budget JOIN ledger_account account ON account.id = budget.id
WHERE budget.program_id = {} ORDER BY budget.parent_id NULLS FIRST, budget.owner_id
"""
_BOOKS: Final = """
SELECT subject_id AS program_id, currency,
    coalesce(sum(credits_posted - debits_posted - debits_pending)
        FILTER (WHERE kind = 'budget'), 0)::bigint AS available_minor,
    coalesce(sum(debits_pending) FILTER (WHERE kind = 'budget'), 0)::bigint AS held_minor,
    coalesce(sum(credits_posted) FILTER (WHERE kind = 'issued'), 0)::bigint AS used_minor
FROM ledger_account
WHERE subject_id = ANY ({}::uuid[]) AND kind IN ('budget', 'issued')
GROUP BY subject_id, currency
"""


async def tree(program_id: UUID) -> list[BudgetView]:
    """List a program's budgets, the pool first."""
    return msgspec.convert(await Budget.raw(_TREE, program_id), list[BudgetView])


async def program_books(program_ids: Sequence[UUID]) -> dict[UUID, ProgramBooks]:
    """Sum up programs over all their budgets."""
    rows = await Budget.raw(_BOOKS, list(program_ids))
    return {row["program_id"]: msgspec.convert(row, ProgramBooks) for row in rows}
