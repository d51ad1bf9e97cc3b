"""Photos and files: durable at once, sent after the ops in a lane of their own, fetched when asked.

What is attached lies on this device before anybody says "saved". Its record is an op like any
other; its bytes follow when the policy of the app lets them, chunk by chunk, and go on after any
crash with what the server still lacks.
"""

import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from mobile_client_sdk.attachment_files import Files, pieces_of
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.records import Attachment
from mobile_client_sdk.session import SignedOut
from mobile_client_sdk.store import Store
from mobile_client_sdk.transport import (
    Offline,
    RequestRefused,
    ServerTrouble,
    Transport,
    refusal_of,
)
from sync_protocol import attachments, codec
from sync_protocol.attachments import (
    CHUNK_BYTES,
    MAX_BYTES,
    SNIFFED_BYTES,
    Completion,
    Hasher,
    Identity,
    Upload,
    UploadState,
    chunk_length,
    numbers_of,
)
from sync_protocol.messages import Create, Status

CACHE_BYTES: Final = 200 * 1024 * 1024
"""How many bytes of fetched files are kept; what waits to be sent is kept beside."""
_ORPHANS_AFTER_MS: Final = 24 * 3_600_000
_SOONEST_MS: Final = 2_000
_LATEST_MS: Final = 3_600_000
_FIRST_PIECE: Final = 64 * 1024
"""How much is sent at once before anything has arrived: it is lost if the app is killed."""
_AFTER_A_CUT: Final = 8 * 1024
"""How much is sent at once after a cut, until two chunks have arrived without another one."""
_ROUNDS: Final = 3
"""How often the server may ask again for chunks of one file before it is left for later."""
_PAUSE_MAX_S: Final = 5
"""A longer pause that the server asks for ends the turn."""
_PAUSES: Final = 3
"""How often one request waits because the server asks for it."""
_NO_LONGER: Final = frozenset({403, 404, 410, 422})
_SETTLED: Final = frozenset({Status.APPLIED, Status.MERGED})

