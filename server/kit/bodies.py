"""Requests whose JSON is looked at before it is decoded: nested no deeper than 32."""

import re
from typing import Any, Final

from litestar import Request

from server.kit.errors import Malformed

DEPTH_MAX: Final = 32
"""How deep arrays and objects of a request may be nested."""

# Always matches up to the closing quote or the end, so the time is linear whatever is sent.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_SHAPE: Final = bytes.maketrans(b"{}", b"[]")


class TooDeep(Malformed):
    """The body's arrays and objects are nested too deeply, or do not close."""

    code = "malformed"


def ensure_shallow(body: bytes) -> None:
    """Refuse JSON that is nested deeper than `DEPTH_MAX`, or whose brackets do not pair up.

    :raises TooDeep: before any decoder has seen it.
    """
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return
    brackets = _STRING.sub(b"", body).translate(_ONE_SHAPE, _NOT_BRACKETS)
    for _ in range(DEPTH_MAX):
        if not brackets:
            return
        # Each pass takes away the innermost level everywhere.
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise TooDeep(
            f"The body is nested deeper than {DEPTH_MAX} levels, or is not complete.", field="body"
        )


class CheckedRequest(Request[Any, Any, Any]):
    """Litestar's request, whose JSON bodies are checked once before they are decoded."""

    __slots__ = ("_checked",)

    async def body(self) -> bytes:
        """Read the body; JSON is checked for its depth.

        :raises TooDeep: when it is nested too deeply.
        """
        body = await super().body()
        if not getattr(self, "_checked", False):
            self._checked = True
            media_type = self.content_type[0]
            if media_type == "" or media_type.endswith("json"):
                ensure_shallow(body)
        return body
