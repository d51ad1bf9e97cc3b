"""What must hold when a request opens its first door, asked in the round trip that opens it.

The edge believes something that it has read a moment ago, and a write must not rely on that.
Rather than ask by itself first, it lets the door ask: the transaction that writes begins with the
question. A door to other rows asks before it opens, and who opens no door has changed nothing.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, Final, NoReturn
from uuid import UUID

import asyncpg

_CODE: Final = re.compile(r"\A[a-z_]+\Z")
_YES: Final = "SELECT 1"
"""What PostgreSQL says of a query that gave one row."""


class Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that knows which conditions it has prepared."""

    __slots__ = ("prepared",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()


class Condition:
    """A question to the database, and the refusal when the answer is no. Asked once."""

    __slots__ = (
        "_arguments", "_name", "_query", "_refuse", "_token", "holds", "is_settled", "tenant_id",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        query: str,
        arguments: Sequence[UUID | int | str | None],
        *,
        tenant_id: UUID,
        refuse: Callable[[], Awaitable[NoReturn]],
    ) -> None:
        """Say what is asked.

        :param name: of the prepared statement; the same name is always the same query.
        :param query: with $1 parameters; one row means that it holds, none that it does not.
        :param arguments: ids, numbers and codes; never what a person has written.
        :param refuse: raises the refusal, once nothing is open any more.
        """
        self._name = name
        self._query = query
        self._arguments = ", ".join(map(_literal, arguments))
        self._refuse = refuse
        self._token: Token[Condition | None] | None = None
        self.tenant_id = tenant_id
        self.is_settled = False
        self.holds = False

    def __enter__(self) -> None:
        """Let the first door inside this block ask; inside a second block it is asked anew."""
        self.is_settled = self.holds = False
        self._token = _CURRENT.set(self)

    def __exit__(self, *_: object) -> None:
        """Let no door ask any more."""
        assert self._token is not None, "a block ends after it began"
        _CURRENT.reset(self._token)

    def __str__(self) -> str:
        """Write the question as SQL."""
        return f"EXECUTE {self._name}({self._arguments})"

    def preparation(self, session: Session) -> str:
        """Write what a connection must hear once before the question."""
        return "" if self._name in session.prepared else f"PREPARE {self._name} AS {self._query}; "

    def settle(self, session: Session, answer: str) -> None:
        """Take the answer."""
        session.prepared.add(self._name)
        self.is_settled = True
        self.holds = answer == _YES

    async def refuse(self) -> NoReturn:
        """Raise the refusal."""
        await self._refuse()
        raise AssertionError("a refusal raises")


_CURRENT: ContextVar[Condition | None] = ContextVar("condition", default=None)


def unsettled() -> Condition | None:
    """Give the condition that the next door asks."""
    condition = _CURRENT.get()
    return None if condition is None or condition.is_settled else condition


def _literal(value: UUID | int | str | None) -> str:
    """Write an id, a number or a code as SQL; nothing that a person has written gets here."""
    if value is None:
        return "NULL"
    if isinstance(value, UUID):
        return f"'{value}'"
    if isinstance(value, int):
        return str(int(value))
    assert _CODE.match(value), "only ids, numbers and codes are written into SQL"
    return f"'{value!s}'"
