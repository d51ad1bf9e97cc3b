"""Ends the backends of transactions before they commit, as crashes of them would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg

from server.kit import db
from server.kit.errors import Unavailable

BROKEN: Final = (Unavailable, asyncpg.PostgresError, *db.PASSING)
"""What a caller may see when its backend dies, or when it has waited too long."""


class Killer:
    """A superuser's connection that ends one backend at a time, and counts."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.kills = 0
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()

    async def end(self, opened: Any) -> None:
        """End the backend of an open transaction."""
        pid = opened.connection.get_server_pid()
        self.kills += 1
        async with self._one_at_a_time:
            await self._connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)


@contextlib.asynccontextmanager
async def killer(superuser_url: str) -> AsyncIterator[Killer]:
    """Connect as a superuser for as long as something is played."""
    connection = await asyncpg.connect(superuser_url)
    try:
        yield Killer(connection)
    finally:
        await connection.close()
