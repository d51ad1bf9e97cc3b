"""Issue for many callers from shared budgets: who comes while a statement runs goes with the next.

Each caller alone would wait for the budget's row until the one before has committed. Together they
wait for one commit, and nobody waits for a timer: a call that finds nothing on its way goes at once
(decision 7).
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from billing.issuance import service
from billing.issuance.schemas import Issue, Issued, Terms
from billing.ledger.service import ensure_amount

ROWS_MAX: Final = 256
"""As many go with one statement."""
_OF_A_ROW: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What a row is refused for; a lost connection or a long wait is everybody's."""


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    """A caller's request, and where its answer is put."""

    terms: Terms
    row: Issue
    group_id: UUID
    now: datetime
    answer: asyncio.Future[Issued]


class Pool:
    """The way to shared budgets of one process; several processes take turns in the database."""

    def __init__(
        self, transaction: Callable[[], AbstractAsyncContextManager[object]], *, actor_id: UUID
    ) -> None:
        """Issue nothing yet.

        :param transaction: opens one of the platform's; what leaves it without an error is kept.
        :param actor_id: who the books say has issued; whoever asked knows its request by its key.
        """
        self._transaction = transaction
        self._actor_id = actor_id
        self._line: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def issue(self, terms: Terms, row: Issue, *, group_id: UUID, now: datetime) -> Issued:
        """Issue a benefit, or refuse it; answered once it is committed.

        Whoever calls it in a transaction has it issued whatever becomes of that. A caller that
        stops waiting has perhaps its benefit: the same key is answered the same.

        :raises AmountOutOfRange: the amount is not one of a movement.
        """
        ensure_amount(row.amount.amount_minor)
        answer: asyncio.Future[Issued] = asyncio.get_running_loop().create_future()
        self._line.append(_Waiting(terms, row, group_id, now, answer))
        if self._running is None:
            # In a context of its own: it works for everybody, in no caller's transaction.
            alone = contextvars.Context()
            self._running = asyncio.create_task(self._drain(), context=alone)
        return await answer

    async def _drain(self) -> None:
        """Issue what waits, program by program, until nothing does."""
        try:
            while self._line:
                await self._issue_or_part(self._next())
        finally:
            self._running = None

    def _next(self) -> list[_Waiting]:
        """Take whoever has waited longest, and who wants of the same program on the same terms."""
        terms = self._line[0].terms
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for each in self._line:
            (taken if each.terms == terms and len(taken) < ROWS_MAX else left).append(each)
        self._line = left
        return taken

    async def _issue_or_part(self, waiting: Sequence[_Waiting]) -> None:
        """Issue together; where a row is refused, the halves: it never fails its neighbours."""
        try:
            answers = await self._issue(waiting)
        # Whatever it is belongs to whoever asked.
        except Exception as failure:  # noqa: BLE001 - see above
            if len(waiting) == 1 or not isinstance(failure, _OF_A_ROW):
                for each in waiting:
                    if not each.answer.done():
                        each.answer.set_exception(failure)
                return
            half = len(waiting) // 2
            await self._issue_or_part(waiting[:half])
            await self._issue_or_part(waiting[half:])
            return
        for each, issued in zip(waiting, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(issued)

    async def _issue(self, waiting: Sequence[_Waiting]) -> list[Issued]:
        """Issue together, in one statement and one transaction."""
        async with self._transaction():
            return await service.issue(
                waiting[0].terms,
                [each.row for each in waiting],
                group_id=waiting[0].group_id,
                actor_id=self._actor_id,
                now=max(each.now for each in waiting),
            )
