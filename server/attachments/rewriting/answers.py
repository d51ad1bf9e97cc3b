"""What the process that rewrites answers."""

import msgspec


class Rewritten(msgspec.Struct, frozen=True, tag="rewritten"):
    """The file was written anew."""

    media_type: str
    """What it is now: a HEIC has become a JPEG, which everything shows."""
    width: int | None = None
    height: int | None = None
    thumbnail: bytes | None = None
    """A small JPEG."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why it was not."""

    code: str
    detail: str


class FileRefused(Exception):
    """The file is not one that is kept."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
