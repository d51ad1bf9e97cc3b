"""A client that costs next to nothing, so that the figures are the server's.

One keep-alive connection, HTTP/1.1, bodies by content length.
"""

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

_LIMIT: Final = 2**26


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes

    def ensure(self, *statuses: int) -> "Answer":
        """Refuse to time what did not work."""
        assert self.status in (statuses or (200, 201)), f"{self.status}: {self.body[:500]!r}"
        return self


class Wire:
    """One connection to one server."""

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = f"Host: {parts.netloc}\r\n"
        if token:
            self._headers += f"Authorization: Bearer {token}\r\n"

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._connect()
        return self

    async def _connect(self) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=_LIMIT
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str) -> Answer:
        """Read."""
        return await self.send("GET", path, b"", "application/json")

    async def post(
        self, path: str, body: bytes, media: str = "application/json", headers: str = ""
    ) -> Answer:
        """Write."""
        return await self.send("POST", path, body, media, headers)

    async def send(
        self, method: str, path: str, body: bytes, media: str, headers: str = ""
    ) -> Answer:
        """Send one request and read its whole answer; a server hangs up on who was idle."""
        try:
            return await self._send(method, path, body, media, headers)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
            await self._connect()
            return await self._send(method, path, body, media, headers)

    async def _send(self, method: str, path: str, body: bytes, media: str, headers: str) -> Answer:
        """Send one request on the open connection."""
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Type: {media}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        self._writer.write(head.encode() + body)
        await self._writer.drain()
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked":
            return Answer(int(lines[0].split()[1]), await self._chunks())
        size = int(fields.get("content-length", "0"))
        return Answer(int(lines[0].split()[1]), await self._reader.readexactly(size))

    async def _chunks(self) -> bytes:
        """Read a chunked body."""
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return body
