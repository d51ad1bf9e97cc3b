"""What of this room travels, and what devices may ask: to register, and all that follows."""

# The registry reads the kinds through this file, as it does in every room.

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import intents
from server.kit.errors import Invalid, Refusal
from server.registrations import service
from server.registrations.kinds import KINDS
from server.registrations.rules import times
from server.registrations.rules.times import Heard
from server.registrations.schemas import Decide, Evidence, EvidenceKind, NewRegistration, Show
from server.tenants.rules import LEASE_HOURS_MAX, lease_ms
from sync_protocol.merge import EditClock
from sync_protocol.messages import Intent
from sync_protocol.registering import Verb
from sync_protocol.schema import MAX_TIME_MS

__all__ = ["KINDS", "MUTATIONS", "TIMED"]

REGISTER: Final = "registration.register"
"""The mutation's name; the intent's id is the registration's."""
SHOW: Final = "registration.show"
WAIVE: Final = "registration.waive"

_NAMED: Final = "A registration names customer_id, and what the device's clocks say, or not."
_NAMED_IN_DECISION: Final = "What is asked of a registration names registration_id."

_Millis = Annotated[int, msgspec.Meta(ge=-MAX_TIME_MS, le=MAX_TIME_MS)]


class _Registering(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a registration carries, and what the device's steady clock says of it."""

    customer_id: UUID
    wall_ms: _Millis | None = None
    """What the device's clock on the wall said; the op's own time never goes back."""
    since_ms: _Millis | None = None
    """The server's time in the last answer that the device had."""
    elapsed_ms: _Millis | None = None
    """How long before the registration that was."""


class _Deciding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a decision carries."""

    registration_id: UUID
    customer_id: UUID | None = None
    """Its customer, so that it is locked at once with the rest of the push."""
    kind: EvidenceKind | None = None
    record_id: UUID | None = None


async def _register(
    actor: Actor, intent: Intent, edit_clock: EditClock, now: datetime
) -> Refusal | None:
    """Register inside the push's transaction, as the API and the portal do."""
    registration_id, args = intents.read(intent, _Registering, detail=_NAMED)
    made = times.interval(
        Heard(
            made_at_ms=(args.wall_ms or intent.at_ms) + edit_clock.offset_ms,
            received_at_ms=edit_clock.received_at_ms,
            floor_ms=max(edit_clock.floor_ms, edit_clock.heard_ms),
            lease_ms=lease_ms(LEASE_HOURS_MAX),
            since_ms=args.since_ms,
            elapsed_ms=args.elapsed_ms,
        )
    )
    new = NewRegistration(id=registration_id, customer_id=args.customer_id)
    await service.register(actor, new, made=made, now=now)
    return None


async def _decide(verb: Verb, actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Decide inside the push's transaction, as the API and the portal do."""
    event_id, args = intents.read(intent, _Deciding, detail=_NAMED_IN_DECISION)
    asked = Decide(verb=verb, id=event_id, evidence=_evidence(args))
    await service.decide(actor, args.registration_id, asked, now=now)
    return None


async def _show(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Bring evidence to a case."""
    shown_id, args = intents.read(intent, _Deciding, detail=_NAMED_IN_DECISION)
    shown = _evidence(args)
    if shown is None:
        raise Invalid("Name the kind and the id of what is shown.", field="record_id")
    await service.bring(actor, args.registration_id, Show(id=shown_id, evidence=shown), now=now)
    return None


async def _waive(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Bring no more evidence to a case."""
    _, args = intents.read(intent, _Deciding, detail=_NAMED_IN_DECISION)
    await service.forgo(actor, args.registration_id, now=now)
    return None


def _evidence(args: _Deciding) -> Evidence | None:
    """Read what is shown."""
    if args.kind is None or args.record_id is None:
        return None
    return Evidence(kind=args.kind, record_id=args.record_id)


TIMED: Final[
    Mapping[str, Callable[[Actor, Intent, EditClock, datetime], Awaitable[Refusal | None]]]
] = {REGISTER: _register}
"""By name, what is told how far the device's time can be known."""
MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[Refusal | None]]]] = {
    SHOW: _show,
    WAIVE: _waive,
    **{f"registration.{verb}": partial(_decide, verb) for verb in Verb},
}
"""By name; the intent's id is that of what is shown, where something is."""
