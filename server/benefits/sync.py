"""What devices may ask of this room: a benefit, requested offline and decided when it arrives."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.benefits import rules, service
from server.benefits.schemas import RequestBenefit
from server.kit.errors import Invalid, Refusal
from sync_protocol.messages import Intent

REQUEST: Final = "benefits.request"
"""The mutation's name. `args`: customer_id and program_id; the intent's id is the request's."""


class _Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the intent carries."""

    customer_id: UUID
    program_id: UUID


async def prepare(actor: Actor, intents: Sequence[Intent], now: datetime) -> None:
    """Have a push that asks of several programs wait for all of them at once.

    So that it never holds one budget while it waits for another that a push which holds that one
    wants first.
    """
    programs = {args.program_id for intent in intents if (args := _read(intent)) is not None}
    if len(programs) > 1:
        await service.queue_up(actor, programs, now=now)


def _read(intent: Intent) -> _Args | None:
    """Read what a request carries; None when it is none."""
    if intent.name != REQUEST:
        return None
    try:
        return msgspec.convert(intent.args, _Args)
    except msgspec.ValidationError:
        return None


async def request(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Request a benefit inside the push's transaction, as the API and the portal do.

    A request that is declined stays in the agent's list, as one made online does; its refusal is
    given back, so that the op's outcome tells it too.

    :raises Refusal: of a request that cannot even be written down.
    """
    try:
        args = msgspec.convert(intent.args, _Args)
    except msgspec.ValidationError as error:
        raise Invalid(
            "A benefit is requested with customer_id and program_id.", field="args"
        ) from error
    try:
        request_id = UUID(intent.id)
    except ValueError as error:
        raise Invalid("A benefit's id is a UUID.", field="id") from error
    asked = RequestBenefit(id=request_id, customer_id=args.customer_id, program_id=args.program_id)
    view = await service.submit(actor, asked, now=now)
    return rules.refusal(view.refusal_code) if view.refusal_code else None
