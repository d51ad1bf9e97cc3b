"""What the conflict inbox shows and takes. Push and pull speak `sync_protocol.messages`."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec


class ConflictView(msgspec.Struct, frozen=True, kw_only=True):
    """Two values of one field, written by people who did not see each other."""

    id: UUID
    customer_id: UUID | None
    customer_name: str | None
    kind: str
    record_id: UUID
    field: str
    kept: Any
    """The value that is held."""
    other: Any
    """The value that is not, and can be restored."""
    kept_by: UUID | None
    other_by: UUID | None
    happened_at: datetime
    state: str


class ResolveConflict(msgspec.Struct, frozen=True):
    """What a person decides about a conflict."""

    decision: Literal["restore", "dismiss"]
    """``restore`` writes the other value; ``dismiss`` leaves the one that is held."""


Choice = Literal["kept", "other"]
"""Whose value stands: that of the customer that stays, or of the one that is merged into it."""


class MergeInto(msgspec.Struct, frozen=True):
    """Into which customer another one is merged."""

    into_id: UUID
    choices: dict[str, Choice] = {}
    """By field; where both have a value and nothing is chosen, the other is kept as a conflict."""
    as_of: int | None = None
    """Of the preview that was chosen from; asked for with choices."""


class ApartFrom(msgspec.Struct, frozen=True):
    """From which customer another one is told apart."""

    other_id: UUID


class MergedField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of two customers that are to be one."""

    field: str
    kept: Any
    """What the one that stays says."""
    other: Any
    """What the one says that is merged into it."""
    is_open: bool
    """Both say something, and not the same: somebody should choose."""


class MergePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a merge would make of two customers; nothing is done yet."""

    merged_id: UUID
    merged_name: str
    customer_id: UUID
    customer_name: str
    fields: list[MergedField]
    """All of which one has a value."""
    as_of: int
    """The sequence of the two as they are shown."""
    moves: dict[str, int]
    """By kind of record, how many belong to the one and would belong to the other."""


class MergeView(msgspec.Struct, frozen=True, kw_only=True):
    """Two customers that are one from now on."""

    id: UUID
    merged_id: UUID
    """The one that is no more; whatever names it means the other."""
    customer_id: UUID
    """The one that stayed."""
    seq: int
    moved: int
    """How many records belong to the other now."""


class UnmergeView(msgspec.Struct, frozen=True, kw_only=True):
    """Two customers that are two again."""

    id: UUID
    """Of the merge that was taken back."""
    merged_id: UUID
    """The one that is back."""
    customer_id: UUID
    """The one that had stayed."""
    seq: int
    moved: int
    """How many records belong to the one again."""
    kept: list[str] = []
    """Fields of the other that the merge had filled in and somebody wrote since: they stay."""
    stayed: int = 0
    """How many records were added to the other since: they stay with it."""


class MergeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A merge into a customer."""

    id: UUID
    merged_id: UUID
    merged_name: str
    merged_by: UUID
    merged_at: datetime
    undone_at: datetime | None


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """Two customers that may be one."""

    first_id: UUID
    first_name: str
    second_id: UUID
    second_name: str
    reasons: list[Literal["uscc", "phone", "name"]]
    """What they have in common, the strongest first."""
    found_at: datetime