_TABLES: Final = (
    # Files that are here: what waits to be sent, and what was fetched.
    """
    CREATE TABLE IF NOT EXISTS attachment_file (
        sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, used_ms INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    # What is on its way; `code` says why it went no further.
    """
    CREATE TABLE IF NOT EXISTS attachment_upload (
        attachment_id TEXT PRIMARY KEY,
        sha256 TEXT NOT NULL,
        possession TEXT NOT NULL,
        size INTEGER NOT NULL,
        added_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        sent INTEGER NOT NULL DEFAULT 0,
        cuts INTEGER NOT NULL DEFAULT 0,
        code TEXT,
        detail TEXT
    )
    """,
)


class NotAttachable(Exception):
    """The bytes are of no kind that may be attached, or too many."""


class LaneState(StrEnum):
    """How a turn of the lane ended."""

    COMPLETE = "complete"
    """Nothing waits any more."""
    WAITING = "waiting"
    """The policy says not now, or the ops come first, or the server asked to come again."""
    OFFLINE = "offline"
    """The server could not be reached; all is kept."""
    TRY_LATER = "try_later"
    """The server cannot do it now; all is kept."""
    SIGNED_OUT = "signed_out"
    """The device must enrol again; all is kept."""


class SendProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file is."""

    attachment_id: str
    sent: int
    size: int


class SendReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn of the lane did."""

    state: LaneState
    stored: int = 0
    """Files that the server has now."""
    bytes_sent: int = 0
    pending: int = 0
    """Files that still wait."""
    problem: str = ""


class Unsent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not at the server."""

    attachment_id: str
    size: int
    sent: int
    code: str | None
    """Why it will not be sent; none while it waits."""
    detail: str | None


class _Waiting(msgspec.Struct, frozen=True):
    """A row of the lane."""

    attachment_id: str
    sha256: str
    possession: str
    size: int
    tries: int
    cuts: int
    """Turns that began and did not end as they should: the app was killed, or the network lost."""
    name: str
    """Of the file."""


class _Later(Exception):
    """This file is left for another turn."""

    def __init__(self, problem: str, *, pause_ms: int | None = None) -> None:
        super().__init__(problem)
        self.pause_ms = pause_ms


class _NotNow(Exception):
    """The app's policy lets nothing be sent."""


def _always() -> bool:
    """Let everything be sent."""
    return True


class Lane:
    """The files of one store, and their way to and from the server."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        transport: Transport,
        *,
        clock_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._transport = transport
        self._clock_ms = clock_ms
        self._files = Files(store, random_bytes)
        self.cache_bytes = CACHE_BYTES
        self.pause: Callable[[float], None] = time.sleep
        self._bytes_sent = 0
        if store.row("SELECT 1 FROM sqlite_master WHERE name = 'attachment_upload'") is None:
            with store.transaction() as connection:
                for statement in _TABLES:
                    connection.execute(statement)
        self._drop_orphans()

    # ---------------------------------------------------------------------------- attaching

    def keep(self, source: bytes | str | Path) -> tuple[Identity, str]:
        """Lay bytes down durably, once; answer what they are called and which kind they are.

        :raises NotAttachable: if they are of no kind that is attached, or too many.
        """
        head = next(pieces_of(source), b"")[:SNIFFED_BYTES]
        media_type = attachments.sniff(head)
        if media_type is None:
            raise NotAttachable("Attach a JPEG, PNG, WebP, HEIC or PDF.")
        name, identity = self._files.write(pieces_of(source))
        if identity.size > MAX_BYTES:
            self._files.remove(name)
            raise NotAttachable(f"An attachment has up to {MAX_BYTES} bytes.")
        return self._adopt(name, identity), media_type

    def _adopt(self, name: str, identity: Identity) -> Identity:
        """Note a file under the name of its bytes; one that is here already is enough."""
        with self._store.transaction() as connection:
            held = self._held(identity.sha256)
            if held is None:
                connection.execute(
                    "INSERT OR REPLACE INTO attachment_file VALUES (?, ?, ?, ?)",
                    (identity.sha256, name, identity.size, self._clock_ms()),
                )
        if held is not None:
            self._files.remove(name)
        return identity

    def add(self, attachment_id: str, identity: Identity) -> None:
        """Let the bytes of a record wait to be sent, in the open transaction."""
        self._store.connection.execute(
            "INSERT INTO attachment_upload (attachment_id, sha256, possession, size, added_ms) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                attachment_id,
                identity.sha256,
                identity.possession,
                identity.size,
                self._clock_ms(),
            ),
        )

    def unsent(self) -> list[Unsent]:
        """Answer what is not at the server, the oldest first."""
        rows = self._store.rows(
            "SELECT attachment_id, size, sent, code, detail FROM attachment_upload "
            "ORDER BY added_ms, attachment_id"
        )
        return [
            Unsent(attachment_id=row[0], size=row[1], sent=row[2], code=row[3], detail=row[4])
            for row in rows
        ]

    def give_up(self, attachment_id: str) -> None:
        """Let go of a file that will not be sent, or shall not."""
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM attachment_upload WHERE attachment_id = ?", (attachment_id,)
            )
        self._evict()

    # ------------------------------------------------------------------------------ sending

    def send(
        self,
        *,
        may_send: Callable[[], bool] = _always,
        on_progress: Callable[[SendProgress], None] | None = None,
    ) -> SendReport:
        """Send what waits, file by file; whatever happens, nothing is lost.

        :param may_send: asked before each chunk, such as whether there is Wi-Fi.
        :param on_progress: told after each chunk.
        """
        stored, state, problem = 0, LaneState.COMPLETE, ""
        self._bytes_sent = 0
        try:
            for waiting in self._due():
                try:
                    stored += self._send_one(waiting, may_send, on_progress)
                except _Later as error:
                    state, problem = LaneState.WAITING, str(error)
                    self._postpone(waiting, error.pause_ms)
                except ServerTrouble as error:
                    state, problem = LaneState.TRY_LATER, str(error)
                    again_s = error.retry_after_s
                    self._postpone(waiting, None if again_s is None else again_s * 1000)
        except _NotNow:
            state = LaneState.WAITING
        except Offline as error:
            state, problem = LaneState.OFFLINE, str(error)
        except SignedOut as error:
            state, problem = LaneState.SIGNED_OUT, str(error)
        pending = self._pending()
        if pending and state is LaneState.COMPLETE:
            state = LaneState.WAITING
        self._evict()
        return SendReport(
            state=state,
            stored=stored,
            bytes_sent=self._bytes_sent,
            pending=pending,
            problem=problem,
        )

    def _due(self) -> list[_Waiting]:
        """Answer what may be sent now: its record is at the server, and no pause is on."""
        rows = self._store.rows(
            "SELECT u.attachment_id, u.sha256, u.possession, u.size, u.tries, u.cuts, f.name "
            "FROM attachment_upload u JOIN attachment_file f ON f.sha256 = u.sha256 "
            "WHERE u.code IS NULL AND u.due_ms <= ? ORDER BY u.added_ms, u.attachment_id",
            (self._clock_ms(),),
        )
        return [each for each in (_Waiting(*row) for row in rows) if self._is_announced(each)]

    def _is_announced(self, waiting: _Waiting) -> bool:
        """Answer whether the server knows the record; where it refused it, the bytes stay here."""
        made = [
            each
            for each in self._outbox.by_record(waiting.attachment_id)
            if isinstance(each.op, Create)
        ]
        if not made:
            # The op was settled so long ago that it is kept no longer.
            return True
        outcome = made[-1].outcome
        if outcome is None:
            return False
        if outcome.status in _SETTLED:
            return True
        self._settle(waiting, outcome.code, outcome.detail)
        return False

    def _send_one(
        self,
        waiting: _Waiting,
        may_send: Callable[[], bool],
        on_progress: Callable[[SendProgress], None] | None,
    ) -> int:
        """Send one file; answer 1 when the server has it now."""
        proof: str | None = waiting.possession
        for _ in range(_ROUNDS):
            if not may_send():
                raise _NotNow
            try:
                upload = self._complete(waiting.attachment_id, proof)
            except RequestRefused as refusal:
                if refusal.code == "chunks_missing":
                    self._send_missing(waiting, refusal, may_send, on_progress)
                    proof = None
                    continue
                return self._take_refusal(waiting, refusal)
            return self._take(waiting, upload)
        raise _Later("The server goes on asking for chunks that it was sent.")

    def _take(self, waiting: _Waiting, upload: Upload) -> int:
        """Take the server's word on a file."""
        match upload.state:
            case UploadState.STORED:
                with self._store.transaction() as connection:
                    connection.execute(
                        "DELETE FROM attachment_upload WHERE attachment_id = ?",
                        (waiting.attachment_id,),
                    )
                return 1
            case UploadState.REFUSED:
                self._settle(waiting, upload.code or "refused", upload.detail or "")
                return 0
            case _:
                raise _Later("The server looks at the file.", pause_ms=_SOONEST_MS)

    def _take_refusal(self, waiting: _Waiting, refusal: RequestRefused) -> int:
        """Leave a file for later, or for good with its reason."""
        if refusal.code == "content_differs":
            if self._is_whole(waiting):
                raise _Later(refusal.detail) from refusal
            self._settle(waiting, "file_damaged", "The file on this device is damaged.")
        elif refusal.status in _NO_LONGER or refusal.code == "attachment_too_large":
            self._settle(waiting, refusal.code, refusal.detail)
        else:
            raise _Later(refusal.detail) from refusal
        return 0

    def _is_whole(self, waiting: _Waiting) -> bool:
        """Answer whether the file here is still what it was."""
        hasher = Hasher()
        for chunk in self._files.chunks(waiting.name, waiting.size):
            hasher.update(chunk)
        return hasher.identity().sha256 == waiting.sha256

    def _send_missing(
        self,
        waiting: _Waiting,
        lacking: RequestRefused,
        may_send: Callable[[], bool],
        on_progress: Callable[[SendProgress], None] | None,
    ) -> None:
        """Send the chunks that the server lacks, one in memory at a time.

        A turn that is cut is counted before it begins, for a killed app counts nothing.
        """
        numbers, partial = numbers_of(lacking.missing), dict(lacking.partial)
        left = sum(chunk_length(waiting.size, number) for number in numbers)
        left -= sum(partial.values())
        self._tell(waiting, waiting.size - left, on_progress, is_cut=True)
        piece = _AFTER_A_CUT if waiting.cuts else _FIRST_PIECE
        try:
            for arrived, number in enumerate(numbers, 1):
                chunk, offset = self._files.chunk(waiting.name, number), partial.get(number, 0)
                self._send_chunk(waiting, number, chunk, offset, piece, may_send)
                left -= len(chunk) - offset
                self._tell(waiting, waiting.size - left, on_progress, is_cut=True)
                if arrived > 1 or not waiting.cuts:
                    piece = min(2 * piece, CHUNK_BYTES)
        except (_NotNow, _Later):
            self._tell(waiting, waiting.size - left, None, is_cut=False)
            raise
        self._tell(waiting, waiting.size, None, is_cut=False)

    def _send_chunk(
        self,
        waiting: _Waiting,
        number: int,
        chunk: bytes,
        offset: int,
        piece: int,
        may_send: Callable[[], bool],
    ) -> None:
        """Send what is left of a chunk, in pieces: a cut costs no more than one."""
        sha256 = attachments.chunk_hash(chunk)
        while offset < len(chunk):
            if not may_send():
                raise _NotNow
            part = chunk[offset : offset + piece]
            self._put(waiting.attachment_id, number, part, {"sha256": sha256, "offset": offset})
            offset += len(part)

    def _tell(
        self,
        waiting: _Waiting,
        sent: int,
        on_progress: Callable[[SendProgress], None] | None,
        *,
        is_cut: bool,
    ) -> None:
        """Keep how far a file is, and whether the turn would be cut if it ended now; say it."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE attachment_upload SET sent = ?, tries = 0, cuts = ? "
                "WHERE attachment_id = ?",
                (sent, waiting.cuts + is_cut, waiting.attachment_id),
            )
        if on_progress is not None:
            on_progress(
                SendProgress(attachment_id=waiting.attachment_id, sent=sent, size=waiting.size)
            )

    def _postpone(self, waiting: _Waiting, pause_ms: int | None) -> None:
        """Leave a file for later, each time for longer."""
        pause = pause_ms or min(_SOONEST_MS * 2**waiting.tries, _LATEST_MS)
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE attachment_upload SET due_ms = ?, tries = tries + 1 "
                "WHERE attachment_id = ?",
                (self._clock_ms() + pause, waiting.attachment_id),
            )

    def _settle(self, waiting: _Waiting, code: str, detail: str) -> None:
        """Note why a file will not be sent; it stays here until somebody lets go of it."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE attachment_upload SET code = ?, detail = ? WHERE attachment_id = ?",
                (code, detail, waiting.attachment_id),
            )

    def _pending(self) -> int:
        return int(self._store.row("SELECT count(*) FROM attachment_upload WHERE code IS NULL")[0])

    # ----------------------------------------------------------------------------- fetching

    def content(self, attachment: Attachment) -> bytes:
        """Answer the bytes of an attachment: those that are here, or the server's, kept from then.

        :raises Offline: if they are not here and the server cannot be reached.
        :raises RequestRefused: if the server has none.
        """
        held = self._held(attachment.sha256)
        if held is None:
            self._fetch(attachment.id, "content", attachment.sha256)
            held = self._held(attachment.sha256)
            assert held is not None, "what was fetched is here"
        name, size = held
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE attachment_file SET used_ms = ? WHERE sha256 = ?",
                (self._clock_ms(), attachment.sha256),
            )
        return b"".join(self._files.chunks(name, size))

    def thumbnail(self, attachment: Attachment) -> bytes:
        """Answer a small JPEG of an attachment; raises as ``content`` does."""
        key = f"small {attachment.sha256}"
        held = self._held(key)
        if held is None:
            self._fetch(attachment.id, "thumbnail", key)
            held = self._held(key)
            assert held is not None, "what was fetched is here"
        return b"".join(self._files.chunks(*held))

    def is_here(self, attachment: Attachment) -> bool:
        """Answer whether the bytes can be seen without the server."""
        return self._held(attachment.sha256) is not None

    def _held(self, key: str) -> tuple[str, int] | None:
        """Answer the name and the size of a file."""
        row = self._store.row("SELECT name, size FROM attachment_file WHERE sha256 = ?", (key,))
        return None if row is None else (row[0], row[1])

    def _fetch(self, attachment_id: str, what: str, key: str) -> None:
        """Fetch bytes from the server, or from where it sends us, and keep them."""
        path = f"/v1/attachments/{attachment_id}/{what}"
        name, size = self._transport.authorised(lambda token: self._download(path, token))
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO attachment_file VALUES (?, ?, ?, ?)",
                (key, name, size, self._clock_ms()),
            )
        self._evict(but=key)

    def _download(self, path: str, token: str) -> tuple[str, int]:
        """Write an answer into a file, and hold it against the hash that the server names."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        try:
            with self._transport.http.stream("GET", path, headers=headers) as answer:
                named = answer.headers.get("ETag", "").strip('"')
                if not answer.has_redirect_location:
                    return self._written(answer, named)
                place = answer.headers["Location"]
            # Another machine: it gets no token of ours.
            with self._transport.http.stream("GET", place) as answer:
                return self._written(answer, named)
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Offline(f"The bytes could not be fetched: {error}") from error

    def _written(self, answer: httpx.Response, named: str) -> tuple[str, int]:
        """Write the body of an answer."""
        if answer.status_code != httpx.codes.OK:
            raise refusal_of(answer.status_code, answer.headers, answer.read())
        name, identity = self._files.write(_bounded(answer))
        if named and identity.sha256 != named:
            self._files.remove(name)
            raise Offline("Not all bytes came, or other ones.")
        return name, identity.size

    # ---------------------------------------------------------------------------- the cache

    def _evict(self, *, but: str = "") -> None:
        """Let go of the files that were not looked at for longest; what waits to be sent stays."""
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT sha256, name, size FROM attachment_file WHERE sha256 != ? AND sha256 "
                "NOT IN (SELECT sha256 FROM attachment_upload) ORDER BY used_ms DESC",
                (but,),
            ).fetchall()
            kept, gone = 0, []
            for key, name, size in rows:
                kept += size
                if kept > self.cache_bytes:
                    gone.append((key, name))
            connection.executemany(
                "DELETE FROM attachment_file WHERE sha256 = ?", [(key,) for key, _ in gone]
            )
        for _, name in gone:
            self._files.remove(name)

    def _drop_orphans(self) -> None:
        """Let go of files that a crash left before they were noted."""
        found = self._files.names()
        if not found:
            return
        named = {row[0] for row in self._store.rows("SELECT name FROM attachment_file")}
        before_ms = self._clock_ms() - _ORPHANS_AFTER_MS
        for name, written_ms in found:
            if name not in named and written_ms < before_ms:
                self._files.remove(name)

    # ---------------------------------------------------------------------------- the wire

    def _complete(self, attachment_id: str, proof: str | None) -> Upload:
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

    def _put(self, attachment_id: str, number: int, part: bytes, params: dict[str, Any]) -> None:
        """Send a chunk, or a part of one."""
        path = f"/v1/attachments/{attachment_id}/chunks/{number}"
        headers = {"Content-Type": "application/octet-stream"}
        self._bytes_sent += len(part)
        try:
            self._transport.authorised(
                lambda token: self._ask("PUT", path, token, part, headers, params=params)
            )
        except RequestRefused as refusal:
            # Settled meanwhile, by an answer that was lost: the completion tells how.
            if refusal.code != "upload_finished":
                raise _Later(refusal.detail) from refusal

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


def _bounded(answer: httpx.Response) -> Iterator[bytes]:
    """Answer a body, no further than an attachment may be long."""
    size = 0
    for piece in answer.iter_raw():
        size += len(piece)
        if size > MAX_BYTES:
            raise ServerTrouble("The answer is too long.")
        yield piece
