"""A bad network on loopback: stands between devices and the server, and breaks what it carries.

It knows just enough HTTP to see where a request and an answer end, so that it can deliver a whole
request twice, eat an answer after the server has done its work, or cut either at any byte. Which
request meets which fault is drawn from one seed.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import StrEnum
from random import Random
from types import TracebackType
from typing import Any, Final, Self

_HEAD_MAX: Final = 64 * 1024
_NO_BODY: Final = frozenset({204, 304})
_LATENCY_S: Final = (0.02, 0.4)
_STALL_S: Final = (0.3, 2.0)
_AGAIN_AFTER_S: Final = (0.05, 2.5)
_PIECES: Final = 4
_HALF_OPEN_S: Final = 2.0
_ABRUPT: Final = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What can happen to a request on its way."""

    CUT_REQUEST = "cut_request"
    """The connection ends at some byte of the request."""
    CUT_REPLY = "cut_reply"
    """It is done, and the connection ends at some byte of the answer."""
    REPLY_EATEN = "reply_eaten"
    """It is done, and nothing of the answer arrives."""
    RESET = "reset"
    """It is done, and the connection is reset at some byte of the answer."""
    TWICE = "twice"
    """It arrives twice, one after the other; the second answer comes back."""
    TWICE_AT_ONCE = "twice_at_once"
    """It arrives twice at the same time; the answer of either comes back."""
    AGAIN_LATER = "again_later"
    """It arrives once more after a while, when newer ones have come; that answer is lost."""
    LATENCY = "latency"
    """Both ways take long, and come in pieces."""
    STALL = "stall"
    """The answer stands still at some byte, then goes on or ends."""
    HALF_CLOSE = "half_close"
    """Each side closes its half early: the device after the request, the server in the answer."""


FAULTS: Final = tuple(Fault)


class _Broken(Exception):
    """The connection is not used any further."""


