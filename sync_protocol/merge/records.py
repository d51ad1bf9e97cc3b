"""What the merge works on: held records, clocks, what an op and a batch did."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sync_protocol.conflicts import Conflict, Version
from sync_protocol.messages import (
    Intent,
    Outcome,
)

Key = tuple[str, str]
"""The kind and the id of a record."""
Dots = Mapping[str, tuple[Version, ...]]
"""The additions behind each element of a set field."""


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record as the server holds it, with where each value comes from.

    A field without a version, and a set's element without dots, still stands as it was created.
    """

    kind: str
    id: str
    seq: int
    created: Version
    fields: Mapping[str, Any]
    """Values as on the wire; a set is a sorted list."""
    versions: Mapping[str, Version] = {}
    dots: Mapping[str, Dots] = {}
    deleted: bool = False
    visible: bool = True
    """Whether the author of the ops may see it; what is out of sight is not there."""
    handle: int = 0
    """The record's small number within its tenant; 0 until the server has given it one."""

    @property
    def key(self) -> Key:
        """Answer the kind and the id."""
        return self.kind, self.id

    def version(self, field: str) -> Version:
        """Answer which write a field's value comes from."""
        return self.versions.get(field, self.created)


class EditClock(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows about the time of a device's edits."""

    received_at_ms: int
    offset_ms: int = 0
    """The server's clock minus the device's, measured in this push."""
    floor_ms: int = 0
    """No edit of this push is older: the bounded time of the device's last edit, or its last pull,
    or, where there was none yet, its enrolment.

    With it the times of one device never go back, so that what is held in the end does not depend
    on the order in which devices come.
    """
    heard_ms: int = 0
    """When the device last asked for anything while nothing waited on it; what was asked in this
    push was asked after that."""

    def bound(self, at_ms: int) -> int:
        """Answer the edit time corrected by the offset, between the floor and the receipt."""
        return min(max(at_ms + self.offset_ms, self.floor_ms), self.received_at_ms)


class Kin(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to whom, as far as the ops at hand ask for it."""

    beneath: Mapping[str, Sequence[HeldRecord]] = {}
    """The living records that belong to each record that is to be deleted, by its id; conflicts
    are among them."""
    ended: frozenset[str] = frozenset()
    """Of the records to which edited ones belong, those that are deleted."""


class Beneath(msgspec.Struct, frozen=True):
    """What a deletion would take along."""

    records: Sequence[HeldRecord] = ()
    lost: Sequence[tuple[Version, str]] = ()
    """Writes that stand in open conflicts alone, each with the record in which it is."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one op did to one record."""

    outcome: Outcome
    record: HeldRecord | None = None
    """The record after the op; none when nothing changed."""
    before: HeldRecord | None = None
    """The record before the op; none when it was created, or nothing changed."""
    conflicts: tuple[Conflict, ...] = ()


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did. Intents have no outcome yet unless they were refused."""

    outcomes: tuple[Outcome, ...]
    records: Mapping[Key, HeldRecord]
    """The changed records as they stand at the end."""
    created: frozenset[Key]
    settlements: tuple[Settlement, ...]
    """Each op that changed a record, in order: what a history is written from."""
    conflicts: tuple[Conflict, ...]
    intents: tuple[Intent, ...]
    """To be decided by the server, in order, after the records are written."""
