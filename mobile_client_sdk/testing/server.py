"""The server as devices meet it: enrolment and tokens, and one answer to each request."""

import copy
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid5

import httpx
import msgspec

from mobile_client_sdk.testing.answers import Answer, Refused, in_json, problem
from mobile_client_sdk.testing.company import SPACE, FakeDevice
from mobile_client_sdk.testing.contents import PREFIX, Contents
from mobile_client_sdk.testing.network import Fault, InMemory, served
from mobile_client_sdk.testing.pushing import Pushing
from sync_protocol import codec
from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    FrameInvalid,
    OpGap,
    Outcome,
    PullRequest,
    PullResponse,
    PushResponse,
    RecordOp,
)
from sync_protocol.version import is_supported


class FakeServer(Pushing, Contents):
    """One company in memory. ``clock_ms`` may be set; all see all customers unless scoped."""

    def __init__(self, *, clock_ms: Callable[[], int] | None = None, scoped: bool = False) -> None:
        super().__init__(clock_ms=clock_ms, scoped=scoped)
        self.faults: list[Fault | None] = []
        """What happens to the next requests, in order; none lets one through."""
        self.last_answers: dict[str, Answer] = {}
        """By address, for those that come late."""
        self.terms: dict[str, Any] = {}
        """What is said with tokens: ``lease_ms``, ``lease_shares``, ``seal_key`` and so on."""
        self._codes: dict[str, str] = {}
        self._codes_given = 0
        self._used: dict[str, str] = {}
        self._lock = threading.RLock()

    def enrolment_code(self, user: str) -> str:
        """Give a person a one-time code."""
        self._codes_given += 1
        code = f"CODE-{self._codes_given}"
        self._codes[code] = self.user_id(user)
        return code

    def write(self, *ops: RecordOp, user: str = "office") -> list[Outcome]:
        """Let somebody at a desk write: always on top of what is held."""
        ops = tuple(msgspec.structs.replace(op, base=self.seq) for op in ops)
        with self._lock:
            return self._settle(list(ops), None, self.user_id(user), self._clock_ms())

    def sign_out(self, device_id: str) -> None:
        """Let a device's tokens be worth nothing: it must enrol again."""
        device = self.devices[device_id]
        device.access += 1
        device.refresh += 2

    def revoke(self, device_id: str) -> None:
        """Take a device's right away."""
        self.devices[device_id].is_revoked = True

    def image(self) -> dict[str, Any]:
        """Make a backup."""
        kept = (
            *("records", "devices", "seq", "handles", "granted", "_entered", "_exits"),
            *("uploads", "contents"),
        )
        return copy.deepcopy({name: getattr(self, name) for name in kept})

    def restore(self, image: Mapping[str, Any]) -> None:
        """Bring a backup back; tokens go on working, sequences mean nothing any more."""
        tokens = {each.id: (each.access, each.refresh) for each in self.devices.values()}
        for name, value in copy.deepcopy(dict(image)).items():
            setattr(self, name, value)
        for device in self.devices.values():
            device.access, device.refresh = tokens[device.id]
        self.epoch += 1
        self._restored_to = self.seq

    def transport(self) -> httpx.BaseTransport:
        """Answer a way to this server that needs no network."""
        return InMemory(self)

    def serve(self) -> AbstractContextManager[str]:
        """Serve on a loopback port; gives the base URL."""
        return served(self)

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes, method: str = "POST"
    ) -> Answer:
        """Answer a request; the path has its query."""
        with self._lock:
            self.requests += 1
            try:
                return self._routed(path, headers, body, method)
            except Refused as refusal:
                return refusal.answer
            except codec.DecodeError as error:
                status = 409 if isinstance(error, codec.FormatUnknown) else 422
                return problem(status, error.code, error.detail)
            except FrameInvalid as error:
                return problem(422, error.code, str(error))

    def _routed(self, path: str, headers: Mapping[str, str], body: bytes, method: str) -> Answer:
        match path:
            case "/v1/devices/enrolment":
                return self._enrol(msgspec.json.decode(body))
            case "/v1/auth/token":
                return self._refresh(msgspec.json.decode(body))
            case "/v1/sync/push" | "/v1/sync/pull" | "/v1/sync/digest":
                return self._sync(path, headers, body)
            case _ if path.startswith(PREFIX):
                return self._content(self._known(headers), method, path, body)
            case _:
                raise Refused(404, "not_found", "There is no such page.")

    def _enrol(self, asked: Mapping[str, Any]) -> Answer:
        code = asked["code"]
        user_id = self._codes.get(code)
        device_id = asked.get("id") or str(uuid5(SPACE, code))
        if user_id is None or self._used.get(code, device_id) != device_id:
            raise Refused(401, "enrolment_code_invalid", "This code is not valid.")
        device = self.devices.get(device_id) or FakeDevice(id=device_id, user_id=user_id)
        is_older = device.acknowledged > asked.get("made", device.acknowledged)
        if device.user_id != user_id or device.is_revoked or is_older:
            raise Refused(409, "id_reused", "Use a new id.")
        self._used[code] = device_id
        self.devices[device_id] = device
        # What the device had before is worth nothing any more.
        device.access += 1
        device.refresh += 1
        about = {"device_id": device.id, "tenant_id": str(SPACE), "user_id": user_id}
        return in_json(201, {**about, **self._tokens(device)})

    def _tokens(self, device: FakeDevice) -> dict[str, Any]:
        device.access += 1
        device.refresh += 1
        return {
            "access_token": f"{device.id}/{device.access}",
            "refresh_token": f"{device.id}/{device.refresh}",
            "expires_in_s": 600,
            **self.terms,
        }

    def _refresh(self, asked: Mapping[str, str]) -> Answer:
        device_id, _, number = asked["refresh_token"].partition("/")
        device = self.devices.get(device_id)
        if device is not None and device.is_revoked:
            raise Refused(401, "device_revoked", "This device was signed out.")
        # The token before is good too: its answer may have been lost.
        if device is None or int(number) < device.refresh - 1:
            raise Refused(401, "refresh_token_reused", "Sign in again.")
        return in_json(200, self._tokens(device))

    def _known(self, headers: Mapping[str, str]) -> FakeDevice:
        """Answer whose access token came.

        :raises Refused: if it is nobody's any more.
        """
        device_id, _, number = headers.get("authorization", "")[7:].partition("/")
        device = self.devices.get(device_id)
        if device is None or int(number) != device.access:
            raise Refused(401, "token_invalid", "This token is not valid.")
        if device.is_revoked:
            raise Refused(401, "device_revoked", "This device was signed out.")
        return device

    def _sync(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        device = self._known(headers)
        media = codec.media_type(headers.get("content-type"))
        if media is None:
            raise Refused(415, "media_type_unknown", "Send JSON or MessagePack.")
        if headers.get("content-encoding") == codec.ZSTD:
            body = codec.decompress(body)
        answer: PushResponse | PullResponse | DigestResponse
        if path.endswith("digest"):
            answer = self._digest(device, codec.decode(body, DigestRequest, media))
        elif path.endswith("push"):
            push = codec.decode_push(body, media)
            if not is_supported(push.protocol):
                raise Refused(409, "client_too_old", "Update the app.")
            try:
                answer = self._push(device, push)
            except OpGap as error:
                told = device.acknowledged
                raise Refused(409, error.code, str(error), acknowledged=told) from error
        else:
            answer = self._pull(device, codec.decode(body, PullRequest, media))
        answered = {"content-type": media, "accept-encoding": codec.ZSTD}
        return 200, answered, codec.encode(answer, media)
