"""Which records of this room travel, and what a device may ask of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.activities import service
from server.activities.kinds import KINDS
from server.activities.schemas import Assignment, NewAppeal, Sentence
from server.kit.errors import Invalid
from sync_protocol.messages import Intent

__all__ = ["APPEAL", "ASSIGN", "KINDS", "appeal", "assign"]

APPEAL: Final = "visit.appeal"
"""The mutation's name. `args`: visit_id, and appeal: what the visitor says."""
ASSIGN: Final = "task.assign"
"""The mutation's name. `args`: task_id and assignee_id."""


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


class _Assign(Assignment, frozen=True, forbid_unknown_fields=True):
    """What the intent carries."""

    task_id: UUID


async def assign(actor: Actor, intent: Intent, now: datetime) -> None:
    """Give a task to somebody, as the API and the portal do.

    :raises Refusal: the person does not see the customer, or the task is over or out of sight.
    """
    try:
        args = msgspec.convert(intent.args, _Assign)
    except msgspec.ValidationError as error:
        raise Invalid("An assignment has task_id and assignee_id.", field="args") from error
    await service.assign_task(actor, args.task_id, args.assignee_id, now=now)
