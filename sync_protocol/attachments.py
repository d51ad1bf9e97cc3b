"""Bytes that belong to a record: how they are cut, named, recognised and proven to be held.

The record travels like any other; its bytes follow in a lane of their own, in chunks, so that a cut
costs one chunk at most. What they are called is the SHA-256 of the bytes as the device made them.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec

CHUNK_BYTES: Final = 256 * 1024
"""How many bytes travel at once; the last chunk has what is left."""
MAX_BYTES: Final = 100 * 1024 * 1024
"""No attachment is larger, whatever a server allows."""
MAX_PIXELS_A_SIDE: Final = 65_535
MEDIA_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf")
"""What may be attached."""
SNIFFED_BYTES: Final = 64
"""How many bytes tell what a file is."""

_NAME_LENGTH: Final = 200
_POSSESSION: Final = b"tonglu.attachment.possession.1\0"
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_PATHS: Final = re.compile(r"[/\\]")

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A SHA-256 in lower-case hexadecimal digits."""


class State(StrEnum):
    """What is known of a record's bytes; travels as the record's field ``state``."""

    EXPECTED = "expected"
    """They are announced, and not all there."""
    STORED = "stored"
    """They were verified and can be fetched."""
    REFUSED = "refused"
    """They came whole and are nothing that is kept; the reason stands with the upload."""


class UploadState(StrEnum):
    """How far an upload is."""

    EXPECTED = "expected"
    """Chunks are missing, or nobody has said that all are there."""
    VERIFYING = "verifying"
    """All are there and are being looked at: ask again in a moment."""
    STORED = "stored"
    """Done."""
    REFUSED = "refused"
    """Done, and not kept."""


Range = tuple[int, int]
"""The first and the last of chunks that follow each other."""


class Completion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device says that all chunks are there, or that it need not send them."""

    proof: Hash | None = None
    """``possession`` of the bytes: who has them need not send what the tenant has already."""


class Upload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server has of an attachment's bytes."""

    state: UploadState
    chunk_bytes: int = CHUNK_BYTES
    missing: list[Range] = []
    """The chunks that it waits for, counted from 0."""
    partial: list[Range] = []
    """Of which of these it has the beginning: the number, and how many bytes."""
    code: str | None = None
    """Why the bytes were refused."""
    detail: str | None = None


class BadChunk(ValueError):
    """A number of a chunk that the attachment does not have."""


def chunk_count(size: int) -> int:
    """Answer in how many chunks so many bytes travel."""
    return -(-size // CHUNK_BYTES)


def chunk_length(size: int, number: int) -> int:
    """Answer how long a chunk of an attachment is.

    :raises BadChunk: if it has no such chunk.
    """
    if not 0 <= number < chunk_count(size):
        raise BadChunk(f"The chunks are numbered 0 to {chunk_count(size) - 1}.")
    return min(CHUNK_BYTES, size - number * CHUNK_BYTES)


def missing_ranges(size: int, present: Iterable[int]) -> list[Range]:
    """Answer which chunks lack, as ranges in order."""
    there = set(present)
    ranges: list[Range] = []
    for number in range(chunk_count(size)):
        if number in there:
            continue
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def numbers_of(ranges: Sequence[Range]) -> list[int]:
    """Answer the numbers of ranges, one by one."""
    return [number for first, last in ranges for number in range(first, last + 1)]


class Identity(msgspec.Struct, frozen=True):
    """What some bytes are called, and the proof that somebody holds them."""

    sha256: str
    size: int
    possession: str
    """A second hash, which no record carries: only who holds the bytes can tell it."""


class Hasher:
    """Computes the identity of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._name = sha256()
        self._possession = sha256(_POSSESSION)
        self._size = 0

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._name.update(piece)
        self._possession.update(piece)
        self._size += len(piece)

    def identity(self) -> Identity:
        """Answer the identity of all bytes so far."""
        return Identity(self._name.hexdigest(), self._size, self._possession.hexdigest())


def identify(content: bytes) -> Identity:
    """Answer the identity of bytes that are at hand."""
    hasher = Hasher()
    hasher.update(content)
    return hasher.identity()


def chunk_hash(chunk: bytes) -> str:
    """Answer what a chunk is sent under."""
    return sha256(chunk).hexdigest()


def sniff(head: bytes) -> str | None:
    """Answer which of the media types a file is by its first bytes; none when it is no such."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "image/heic"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    return None


def clean_name(name: str) -> str:
    """Answer a file's name without its folders and without signs that deceive the eye."""
    last = _PATHS.split(name)[-1]
    # Cc, Cf, Cs, Co: controls, and marks that turn the direction of writing.
    shown = "".join(sign for sign in last if not unicodedata.category(sign).startswith("C"))
    return " ".join(shown.split())[-_NAME_LENGTH:].strip(". ") or "file"
