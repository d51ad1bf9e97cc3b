"""What was made here and what became of it: what waits, what was refused, and all as a file."""

from pathlib import Path

import msgspec

from mobile_client_sdk import backup
from mobile_client_sdk.client.device import Device
from mobile_client_sdk.conflicts import Refusal, refusal
from mobile_client_sdk.outbox import MadeOp
from mobile_client_sdk.records import Record
from sync_protocol.messages import Outcome


class RequestState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of something that was asked of the server, such as a benefit."""

    id: str
    outcome: Outcome | None
    """None while it waits to be sent."""


class Made(Device):
    """The changes of this device on their way to the server."""

    @property
    def pending_count(self) -> int:
        """Answer how many changes the server has not settled."""
        return self._outbox.pending_count()

    def refusals(self) -> list[Refusal]:
        """Answer what the server did not accept and nobody has looked at."""
        return [refusal(made) for made in self._outbox.refusals()]

    def forget_refusal(self, number: int) -> None:
        """Note that somebody has looked at a refusal."""
        self._outbox.mark_seen(number)

    def pending(self) -> list[MadeOp]:
        """Answer what waits for the server, the oldest first."""
        self._outbox.flush()
        return [
            MadeOp(kept.op, None) for kept in backup.words_of(self._store, self._outbox).pending
        ]

    def history(self, record: Record) -> list[MadeOp]:
        """Answer what was done to a record on this device, while it is kept."""
        self._outbox.flush()
        return self._outbox.by_record(record.id)

    def request(self, request_id: str) -> RequestState | None:
        """Answer what is known of something that was asked for, while it is kept."""
        self._outbox.flush()
        made = self._outbox.by_record(request_id)
        return None if not made else RequestState(id=request_id, outcome=made[-1].outcome)

    def export_outbox(self, path: str | Path, *, passphrase: str | None = None) -> backup.Head:
        """Write what the server has not settled into a file, for another device or for support.

        :raises SignedOut: before the device was enrolled.
        """
        self._outbox.flush()
        return backup.write(
            Path(path),
            backup.words_of(self._store, self._outbox),
            self._sessions.require(),
            now_ms=self._clock_ms(),
            passphrase=passphrase,
            random_bytes=self._random_bytes,
        )

    def import_outbox(self, path: str | Path, *, passphrase: str | None = None) -> backup.Import:
        """Take the changes of such a file into this device's outbox; twice is once.

        They are sent as this device's person.

        :raises BackupUnusable: if the file is damaged, sealed, or of another company.
        """
        head, words = backup.read(Path(path), passphrase=passphrase)
        return backup.take_in(self._store, self._outbox, head, words, self._sessions.require())
