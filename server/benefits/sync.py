"""What devices may ask of this room: to hold units, and a benefit, promised with one or not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.benefits import rules, service
from server.benefits.escrow import service as escrow
from server.benefits.escrow.schemas import Count
from server.benefits.schemas import RequestBenefit
from server.changelog import intents
from server.kit.errors import Invalid, Refusal
from sync_protocol.messages import Intent

REQUEST: Final = "benefits.request"
"""`args`: customer_id, program_id, and unit_id where a unit was promised; the intent's id is the
request's."""
LEASE: Final = "benefits.lease"
"""`args`: program_id and count, 0 to give back; the intent's id is the lease's."""


class _Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request carries."""

    customer_id: UUID
    program_id: UUID
    unit_id: UUID | None = None


class _Lease(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a lease carries."""

    program_id: UUID
    count: Count


async def prepare(actor: Actor, intents: Sequence[Intent], now: datetime) -> None:
    """Have a push wait at once for all that its intents will move.

    So that it never holds one budget while it waits for another that a push which holds that one
    wants first, nor an account while it waits for a unit.
    """
    read = [args for intent in intents if (args := _read(intent)) is not None]
    leases = {args.program_id: args.count for args in read if isinstance(args, _Lease)}
    asked = [args for args in read if isinstance(args, _Args)]
    requests = {args.program_id for args in asked}
    if leases or any(args.unit_id for args in asked):
        await escrow.queue_up(actor, leases, requests, now=now)
    elif len(requests) > 1:
        await service.queue_up(actor, requests, now=now)


def _read(intent: Intent) -> _Args | _Lease | None:
    """Read what an intent of this room carries; None when it is none."""
    try:
        match intent.name:
            case "benefits.request":
                return msgspec.convert(intent.args, _Args)
            case "benefits.lease":
                return msgspec.convert(intent.args, _Lease)
            case _:
                return None
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
    if args.unit_id is not None:
        code = await service.promise(actor, asked, args.unit_id, now=now)
    else:
        code = (await service.submit(actor, asked, now=now)).refusal_code
    return rules.refusal(code) if code else None


async def lease(actor: Actor, intent: Intent, now: datetime) -> dict[str, Any]:
    """Let the device hold units, and tell it which.

    :raises Refusal: of a lease that is not given.
    """
    lease_id, args = intents.read(intent, _Lease, detail="A lease names program_id and count.")
    leased = await escrow.lease(actor, args.program_id, args.count, lease_id=lease_id, now=now)
    told: dict[str, Any] = msgspec.to_builtins(leased)
    return told
