"""Where a device stands in a tenant's changes: opaque to the device, signed by the server."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from uuid import UUID

import msgspec

MAX_CURSOR_LENGTH: Final = 128
"""No cursor is longer, so anything longer is refused unread."""

_VERSION: Final = 1
_MAC_BYTES: Final = 16


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


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """A cursor as it travels: small numbers take one byte."""

    version: int
    epoch: int
    base: int
    seq: int
    kind_index: int
    grants: int
    started: int
    after_id: bytes


def encode(cursor: Cursor, *, key: bytes, bound_to: bytes) -> str:
    """Answer the cursor as text that only this key, tenant and device can bring back."""
    packed = msgspec.msgpack.encode(
        _Packed(
            _VERSION,
            cursor.epoch,
            cursor.base,
            cursor.seq,
            cursor.kind_index,
            cursor.grants,
            cursor.started,
            b"" if cursor.after_id is None else cursor.after_id.bytes,
        )
    )
    return urlsafe_b64encode(packed + _mac(packed, key, bound_to)).decode().rstrip("=")


def decode(text: str, *, key: bytes, bound_to: bytes) -> Cursor:
    """Read a cursor back.

    :raises CursorRefused: if it is not one, or was made for somebody else.
    """
    raw = _raw(text)
    packed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not compare_digest(mac, _mac(packed, key, bound_to)):
        raise CursorRefused("This cursor was not made for this device.")
    read = msgspec.msgpack.decode(packed, type=_Packed)
    if read.version != _VERSION:
        raise CursorRefused("This cursor is of another version.")
    return Cursor(
        epoch=read.epoch,
        base=read.base,
        seq=read.seq,
        kind_index=read.kind_index,
        after_id=UUID(bytes=read.after_id) if read.after_id else None,
        grants=read.grants,
        started=read.started,
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
