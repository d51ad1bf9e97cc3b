"""What of requests the platform sees: all that it is told, and never of whom.

A look leaves a line in the feed of each agent that it shows, in the transaction that reads.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.requests.queries.sums import BY_RESOURCE, MEDIANS
from server.requests.schemas import Figures, PlatformRequestView
from sync_protocol.helping import State

QUEUE: Final = "requests.queue"
ANSWERED: Final = "requests.answered"

COLUMNS: Final = """
    id, agent_id, resource, briefing, wished_on, level, city, stage, state, sent_at, accepted_at,
    closed_at, text, verdict
"""
_SENT: Final = f"""
SELECT {COLUMNS} FROM platform_request WHERE agent_id = $1 AND request_id = $2
ORDER BY sent_at DESC, id DESC
"""  # noqa: S608 - constants
_QUEUE: Final = f"""
SELECT {COLUMNS} FROM platform_request
WHERE state = ANY($1) AND (sent_at, id) > ($2, $3) ORDER BY sent_at, id LIMIT $4
"""  # noqa: S608 - constants
_HISTORY: Final = f"""
SELECT {COLUMNS} FROM platform_request
WHERE state = ANY($1) AND (sent_at, id) < ($2, $3) ORDER BY sent_at DESC, id DESC LIMIT $4
"""  # noqa: S608 - constants
_FIGURES: Final = f"""
SELECT k.resource, {MEDIANS.format(sent_at="sent_at", asked_at="sent_at")}
FROM platform_request k {BY_RESOURCE}
"""  # noqa: S608 - constants
_WAITING: Final = (State.DISPATCHED, State.ACCEPTED)
_EDGE: Final = {
    False: (datetime(1, 1, 2, tzinfo=UTC), UUID(int=0)),
    True: (datetime(9999, 12, 30, tzinfo=UTC), UUID(int=2**128 - 1)),
}
_OVER: Final = (State.DONE, State.DECLINED, State.CANCELLED)


async def sent(actor: Actor, request_id: UUID) -> list[PlatformRequestView]:
    """Show an agent all that the platform was told of a request, the last first."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_SENT, actor.tenant_id, request_id)
    return [msgspec.convert(dict(row), PlatformRequestView) for row in rows]


async def queue(
    actor: Actor,
    *,
    is_over: bool = False,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
    now: datetime,
) -> Page[PlatformRequestView]:
    """List what was sent to the platform: what waits, the oldest first, or what is over, the last.

    Each agent among them hears of it.
    """
    ensure(actor, Permission.REQUESTS_ANSWER)
    place = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else _EDGE[is_over]
    states = list(map(str, _OVER if is_over else _WAITING))
    statement = _HISTORY if is_over else _QUEUE
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(statement, states, *place, limit + 1)
        shown = [row["agent_id"] for row in rows[:limit]]
        await audit.record_platform_read(actor, shown, QUEUE, now=now)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [msgspec.convert(dict(row), PlatformRequestView) for row in rows[:limit]],
        encode_cursor(last["sent_at"], last["id"]) if last else None,
    )


async def figures(actor: Actor) -> list[Figures]:
    """Say how what was sent to the platform went: of all first, then by resource (S79)."""
    ensure(actor, Permission.REQUESTS_ANSWER)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_FIGURES)
    return [msgspec.convert(dict(row), Figures) for row in rows]
