"""What of this room travels, and what devices may ask: moves of deals, decided here."""

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
from server.pipeline import service
from server.pipeline.kinds import KINDS
from server.pipeline.schemas import Line as Remark
from server.pipeline.schemas import LostReason, Move, NewOpening, StageKey
from sync_protocol.messages import Intent
from sync_protocol.process.gates import Verb

__all__ = ["KINDS", "MUTATIONS"]

_NAMED: Final = "What is asked of a deal names opportunity_id, and what belongs to it."


class _Moving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a move carries."""

    opportunity_id: UUID
    customer_id: UUID | None = None
    """Its customer, so that both are locked at once with all else that the push writes."""
    from_stage: StageKey | None = None
    to_stage: StageKey | None = None
    reason: LostReason | None = None
    remark: Remark | None = None


class _Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the opening of a template carries."""

    opportunity_id: UUID
    template_id: UUID
    customer_id: UUID | None = None


async def _move(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Move a deal inside the push's transaction, as the API and the portal do."""
    move_id, args = intents.read(intent, _Moving, detail=_NAMED)
    asked = Move(
        id=move_id,
        verb=verb,
        from_stage=args.from_stage,
        to_stage=args.to_stage,
        reason=args.reason,
        remark=args.remark,
    )
    await service.move(actor, args.opportunity_id, asked, now=now)
    return None


async def _open(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Note that a template was looked at."""
    opening_id, args = intents.read(intent, _Opening, detail=_NAMED)
    new = NewOpening(id=opening_id, template_id=args.template_id)
    await service.open_template(actor, args.opportunity_id, new, now=now)
    return None


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    **{f"opportunity.{verb}": partial(_move, verb) for verb in Verb},
    "opportunity.open_template": _open,
}
"""By name; the intent's id is the move's, or the opening's."""
