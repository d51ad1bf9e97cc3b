"""What plays are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.automation.plays.rules import TRIAL_DAYS_MAX, ChoiceReason, FiringOutcome, PlayTerms


class NewPlay(msgspec.Struct, frozen=True, kw_only=True):
    """A play to be published. With its own `id` it may be sent again."""

    id: UUID | None = None
    terms: PlayTerms


class PlayEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What a play says from now on."""

    base: Annotated[int, msgspec.Meta(ge=1)]
    """The version that was seen."""
    terms: PlayTerms


class Switch(msgspec.Struct, frozen=True):
    """Whether a play acts."""

    is_on: bool


class PlayView(msgspec.Struct, frozen=True, kw_only=True):
    """A play as it holds."""

    id: UUID
    version: int
    is_on: bool
    terms: PlayTerms
    published_by: UUID
    published_at: datetime
    fired: int
    """How often it acted in the last thirty days."""


class NewPlayTrial(msgspec.Struct, frozen=True, kw_only=True):
    """PlayTerms to be tried on the last days."""

    terms: PlayTerms
    days: Annotated[int, msgspec.Meta(ge=1, le=TRIAL_DAYS_MAX)] = 90


class WouldFire(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence on which a play would have acted."""

    customer_id: UUID
    customer_name: str
    at: datetime


class PlayTrialView(msgspec.Struct, frozen=True, kw_only=True):
    """What a play would have done."""

    came: int
    """How often its trigger came about."""
    fires: int
    """How often it would have acted: not again about one customer too soon."""
    customers: int
    newest: list[WouldFire]
    """The last of them whose customers are within sight."""
    is_cut: bool
    """Whether its trigger came about more often than a trial looks at."""


class FiringView(msgspec.Struct, frozen=True, kw_only=True):
    """That a play acted, by which version, and why on whom."""

    customer_id: UUID
    customer_name: str
    version: int
    at: datetime
    fired_at: datetime
    outcome: FiringOutcome
    task_id: UUID | None
    person_id: UUID | None
    why: list[ChoiceReason]
