"""What a client of the API may rely on about attachments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.kit.text import PRINTABLE
from sync_protocol.attachments import MAX_BYTES, MAX_PIXELS_A_SIDE, Hash, State, Upload

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"\A[a-z_]+\Z")]
Type = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_PIXELS_A_SIDE)]
Size = Annotated[int, msgspec.Meta(ge=1, le=MAX_BYTES)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class NewAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """A photo or file that is announced; its bytes follow in chunks."""

    customer_id: UUID
    media_type: Type
    size: Size
    sha256: Hash
    """Of the bytes that will be sent."""
    id: UUID | None = None
    name: Name | None = None
    subject_kind: Word = "customer"
    subject_id: UUID | None = None
    """The record that it shows; the customer, where none is named."""
    width: Side | None = None
    height: Side | None = None
    taken_at: Moment | None = None


class StoredContent(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed out: the bytes as the server wrote them anew."""

    media_type: str
    size: int
    sha256: str
    has_thumbnail: bool
    width: int | None = None
    height: int | None = None


class AttachmentView(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, and how far its bytes are."""

    id: UUID
    customer_id: UUID
    subject_kind: str
    subject_id: UUID
    name: str | None
    media_type: str
    size: int
    sha256: str
    state: State
    taken_at: datetime | None = None
    content: StoredContent | None = None


class AttachmentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, and what the server still waits for."""

    attachment: AttachmentView
    upload: Upload
