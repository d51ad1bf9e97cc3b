"""A server in memory for the tests of apps: the real merge, the real messages, no database.

    server = FakeServer()
    client = open_client(path, "http://fake", http=server.transport())
    client.enrol(server.enrolment_code("王芳"), device_name="phone")

Networks are bad on demand: ``server.faults`` is what happens to the next requests.
"""

import copy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import UUID, uuid5

import httpx
import msgspec

from sync_protocol import codec, cursor, digest
from sync_protocol.conflicts import DELETED, Version
from sync_protocol.handles import handles_of, with_ids
from sync_protocol.merge import (
    EditClock,
    HeldRecord,
    Key,
    Rules,
    settle_batch,
    stamp,
)
from sync_protocol.messages import (
    NEW_SEQ,
    Code,
    Create,
    DigestRequest,
    DigestResponse,
    FrameInvalid,
    Intent,
    OpGap,
    Outcome,
    Patch,
    PullRequest,
    PullResponse,
    PushResponse,
    ReceivedOp,
    ReceivedPush,
    RecordBatch,
    RecordOp,
    Status,
    is_same_op,
    op_digest,
    split_frame,
)
from sync_protocol.schema import SCHEMA, ValueRefused
from sync_protocol.upcast import upcast
from sync_protocol.version import is_supported

_KEY: Final = b"the fake server's own key, 32 b."
_SPACE: Final = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
_LAST_ID: Final = str(UUID(int=2**128 - 1))
Answer = tuple[int, dict[str, str], bytes]
IntentHandler = Callable[["FakeServer", str, Intent], Outcome]


class Fault(StrEnum):
    """What can happen to a request."""

    LOSE_REQUEST = "lose_request"
    """It never arrives."""
    LOSE_REPLY = "lose_reply"
    """It is done, and the answer never arrives."""
    CUT_REPLY = "cut_reply"
    """It is done, and half of the answer arrives."""
    TWICE = "twice"
    """It arrives twice; the second answer comes back."""
    LATE_REPLY = "late_reply"
    """The answer of an earlier request to the same address comes back instead."""
    PORTAL = "portal"
    """A hotel's page answers 200."""
    TROUBLE = "trouble"
    """The server answers 503."""
    SIGNED_OUT = "signed_out"
    """The access token counts as expired."""


class FakeDevice(msgspec.Struct):
    """A device as the server knows it."""

    id: str
    user_id: str
    acknowledged: int = 0
    latest_edit_ms: int = 0
    outcomes: dict[int, tuple[bytes, Outcome]] = {}
    access: int = 0
    refresh: int = 0
    is_revoked: bool = False
    pending: int = 0
    """The ops that the device said it had left."""
    app_version: str = ""


