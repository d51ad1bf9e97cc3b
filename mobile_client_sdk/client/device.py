"""What a client is made of: a store, a way to the server, and the right to open the store."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from mobile_client_sdk.attachments import Lane
from mobile_client_sdk.engine import DEFAULT_PAGE
from mobile_client_sdk.lease import Lease, LeaseEnded, StoreWiped, uptime_ms
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.protection import Protection, destroy_files, left_behind, save_words
from mobile_client_sdk.replica import Progress, Replica
from mobile_client_sdk.session import ProtectionNeeded, Session, Sessions, Terms
from mobile_client_sdk.steady import Steady
from mobile_client_sdk.store import Store, StoreUnusable
from mobile_client_sdk.transport import Transport
from mobile_client_sdk.views import Views
from sync_protocol import codec


class Device:
    """One person's device: who it is, what it keeps, and for how long."""

    def __init__(  # noqa: PLR0913 - here all parts of a client are put together
        self,
        store: Store,
        base_url: str,
        *,
        clock_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        http: httpx.BaseTransport | None = None,
        media: codec.MediaType = codec.MSGPACK,
        page: int = DEFAULT_PAGE,
        protection: Protection | None = None,
        app_version: str = "",
        uptime_ms: Callable[[], int] = uptime_ms,
    ) -> None:
        self._store = store
        self._protection = protection
        self.base_url = base_url
        self._clock_ms = clock_ms
        self._random_bytes = random_bytes
        self._page = page
        self._app_version = app_version
        place = store if protection is None else protection.vault
        self._sessions = Sessions(place, on_terms=self._on_terms)
        self._outbox = Outbox(store)
        self._replica = Replica(store)
        self._views = Views(store)
        self._steady = Steady(store, uptime_ms=uptime_ms)
        self._transport = Transport(
            base_url,
            self._sessions,
            clock_ms,
            http=http,
            media=media,
            is_protected=store.is_protected,
            waiting=self._outbox.pending_count,
        )
        self._lane = Lane(
            store, self._outbox, self._transport, clock_ms=clock_ms, random_bytes=random_bytes
        )
        self._seq = self._replica.progress.seq
        self._last_pending = self._outbox.pending_count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the store."""
        self._transport.close()
        if self._store.is_closed:
            return
        if self._protection is not None:
            self._protection.vault.pause()
        self._store.close()

    def enrol(self, code: str, *, device_name: str, platform: str = "python") -> Session:
        """Make this device known by a one-time code.

        A device that was signed out comes back as the one that it was: what it sent last is known.

        :raises RequestRefused: if the code is not valid.
        :raises Offline: if the server cannot be reached.
        :raises ProtectionNeeded: if the company wants encrypted stores alone and this one is not.
        """
        session = self._transport.enrol(
            code,
            device_name=device_name,
            platform=platform,
            made=self._made(),
            random_bytes=self._random_bytes,
        )
        self._unlock()
        return session

    def _made(self) -> int | None:
        """Answer how many ops were made here, or none while the store is locked."""
        if self._store.is_closed:
            return None
        try:
            return self._outbox.next_number() - 1
        except StoreUnusable:
            return None

    @property
    def session(self) -> Session | None:
        """Answer who this device is, or none before it is enrolled."""
        return self._sessions.current

    @property
    def sessions(self) -> Sessions:
        """Answer where the session is kept, for those who speak to the server beside ``sync``."""
        return self._sessions

    def shown_seq(self) -> int:
        """Answer the sequence that reads show."""
        return self._seq

    @property
    def is_protected(self) -> bool:
        """Answer whether the store is encrypted."""
        return self._store.is_protected

    @property
    def lease(self) -> Lease | None:
        """Answer how long the store opens without the server; none where it has no lease."""
        return None if self._protection is None else self._protection.vault.lease

    @property
    def is_loaded(self) -> bool:
        """Answer whether a first load has been completed."""
        return self._replica.is_loaded

    @property
    def progress(self) -> Progress:
        """Answer how far the replica is, also within a first load."""
        return self._replica.progress

    def _on_terms(self, terms: Terms) -> None:
        """Take what the server says with its tokens."""
        if self._protection is not None:
            self._protection.vault.contact(terms)
        elif terms.lease_only and not self.is_protected:
            raise ProtectionNeeded(
                "Your company wants encrypted stores; install the extra `protected`."
            )

    def _unlock(self) -> None:
        """Ask the server for the store's lease, where it has ended while the client was open."""
        if self._protection is None or self._protection.vault.is_gone:
            return
        try:
            self._protection.vault.ensure()
        except LeaseEnded:
            self._store.close()
            self._transport.renew()
        if self._store.is_closed:
            self._protection.reopen(self._store)

    def _wipe(self) -> Path | None:
        """Destroy what the server had sent here, after saving what it has not settled."""
        session, now_ms = self._sessions.current, self._clock_ms()
        if self._protection is not None:
            self._store.close()
            saved_to = self._protection.wipe()
        else:
            saved_to = left_behind(self._store.path)
            save_words(self._store, session, saved_to, now_ms=now_ms)
            self._store.close()
            destroy_files(self._store.path)
        self._store.guard = _refuse_wiped
        return saved_to if saved_to is not None and saved_to.exists() else None


def _refuse_wiped() -> None:
    raise StoreWiped("This device was signed out and its store was destroyed.")
