"""How rooms look at what came of it, and do things as the platform's finance."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from server.kit import db
from world.books.trial import OPERATOR

T = TypeVar("T")
_BALANCES: Final = """
SELECT asked.n, debits_pending, debits_posted, credits_pending, credits_posted
FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (id, n) JOIN ledger_account account USING (id)
ORDER BY asked.n
"""


async def do(work: Callable[..., Awaitable[T]], *given: Any, **named: Any) -> T:
    """Do one thing in a transaction of the platform."""
    async with db.platform_transaction(OPERATOR):
        return await work(*given, **named)


async def rows(query: str, *given: object) -> list[list[object]]:
    """Read what comes of it, as JSON holds it."""
    async with db.platform_transaction(OPERATOR):
        return [list(row) for row in await db.connection().fetch(query, *given)]


async def balances(account_ids: Sequence[UUID]) -> list[list[int]]:
    """Give what stands on each account: its place, then debits and credits, pending and posted."""
    return [[int(str(each)) for each in row] for row in await rows(_BALANCES, list(account_ids))]
