"""Photos and files: durable at once, sent after the ops in a lane of their own, fetched when asked.

What is attached lies on this device before anybody says "saved". Its record is an op like any
other; its bytes follow when the policy of the app lets them, chunk by chunk, and go on after any
crash with what the server still lacks.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from mobile_client_sdk.attachments.kept import Kept
from mobile_client_sdk.attachments.queue import SOONEST_MS, Queue, Unsent, Waiting
from mobile_client_sdk.attachments.wire import Later, Wire
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.records import Attachment
from mobile_client_sdk.session import SignedOut
from mobile_client_sdk.store import Store
from mobile_client_sdk.transport import Offline, RequestRefused, ServerTrouble, Transport
from sync_protocol import attachments
from sync_protocol.attachments import (
    CHUNK_BYTES,
    Identity,
    Upload,
    UploadState,
    chunk_length,
    numbers_of,
)
from sync_protocol.messages import Code, Create, Status

_FIRST_PIECE: Final = 64 * 1024
"""How much is sent at once before anything has arrived: it is lost if the app is killed."""
_AFTER_A_CUT: Final = 8 * 1024
"""How much is sent at once after a cut, until two chunks have arrived without another one."""
_AFTER_TROUBLE_MS: Final = 15_000
"""After so long a server that was in trouble is asked again: nothing is wrong with the file."""
_ROUNDS: Final = 3
"""How often the server may ask again for chunks of one file before it is left for later."""
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


class SendReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn of the lane did."""

    state: LaneState
    stored: int = 0
    """Files that the server has now."""
    bytes_sent: int = 0
    pending: int = 0
    """Files that still wait."""
    problem: str = ""


class SendProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file is."""

    attachment_id: str
    sent: int
    size: int


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
        self._outbox = outbox
        if store.row("SELECT 1 FROM sqlite_master WHERE name = 'attachment_upload'") is None:
            with store.transaction(touching=()) as connection:
                for statement in _TABLES:
                    connection.execute(statement)
        self.kept = Kept(store, clock_ms=clock_ms, random_bytes=random_bytes)
        self.wire = Wire(transport)
        self._queue = Queue(store, clock_ms)
        self._store = store
        self._looked_at: set[tuple[str, int]] = set()
        """Records whose bytes were sent or looked at, with the epoch in which that was."""
        self.kept.drop_orphans()

    def keep(self, source: bytes | str | Path) -> tuple[Identity, str]:
        """Lay bytes down durably, once; answer what they are called and which kind they are.

        :raises NotAttachable: if they are of no kind that is attached, or too many.
        """
        return self.kept.keep(source)

    def add(self, attachment_id: str, identity: Identity) -> None:
        """Let the bytes of a record wait to be sent, in the open transaction."""
        self._queue.add(attachment_id, identity)

    def unsent(self) -> list[Unsent]:
        """Answer what is not at the server, the oldest first."""
        return self._queue.unsent()

    def give_up(self, attachment_id: str) -> None:
        """Let go of a file that will not be sent, or shall not."""
        self._queue.remove(attachment_id)
        self.kept.evict()

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
        self.wire.bytes_sent = 0
        try:
            self._take_up_again()
            for waiting in filter(self._is_announced, self._queue.due()):
                try:
                    stored += self._send_one(waiting, may_send, on_progress)
                except Later as error:
                    state, problem = LaneState.WAITING, str(error)
                    self._queue.postpone(waiting, error.pause_ms)
                except ServerTrouble as error:
                    state, problem = LaneState.TRY_LATER, str(error)
                    again_ms = (error.retry_after_s or 0) * 1000
                    self._queue.postpone(waiting, again_ms, latest_ms=_AFTER_TROUBLE_MS)
        except _NotNow:
            state = LaneState.WAITING
        except Offline as error:
            state, problem = LaneState.OFFLINE, str(error)
        except SignedOut as error:
            state, problem = LaneState.SIGNED_OUT, str(error)
        pending = self._queue.pending()
        if pending and state is LaneState.COMPLETE:
            state = LaneState.WAITING
        self.kept.evict()
        return SendReport(
            state=state,
            stored=stored,
            bytes_sent=self.wire.bytes_sent,
            pending=pending,
            problem=problem,
        )

    def _take_up_again(self) -> None:
        """Let files wait again that are here, and that the server expects: it was restored."""
        for attachment_id, sha256, name, size in self._queue.expected():
            if self._note_looked_at(attachment_id):
                identity = self.kept.identity(name, size)
                # What was fetched was written anew, and is not what is expected.
                if identity.sha256 == sha256:
                    self._queue.again(attachment_id, identity)

    def _note_looked_at(self, attachment_id: str) -> bool:
        """Note that a record was looked at in the present epoch; answer whether it is news."""
        looked_at = attachment_id, int((self._store.get("progress") or {}).get("epoch", 0))
        is_news = looked_at not in self._looked_at
        self._looked_at.add(looked_at)
        return is_news

    def _is_announced(self, waiting: Waiting) -> bool:
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
        if outcome is None or outcome.code == Code.WAITING:
            return False
        if outcome.status in _SETTLED:
            return True
        self._queue.settle(waiting, outcome.code, outcome.detail)
        return False

    def _send_one(
        self,
        waiting: Waiting,
        may_send: Callable[[], bool],
        on_progress: Callable[[SendProgress], None] | None,
    ) -> int:
        """Send one file; answer 1 when the server has it now."""
        proof: str | None = waiting.possession
        for _ in range(_ROUNDS):
            if not may_send():
                raise _NotNow
            try:
                upload = self.wire.complete(waiting.attachment_id, proof)
            except RequestRefused as refusal:
                if refusal.code == "chunks_missing":
                    self._send_missing(waiting, refusal, may_send, on_progress)
                    proof = None
                    continue
                return self._take_refusal(waiting, refusal)
            return self._take(waiting, upload)
        raise Later("The server goes on asking for chunks that it was sent.")

    def _take(self, waiting: Waiting, upload: Upload) -> int:
        """Take the server's word on a file."""
        match upload.state:
            case UploadState.STORED:
                self._queue.remove(waiting.attachment_id)
                self._note_looked_at(waiting.attachment_id)
                return 1
            case UploadState.REFUSED:
                self._queue.settle(waiting, upload.code or "refused", upload.detail or "")
                return 0
            case _:
                raise Later("The server looks at the file.", pause_ms=SOONEST_MS)

    def _take_refusal(self, waiting: Waiting, refusal: RequestRefused) -> int:
        """Leave a file for later, or for good with its reason."""
        if refusal.code == "content_differs":
            if self.kept.is_whole(waiting.name, waiting.size, waiting.sha256):
                raise Later(refusal.detail) from refusal
            self._queue.settle(waiting, "file_damaged", "The file on this device is damaged.")
        elif refusal.status in _NO_LONGER or refusal.code == "attachment_too_large":
            self._queue.settle(waiting, refusal.code, refusal.detail)
        else:
            raise Later(refusal.detail) from refusal
        return 0

    def _send_missing(
        self,
        waiting: Waiting,
        lacking: RequestRefused,
        may_send: Callable[[], bool],
        on_progress: Callable[[SendProgress], None] | None,
    ) -> None:
        """Send the chunks that the server lacks, one in memory at a time.

        A turn that is cut is counted before it begins, for a killed app counts nothing.
        """
        numbers, begun = numbers_of(lacking.missing), dict(lacking.partial)
        left = sum(chunk_length(waiting.size, number) for number in numbers)
        left -= sum(begun.values())
        self._tell(waiting, waiting.size - left, on_progress)
        piece = _AFTER_A_CUT if waiting.cuts else _FIRST_PIECE
        try:
            for arrived, number in enumerate(numbers, 1):
                chunk, offset = self.kept.chunk(waiting.name, number), begun.get(number, 0)
                self._send_chunk(waiting, number, chunk, offset, piece, may_send)
                left -= len(chunk) - offset
                self._tell(waiting, waiting.size - left, on_progress)
                if arrived > 1 or not waiting.cuts:
                    piece = min(2 * piece, CHUNK_BYTES)
        except (_NotNow, Later):
            self._queue.note(waiting, waiting.size - left, is_cut=False)
            raise
        self._queue.note(waiting, waiting.size, is_cut=False)

    def _send_chunk(
        self,
        waiting: Waiting,
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
            self.wire.put(waiting.attachment_id, number, part, {"sha256": sha256, "offset": offset})
            offset += len(part)

    def _tell(
        self,
        waiting: Waiting,
        sent: int,
        on_progress: Callable[[SendProgress], None] | None,
    ) -> None:
        """Keep how far a file is within its turn, and say it."""
        self._queue.note(waiting, sent, is_cut=True)
        if on_progress is not None:
            on_progress(
                SendProgress(attachment_id=waiting.attachment_id, sent=sent, size=waiting.size)
            )

    # ----------------------------------------------------------------------------- fetching

    def content(self, attachment: Attachment) -> bytes:
        """Answer the bytes of an attachment: those that are here, or the server's, kept from then.

        :raises Offline: if they are not here and the server cannot be reached.
        :raises RequestRefused: if the server has none.
        """
        return self._fetched(attachment.id, "content", attachment.sha256)

    def thumbnail(self, attachment: Attachment) -> bytes:
        """Answer a small JPEG of an attachment; raises as ``content`` does."""
        return self._fetched(attachment.id, "thumbnail", f"small {attachment.sha256}")

    def _fetched(self, attachment_id: str, what: str, key: str) -> bytes:
        """Answer the bytes of a key, fetched if they are not here."""
        held = self.kept.read(key)
        if held is None:
            self.wire.fetch(attachment_id, what, partial(self.kept.take, key))
            held = self.kept.read(key)
            assert held is not None, "what was fetched is here"
        return held
