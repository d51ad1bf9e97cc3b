"""Let two transactions meet for certain: one begins while the other holds what it wants."""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

from server.kit import db

T = TypeVar("T")


async def meanwhile(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Let somebody else start something, and see that it waits for the open transaction."""

    async def is_waiting() -> bool:
        async with db.global_transaction():
            return bool(
                await db.connection().fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

    started = asyncio.create_task(work, context=contextvars.Context())
    while not await asyncio.create_task(is_waiting(), context=contextvars.Context()):
        assert not started.done(), "nothing held it up"
    return started


async def freely(work: Coroutine[Any, Any, T]) -> T:
    """Let somebody else do something that waits for nothing of the open transaction."""
    async with asyncio.timeout(8):
        return await asyncio.create_task(work, context=contextvars.Context())
