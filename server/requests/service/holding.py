"""Hold a request while something is decided about it, and write down what was."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import facts
from server.customers import holding
from server.kit import db
from server.kit.errors import IdReused
from server.requests.kinds import RESOURCE_REQUEST, WRITTEN
from server.requests.queries.requests import EVENT
from sync_protocol.helping import Party
from sync_protocol.merge import HeldRecord

_EVENT: Final = f"{EVENT} AND id = $2"
_WRITE: Final = """
INSERT INTO resource_request_event
    (tenant_id, id, request_id, seq, verb, state, party, text, done_by, done_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with a request."""

    id: UUID
    verb: str
    party: Party
    """Of which side who did it is."""
    text: str | None
    done_by: UUID
    done_at: datetime


async def hold(actor: Actor, request_id: UUID) -> HeldRecord:
    """Lock a request, and its customer before it.

    :raises NotFound: it is not there, or out of sight.
    """
    return await holding.hold(actor, RESOURCE_REQUEST, request_id, kinds=WRITTEN)


async def is_made(actor: Actor, request_id: UUID, done: Done) -> bool:
    """Say whether this was done before, with these words.

    :raises IdReused: the id is another event's.
    """
    row = await db.connection().fetchrow(_EVENT, actor.tenant_id, done.id)
    told = (request_id, done.verb, done.text)
    if row is not None and (row["request_id"], row["verb"], row["text"]) != told:
        raise IdReused("This id is another event's; make a new one.", field="id")
    return row is not None


async def write(
    actor: Actor, held: HeldRecord, done: Done, values: dict[str, Any], *, now: datetime
) -> None:
    """Write what a request is from now on, and what was done with it."""
    seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    state = values.get("state", held.fields["state"])
    await db.connection().execute(
        _WRITE,
        *(actor.tenant_id, done.id, UUID(held.id), seq, done.verb, state, done.party),
        *(done.text, done.done_by, done.done_at),
    )
