"""Bytes to the server and back, over HTTP, and what each answer means.

Only an answer that is clearly the server's counts. A page of a hotel's Wi-Fi that says 200, a cut
answer or none at all are the same: we are offline, and nothing is known about what was sent.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final, TypeVar

import httpx
import msgspec

from mobile_client_sdk import ids
from mobile_client_sdk.engine import Request, Response
from mobile_client_sdk.session import (
    EARLY_MS,
    DeviceRevoked,
    Enrolment,
    ProtectionNeeded,
    Renewal,
    Session,
    Sessions,
    SignedOut,
)
from sync_protocol import codec
from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    PullResponse,
    PushRequest,
    PushResponse,
)

T = TypeVar("T")
_HAS_ZSTD: Final = find_spec("zstandard") is not None
_OK: Final = range(200, 300)
_ID_REUSED: Final = "id_reused"
_WAITING: Final = "Tonglu-Waiting"
"""In which header a device says how many ops wait on it."""
_TRY_LATER: Final = frozenset({408, 425, 429})
_SIGNED_OUT: Final = "device_required"
"""The token is good, but the device counts no more: its renewal says why."""


class Offline(Exception):
    """The server could not be reached, or something else answered in its place."""


class ServerTrouble(Exception):
    """The server answered that it cannot do this now."""

    def __init__(
        self, problem: str, *, retry_after_s: int | None = None, is_about_rate: bool = False
    ) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s
        """When to come again, where the server says it."""
        self.is_about_rate = is_about_rate
        """Nothing is wrong but that too much came at once."""


class UpdateNeeded(Exception):
    """This app is too old for the server."""


class Problem(msgspec.Struct):
    """The part of a problem document that matters here."""

    code: str = ""
    detail: str = ""
    acknowledged: int | None = None
    missing: list[tuple[int, int]] = []
    partial: list[tuple[int, int]] = []


class RequestRefused(Exception):
    """The server refuses the request as such."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.status = status
        self.code = problem.code
        self.detail = problem.detail
        self.acknowledged = problem.acknowledged
        """The highest settled op, where the server waits for earlier ones (``op_gap``)."""
        self.missing = problem.missing
        """The chunks that the server waits for (``chunks_missing``)."""
        self.partial = problem.partial
        """Of which of these it has so many bytes."""


