"""Decide what may be attached, and how a content is handed out. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec

from server.kit.errors import Conflict, Invalid, TooLarge
from server.kit.text import clean, is_storable
from sync_protocol import attachments
from sync_protocol.schema import is_uuid

LEASE: Final = timedelta(seconds=15)
"""So long after the last sign of life of who looks at a content another may take over."""
SIGN_OF_LIFE_S: Final = 4.0
"""How often who looks at a content says so."""
ABANDONED_AFTER: Final = timedelta(days=7)
"""Chunks of an upload that nobody goes on with are let go; the device has the bytes."""
KEPT_UNREFERENCED: Final = timedelta(days=30)
"""A content without an attachment is kept so long: what was deleted may come back."""
STRAY_AFTER: Final = timedelta(days=1)
"""An object that belongs to no content was left by a process that died."""
LINK_S: Final = 60
"""How long an address of a content is good."""


class Limits(msgspec.Struct, frozen=True):
    """What this server takes."""

    size: int
    """Bytes of one attachment."""
    pixels: int
    """Of one picture, once it is unpacked."""
    quota: int
    """Bytes of all contents of a tenant."""


class AttachmentTooLarge(TooLarge):
    """The attachment has more bytes than this server takes."""

    code = "attachment_too_large"


class BadAttachment(Invalid):
    """A field of the attachment is not of the kind that it takes."""

    code = "bad_attachment"


class ChunkUnknown(Invalid):
    """The attachment has no chunk of this number."""

    code = "chunk_unknown"


class ChunkTruncated(Invalid):
    """The body is empty, or goes on behind the end of its chunk."""

    code = "chunk_truncated"


class ChunkDiffers(Invalid):
    """The bytes of the chunk are not those that its hash names."""

    code = "chunk_differs"


class ChunkOffset(Conflict):
    """The part of a chunk does not go on where the one before ended."""

    code = "chunk_offset"


class ChunksMissing(Conflict):
    """Chunks are still expected; `missing` names them."""

    code = "chunks_missing"


class ContentDiffers(Conflict):
    """The chunks together are not the bytes that the record names; they were let go."""

    code = "content_differs"


class UploadFinished(Conflict):
    """The bytes of this attachment are settled; nothing more is taken."""

    code = "upload_finished"


class NotStored(Conflict):
    """The bytes of this attachment are not here yet, or were not kept."""

    code = "not_stored"


class QuotaReached(TooLarge):
    """The company's attachments fill the room that it has."""

    code = "quota_reached"


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring an attachment's fields into their stored form.

    :raises BadAttachment: naming the field.
    """
    fields = dict(given)
    name = fields.get("name")
    if isinstance(name, str):
        if not is_storable(name):
            raise BadAttachment("This name has a character that cannot be stored.", field="name")
        fields["name"] = attachments.clean_name(clean(name)) if name.strip() else None
    return fields


def check(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse a new record whose bytes could never be kept.

    :raises BadAttachment: naming the field.
    """
    if before is not None:
        return
    if after["media_type"] not in attachments.MEDIA_TYPES:
        kinds = ", ".join(attachments.MEDIA_TYPES)
        raise BadAttachment(f"Attach one of these: {kinds}.", field="media_type")
    if not 0 < after["size"] <= attachments.MAX_BYTES:
        raise BadAttachment(f"An attachment has up to {attachments.MAX_BYTES} bytes.", field="size")
    if not is_uuid(after["subject_id"]):
        raise BadAttachment("Name the record that it shows.", field="subject_id")


def ensure_size(size: int, limits: Limits) -> None:
    """Refuse bytes that are more than this server takes.

    :raises AttachmentTooLarge: with the limit.
    """
    if size > limits.size:
        raise AttachmentTooLarge(
            f"An attachment may have {limits.size} bytes here; make it smaller.",
            limit=limits.size,
        )


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent at once: a chunk, or a part of one that goes on where the last part ended."""

    number: int
    content: bytes
    sha256: str
    """Of the whole chunk."""
    offset: int = 0


def ensure_piece(size: int, piece: Piece) -> int:
    """Refuse what does not lie within its chunk, or is one with another hash; give its length.

    :raises ChunkUnknown, ChunkTruncated, ChunkDiffers: in this order.
    """
    try:
        length = attachments.chunk_length(size, piece.number)
    except attachments.BadChunk as error:
        raise ChunkUnknown(str(error), field="number") from error
    if not piece.content or piece.offset + len(piece.content) > length:
        raise ChunkTruncated(f"This chunk has {length} bytes; send those.", field="body")
    if len(piece.content) == length:
        ensure_whole(piece.content, piece.sha256)
    return length


def ensure_whole(chunk: bytes, sha256: str) -> None:
    """Refuse a chunk that is not what its hash names.

    :raises ChunkDiffers: it was changed on its way.
    """
    if attachments.chunk_hash(chunk) != sha256:
        raise ChunkDiffers("The chunk was changed on its way; send it again.", field="sha256")


def joined(beginning: bytes, piece: Piece) -> bytes:
    """Put a part of a chunk behind its beginning; one that is there already changes nothing.

    :raises ChunkOffset: it goes on somewhere else; `offset` says where it would.
    """
    end = piece.offset + len(piece.content)
    if beginning[piece.offset : end] == piece.content:
        return beginning
    if piece.offset != len(beginning):
        raise ChunkOffset(
            "Go on where the beginning of this chunk ends.",
            field="offset",
            offset=len(beginning),
        )
    return beginning + piece.content


_ENDINGS: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
}


def file_name(name: str | None, stored_type: str) -> str:
    """Give the name under which a content is saved: the person's, with the ending of what it is."""
    ending = _ENDINGS[stored_type]
    stem = attachments.clean_name(name or "file")
    if stem.lower().endswith(ending) or (ending == ".jpg" and stem.lower().endswith(".jpeg")):
        return stem
    head, dot, _ = stem.rpartition(".")
    return f"{head if dot else stem}{ending}"


def disposition(file_name: str) -> str:
    """Have a browser save a content under this name and show nothing of it."""
    ascii_name = "".join(sign if _is_plain(sign) else "_" for sign in file_name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _is_plain(sign: str) -> bool:
    """Say whether a sign may stand in a quoted name as it is."""
    return sign.isascii() and sign.isprintable() and sign not in '"\\%'
