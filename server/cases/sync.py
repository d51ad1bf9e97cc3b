"""What of this room travels, and what devices may ask: what becomes of cases, decided here."""

# The registry reads the kinds through this file, as it does in every room.

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.cases import service
from server.cases.kinds import KINDS
from server.cases.schemas import Comment, Decide, NewComment, Text
from server.changelog import intents
from server.kit.errors import Refusal
from sync_protocol.messages import Intent
from sync_protocol.serving import Verb

__all__ = ["KINDS", "MUTATIONS"]

_NAMED: Final = "What is asked of a case names case_id, and what belongs to it."


class _About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About which case something is asked."""

    case_id: UUID
    customer_id: UUID | None = None
    """Its customer, so that both are locked at once with all else that the push writes."""


class _Deciding(_About, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Text | None = None


class _Saying(_About, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Comment


class _Assigning(_About, frozen=True, kw_only=True, forbid_unknown_fields=True):
    assignee_id: UUID


async def _decide(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Decide inside the push's transaction, as the API and the portal do."""
    event_id, args = intents.read(intent, _Deciding, detail=_NAMED)
    asked = Decide(verb=verb, id=event_id, text=args.text)
    await service.decide(actor, args.case_id, asked, now=now)
    return None


async def _comment(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Say something about a case."""
    event_id, args = intents.read(intent, _Saying, detail=_NAMED)
    await service.comment(actor, args.case_id, NewComment(id=event_id, text=args.text), now=now)
    return None


async def _assign(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Give a case to somebody, or take it."""
    _, args = intents.read(intent, _Assigning, detail=_NAMED)
    await service.assign(actor, args.case_id, args.assignee_id, now=now)
    return None


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    **{f"service_case.{verb}": partial(_decide, verb) for verb in Verb},
    "service_case.comment": _comment,
    "service_case.assign": _assign,
}
"""By name; the intent's id is the event's."""