class FakeServer:
    """One tenant in memory. ``clock_ms`` may be set; all users see all customers unless scoped."""

    def __init__(self, *, clock_ms: Callable[[], int] | None = None, scoped: bool = False) -> None:
        self.records: dict[Key, HeldRecord] = {}
        self.devices: dict[str, FakeDevice] = {}
        self.seq = 0
        self.epoch = 1
        self.handles = 0
        """The last handle that was given."""
        self.faults: list[Fault | None] = []
        """What happens to the next requests, in order; none lets one through."""
        self.intents: dict[str, IntentHandler] = {"benefits.request": _grant}
        self.granted: list[tuple[str, Intent]] = []
        """Intents that were accepted, with who asked."""
        self.terms: dict[str, Any] = {}
        """What is said with tokens: ``lease_ms``, ``lease_shares``, ``seal_key`` and so on."""
        self.requests = 0
        self.settled = 0
        """Ops that had an effect or were refused, each counted once."""
        self._scoped = scoped
        self._clock_ms = clock_ms or (lambda: 1_800_000_000_000 + self.requests)
        self._entered: dict[str, int] = {}
        self._exits: list[tuple[int, str, str | None]] = []
        self._codes: dict[str, str] = {}
        self._codes_given = 0
        self._restored_to = 0
        self._last_answers: dict[str, Answer] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------ for tests

    def user_id(self, name: str) -> str:
        """Answer the id of a person."""
        return str(uuid5(_SPACE, name))

    def enrolment_code(self, user: str) -> str:
        """Give a person a one-time code."""
        self._codes_given += 1
        code = f"CODE-{self._codes_given}"
        self._codes[code] = self.user_id(user)
        return code

    def record(self, kind: str, record_id: str) -> HeldRecord | None:
        """Answer what is held."""
        return self.records.get((kind, record_id))

    def write(self, *ops: RecordOp, user: str = "office") -> list[Outcome]:
        """Let somebody at a desk write: always on top of what is held."""
        ops = tuple(msgspec.structs.replace(op, base=self.seq) for op in ops)
        with self._lock:
            return self._settle(list(ops), None, self.user_id(user), self._clock_ms())

    def revoke(self, device_id: str) -> None:
        """Take a device's right away."""
        self.devices[device_id].is_revoked = True

    def image(self) -> dict[str, Any]:
        """Make a backup."""
        kept = ("records", "devices", "seq", "handles", "granted", "_entered", "_exits")
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
        return _InMemory(self)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a loopback port; answer the base URL."""
        handler = type("Handler", (_Handler,), {"fake": self})
        http = _Loopback(("127.0.0.1", 0), handler)
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            http.server_close()
            thread.join()

    # ----------------------------------------------------------------------------------- HTTP

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a POST."""
        with self._lock:
            self.requests += 1
            try:
                match path:
                    case "/v1/devices/enrolment":
                        return self._enrol(msgspec.json.decode(body))
                    case "/v1/auth/token":
                        return self._refresh(msgspec.json.decode(body))
                    case "/v1/sync/push" | "/v1/sync/pull" | "/v1/sync/digest":
                        return self._sync(path, headers, body)
                    case _:
                        return _problem(404, "not_found", "There is no such page.")
            except codec.DecodeError as error:
                status = 409 if isinstance(error, codec.FormatUnknown) else 422
                return _problem(status, error.code, error.detail)
            except FrameInvalid as error:
                return _problem(422, error.code, str(error))

    def _enrol(self, asked: Mapping[str, str]) -> Answer:
        user_id = self._codes.pop(asked["code"], None)
        if user_id is None:
            return _problem(401, "enrolment_code_invalid", "This code is not valid.")
        device = FakeDevice(id=str(uuid5(_SPACE, asked["code"])), user_id=user_id)
        self.devices[device.id] = device
        about = {"device_id": device.id, "tenant_id": str(_SPACE), "user_id": user_id}
        return _json(201, {**about, **self._tokens(device)})

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
            return _problem(401, "device_revoked", "This device was signed out.")
        # The token before is good too: its answer may have been lost.
        if device is None or int(number) < device.refresh - 1:
            return _problem(401, "refresh_token_reused", "Sign in again.")
        return _json(200, self._tokens(device))

    def _sync(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        device_id, _, number = headers.get("authorization", "")[7:].partition("/")
        device = self.devices.get(device_id)
        if device is None or int(number) != device.access:
            return _problem(401, "token_invalid", "This token is not valid.")
        if device.is_revoked:
            return _problem(401, "device_revoked", "This device was signed out.")
        media = codec.media_type(headers.get("content-type"))
        if media is None:
            return _problem(415, "media_type_unknown", "Send JSON or MessagePack.")
        if headers.get("content-encoding") == codec.ZSTD:
            body = codec.decompress(body)
        answer: PushResponse | PullResponse | DigestResponse
        if path.endswith("digest"):
            answer = self._digest(device, codec.decode(body, DigestRequest, media))
        elif path.endswith("push"):
            push = codec.decode_push(body, media)
            if not is_supported(push.protocol):
                return _problem(409, "client_too_old", "Update the app.")
            try:
                answer = self._push(device, push)
            except OpGap as error:
                return _problem(409, error.code, str(error), acknowledged=device.acknowledged)
        else:
            answer = self._pull(device, codec.decode(body, PullRequest, media))
        headers = {"content-type": media, "accept-encoding": codec.ZSTD}
        return 200, headers, codec.encode(answer, media)

    # ----------------------------------------------------------------------------------- push

    def _push(self, device: FakeDevice, push: ReceivedPush) -> PushResponse:
        now_ms = self._clock_ms()
        device.pending = push.pending
        device.app_version = push.app_version or device.app_version
        named = handles_of(push.ops)
        if named and push.epoch not in (0, self.epoch):
            # Handles of another epoch mean nothing here: the device sends again by ids.
            return PushResponse(
                outcomes=[], acknowledged=device.acknowledged, server_time_ms=now_ms
            )
        ids = {(each.kind, each.handle): each.id for each in self.records.values()}
        repeated, fresh = split_frame(
            with_ids(push.ops, ids), acknowledged=device.acknowledged, forgotten=push.forgotten
        )
        outcomes = [self._again(device, op) for op in repeated]
        if not any(each.code == Code.NUMBER_REUSED for each in outcomes):
            outcomes += self._settle_fresh(device, fresh, push, now_ms)
        return PushResponse(
            outcomes=outcomes,
            acknowledged=device.acknowledged,
            server_time_ms=now_ms,
            pull=None if push.pull is None else self._pull(device, push.pull),
        )

    def _again(self, device: FakeDevice, op: ReceivedOp) -> Outcome:
        digest, outcome = device.outcomes[op.number]
        if is_same_op(op, digest):
            return outcome
        return Outcome(number=op.number, status=Status.REJECTED, code=Code.NUMBER_REUSED)

    def _settle_fresh(
        self, device: FakeDevice, ops: list[ReceivedOp], push: ReceivedPush, now_ms: int
    ) -> list[Outcome]:
        if not ops:
            return []
        outcomes = self._settle(
            upcast(ops, push.schema),
            device,
            device.user_id,
            now_ms,
            offset_ms=now_ms - push.device_time_ms,
            base_limit=self._base_limit(push.epoch),
        )
        for op, outcome in zip(ops, outcomes, strict=True):
            device.outcomes[op.number] = (op_digest(op), outcome)
        device.acknowledged = ops[-1].number
        self.settled += len(ops)
        return outcomes

    def _base_limit(self, epoch: int) -> int | None:
        """Answer up to where bases of an epoch mean the same here."""
        if epoch in (0, self.epoch):
            return None
        return self._restored_to if epoch == self.epoch - 1 else 0

    def _settle(
        self,
        ops: list[Any],
        device: FakeDevice | None,
        user_id: str,
        now_ms: int,
        *,
        offset_ms: int = 0,
        base_limit: int | None = None,
    ) -> list[Outcome]:
        floor_ms = device.latest_edit_ms if device is not None else now_ms
        held = {
            key: msgspec.structs.replace(record, visible=self._sees(user_id, record))
            for key, record in self.records.items()
        }
        result = settle_batch(
            held,
            ops,
            device=None if device is None else device.id,
            clock=EditClock(received_at_ms=now_ms, offset_ms=offset_ms, floor_ms=floor_ms),
            rules=_OwnerRules(user_id),
            base_limit=base_limit,
        )
        if result.records or result.conflicts:
            self.seq += 1
        if device is not None:
            device.latest_edit_ms = max(
                [floor_ms, *(each.at_ms for each in _written(result.records))]
            )
        result = stamp(result, self.seq)
        for key, record in result.records.items():
            self._note_move(self.records.get(key), record)
            handle = record.handle or self._next_handle()
            self.records[key] = msgspec.structs.replace(record, visible=True, handle=handle)
        for conflict in result.conflicts:
            fields = {
                "customer_id": conflict.customer_id,
                "kind": conflict.kind,
                "record_id": conflict.record_id,
                "field": conflict.field,
                "kept": conflict.kept,
                "other": conflict.other,
                "kept_by": self._user_of(conflict.kept_by),
                "other_by": self._user_of(conflict.other_by),
                "happened_at": conflict.happened_at_ms,
                "state": "open",
            }
            self.records["conflict", conflict.id] = HeldRecord(
                kind="conflict",
                id=conflict.id,
                seq=self.seq,
                created=Version(self.seq),
                fields=fields,
                handle=self._next_handle(),
            )
        outcomes = {each.number: each for each in result.outcomes}
        for intent in result.intents:
            outcomes[intent.number] = self._decide(user_id, intent)
        return [outcomes[op.number] for op in ops]

    def _next_handle(self) -> int:
        self.handles += 1
        return self.handles

    def _decide(self, user_id: str, intent: Intent) -> Outcome:
        handler = self.intents.get(intent.name)
        if handler is None:
            detail = f"There is no intent {intent.name}."
            return Outcome(
                number=intent.number,
                status=Status.REJECTED,
                code=Code.INTENT_UNKNOWN,
                detail=detail,
            )
        return handler(self, user_id, intent)

    def _user_of(self, version: Version) -> str | None:
        device = self.devices.get(version.device or "")
        return None if device is None else device.user_id

    # ----------------------------------------------------------------------------------- pull

    def _sees(self, user_id: str, record: HeldRecord) -> bool:
        """Answer whether a person sees a record: what is theirs, where the server is scoped."""
        if not self._scoped:
            return True
        customer = self._customer_of(record)
        return customer is None or customer.fields["owner_id"] == user_id

    def _customer_of(self, record: HeldRecord) -> HeldRecord | None:
        if record.kind == "customer":
            return record
        parent = SCHEMA.record(record.kind).parent
        if parent is None or record.fields[parent] is None:
            return None
        return self.records.get(("customer", record.fields[parent]))

    def _note_move(self, before: HeldRecord | None, after: HeldRecord) -> None:
        """Remember who no longer sees a customer, and since when somebody else does."""
        if before is None or after.kind != "customer":
            return
        if before.fields["owner_id"] != after.fields["owner_id"]:
            self._exits.append((after.seq, after.id, before.fields["owner_id"]))
            self._entered[after.id] = after.seq

    def _pull(self, device: FakeDevice, pull: PullRequest) -> PullResponse:
        start = self._start(device, pull)
        if start is None:
            return PullResponse(
                from_cursor=pull.cursor,
                cursor=None,
                seq=0,
                server_time_ms=self._clock_ms(),
                reset=True,
            )
        place = (start.seq, _LAST_ID if start.after_id is None else str(start.after_id))
        rows = sorted(
            (self._effective(record), record.id, record)
            for record in self.records.values()
            if (self._effective(record), record.id) > place
            and self._sees(device.user_id, record)
            and not _is_news_to_nobody(record, start)
        )
        page, more = rows[: pull.limit], len(rows) > pull.limit
        end = cursor.Cursor(epoch=self.epoch, base=self.seq, seq=self.seq, started=self.seq)
        if more:
            seq, last_id, _ = page[-1]
            end = cursor.Cursor(epoch=self.epoch, base=start.base, seq=seq, after_id=UUID(last_id))
        batches, patches = self._changes([row[2] for row in page], start.base)
        return PullResponse(
            from_cursor=pull.cursor,
            cursor=cursor.encode(end, key=_KEY, bound_to=device.id.encode()),
            seq=end.seq,
            server_time_ms=self._clock_ms(),
            more=more,
            batches=batches,
            patches=patches,
            drops=[] if more else self._drops(device.user_id, start),
            acknowledged=device.acknowledged,
            epoch=self.epoch,
        )

    def _digest(self, device: FakeDevice, request: DigestRequest) -> DigestResponse:
        page = self._pull(device, request.pull)
        if page.more or page.reset:
            return DigestResponse(pull=page)
        rows: dict[str, dict[str, int]] = {kind: {} for kind in SCHEMA.kinds()}
        for record in self.records.values():
            if not record.deleted and self._sees(device.user_id, record):
                rows[record.kind][record.id] = digest.row_hash(
                    record.kind, record.id, record.seq, record.fields, record.handle
                )
        found = digest.answer(request, rows)
        batches = [
            _batch(kind, [self.records[kind, record_id] for record_id in ids])
            for kind, ids in found.missing.items()
        ]
        return DigestResponse(
            pull=page, branches=found.branches, batches=batches, strange=found.strange
        )

    def _start(self, device: FakeDevice, pull: PullRequest) -> cursor.Cursor | None:
        if pull.cursor is None:
            return cursor.Cursor(epoch=self.epoch, base=0, seq=0, started=self.seq)
        try:
            start = cursor.decode(pull.cursor, key=_KEY, bound_to=device.id.encode())
        except cursor.CursorRefused:
            return None
        return start if start.epoch == self.epoch else None

    def _effective(self, record: HeldRecord) -> int:
        """Answer the sequence at which a record last changed for somebody."""
        customer = self._customer_of(record)
        entered = 0 if customer is None else self._entered.get(customer.id, 0)
        return max(record.seq, entered)

    def _changes(
        self, records: list[HeldRecord], base: int
    ) -> tuple[list[RecordBatch], list[Patch]]:
        whole: dict[str, list[HeldRecord]] = {}
        patches: list[Patch] = []
        for record in records:
            customer = self._customer_of(record)
            entered = 0 if customer is None else self._entered.get(customer.id, 0)
            since = max(record.created.seq, entered)
            if DELETED in record.versions:
                since = max(since, record.versions[DELETED].seq)
            if record.deleted:
                patches.append(Patch(kind=record.kind, id=record.id, seq=record.seq, deleted=True))
            elif since > base:
                whole.setdefault(record.kind, []).append(record)
            else:
                patches.append(_patch(record, base))
        order = {kind: place for place, kind in enumerate(SCHEMA.kinds())}
        batches = [_batch(kind, whole[kind]) for kind in sorted(whole, key=order.__getitem__)]
        return batches, patches

    def _drops(self, user_id: str, start: cursor.Cursor) -> list[str]:
        gone = {
            customer_id
            for seq, customer_id, owner in self._exits
            if seq > (start.base or start.started) and owner == user_id
        }
        return sorted(
            each
            for each in gone
            if self._scoped and not self._sees(user_id, self.records["customer", each])
        )


class _OwnerRules(Rules):
    """A customer belongs to who made it, and a note to who wrote it."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        if held is not None or not isinstance(op, Create):
            return op
        if op.kind == "customer":
            fields = {"owner_id": self._user_id, **op.fields}
            return msgspec.structs.replace(op, fields=fields)
        if op.kind == "note":
            fields = {**op.fields, "author_id": self._user_id}
            return msgspec.structs.replace(op, fields=fields)
        return op


def _grant(server: FakeServer, user_id: str, intent: Intent) -> Outcome:
    """Accept what is asked for, once."""
    if all(each.id != intent.id for _, each in server.granted):
        server.granted.append((user_id, intent))
    return Outcome(number=intent.number, status=Status.APPLIED, code=Code.APPLIED)


def refuse(code: str, detail: str) -> IntentHandler:
    """Make an intent handler that always says no."""

    def handler(_server: FakeServer, _user_id: str, intent: Intent) -> Outcome:
        refusal = ValueRefused(code, detail)
        return Outcome(
            number=intent.number,
            status=Status.REJECTED,
            code=refusal.code,
            detail=refusal.detail,
        )

    return handler


def _written(records: Mapping[Key, HeldRecord]) -> Iterator[Version]:
    """Answer the versions that this batch wrote."""
    for record in records.values():
        for version in (record.created, *record.versions.values()):
            if version.seq == NEW_SEQ:
                yield version


def _batch(kind: str, records: list[HeldRecord]) -> RecordBatch:
    names = [field.name for field in SCHEMA.record(kind).fields]
    return RecordBatch(
        kind=kind,
        fields=names,
        ids=[record.id for record in records],
        seqs=[record.seq for record in records],
        columns=[[record.fields.get(name) for record in records] for name in names],
        handles=[record.handle for record in records],
    )


def _is_news_to_nobody(record: HeldRecord, start: cursor.Cursor) -> bool:
    """Answer whether a record came and went without this run of pages having sent it."""
    return record.deleted and record.created.seq > start.base and record.seq <= start.started


def _patch(record: HeldRecord, base: int) -> Patch:
    changed = {
        name: record.fields[name]
        for name, version in record.versions.items()
        if version.seq > base and name != DELETED
    }
    return Patch(kind=record.kind, id=record.id, seq=record.seq, fields=changed)


def _json(status: int, content: Mapping[str, Any]) -> Answer:
    return status, {"content-type": codec.JSON}, msgspec.json.encode(content)


def _problem(status: int, code: str, detail: str, **extra: object) -> Answer:
    content = msgspec.json.encode({"status": status, "code": code, "detail": detail, **extra})
    return status, {"content-type": "application/problem+json"}, content


class _InMemory(httpx.BaseTransport):
    """Carries requests to a server in the same process, badly where it is told to."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        server, path = self._server, request.url.path
        fault = server.faults.pop(0) if server.faults else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.read()
        if fault is Fault.LOSE_REQUEST:
            raise httpx.ConnectError("no network", request=request)
        instead = _instead(server, fault, path)
        if instead is not None:
            return _response(instead)
        answer = server.answer(path, headers, body)
        if fault is Fault.TWICE:
            answer = server.answer(path, headers, body)
        server._last_answers[path] = answer  # noqa: SLF001 - one story told by two classes
        if fault is Fault.LOSE_REPLY:
            raise httpx.ReadError("connection lost", request=request)
        if fault is Fault.CUT_REPLY:
            answer = (answer[0], answer[1], answer[2][: len(answer[2]) // 2])
        return _response(answer)


def _instead(server: FakeServer, fault: Fault | None, path: str) -> Answer | None:
    """Answer what comes back without the server having been asked."""
    if fault is Fault.PORTAL:
        return 200, {"content-type": "text/html"}, b"<h1>Welcome to our Wi-Fi</h1>"
    if fault is Fault.TROUBLE:
        return _problem(503, "unavailable", "Try again later.")
    if fault is Fault.SIGNED_OUT:
        return _problem(401, "token_expired", "The token has expired.")
    if fault is Fault.LATE_REPLY:
        return server._last_answers.get(path)  # noqa: SLF001 - one story told by two classes
    return None


def _response(answer: Answer) -> httpx.Response:
    status, headers, body = answer
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


class _Loopback(ThreadingHTTPServer):
    """Says nothing of clients that go away, which is what tests make them do."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what a handler raised, unless the client is gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Serves a fake server on a port."""

    fake: FakeServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answered, content = self.fake.answer(self.path, headers, body)
        self.send_response(status)
        for name, value in answered.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet."""
