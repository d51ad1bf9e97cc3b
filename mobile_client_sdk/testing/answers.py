"""What a server says over HTTP, in JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sync_protocol import codec

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class Refused(Exception):
    """A request is answered by a problem document."""

    def __init__(self, status: int, code: str, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.answer = problem(status, code, detail, **extra)


def in_json(status: int, content: Mapping[str, Any]) -> Answer:
    """Answer with an object."""
    return status, {"content-type": codec.JSON}, msgspec.json.encode(content)


def problem(status: int, code: str, detail: str, **extra: object) -> Answer:
    """Answer with a problem document."""
    content = msgspec.json.encode({"status": status, "code": code, "detail": detail, **extra})
    return status, {"content-type": "application/problem+json"}, content
