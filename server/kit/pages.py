"""Keyset pages: a page of items and an opaque cursor to the next."""

import base64
import binascii
from typing import Any, Generic, TypeVar

import msgspec

from server.kit.errors import Invalid

T = TypeVar("T")

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


class BadCursor(Invalid):
    """The cursor was not made by this list."""

    code = "bad_cursor"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items of a list in its order; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(*key: Any) -> str:
    """Turn the sort key of the last row into an opaque, URL-safe cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[T]) -> T:
    """Read a cursor back as the given tuple type, e.g. ``tuple[str, UUID]``.

    :raises BadCursor: when it is not one of ours.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = msgspec.json.decode(raw, type=shape)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise BadCursor(
            "Use the cursor exactly as the last page gave it.", field="cursor"
        ) from error
    if "\\u0000" in raw.decode("utf-8", "replace"):
        raise BadCursor("Use the cursor exactly as the last page gave it.", field="cursor")
    return key
