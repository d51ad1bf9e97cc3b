"""Run a request once more that lost a deadlock, where it is as if it had never run.

PostgreSQL ends one of two transactions that wait for each other, and all that it did is undone.
Whoever asked would send the same again; when nothing else of the request was kept, and nothing of
the answer has left, that is done here. A request that had kept something before answers as ever:
doing that again is for its sender to decide, who knows the id that it carries.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Final

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send
from litestar.types.empty import Empty
from litestar.utils.scope.state import ScopeState

AGAIN_MAX: Final = 2
"""How often a request runs once more, at the most."""

log = structlog.get_logger()


class Attempt:
    """One run of a request: what became of its transactions."""

    __slots__ = ("has_kept", "has_lost", "has_read")

    def __init__(self) -> None:
        self.has_kept = False
        """Whether a transaction that may write was, or may have been, committed."""
        self.has_lost = False
        """Whether one was ended to let another one go on."""
        self.has_read = False
        """Whether something of the body was taken off the network."""

    def may_run_again(self, scope: HTTPScope) -> bool:
        """Say whether running once more is as running for the first time."""
        is_body_kept = not self.has_read or ScopeState.from_scope(scope).body is not Empty
        return self.has_lost and not self.has_kept and is_body_kept


_CURRENT: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def committing() -> None:
    """Note that something of the current request is about to be kept."""
    if (attempt := _CURRENT.get()) is not None:
        attempt.has_kept = True


def lost() -> None:
    """Note that a transaction of the current request was ended to let another one go on."""
    if (attempt := _CURRENT.get()) is not None:
        attempt.has_lost = True


async def run(
    app: ASGIApp,
    scope: HTTPScope,
    receive: Receive,
    send: Send,
    *,
    under: AbstractContextManager[None],
) -> None:
    """Let the application answer, and answer once more where it lost to another transaction.

    :param under: entered for each run.
    """
    for left in range(AGAIN_MAX, -1, -1):
        attempt = Attempt()
        answer = _Answer(attempt, scope, send, may_drop=left > 0)

        async def read(attempt: Attempt = attempt) -> Message:
            attempt.has_read = True
            return await receive()  # type: ignore[return-value]  # what is received is a message

        token = _CURRENT.set(attempt)
        try:
            with under:
                await app(scope, read, answer)  # type: ignore[arg-type]  # as above
        finally:
            _CURRENT.reset(token)
        if not answer.is_dropped:
            return
        log.info("request.again", method=scope["method"], attempts=AGAIN_MAX - left + 1)


class _Answer:
    """Passes an answer on, unless it says that the request lost and it may run once more."""

    __slots__ = ("_attempt", "_may_drop", "_scope", "_send", "is_dropped")

    def __init__(self, attempt: Attempt, scope: HTTPScope, send: Send, *, may_drop: bool) -> None:
        self._attempt = attempt
        self._scope = scope
        self._send = send
        self._may_drop = may_drop
        self.is_dropped = False

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            is_away = message["status"] == HTTPStatus.SERVICE_UNAVAILABLE
            self.is_dropped = (
                self._may_drop and is_away and self._attempt.may_run_again(self._scope)
            )
        if not self.is_dropped:
            await self._send(message)
