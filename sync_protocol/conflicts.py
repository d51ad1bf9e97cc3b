"""Two values for one field, written by people who did not see each other: both are kept."""

from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

DELETED = "deleted"
"""The field of a conflict between an edit and a deletion; its values are false and true."""


class Version(msgspec.Struct, frozen=True, gc=False):
    """Which write a value comes from."""

    seq: int
    """The tenant sequence that the write got; ``NEW_SEQ`` until the commit at hand has one."""
    device: str | None = None
    """The device that wrote it; none for a page, an import or the server itself."""
    number: int = 0
    """The op number on that device."""
    at_ms: int = 0
    """The bounded edit time. Along a chain of causes it never goes back."""
    shared: bool = False
    """Several wrote this value without seeing each other, so it is nobody's own to replace."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What two concurrent writes left: the value that is held and the one that is not."""

    id: str
    customer_id: str | None
    """The customer with whom the conflict is seen; none for a record that belongs to nobody."""
    kind: str
    record_id: str
    field: str
    kept: Any
    other: Any
    kept_by: Version
    other_by: Version
    happened_at_ms: int
    kept_in: str = ""
    """The record in which ``kept_by`` wrote, where that is one beneath."""


def conflict_id(device: str | None, number: int, record_id: str, field: str, at_ms: int) -> str:
    """Make the id of a conflict from what it is about, in the layout of a UUIDv7.

    The same op settled again makes the same conflict, so nothing is told twice.
    """
    about = f"{device}:{number}:{record_id}:{field}".encode()
    noise = int.from_bytes(blake2b(about, digest_size=16).digest())
    value = (max(at_ms, 0) & (2**48 - 1)) << 80 | noise & (2**80 - 1)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
