"""The files that are on this device: what waits to be sent, and what was fetched."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from mobile_client_sdk.attachments.files import Files, pieces_of
from mobile_client_sdk.store import Store
from sync_protocol import attachments
from sync_protocol.attachments import MAX_BYTES, SNIFFED_BYTES, Hasher, Identity

CACHE_BYTES: Final = 200 * 1024 * 1024
"""How many bytes of fetched files are kept; what waits to be sent is kept beside."""
_ORPHANS_AFTER_MS: Final = 24 * 3_600_000


class NotAttachable(Exception):
    """The bytes are of no kind that may be attached, or too many."""


class Kept:
    """The files of one store, each under the name of its bytes."""

    def __init__(
        self,
        store: Store,
        *,
        clock_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._files = Files(store, random_bytes)
        self.cache_bytes = CACHE_BYTES

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
        with self._store.transaction(touching=()) as connection:
            held = self.held(identity.sha256)
            if held is None:
                connection.execute(
                    "INSERT OR REPLACE INTO attachment_file VALUES (?, ?, ?, ?)",
                    (identity.sha256, name, identity.size, self._clock_ms()),
                )
        if held is not None:
            self._files.remove(name)
        return identity

    def held(self, key: str) -> tuple[str, int] | None:
        """Answer the name and the size of a file."""
        row = self._store.row("SELECT name, size FROM attachment_file WHERE sha256 = ?", (key,))
        return None if row is None else (row[0], row[1])

    def take(self, key: str, pieces: Iterable[bytes], named: str) -> bool:
        """Keep bytes that come from elsewhere under a key, unless their hash is another one."""
        name, identity = self._files.write(pieces)
        if named and identity.sha256 != named:
            self._files.remove(name)
            return False
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO attachment_file VALUES (?, ?, ?, ?)",
                (key, name, identity.size, self._clock_ms()),
            )
        self.evict(but=key)
        return True

    def read(self, key: str) -> bytes | None:
        """Answer the bytes of a file as looked at now, or none where it is not here."""
        held = self.held(key)
        if held is None:
            return None
        with self._store.transaction(touching=()) as connection:
            connection.execute(
                "UPDATE attachment_file SET used_ms = ? WHERE sha256 = ?", (self._clock_ms(), key)
            )
        return b"".join(self._files.chunks(*held))

    def chunk(self, name: str, number: int) -> bytes:
        """Answer one chunk of a file."""
        return self._files.chunk(name, number)

    def is_whole(self, name: str, size: int, sha256: str) -> bool:
        """Answer whether a file is still what it was."""
        return self.identity(name, size).sha256 == sha256

    def identity(self, name: str, size: int) -> Identity:
        """Answer what the bytes of a file are called."""
        hasher = Hasher()
        for chunk in self._files.chunks(name, size):
            hasher.update(chunk)
        return hasher.identity()

    def evict(self, *, but: str = "") -> None:
        """Let go of the files that were not looked at for longest; what waits to be sent stays."""
        with self._store.transaction(touching=()) as connection:
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

    def drop_orphans(self) -> None:
        """Let go of files that a crash left before they were noted."""
        found = self._files.names()
        if not found:
            return
        named = {row[0] for row in self._store.rows("SELECT name FROM attachment_file")}
        before_ms = self._clock_ms() - _ORPHANS_AFTER_MS
        for name, written_ms in found:
            if name not in named and written_ms < before_ms:
                self._files.remove(name)
