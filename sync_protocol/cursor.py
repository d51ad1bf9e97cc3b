"""Where a device stands in a tenant's changes: opaque to the device, signed by the server."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from uuid import UUID

import msgspec

from sync_protocol.columns import read_varint, varint

MAX_CURSOR_LENGTH: Final = 128
"""No cursor is longer, so anything longer is refused unread."""

_VERSION: Final = 2
_MAC_BYTES: Final = 12


class CursorRefused(Exception):
    """A cursor that this server did not make for this device."""

    code = "cursor_invalid"


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the feed of one tenant, as one device may see it."""

    epoch: int
    """The tenant's restore count: sequences of another epoch mean nothing."""
    base: int
    """The sequence from which this run of pages started; 0 for a snapshot."""
    seq: int
    """The sequence up to which the pages have come."""
    kind_index: int = 0
    """Within a sequence: the kind that is being sent."""
    after_id: UUID | None = None
    """Within a kind: the last id that was sent."""
    grants: int = 0
    """The version of what the device is allowed to see."""
    started: int = 0
    """The tenant's sequence as this run of pages started: what was deleted or left sight after it
    may have been sent by an earlier page, so it must be told."""


def encode(cursor: Cursor, *, key: bytes, bound_to: bytes) -> str:
    """Answer the cursor as text that only this key, tenant and device can bring back."""
    is_start, is_whole = cursor.base == cursor.seq, cursor.started == cursor.seq
    flags = _VERSION << 4 | is_start << 2 | is_whole << 1 | (cursor.after_id is not None)
    packed = bytes([flags])
    for number in (cursor.epoch, cursor.grants, cursor.kind_index, cursor.seq):
        packed += varint(number)
    packed += b"" if is_start else varint(cursor.base)
    packed += b"" if is_whole else varint(cursor.started)
    packed += b"" if cursor.after_id is None else cursor.after_id.bytes
    return urlsafe_b64encode(packed + _mac(packed, key, bound_to)).decode().rstrip("=")


def decode(text: str, *, key: bytes, bound_to: bytes) -> Cursor:
    """Read a cursor back.

    :raises CursorRefused: if it is not one, or was made for somebody else.
    """
    raw = _raw(text)
    packed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not compare_digest(mac, _mac(packed, key, bound_to)):
        raise CursorRefused("This cursor was not made for this device.")
    if packed[0] >> 4 != _VERSION:
        raise CursorRefused("This cursor is of another version.")
    return _unpacked(packed)


def _unpacked(packed: bytes) -> Cursor:
    """Read what was signed, and so is whole."""
    flags, place = packed[0], 1
    numbers = []
    for is_there in (True, True, True, True, not flags & 4, not flags & 2):
        number = 0
        if is_there:
            number, place = read_varint(packed, place)
        numbers.append(number)
    epoch, grants, kind_index, seq, base, started = numbers
    return Cursor(
        epoch=epoch,
        base=seq if flags & 4 else base,
        seq=seq,
        kind_index=kind_index,
        after_id=UUID(bytes=packed[place:]) if flags & 1 else None,
        grants=grants,
        started=seq if flags & 2 else started,
    )


def _raw(text: str) -> bytes:
    """Answer the bytes of a cursor; every cursor has one spelling."""
    if len(text) > MAX_CURSOR_LENGTH:
        raise CursorRefused("This is not a cursor.")
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (Base64Error, UnicodeEncodeError) as error:
        raise CursorRefused("This is not a cursor.") from error
    if len(raw) <= _MAC_BYTES:
        raise CursorRefused("This is not a cursor.")
    if urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise CursorRefused("This is not a cursor.")
    return raw


def _mac(packed: bytes, key: bytes, bound_to: bytes) -> bytes:
    """Sign what the cursor says and whom it was made for; lengths part the two."""
    about = len(bound_to).to_bytes(4) + bound_to + packed
    return blake2b(about, digest_size=_MAC_BYTES, key=key, person=b"tonglu-cursor").digest()
