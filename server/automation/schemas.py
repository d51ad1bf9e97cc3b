"""What automation is over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.automation.rules import TRIAL_DAYS_MAX, Sla, Step, Terms

__all__ = ["EscalationView", "NewTrial", "Sla", "Step", "Terms", "TrialView"]


class NewTrial(msgspec.Struct, frozen=True, kw_only=True):
    """Terms to be tried on the must-do tasks that were due in the last days."""

    terms: Terms
    days: Annotated[int, msgspec.Meta(ge=1, le=TRIAL_DAYS_MAX)] = 30


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """What would have happened."""

    tasks: int
    """How many must-do tasks were due."""
    warned: int
    manager: int
    owner: int
    is_cut: bool
    """Whether there were more tasks than a trial looks at."""


class EscalationView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that word of a task went, and the version of the rule that sent it."""

    task_id: UUID
    step: Step
    due_at: datetime
    sla_version: int
    told_at: datetime
