"""The bytes of files to the server and back."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import msgspec

from mobile_client_sdk.transport import (
    Offline,
    RequestRefused,
    ServerTrouble,
    Transport,
    refusal_of,
)
from sync_protocol import codec
from sync_protocol.attachments import MAX_BYTES, Completion, Upload

_PAUSE_MAX_S: Final = 5
"""A longer pause that the server asks for ends the turn."""
_PAUSES: Final = 3
"""How often one request waits because the server asks for it."""

Take = Callable[[Iterator[bytes], str], bool]
"""Keeps bytes as they come, and says whether they are those that were named."""


class Later(Exception):
    """This file is left for another turn."""

    def __init__(self, problem: str, *, pause_ms: int | None = None) -> None:
        super().__init__(problem)
        self.pause_ms = pause_ms


class Wire:
    """One device's way to the contents that its server keeps."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.pause: Callable[[float], None] = time.sleep
        self.bytes_sent = 0

    def complete(self, attachment_id: str, proof: str | None) -> Upload:
        """Say that all was sent, or that these bytes are here and need not be."""
        body = codec.encode(Completion(proof=proof), codec.JSON)
        path = f"/v1/attachments/{attachment_id}/completion"
        content = self._transport.authorised(
            lambda token: self._ask("POST", path, token, body, {"Content-Type": codec.JSON})
        )
        try:
            return msgspec.json.decode(content, type=Upload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Offline(f"The answer cannot be read: {error}") from error

    def put(self, attachment_id: str, number: int, part: bytes, params: dict[str, Any]) -> None:
        """Send a chunk, or a part of one.

        :raises Later: if the server does not take it.
        """
        path = f"/v1/attachments/{attachment_id}/chunks/{number}"
        headers = {"Content-Type": "application/octet-stream"}
        self.bytes_sent += len(part)
        try:
            self._transport.authorised(
                lambda token: self._ask("PUT", path, token, part, headers, params=params)
            )
        except RequestRefused as refusal:
            # Settled meanwhile, by an answer that was lost: the completion tells how.
            if refusal.code != "upload_finished":
                raise Later(refusal.detail) from refusal

    def _ask(
        self,
        method: str,
        path: str,
        token: str,
        body: bytes,
        headers: dict[str, str],
        **more: Any,
    ) -> bytes:
        """Send a request and answer the body of a success.

        After a cut a file goes in many small pieces, more in a second than the server lets one
        device send: where it asks for a short pause, the turn pauses and goes on.
        """
        for _ in range(_PAUSES):
            try:
                return self._ask_once(method, path, token, body, headers, **more)
            except ServerTrouble as error:
                if not error.is_about_rate or (error.retry_after_s or 0) > _PAUSE_MAX_S:
                    raise
                self.pause(error.retry_after_s or 1)
        return self._ask_once(method, path, token, body, headers, **more)

    def _ask_once(
        self,
        method: str,
        path: str,
        token: str,
        body: bytes,
        headers: dict[str, str],
        **more: Any,
    ) -> bytes:
        """Send a request."""
        headers = {**headers, "Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        try:
            answer = self._transport.http.request(
                method, path, content=body, headers=headers, **more
            )
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Offline(f"The server could not be reached: {error}") from error
        if not answer.is_success:
            raise refusal_of(answer.status_code, answer.headers, answer.content)
        return answer.content

    def fetch(self, attachment_id: str, what: str, take: Take) -> None:
        """Fetch bytes from the server, or from where it sends us.

        :raises Offline: if they cannot be reached, or are not what the server names.
        :raises RequestRefused: if the server has none.
        """
        path = f"/v1/attachments/{attachment_id}/{what}"
        self._transport.authorised(lambda token: self._download(path, token, take))

    def _download(self, path: str, token: str, take: Take) -> None:
        """Read an answer; the hash that the server names comes with the bytes."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        try:
            with self._transport.http.stream("GET", path, headers=headers) as answer:
                named = answer.headers.get("ETag", "").strip('"')
                if not answer.has_redirect_location:
                    _read(answer, named, take)
                    return
                place = answer.headers["Location"]
            # Another machine: it gets no token of ours.
            with self._transport.http.stream("GET", place) as answer:
                _read(answer, named, take)
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Offline(f"The bytes could not be fetched: {error}") from error


def _read(answer: httpx.Response, named: str, take: Take) -> None:
    """Give the body of an answer to who keeps it."""
    if answer.status_code != httpx.codes.OK:
        raise refusal_of(answer.status_code, answer.headers, answer.read())
    if not take(_bounded(answer), named):
        raise Offline("Not all bytes came, or other ones.")


def _bounded(answer: httpx.Response) -> Iterator[bytes]:
    """Answer a body, no further than an attachment may be long."""
    size = 0
    for piece in answer.iter_raw():
        size += len(piece)
        if size > MAX_BYTES:
            raise ServerTrouble("The answer is too long.")
        yield piece
