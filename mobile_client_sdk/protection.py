"""Open a store encrypted, under its lease; destroy it when the server says so.

Beside ``rep.db`` lie ``rep.db.lease`` (the sealed record) and, where the device has no keystore,
``rep.db.key``. What a wiped or locked-out device leaves behind is ``rep.db.outbox``.
"""

import os
from collections.abc import Callable
from pathlib import Path

from mobile_client_sdk import backup
from mobile_client_sdk.attachments.files import remove_files
from mobile_client_sdk.keys import FileKeyKeeper, KeyKeeper, KeyMissing, WrongKey
from mobile_client_sdk.lease import LeaseEnded, StoreWiped, Vault, uptime_ms
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.session import Session, Sessions
from mobile_client_sdk.store import (
    Store,
    StoreUnusable,
    encrypt_store,
    is_plain,
    open_store,
    store_files,
)


class Protection:
    """The encryption of one store file."""

    def __init__(
        self,
        path: str | Path,
        *,
        keeper: KeyKeeper | None = None,
        passphrase: str | None = None,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int] = uptime_ms,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.path = Path(path)
        self._clock_ms = clock_ms
        self._random_bytes = random_bytes
        self.vault = Vault(
            self.path.with_name(self.path.name + ".lease"),
            keeper
            or FileKeyKeeper(
                self.path.with_name(self.path.name + ".key"),
                passphrase=passphrase,
                random_bytes=random_bytes,
            ),
            clock_ms=clock_ms,
            uptime_ms=uptime_ms,
            random_bytes=random_bytes,
        )
        self.vault.before_end = self._seal_before_the_end

    def open(self) -> Store:
        """Open the store, or make it; one that was not encrypted is encrypted now.

        :raises LeaseEnded: if the device was without its server for too long.
        :raises KeyMissing: if the store is encrypted and its key is not on this device.
        :raises WrongKey: if the key, the passphrase or the keystore is another one.
        :raises StoreWiped: if the device's right was taken away.
        """
        if not self.vault.exists:
            if self.path.exists() and self.path.stat().st_size and not is_plain(self.path):
                raise KeyMissing(f"{self.path.name} is encrypted and its key is not here.")
            key = self.vault.create()
        else:
            if self.vault.record.is_wiping:
                self.wipe()
                raise StoreWiped("This device was signed out and its store was destroyed.")
            key = self.vault.open()
        if is_plain(self.path):
            encrypt_store(self.path, key)
        store = self._open(key)
        self._take_over_session(store)
        store.guard = lambda: self._ensure_lease(store)
        return store

    def _ensure_lease(self, store: Store) -> None:
        try:
            self.vault.ensure()
        except LeaseEnded:
            # The connection knows the key: it ends with the lease.
            store.close()
            raise

    def reopen(self, store: Store) -> None:
        """Open a store again whose lease was renewed."""
        store.reopen(self.vault.open())
        self.left_behind.unlink(missing_ok=True)

    def _open(self, key: bytes) -> Store:
        try:
            return open_store(self.path, key=key)
        except StoreUnusable as error:
            if "newer" in str(error):
                raise
            raise WrongKey(f"{self.path.name} is encrypted with another key.") from error

    def _take_over_session(self, store: Store) -> None:
        """Keep the session where it can be read while the store cannot."""
        kept = store.get("session")
        if kept is not None:
            self.vault.put("session", kept)
            store.put("session", None)

    # --------------------------------------------------------------------------------- wipes

    @property
    def left_behind(self) -> Path:
        """Answer where the words are that never reached the server."""
        return left_behind(self.path)

    def _seal_before_the_end(self, key: bytes) -> None:
        """Before the lease ends, seal for the server what waits: it may never be renewed."""
        if self.vault.record.seal_key is not None and self.path.exists():
            self._save_words(open_store(self.path, key=key))

    def wipe(self) -> Path | None:
        """Destroy the store and its key; answer where unsent words were saved, if there were any.

        A crash in between is no harm: opening the store goes on with it.
        """
        self.vault.begin_wipe()
        key = self.vault.key_for_wipe()
        if key is not None and self.path.exists():
            self._save_words(self._open(key))
        destroy_files(self.path)
        self.vault.destroy()
        return self.left_behind if self.left_behind.exists() else None

    def _save_words(self, store: Store) -> None:
        try:
            session = Sessions(self.vault).current
            seal_key = self.vault.record.seal_key
            save_words(
                store,
                session,
                self.left_behind,
                now_ms=self._clock_ms(),
                seal_key=seal_key,
                random_bytes=self._random_bytes,
            )
        finally:
            store.close()


def left_behind(path: Path) -> Path:
    """Answer where the words of a store go that never reached the server."""
    return path.with_name(path.name + ".outbox")


def save_words(
    store: Store,
    session: Session | None,
    path: Path,
    *,
    now_ms: int,
    seal_key: bytes | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> None:
    """Save what waits in the outbox, sealed for the server where it has given a key to seal with.

    Without such a key the file is readable by who has it: it holds what its writer wrote and the
    server never saw, and nothing that the server had sent.
    """
    words = backup.words_of(store, Outbox(store))
    if session is None or not (words.pending or words.refused):
        return
    backup.write(
        path,
        words,
        session,
        now_ms=now_ms,
        seal_key=seal_key,
        random_bytes=random_bytes,
    )


def destroy_files(path: Path) -> None:
    """Overwrite and remove a store's files, and remove those of its attachments."""
    remove_files(path)
    for file in store_files(path):
        if not file.exists():
            continue
        with file.open("r+b") as content:
            left = file.stat().st_size
            while left > 0:
                left -= content.write(bytes(min(left, 1 << 20)))
            content.flush()
            os.fsync(content.fileno())
        file.unlink()
