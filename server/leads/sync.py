"""What travels of this room, and what devices may ask: accept a lead or give it back."""

from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from server.access import Actor
from server.kit.errors import Invalid, Refusal
from server.leads import service
from server.leads.kinds import BY_NAME, KINDS
from server.leads.rules.states import ReturnReason
from server.leads.schemas import Return
from sync_protocol.messages import Intent

__all__ = ["ACCEPT", "BY_NAME", "KINDS", "RETURN", "accept", "give_back"]

ACCEPT: Final = "lead.accept"
"""`args`: lead_id."""
RETURN: Final = "lead.return"
"""`args`: lead_id, reason and perhaps a note."""


class _Accept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lead_id: UUID


class _Return(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lead_id: UUID
    reason: ReturnReason
    note: str = ""


_ArgsT = TypeVar("_ArgsT", _Accept, _Return)


def _read(intent: Intent, shape: type[_ArgsT]) -> _ArgsT:
    """Read what an intent carries.

    :raises Invalid: saying what is wanted.
    """
    try:
        return msgspec.convert(intent.args, shape)
    except msgspec.ValidationError as error:
        wanted = ", ".join(shape.__struct_fields__)
        raise Invalid(f"{intent.name} takes {wanted}.", field="args") from error


async def accept(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Accept a lead inside the push's transaction, as the API and the pages do."""
    await service.accept(actor, _read(intent, _Accept).lead_id, now=now)
    return None


async def give_back(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
    """Give a lead back inside the push's transaction, as the API and the pages do."""
    args = _read(intent, _Return)
    given = Return(reason=args.reason, note=args.note[:200])
    await service.give_back(actor, args.lead_id, given, now=now)
    return None
