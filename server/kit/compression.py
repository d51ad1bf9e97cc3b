"""Compress answers where it pays: whole bodies of text from 1 KB, with zstd or gzip."""

import gzip
from typing import Final

import zstandard

BYTES_MIN: Final = 1024
"""Below this the headers cost more than is won."""

_TEXTUAL: Final = (
    b"application/json", b"application/problem+json", b"application/msgpack",
    b"application/vnd.oai.openapi", b"application/x-msgpack", b"text/", b"image/svg+xml",
    b"application/manifest+json", b"application/javascript",
)  # fmt: skip
_EVENT_STREAM: Final = b"text/event-stream"
_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 4


def choose_encoding(accept_encoding: bytes) -> bytes | None:
    """Give the best encoding that the client takes, if any."""
    offered = {
        name.strip(): quality.strip().replace(b" ", b"")
        for name, _, quality in (
            part.partition(b";") for part in accept_encoding.lower().split(b",")
        )
    }
    for encoding in (b"zstd", b"gzip"):
        if encoding in offered and offered[encoding] not in (b"q=0", b"q=0.0"):
            return encoding
    return None


def pays(body: bytes, content_type: bytes) -> bool:
    """Say whether compressing this body is worth it."""
    return (
        len(body) >= BYTES_MIN
        and content_type.startswith(_TEXTUAL)
        and not content_type.startswith(_EVENT_STREAM)
    )


def compress(body: bytes, encoding: bytes) -> bytes:
    """Compress a whole body."""
    if encoding == b"zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    return gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
