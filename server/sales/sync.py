"""What of this room travels, and what devices may ask: what becomes of quotes, decided here."""

# The registry reads the kinds through this file, as it does in every room.

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.kit.errors import Invalid, Refusal
from server.sales import service
from server.sales.kinds import KINDS
from server.sales.schemas import Decide, Hash, Words
from sync_protocol.messages import Intent
from sync_protocol.quoting.states import Verb

__all__ = ["KINDS", "MUTATIONS"]


class _Deciding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a decision carries."""

    quote_id: UUID
    customer_id: UUID | None = None
    """Its customer and its deal, so that all are locked at once with what else the push writes."""
    opportunity_id: UUID | None = None
    content_hash: Hash | None = None
    remark: Words | None = None


async def _decide(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Decide inside the push's transaction, as the API and the portal do."""
    try:
        event_id, args = UUID(intent.id), msgspec.convert(intent.args, _Deciding)
    except (msgspec.ValidationError, ValueError) as error:
        field = str(error).partition("$.")[2].strip("`.") or "args"
        detail = "What is asked of a quote names quote_id, and what belongs to it."
        raise Invalid(detail, field=field) from error
    asked = Decide(verb=verb, id=event_id, content_hash=args.content_hash, remark=args.remark)
    await service.decide(actor, args.quote_id, asked, now=now)
    return None


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    f"quote.{verb}": partial(_decide, verb) for verb in Verb
}
"""By name; the intent's id is the decision's."""
