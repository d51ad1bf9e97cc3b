"""What exits take and give."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.exits.rules import ORDER, Carries, Fate, Kind, Planned, Total
from server.kit.text import Str
from server.partners.schemas import ExitView

KINDS: Final = ORDER
FATES: Final = tuple(Fate)
CARRIES: Final = tuple(Carries)
"""What pages offer."""

Some = msgspec.Meta(min_length=1, max_length=200)
"""As many as a page shows."""


class NewConsents(msgspec.Struct, frozen=True, kw_only=True):
    """That customers want to go to another agent, or do not any more."""

    customer_ids: Annotated[list[UUID], Some]
    successor_id: UUID | None
    """One of the exit's successors; None takes the word back."""
    carries: Carries = Carries.CARD
    said: Str = ""
    """How they said so: a letter, a message, a visit."""


class Thing(msgspec.Struct, frozen=True):
    """A thing of the leaver's, as the plan calls it."""

    kind: Kind
    ref: UUID


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of some things, instead of what the rule says."""

    things: Annotated[list[Thing], Some]
    fate: Fate | None
    """None leaves them to the rule again."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The plan that was looked at."""

    hash: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a plan."""

    kind: Kind | None = None
    fate: Fate | None = None
    is_chosen: bool = False
    """Those alone where the operator wants something else than the rule."""

    def takes(self, row: Planned) -> bool:
        """Say whether a row is one of them."""
        return (
            self.kind in {None, row.kind}
            and self.fate in {None, row.fate}
            and self.is_chosen <= row.is_chosen
        )


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of the leaver's, and what it has said, if it has."""

    customer_id: UUID
    name: str
    city: str | None
    successor_id: UUID | None
    carries: Carries | None
    said: str | None
    recorded_at: datetime | None


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
    """Those that are wanted, a page at a time: what only stays as it is comes last."""
    next_cursor: str | None
