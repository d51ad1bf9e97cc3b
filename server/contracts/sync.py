"""What of this room travels, and what devices may ask: what becomes of contracts, decided here."""

# The registry reads the kinds through this file, as it does in every room.

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import intents
from server.contracts import service
from server.contracts.kinds import KINDS
from server.contracts.schemas import Day, Decide, Hash, Money, Receive, Words
from server.kit.errors import Refusal
from sync_protocol.contracting.states import Verb
from sync_protocol.messages import Intent

__all__ = ["KINDS", "MUTATIONS"]

_NAMED: Final = "What is asked of a contract names contract_id, and what belongs to it."


class _Asking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About which contract something is asked."""

    contract_id: UUID
    customer_id: UUID | None = None
    """Its customer, deal and quote, so that all are locked at once with the rest of the push."""
    opportunity_id: UUID | None = None
    quote_id: UUID | None = None
    remark: Words | None = None


class _Deciding(_Asking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a decision carries."""

    content_hash: Hash | None = None
    signed_on: Day | None = None


class _Receiving(_Asking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receipt carries."""

    amount_minor: Money
    instalment_id: UUID | None = None
    received_on: Day | None = None


async def _decide(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Decide inside the push's transaction, as the API and the portal do."""
    event_id, args = intents.read(intent, _Deciding, detail=_NAMED)
    asked = Decide(
        verb=verb,
        id=event_id,
        content_hash=args.content_hash,
        signed_on=args.signed_on,
        remark=args.remark,
    )
    await service.decide(actor, args.contract_id, asked, now=now)
    return None


async def _receive(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Note what came in inside the push's transaction."""
    receipt_id, args = intents.read(intent, _Receiving, detail=_NAMED)
    asked = Receive(
        id=receipt_id,
        amount_minor=args.amount_minor,
        instalment_id=args.instalment_id,
        received_on=args.received_on,
        remark=args.remark,
    )
    await service.receive(actor, args.contract_id, asked, now=now)
    return None


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    **{f"contract.{verb}": partial(_decide, verb) for verb in Verb},
    "contract.receive": _receive,
}
"""By name; the intent's id is the decision's, or the receipt's."""
