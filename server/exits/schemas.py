"""What exits take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.exits.rules import Fate, Kind, Planned, Total
from server.kit.text import Str
from server.partners.schemas import ExitView


class NewConsent(msgspec.Struct, frozen=True, kw_only=True):
    """That a customer wants to go to another agent, or does not any more."""

    customer_id: UUID
    successor_id: UUID | None
    """One of the exit's successors; None takes the word back."""
    said: Str = ""
    """How the customer said so: a letter, a message, a visit."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of one thing, instead of what the rule says."""

    kind: Kind
    ref: UUID
    fate: Fate | None
    """None leaves it to the rule again."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The plan that was looked at."""

    hash: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of all that is a leaver's; the same for both sides, without a name."""

    exit: ExitView
    hash: str
    """Carrying out is bound to it."""
    drawn_at: datetime | None
    """None while nothing was drawn up."""
    totals: list[Total]
    count: int
    done: int
    rows: list[Planned]
    """The first 200 that matter, customers that are kept last."""