class Proxy:
    """Listens on a port of 127.0.0.1 and carries to another, in a thread of its own."""

    def __init__(
        self, target: int, rng: Random, *, chance: float, only: tuple[Fault, ...] = FAULTS
    ) -> None:
        self.port = 0
        self.chance = chance
        """How often a request meets a fault; 0 is a good network."""
        self.plan: list[Fault | None] = []
        """What happens to the next requests, before chance decides."""
        self.is_away = False
        """Nothing gets through: every request meets a reset."""
        self.faults = Counter[str]()
        self.requests = 0
        self._target = target
        self._rng = rng
        self._only = only
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="faults-proxy", daemon=True)
        self._is_up = threading.Event()
        self._busy: set[asyncio.Task[Any]] = set()
        self._open: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """Write its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._is_up.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def calm(self) -> None:
        """Let no fault begin any more, and wait until those that have begun are over."""
        self.chance, self.is_away = 0.0, False
        self.plan.clear()
        asyncio.run_coroutine_threadsafe(self._until_over(), self._loop).result()

    async def _until_over(self) -> None:
        while self._busy:
            await asyncio.wait(set(self._busy))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_MAX)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    # ------------------------------------------------------------------------- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the requests of a connection until one of them breaks it."""
        try:
            while request := await _message(reader):
                await self._carry(request, reader, writer)
        except (_Broken, OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _carry(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.requests += 1
        if self.is_away:
            self.faults["away"] += 1
            _reset(writer)
            raise _Broken
        fault = self._drawn()
        if fault is None:
            writer.write(await self._ask(request))
            await writer.drain()
            return
        self.faults[fault.value] += 1
        way = self._WAYS[fault]
        await self._noted(way(self, request, reader, writer))

    def _drawn(self) -> Fault | None:
        """Draw what this request meets; each draws the same number of times."""
        luck, kind = self._rng.random(), self._rng.choice(self._only)
        if self.plan:
            return self.plan.pop(0)
        return kind if luck < self.chance else None

    def _at(self, message: bytes) -> int:
        """Choose a byte."""
        return self._rng.randrange(len(message))

    async def _noted(self, work: Coroutine[Any, Any, None]) -> None:
        """Count a fault as being played until it is over."""
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        await task

    async def _ask(self, request: bytes) -> bytes:
        """Send a request over a connection of its own and give the whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_HEAD_MAX)
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader, is_answer=True)
        finally:
            writer.close()

    # -------------------------------------------------------------------------------- faults

    async def _cut_request(
        self, request: bytes, _: asyncio.StreamReader, __: asyncio.StreamWriter
    ) -> None:
        at = self._at(request)
        ___, server = await asyncio.open_connection("127.0.0.1", self._target)
        server.write(request[:at])
        await server.drain()
        server.close()
        raise _Broken

    async def _cut_reply(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = await self._ask(request)
        writer.write(answer[: self._at(answer)])
        await writer.drain()
        raise _Broken

    async def _reply_eaten(
        self, request: bytes, _: asyncio.StreamReader, __: asyncio.StreamWriter
    ) -> None:
        await self._ask(request)
        raise _Broken

    async def _reset(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = await self._ask(request)
        writer.write(answer[: self._at(answer)])
        await writer.drain()
        _reset(writer)
        raise _Broken

    async def _twice(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._ask(request)
        writer.write(await self._ask(request))
        await writer.drain()

    async def _twice_at_once(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        which = self._rng.randrange(2)
        answers = await asyncio.gather(self._ask(request), self._ask(request))
        writer.write(answers[which])
        await writer.drain()

    async def _again_later(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        later = asyncio.ensure_future(self._later(request, self._rng.uniform(*_AGAIN_AFTER_S)))
        self._busy.add(later)
        later.add_done_callback(self._busy.discard)
        writer.write(await self._ask(request))
        await writer.drain()

    async def _later(self, request: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        # A server that is being killed does not answer: the late one is lost then.
        with contextlib.suppress(OSError, EOFError):
            await self._ask(request)

    async def _latency(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = self._rng.uniform(*_LATENCY_S), self._rng.uniform(*_LATENCY_S)
        await asyncio.sleep(there)
        answer = await self._ask(request)
        size = max(1, len(answer) // _PIECES)
        for start in range(0, len(answer), size):
            await asyncio.sleep(back / _PIECES)
            writer.write(answer[start : start + size])
            await writer.drain()

    async def _stall(
        self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length_s, goes_on = self._rng.uniform(*_STALL_S), self._rng.random() < 0.5  # noqa: PLR2004 - a coin
        answer = await self._ask(request)
        at = self._at(answer)
        writer.write(answer[:at])
        await writer.drain()
        await asyncio.sleep(length_s)
        if not goes_on:
            raise _Broken
        writer.write(answer[at:])
        await writer.drain()

    async def _half_close(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        of_server, server = await asyncio.open_connection(
            "127.0.0.1", self._target, limit=_HEAD_MAX
        )
        try:
            server.write(request)
            server.write_eof()
            answer = await _message(of_server, is_answer=True)
        finally:
            server.close()
        writer.write(answer[: self._at(answer)])
        writer.write_eof()
        # The device may go on sending; it is read and thrown away, as by a peer that is gone.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), _HALF_OPEN_S)
        raise _Broken

    _WAYS: Final[
        dict[
            Fault,
            Callable[
                ["Proxy", bytes, asyncio.StreamReader, asyncio.StreamWriter],
                Coroutine[Any, Any, None],
            ],
        ]
    ] = {
        Fault.CUT_REQUEST: _cut_request,
        Fault.CUT_REPLY: _cut_reply,
        Fault.REPLY_EATEN: _reply_eaten,
        Fault.RESET: _reset,
        Fault.TWICE: _twice,
        Fault.TWICE_AT_ONCE: _twice_at_once,
        Fault.AGAIN_LATER: _again_later,
        Fault.LATENCY: _latency,
        Fault.STALL: _stall,
        Fault.HALF_CLOSE: _half_close,
    }


async def _message(reader: asyncio.StreamReader, *, is_answer: bool = False) -> bytes:
    """Read a whole message; nothing where the other side has closed in between.

    :raises EOFError: it was cut.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if cut.partial or is_answer:
            raise
        return b""
    first, *lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    if is_answer and int(first.split()[1]) in _NO_BODY:
        return head
    if headers.get("transfer-encoding") == "chunked":
        return head + await _chunks(reader)
    if "content-length" in headers:
        return head + await reader.readexactly(int(headers["content-length"]))
    return head + (await reader.read() if is_answer else b"")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a body in chunks, as it is written on the wire."""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


def _reset(writer: asyncio.StreamWriter) -> None:
    """Let the connection end with RST."""
    end: socket.socket | None = writer.get_extra_info("socket")
    if end is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
    writer.transport.abort()
