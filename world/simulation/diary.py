"""What people did and saw: the truth that the oracles hold everybody to.

The diary is written outside the product. It does not believe sequence numbers, bases or versions:
it knows what was on the screen when somebody wrote something else in its place.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sync_protocol.messages import Create, Delete, Edit, Intent, Op, ReceivedOp, Unreadable

Identity = bytes
"""Tells what a person did from everything else that was done, whatever number it travels under."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def identity(device_id: str, op: Op | ReceivedOp, record_id: str | None = None) -> Identity:
    """Answer what stays the same of an op when it is sent again, renumbered or grouped anew."""
    about: list[Any] = [device_id, type(op).__name__, op.number if _is_nameless(op) else 0]
    match op:
        case Create() | Edit():
            sets = op.sets if isinstance(op, Edit) else {}
            about += [op.kind, record_id or op.id, op.at_ms, op.fields, sets]
        case Delete():
            about += [op.kind, record_id or op.id, op.at_ms]
        case Intent():
            about += [op.id, op.name, op.at_ms]
        case Unreadable():
            pass
    return _encode(about)


def _is_nameless(op: Op | ReceivedOp) -> bool:
    return isinstance(op, Unreadable)


class Entry(msgspec.Struct, kw_only=True):
    """Something that a person did on a device, and what the device showed before."""

    device_id: str
    user_id: str
    op: Op
    at_ms: int
    """When it was done, by the one true clock."""
    offset_ms: int
    """How far the device's clock was off."""
    last_contact_ms: int
    """When the device had last heard from the server."""
    epoch: int
    """The epoch of what the device showed."""
    seq: int
    """The sequence at which it stood: what was put there by somebody else may look the same."""
    incarnation: int
    """How often the device had been restored from an old image."""
    seen: Mapping[str, tuple[Any, ...]]
    """For each field that was written, the values that were on the screen or beneath it."""
    beneath: Mapping[tuple[str, str], tuple[Any, ...]] = {}
    """Of a deletion: what was on the screen of all that belonged to the record, by id and field."""
    unknown: frozenset[str] = frozenset()
    """Fields that the device's app did not know, so that nobody saw them on it."""
    clock_jumps: int = 0
    """How often the device's clock had been set otherwise until then."""
    times: int = 1
    """How often just this was done; a clock that is set back makes two of them look alike."""
    is_lost: bool = False
    """Its device's disk was put back to before it, or will never come back."""


class Diary:
    """All that was done, by what tells it apart."""

    def __init__(self) -> None:
        self.entries: dict[Identity, Entry] = {}
        self.digests: dict[tuple[str, bytes], Identity] = {}
        """What came over the network under which digest, device by device."""

    def note(self, entry: Entry) -> None:
        """Write down what was just saved on a device."""
        what = identity(entry.device_id, entry.op)
        alike = self.entries.get(what)
        if alike is not None and alike.op.number != entry.op.number:
            entry.times = alike.times + 1
        self.entries[what] = entry

    def of_device(self, device_id: str) -> Iterable[tuple[Identity, Entry]]:
        """Answer what was done on a device."""
        return [each for each in self.entries.items() if each[1].device_id == device_id]

    def writes(self, record_id: str, name: str, value: Any) -> list[Entry]:
        """Answer who wrote a value: more than one where somebody brought it back."""
        return [
            each
            for each in self.entries.values()
            if each.op.id == record_id
            and isinstance(each.op, Create | Edit)
            and name in each.op.fields
            and each.op.fields[name] == value
        ]

    def is_forgotten(self, entry: Entry, name: str, value: Any) -> bool:
        """Say whether a device wrote this before it was put back, and no longer knows of it."""
        wrote = self.writes(entry.op.id, name, value)
        own = [each for each in wrote if each.device_id == entry.device_id]
        return bool(own) and all(
            each.is_lost and each.incarnation < entry.incarnation for each in own
        )

    def find(self, device_id: str, digest: bytes) -> Entry | None:
        """Answer what an op that the server settled was when it was done."""
        known = self.digests.get((device_id, digest))
        return None if known is None else self.entries.get(known)


def has_forgotten(later: Entry, earlier: Entry) -> bool:
    """Say whether a device was put back to before it did something."""
    return earlier.is_lost and later.incarnation > earlier.incarnation
