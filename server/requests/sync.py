"""What of this room travels, and what devices may ask: what becomes of requests, decided here."""

# The registry reads the kinds through this file, as it does in every room.

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import intents
from server.kit.errors import Refusal
from server.requests import service
from server.requests.kinds import KINDS
from server.requests.schemas import Decide, Text, Verdict
from sync_protocol.helping import Verb
from sync_protocol.messages import Intent

__all__ = ["KINDS", "MUTATIONS"]

_NAMED: Final = "What is asked of a request names resource_request_id, and what belongs to it."


class _Deciding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a decision carries."""

    resource_request_id: UUID
    customer_id: UUID | None = None
    """Its customer and deal, so that all are locked at once with the rest of the push."""
    opportunity_id: UUID | None = None
    text: Text | None = None
    helper_id: UUID | None = None
    verdict: Verdict | None = None


async def _decide(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Decide inside the push's transaction, as the API and the portal do."""
    event_id, args = intents.read(intent, _Deciding, detail=_NAMED)
    asked = Decide(
        verb=verb, id=event_id, text=args.text, helper_id=args.helper_id, verdict=args.verdict
    )
    await service.decide(actor, args.resource_request_id, asked, now=now)
    return None


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    f"resource_request.{verb}": partial(_decide, verb) for verb in Verb
}
"""By name; the intent's id is the event's."""
