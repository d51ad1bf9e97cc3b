"""Requests whose JSON is looked at before it is decoded: nested no deeper than 32."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from litestar import Request

from server.kit.errors import Malformed, UnsupportedMediaType

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


class Unreadable(Malformed):
    """The bytes are not text, or not nested as a decoder can follow."""

    code = "malformed"


@contextmanager
def _refusing_unreadable() -> Iterator[None]:
    """Turn what a decoder raises beside its own errors into a refusal."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise Unreadable("The body is not valid UTF-8.", field="body") from error
    except RecursionError as error:
        raise Unreadable("The body is nested too deeply.", field="body") from error


class CheckedRequest(Request[Any, Any, Any]):
    """Litestar's request, whose JSON bodies are checked once before they are decoded."""

    __slots__ = ("_checked",)

    async def body(self) -> bytes:
        """Read the body; JSON is checked for its encoding and its depth.

        :raises Unreadable: when it is not text.
        :raises TooDeep: when it is nested too deeply.
        """
        body = await super().body()
        # What is compressed is not JSON yet: whoever unpacks it looks at it.
        is_plain = self.headers.get("content-encoding", "identity") == "identity"
        if is_plain and self.content_type[0].endswith("json"):
            self._check(body)
        return body

    async def json(self) -> Any:
        """Decode the body as JSON.

        :raises UnsupportedMediaType: when it says that it is something else.
        :raises Unreadable: when it is not text.
        """
        media_type = self.content_type[0]
        if media_type and not media_type.endswith("json"):
            raise UnsupportedMediaType("Send application/json.", field="body")
        self._check(await self.body())
        return await super().json()

    async def msgpack(self) -> Any:
        """Decode the body as MessagePack.

        :raises Unreadable: when its texts are not text, or it is nested too deeply.
        """
        with _refusing_unreadable():
            return await super().msgpack()

    def _check(self, body: bytes) -> None:
        """Look at the body once."""
        if getattr(self, "_checked", False):
            return
        self._checked = True
        with _refusing_unreadable():
            body.decode()
        ensure_shallow(body)
