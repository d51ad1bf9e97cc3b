"""Which records of this room travel, and what a device may ask of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.activities import service
from server.activities.kinds import KINDS
from server.activities.schemas import NewAppeal, Sentence
from server.kit.errors import Invalid
from sync_protocol.messages import Intent

__all__ = ["APPEAL", "KINDS", "appeal"]

APPEAL: Final = "visit.appeal"
"""The mutation's name. `args`: visit_id, and appeal: what the visitor says."""


class _Appeal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the intent carries."""

    visit_id: UUID
    appeal: Sentence


async def appeal(actor: Actor, intent: Intent, now: datetime) -> None:
    """Speak against the score of one's visit, as the API and the portal do.

    :raises Refusal: there is nothing to speak against, or the visit is somebody else's.
    """
    try:
        args = msgspec.convert(intent.args, _Appeal)
    except msgspec.ValidationError as error:
        raise Invalid("An appeal has visit_id and appeal, a sentence.", field="args") from error
    await service.appeal(actor, args.visit_id, NewAppeal(appeal=args.appeal), now=now)
