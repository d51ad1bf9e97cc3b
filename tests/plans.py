"""See how PostgreSQL answers the questions of the product, as the role that asks them."""

import asyncio
from collections.abc import Awaitable, Callable

from asyncpg.connection import LoggedQuery

from server.access import Actor
from server.kit import db


async def plans(actor: Actor, ask: Callable[[], Awaitable[object]]) -> list[str]:
    """Run a question and give the plans of its statements, as its own role runs them."""
    async with db.tenant_transaction(actor.tenant_id) as opened:
        return await _explained(opened, ask, role="tonglu_app")


async def platform_plans(actor: Actor, ask: Callable[[], Awaitable[object]]) -> list[str]:
    """Run a question of the platform's and give the plans of its statements."""
    async with db.platform_transaction(actor) as opened:
        return await _explained(opened, ask, role="tonglu_platform")


async def _explained(
    opened: db.Transaction, ask: Callable[[], Awaitable[object]], *, role: str
) -> list[str]:
    """Ask in an open transaction, then ask how each statement of it is answered."""
    asked: list[LoggedQuery] = []
    with opened.connection.query_logger(asked.append):
        await ask()
        # The driver tells of a statement in the next turn of the loop.
        await asyncio.sleep(0)
    found = []
    for each in asked:
        if each.query.startswith("SET LOCAL"):
            continue
        rows = await opened.connection.fetch(f"EXPLAIN {each.query}", *each.args)
        found.append("\n".join(row[0] for row in rows))
    assert await opened.connection.fetchval("SELECT current_user") == role
    return found


def index_conditions(plan: str) -> str:
    """Give what the index scans of a plan look up by."""
    return "\n".join(line for line in plan.splitlines() if "Index Cond:" in line)
