"""Let each of two transactions do its next statement only when it is told to."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from server.kit.conditions import Session

_SIDE: "contextvars.ContextVar[Side | None]" = contextvars.ContextVar("side", default=None)
ENDS: Final = frozenset({"COMMIT", "ROLLBACK"})
"""How a transaction ends."""

Work = Callable[[], Awaitable[object]]


class Side:
    """One of two that do something at once: it stands before a statement until it may go on."""

    def __init__(self, work: Work) -> None:
        self.begun: list[str] = []
        """Its statements so far; the last one may be waiting for a lock."""
        self.is_blocked = False
        self.pid = 0
        self._next = ""
        self.is_over = False
        self._rests = asyncio.Event()
        self._may = asyncio.Event()
        # Nothing of whoever starts it, such as an open transaction, is its own.
        context = contextvars.Context()
        context.run(_SIDE.set, self)
        self.task = asyncio.create_task(self._do(work), context=context)

    async def _do(self, work: Work) -> object:
        """Do all of it, and rest for ever after."""
        try:
            return await work()
        finally:
            self.is_over = True
            self._rests.set()

    async def stand(self, pid: int, statement: str) -> None:
        """Wait before a statement."""
        self.pid, self._next = pid, statement
        self._rests.set()
        await self._may.wait()
        self._may.clear()
        self.begun.append(statement)

    def go(self) -> None:
        """Let it do the statement that it stands before."""
        self._rests.clear()
        self._may.set()

    async def rests(self, *, within_s: float) -> bool:
        """Say whether its statement is done: it stands before another one, or is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._rests.wait()
        except TimeoutError:
            return self._rests.is_set()
        return True

    @property
    def ends_next(self) -> bool:
        """Say whether it stands before the end of its transaction."""
        return not self.is_over and self._next in ENDS


class GatedSession(Session):
    """A connection whose statements wait for their turn where a side is to do them."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - the signature is asyncpg's
        """Run what gives no rows."""
        await _stand(self, query)
        return str(await super().execute(query, *args, timeout=timeout))

    async def executemany(self, command: str, args: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the signature is asyncpg's
        """Run a statement with many values."""
        await _stand(self, command)
        await super().executemany(command, args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, **named: Any) -> list[asyncpg.Record]:
        """Run what gives rows."""
        await _stand(self, query)
        return list(await super().fetch(query, *args, **named))

    async def fetchrow(self, query: str, *args: Any, **named: Any) -> asyncpg.Record | None:
        """Run what gives one row."""
        await _stand(self, query)
        return await super().fetchrow(query, *args, **named)

    async def fetchval(self, query: str, *args: Any, **named: Any) -> Any:
        """Run what gives one value."""
        await _stand(self, query)
        return await super().fetchval(query, *args, **named)


async def _stand(session: Session, statement: str) -> None:
    """Wait for one's turn, where there are turns. To begin reads and locks nothing."""
    side = _SIDE.get()
    if side is not None and not statement.startswith("BEGIN"):
        await side.stand(session.get_server_pid(), statement)
