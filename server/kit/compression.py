"""Compress answers where it pays: whole bodies of text from 1 KB, with zstd or gzip."""

import gzip
import re
from collections.abc import Sequence
from typing import Final

import zstandard

BYTES_MIN: Final = 1024
"""Below this the headers cost more than is won."""

ENCODINGS: Final = (b"zstd", b"gzip")
"""What we write, the better one first."""
_QUALITY: Final = re.compile(rb"\A(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")

_TEXTUAL: Final = (
    b"application/json", b"application/problem+json", b"application/msgpack",
    b"application/vnd.oai.openapi", b"application/x-msgpack", b"text/", b"image/svg+xml",
    b"application/manifest+json", b"application/javascript",
)  # fmt: skip
_EVENT_STREAM: Final = b"text/event-stream"
_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 4


def choose_encoding(accept_encoding: bytes) -> bytes | None:
    """Give the encoding that the client likes best of those we write, zstd first among equals."""
    qualities = {
        encoding: quality
        for encoding in ENCODINGS
        if (quality := _quality_of(encoding, accept_encoding)) > 0
    }
    return max(qualities, key=qualities.__getitem__, default=None)


def accepts(accept_encoding: bytes, encoding: bytes) -> bool:
    """Say whether the client takes this encoding: ``zstd;q=0`` and what is not named are a no."""
    return _quality_of(encoding, accept_encoding) > 0


def _quality_of(encoding: bytes, accept_encoding: bytes) -> float:
    """Give the weight of an encoding (RFC 9110, 12.5.3), 0 where it is not taken.

    ``*`` stands for what is not named. A weight that cannot be read is a no.
    """
    anything = 0.0
    for part in accept_encoding.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        if name == encoding:
            return _weight(parameters)
        if name == b"*":
            anything = _weight(parameters)
    return anything


def _weight(parameters: Sequence[bytes]) -> float:
    """Read ``q`` of a name's parameters; 1 where there is none."""
    for parameter in parameters:
        name, _, value = (piece.strip() for piece in parameter.partition(b"="))
        if name == b"q":
            return float(value) if _QUALITY.match(value) else 0.0
    return 1.0


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
