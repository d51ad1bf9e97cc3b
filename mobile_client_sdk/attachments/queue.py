"""The files that wait to be sent: how far each is, when it is due, and why one will not be."""

from collections.abc import Callable
from typing import Final

import msgspec

from mobile_client_sdk.store import Store
from sync_protocol.attachments import Identity

SOONEST_MS: Final = 2_000
_LATEST_MS: Final = 3_600_000


class Unsent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not at the server."""

    attachment_id: str
    size: int
    sent: int
    code: str | None
    """Why it will not be sent; none while it waits."""
    detail: str | None


class Waiting(msgspec.Struct, frozen=True):
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


class Queue:
    """What one store has to send, the oldest first."""

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms

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

    def expected(self) -> list[tuple[str, str, str, int]]:
        """Answer records whose bytes the server expects, are here and do not wait.

        Each with the hash, and with the name and the size of the file. They do not wait since they
        were stored once, or the server did not know their record.
        """
        return self._store.rows(
            "SELECT a.id, a.sha256, f.name, f.size FROM base_attachment a "
            "JOIN attachment_file f ON f.sha256 = a.sha256 "
            "LEFT JOIN attachment_upload u ON u.attachment_id = a.id "
            "WHERE a.state = 'expected' AND (u.attachment_id IS NULL OR u.code = 'not_found') "
            "ORDER BY a.id"
        )

    def again(self, attachment_id: str, identity: Identity) -> None:
        """Let the bytes of a record wait once more."""
        with self._store.transaction(touching=()):
            self.remove(attachment_id)
            self.add(attachment_id, identity)

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

    def remove(self, attachment_id: str) -> None:
        """Let a file wait no longer: it arrived, or will not be sent."""
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "DELETE FROM attachment_upload WHERE attachment_id = ?", (attachment_id,)
            )

    def due(self) -> list[Waiting]:
        """Answer what no pause holds back."""
        rows = self._store.rows(
            "SELECT u.attachment_id, u.sha256, u.possession, u.size, u.tries, u.cuts, f.name "
            "FROM attachment_upload u JOIN attachment_file f ON f.sha256 = u.sha256 "
            "WHERE u.code IS NULL AND u.due_ms <= ? ORDER BY u.added_ms, u.attachment_id",
            (self._clock_ms(),),
        )
        return [Waiting(*row) for row in rows]

    def note(self, waiting: Waiting, sent: int, *, is_cut: bool) -> None:
        """Keep how far a file is, and whether the turn would be cut if it ended now."""
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "UPDATE attachment_upload SET sent = ?, tries = 0, cuts = ? "
                "WHERE attachment_id = ?",
                (sent, waiting.cuts + is_cut, waiting.attachment_id),
            )

    def postpone(
        self, waiting: Waiting, pause_ms: int | None = None, *, latest_ms: int = _LATEST_MS
    ) -> None:
        """Leave a file for later, each time for longer, or for as long as the server asks."""
        pause = pause_ms or min(SOONEST_MS * 2**waiting.tries, latest_ms)
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "UPDATE attachment_upload SET due_ms = ?, tries = tries + 1 "
                "WHERE attachment_id = ?",
                (self._clock_ms() + pause, waiting.attachment_id),
            )

    def settle(self, waiting: Waiting, code: str, detail: str) -> None:
        """Note why a file will not be sent; it stays here until somebody lets go of it."""
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "UPDATE attachment_upload SET code = ?, detail = ? WHERE attachment_id = ?",
                (code, detail, waiting.attachment_id),
            )

    def pending(self) -> int:
        """Count what still waits."""
        return int(self._store.row("SELECT count(*) FROM attachment_upload WHERE code IS NULL")[0])