class Transport:
    """One device's way to its server."""

    def __init__(
        self,
        base_url: str,
        sessions: Sessions,
        clock_ms: Callable[[], int],
        *,
        http: httpx.BaseTransport | None = None,
        media: codec.MediaType = codec.MSGPACK,
        timeout_s: float = 30.0,
        is_protected: bool = False,
        waiting: Callable[[], int] | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            transport=http,
            timeout=timeout_s,
            event_hooks={"request": [self._tell_waiting]},
        )
        self._waiting = waiting
        self._sessions = sessions
        self._clock_ms = clock_ms
        self._media = media
        self._is_protected = is_protected
        self._server_reads_zstd = False

    def _tell_waiting(self, request: httpx.Request) -> None:
        """Say with what is asked how many ops wait here: they may be older than the asking."""
        if self._waiting is not None and "Authorization" in request.headers:
            request.headers[_WAITING] = str(self._waiting())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def enrol(
        self,
        code: str,
        *,
        device_name: str,
        platform: str,
        made: int | None,
        random_bytes: Callable[[int], bytes],
    ) -> Session:
        """Make this device known by a one-time code, again as the one that it was.

        An answer that is lost is asked for again, with the same id. Where the id was taken away, or
        this store is older than what the server has of it, the device becomes another one.

        :param made: how many ops were made here, if that can be known.
        """

        def ask(device_id: str) -> Enrolment:
            body: dict[str, Any] = {"code": code, "id": device_id}
            body |= {"device_name": device_name, "platform": platform}
            body["is_protected"] = self._is_protected
            if made is not None:
                body["made"] = made
            path = "/v1/devices/enrolment"
            return self._exchange(path, body, Enrolment, codec.JSON, token=None)

        def make() -> str:
            return ids.new_id(self._clock_ms(), random_bytes)

        try:
            answer = ask(self._sessions.device_id(make))
        except RequestRefused as refusal:
            _ensure_protected(refusal)
            if refusal.code != _ID_REUSED:
                raise
            answer = ask(self._sessions.another_device_id(make))
        return self._sessions.begin(answer, self._clock_ms())

    def renew(self) -> Session:
        """Renew the tokens, whatever their age: a contact that needs nothing of the store.

        :raises SignedOut: if the device must enrol again.
        """
        return self._refresh(self._sessions.require())

    def send(self, request: Request) -> Response:
        """Send a message of the engine and answer what came back.

        :raises Offline: if nothing is known about what became of it.
        :raises SignedOut: if the device must enrol again.
        """
        return self.authorised(lambda token: self._send(request, token))

    def authorised(self, ask: Callable[[str], T]) -> T:
        """Ask with an access token that is good; one that the server refuses is renewed once.

        :raises SignedOut: if the device must enrol again.
        """
        session = self._sessions.require()
        if session.expires_at_ms - EARLY_MS <= self._clock_ms():
            session = self._refresh(session)
        try:
            return ask(session.access_token)
        except RequestRefused as refusal:
            _ensure_not_revoked(refusal)
            if refusal.status != httpx.codes.UNAUTHORIZED and refusal.code != _SIGNED_OUT:
                raise
        return ask(self._refresh(session).access_token)

    @property
    def http(self) -> httpx.Client:
        """Answer the connections, for what is no message: the bytes of attachments."""
        return self._client

    def _send(self, request: Request, token: str) -> Response:
        if isinstance(request, PushRequest):
            return self._exchange("/v1/sync/push", request, PushResponse, self._media, token=token)
        if isinstance(request, DigestRequest):
            path = "/v1/sync/digest"
            return self._exchange(path, request, DigestResponse, self._media, token=token)
        return self._exchange("/v1/sync/pull", request, PullResponse, self._media, token=token)

    def _refresh(self, session: Session) -> Session:
        """Renew the tokens; a lost answer is asked for again with the same token."""
        body = {
            "refresh_token": session.refresh_token,
            "device_id": session.device_id,
            "is_protected": self._is_protected,
        }
        try:
            renewal = self._exchange("/v1/auth/token", body, Renewal, codec.JSON, token=None)
        except RequestRefused as refusal:
            _ensure_not_revoked(refusal)
            _ensure_protected(refusal)
            raise SignedOut(refusal.detail) from refusal
        return self._sessions.renew(renewal, self._clock_ms())

    def _exchange(
        self,
        path: str,
        message: object,
        kind: type[T],
        media: codec.MediaType,
        *,
        token: str | None,
    ) -> T:
        body = codec.encode(message, media)
        headers = {"Content-Type": media, "Accept": media, "Accept-Encoding": _accepted()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if self._server_reads_zstd and _HAS_ZSTD and len(body) > codec.WORTH_COMPRESSING:
            body = codec.compress(body)
            headers["Content-Encoding"] = codec.ZSTD
        status, answered, content = self._post(path, body, headers)
        return _understood(status, answered, content, kind)

    def _post(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, httpx.Headers, bytes]:
        """Post bytes and read the answer, no further than a device can bear."""
        try:
            with self._client.stream("POST", path, content=body, headers=headers) as response:
                content = bytearray()
                for chunk in response.iter_raw():
                    content += chunk
                    if len(content) > codec.MAX_RESPONSE_BYTES:
                        raise ServerTrouble("The answer is too long.")
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Offline(f"The server could not be reached: {error}") from error
        if codec.ZSTD in response.headers.get("Accept-Encoding", ""):
            self._server_reads_zstd = True
        return response.status_code, response.headers, bytes(content)


def _ensure_not_revoked(refusal: RequestRefused) -> None:
    if refusal.code == DeviceRevoked.code:
        raise DeviceRevoked(refusal.detail) from refusal


def _ensure_protected(refusal: RequestRefused) -> None:
    if refusal.code == ProtectionNeeded.code:
        raise ProtectionNeeded(refusal.detail) from refusal


def _accepted() -> str:
    return codec.ZSTD if _HAS_ZSTD else "identity"


def _understood(status: int, headers: httpx.Headers, content: bytes, kind: type[T]) -> T:
    """Answer what the server said, or raise what it means that it did not."""
    encoding = headers.get("Content-Encoding", "identity")
    try:
        if encoding == codec.ZSTD:
            content = codec.decompress(content, max_bytes=codec.MAX_RESPONSE_BYTES)
        elif encoding != "identity":
            raise Offline(f"Something answered in the encoding {encoding}.")
        if status in _OK:
            media = codec.media_type(headers.get("Content-Type"))
            if media is None:
                raise Offline("Something other than the server answered.")
            return codec.decode(content, kind, media, max_bytes=codec.MAX_RESPONSE_BYTES)
    except codec.DecodeError as error:
        # A cut answer looks like this: what was sent may have been done or not.
        raise Offline(f"The answer cannot be read: {error}") from error
    raise refusal_of(status, headers, content)


def refusal_of(status: int, headers: httpx.Headers, content: bytes) -> Exception:
    """Answer what a status that is no success means, as an exception to be raised."""
    problem = _problem(headers, content)
    if problem.code == "client_too_old":
        return UpdateNeeded(problem.detail)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _TRY_LATER:
        again = headers.get("Retry-After", "")
        return ServerTrouble(
            problem.detail or f"The server answered {status}.",
            retry_after_s=int(again) if again.isdecimal() else None,
            is_about_rate=status == httpx.codes.TOO_MANY_REQUESTS,
        )
    if problem.code == "":
        return Offline(f"Something other than the server answered {status}.")
    return RequestRefused(status, problem)


def _problem(headers: httpx.Headers, content: bytes) -> Problem:
    """Read a problem document; a refusal without one is not the server's."""
    if not headers.get("Content-Type", "").startswith("application/problem+json"):
        return Problem()
    try:
        return msgspec.json.decode(content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem()
