"""Ask which systems outside tell of customers."""

from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.automation.signals.schemas import SignalSourceView
from server.identity import keys
from server.kit import db
from server.kit.errors import NotFound

_SOURCES: Final = """
SELECT s.id, s.name, s.account_field, s.made_at, s.closed_at,
    (SELECT max(g.received_at) FROM signal g
     WHERE g.tenant_id = s.tenant_id AND g.source_id = s.id) AS last_heard_at
FROM signal_source s WHERE s.tenant_id = $1 AND ($2::uuid IS NULL OR s.id = $2) ORDER BY s.id
"""


async def sources(actor: Actor) -> list[SignalSourceView]:
    """List the company's sources, the oldest first."""
    return await _sources(actor, None)


async def source(actor: Actor, source_id: UUID) -> SignalSourceView:
    """Give one source.

    :raises NotFound: there is none.
    """
    found = await _sources(actor, source_id)
    if not found:
        raise NotFound
    return found[0]


async def _sources(actor: Actor, source_id: UUID | None) -> list[SignalSourceView]:
    """Read sources, each with the address to which it sends."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_SOURCES, actor.tenant_id, source_id)
    place = f"{keys.current().public_url}/v1/signals/{actor.tenant_id}"
    return [
        msgspec.convert({**row, "address": f"{place}/{row['id']}"}, SignalSourceView)
        for row in rows
    ]
