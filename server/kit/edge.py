"""The outermost layer of a web process: every request passes, also those that no route answers.

Gives each request an id, writes one access line, counts, adds the security headers, compresses, and
knows what is in flight, so that a stopping process can finish it.
"""

import asyncio
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from server.kit import clock, compression, ids, logs, metrics

_REQUEST_ID: Final = re.compile(
    rb"\A(?=.*[A-Za-z])(?:"
    rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
    rb"|[0-9a-fA-F]{16,64}"
    rb"|[0-9A-HJKMNP-TV-Z]{26}"  # ULID
    rb")\Z"
)
"""Request ids that proxies make; anything shorter or freer might be a person's number or word."""
_QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
_UNROUTED: Final = "unrouted"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"interest-cohort=(), microphone=(), payment=(), usb=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Sent unless the answer has its own: pages set their policy, static files may be cached."""
_TRANSPORT: Final = ((b"strict-transport-security", b"max-age=63072000; includeSubDomains"),)

log = structlog.get_logger()


class Drain:
    """Whether this process is stopping, and what it still has to finish."""

    __slots__ = ("_idle", "in_flight", "is_begun")

    def __init__(self) -> None:
        self.is_begun = False
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """Answer `/readyz` with 503 from now on; requests are still served."""
        if not self.is_begun:
            self.is_begun = True
            log.info("server.draining", in_flight=self.in_flight)

    def enter(self) -> None:
        """Count a request in."""
        self.in_flight += 1
        metrics.IN_FLIGHT.inc()
        self._idle.clear()

    def leave(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        metrics.IN_FLIGHT.dec()
        if self.in_flight == 0:
            self._idle.set()

    async def finish(self, within_s: float) -> bool:
        """Wait until nothing is in flight, no longer than given; say whether all was finished."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        return self.in_flight == 0


class Edge:
    """Wraps the application's ASGI handler."""

    __slots__ = ("_app", "_drain", "_headers")

    def __init__(self, app: ASGIApp, drain: Drain, *, is_secure: bool) -> None:
        self._app = app
        self._drain = drain
        self._headers = (*_HEADERS, *_TRANSPORT) if is_secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request from its first byte to its last."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"])
        request_id = _request_id(given.get(b"x-request-id", b""))
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        answer = _Answer(
            send,
            headers=(*self._headers, (b"x-request-id", request_id.encode())),
            encoding=compression.choose_encoding(given.get(b"accept-encoding", b"")),
        )
        begun_s = time.perf_counter()
        self._drain.enter()
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._app(scope, receive, answer.send)
        finally:
            self._drain.leave()
            _account(scope, answer, time.perf_counter() - begun_s)


def _request_id(given: bytes) -> str:
    """Keep a proxy's request id when it is one and hides no phone, or make one: it is logged."""
    if _REQUEST_ID.match(given):
        text = given.decode()
        if logs.scrub(text) == text:
            return text
    return ids.new_id(clock.now()).hex


class _Answer:
    """Passes an answer on: with the security headers, compressed where it pays."""

    __slots__ = ("_encoding", "_headers", "_send", "_start", "bytes_out", "status")

    def __init__(
        self, send: Send, *, headers: Iterable[tuple[bytes, bytes]], encoding: bytes | None
    ) -> None:
        self._send = send
        self._headers = headers
        self._encoding = encoding
        self._start: Any = None
        self.status = 0
        self.bytes_out = 0

    async def send(self, message: Message) -> None:
        """Hold the start back until the first part of the body is known."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._start = message
            return
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if self._start is not None:
                body = await self._send_start(body, is_whole=not message.get("more_body", False))
            message = cast("Message", {**message, "body": body})
            self.bytes_out += len(body)
        await self._send(message)

    async def _send_start(self, body: bytes, *, is_whole: bool) -> bytes:
        """Send the start with its final headers; give the body back as it is to be sent."""
        start, self._start = self._start, None
        headers = [(name.lower(), value) for name, value in start["headers"]]
        present = dict(headers)
        content_type = present.get(b"content-type", b"")
        if is_whole and b"content-encoding" not in present and compression.pays(body, content_type):
            headers.append((b"vary", b"accept-encoding"))
            if self._encoding is not None:
                body = compression.compress(body, self._encoding)
                headers = [pair for pair in headers if pair[0] != b"content-length"]
                headers.append((b"content-encoding", self._encoding))
                headers.append((b"content-length", str(len(body)).encode()))
        headers.extend(pair for pair in self._headers if pair[0] not in present)
        await self._send(cast("Message", {**start, "headers": headers}))
        return body


def _method(scope: HTTPScope) -> str:
    """Give the method if it is one: another word may be anything, and is kept nowhere."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _account(scope: HTTPScope, answer: _Answer, duration_s: float) -> None:
    """Count the request and write its line: the route, never the address with its query."""
    path: str = scope.get("path_template", "") or _UNROUTED
    metrics.REQUESTS.labels(_method(scope), path, str(answer.status)).inc()
    metrics.LATENCY.labels(path).observe(duration_s)
    if path in _QUIET:
        return
    actor = scope.get("user")
    log.info(
        "request.answered",
        method=_method(scope),
        route=path,
        status=answer.status,
        duration_ms=round(duration_s * 1000, 1),
        bytes_out=answer.bytes_out,
        tenant_id=getattr(actor, "tenant_id", None),
        user_id=getattr(actor, "user_id", None),
        request_id=scope["state"]["request_id"],
    )
