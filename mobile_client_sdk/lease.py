"""The right to open a store, which ends unless the server goes on giving it.

A record beside the store holds its data key, the tokens and the lease, sealed by the device's
``KeyKeeper``. Each contact with the server begins the lease anew. When it ends, the server's share
of the key is erased from the record and the keeper's own key is turned over, so that neither this
record nor an older copy of it opens the store; the next contact brings the share back. The store's
file is not touched by any of it, so nothing that waits in the outbox is lost.
"""

import time
from collections.abc import Callable
from os import name as system_name
from os import urandom
from pathlib import Path
from typing import Any, Final

import msgspec

from mobile_client_sdk.keys import (
    KeyKeeper,
    KeyMissing,
    Turns,
    WrongKey,
    derive,
    destroy_file,
    seal,
    unseal,
    write_durably,
)
from mobile_client_sdk.session import Terms
from mobile_client_sdk.store import StoreUnusable

HOUR_MS: Final = 3_600_000
DEFAULT_LEASE_MS: Final = 72 * HOUR_MS
"""How long a device may go without its server where the server does not say."""
_BACK_MS: Final = 5 * 60_000
"""A clock that went back by less is set right, not set back."""
_FRESH_MS: Final = 60_000
"""A contact within this time of the last one does not write the record again."""
_NOTED_MS: Final = 60_000
"""While the store is used, how late it is is kept so often: an app may be killed at any moment."""
_KEY_BYTES: Final = 32
_ABOUT_RECORD: Final = b"tonglu lease record 1"
_ABOUT_KEY: Final = b"tonglu data key 1"


class LeaseEnded(StoreUnusable):
    """The device was without its server for too long. All is kept; the next contact opens it."""


class ClockSetBack(LeaseEnded):
    """The device's clock is earlier than it was. Set it right, or let the server be asked."""


class StoreWiped(StoreUnusable):
    """The device's right was taken away and its store was destroyed."""


class LeaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept beside a store, sealed as a whole."""

    wrapped_key: bytes
    """The data key, under the share."""
    share: bytes | None = b""
    """The server's part of the key: empty where the server gives none, none when it is erased."""
    is_over: bool = False
    """The lease has ended, and no contact since."""
    lease_ms: int = DEFAULT_LEASE_MS
    contact_ms: int | None = None
    """This device's clock at the last contact; none before the first."""
    seen_ms: int = 0
    """The latest that this device's clock was seen to say since then."""
    seen_up_ms: int | None = None
    """The uptime at that moment; none in a record of an older app."""
    values: dict[str, Any] = {}
    """What must be readable while the store is not: who the device is, its tokens."""
    seal_key: bytes | None = None
    """The server's public key for what a wiped device leaves behind."""
    is_wiping: bool = False
    """The wipe has begun; whoever finds this goes on with it."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What an app may show of the lease."""

    ends_at_ms: int | None
    """By this device's clock; none before the device is enrolled."""
    is_over: bool
    lease_ms: int


def uptime_ms() -> int:
    """Tell a time that nobody can set, which also goes on while the device sleeps."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is not None:
        return time.clock_gettime_ns(boottime) // 1_000_000
    if system_name == "posix":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
    return time.monotonic_ns() // 1_000_000


class Vault:
    """The record of one store, and the lease that it holds."""

    def __init__(
        self,
        path: Path,
        keeper: KeyKeeper,
        *,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int] = uptime_ms,
        random_bytes: Callable[[int], bytes] = urandom,
    ) -> None:
        self._path = path
        self._keeper = keeper
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._random_bytes = random_bytes
        # Another process may have the store open as well.
        self._lock = Turns(path.parent)
        self.before_end: Callable[[bytes], None] | None = None
        """Called with the data key just before it can no longer be had here."""
        self._key: bytes | None = None
        self._ends_up_ms: int | None = None
        """The end of the lease by the uptime, which a person cannot set."""
        self._opened = (0, 0)
        self._noted_up_ms = 0

    @property
    def exists(self) -> bool:
        """Answer whether there is a record."""
        return self._path.exists()

    @property
    def record(self) -> LeaseRecord:
        """Read the record.

        :raises WrongKey: if it was changed, or sealed by another key.
        """
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError as error:
            raise KeyMissing(f"The key of this store is not here ({self._path.name}).") from error
        content = self._keeper.unwrap(sealed, _ABOUT_RECORD)
        return msgspec.msgpack.decode(content, type=LeaseRecord)

    @property
    def lease(self) -> Lease:
        """Answer how long the store may still be opened."""
        record = self.record
        started = record.contact_ms
        ends = None if started is None else started + record.lease_ms
        return Lease(ends_at_ms=ends, is_over=record.is_over, lease_ms=record.lease_ms)

    # ------------------------------------------------------------------------------- opening

    def create(self) -> bytes:
        """Make a data key and its record; answer the key."""
        key = self._random_bytes(_KEY_BYTES)
        self._save(LeaseRecord(wrapped_key=self._wrap(key, b"")))
        return self.open()

    def open(self) -> bytes:
        """Answer the data key while the lease lasts.

        :raises LeaseEnded: after its end; also with the clock set back.
        :raises WrongKey: if the keeper is not the one of this store.
        """
        with self._lock:
            record, now_ms = self.record, self._clock_ms()
            if record.is_wiping:
                raise StoreWiped("This device was signed out and its store was destroyed.")
            if record.is_over or record.share is None:
                raise LeaseEnded("This device was without its server for too long; sync to go on.")
            if record.contact_ms is not None:
                if self._late_ms(record, now_ms) - record.contact_ms >= record.lease_ms:
                    self.end()
                    raise LeaseEnded(
                        "This device was without its server for too long; sync to go on."
                    )
                if now_ms < record.seen_ms - _BACK_MS:
                    raise ClockSetBack(
                        "The clock of this device was set back; set it right, or sync to go on."
                    )
            self._key = self._unwrap(record.wrapped_key, record.share)
            self._note_time(record, now_ms)
            return self._key

    def ensure(self) -> None:
        """Refuse to go on after the end of the lease; asked at each use of the store.

        :raises LeaseEnded: after its end.
        """
        if self._key is None:
            raise LeaseEnded("This device was without its server for too long; sync to go on.")
        up_ms = self._uptime_ms()
        if self._ends_up_ms is not None and up_ms >= self._ends_up_ms:
            self.end()
            raise LeaseEnded("This device was without its server for too long; sync to go on.")
        if up_ms - self._noted_up_ms >= _NOTED_MS:
            self.pause()

    def end(self) -> None:
        """Let the lease be over: nothing on this device opens the store until a contact."""
        with self._lock:
            record = self.record
            if self.before_end is not None and record.share is not None:
                self.before_end(self._unwrap(record.wrapped_key, record.share))
            self._key = None
            share = record.share if record.share == b"" else None
            self._keeper.turn_over()
            self._save(msgspec.structs.replace(record, share=share, is_over=True))
            self._keeper.forget_earlier()

    @property
    def is_gone(self) -> bool:
        """Answer whether the key was destroyed."""
        return not self.exists

    def pause(self) -> None:
        """Keep how late it is, as when the app is closed: the clock does not go back behind it."""
        with self._lock:
            if self._key is None or self.is_gone:
                return
            record = self.record
            opened_ms, opened_up_ms = self._opened
            self._noted_up_ms = self._uptime_ms()
            real_ms = opened_ms + self._noted_up_ms - opened_up_ms
            if record.contact_ms is not None and real_ms > record.seen_ms:
                self._save(
                    msgspec.structs.replace(record, seen_ms=real_ms, seen_up_ms=self._noted_up_ms)
                )

    def _late_ms(self, record: LeaseRecord, now_ms: int) -> int:
        """Answer how late it is at least, whatever the clock says.

        A device that was not started anew has been up for as long as has gone by. One that was
        tells less, since its uptime began at nought later than that moment.
        """
        gone_by = 0
        if record.seen_up_ms is not None:
            gone_by = max(0, self._uptime_ms() - record.seen_up_ms)
        return max(now_ms, record.seen_ms + gone_by)

    def _note_time(self, record: LeaseRecord, now_ms: int) -> None:
        # A clock may be a little behind what was seen; that time does not come back.
        late_ms = self._late_ms(record, now_ms)
        self._opened = (late_ms, self._uptime_ms())
        self._noted_up_ms = self._opened[1]
        if record.contact_ms is None:
            return
        self._ends_up_ms = self._opened[1] + record.contact_ms + record.lease_ms - late_ms
        if late_ms > record.seen_ms:
            self._save(
                msgspec.structs.replace(record, seen_ms=late_ms, seen_up_ms=self._noted_up_ms)
            )

    # ------------------------------------------------------------------------------ contacts

    def contact(self, terms: Terms | None = None) -> None:
        """Begin the lease anew: the server has just answered this device.

        :raises WrongKey: if the server's share is not the one that opens the store.
        """
        with self._lock:
            now_ms, up_ms = self._clock_ms(), self._uptime_ms()
            before = self.record
            record = self._on_terms(before, terms or Terms())
            if record.share is None:
                return
            self._opened = (now_ms, up_ms)
            self._noted_up_ms = up_ms
            self._ends_up_ms = up_ms + record.lease_ms
            is_news = (
                record != before
                or before.is_over
                or before.contact_ms is None
                or not 0 <= now_ms - before.contact_ms < _FRESH_MS
            )
            if is_news:
                self._save(
                    msgspec.structs.replace(
                        record,
                        contact_ms=now_ms,
                        seen_ms=now_ms,
                        seen_up_ms=up_ms,
                        is_over=False,
                    )
                )
            if self._key is None:
                self._key = self._unwrap(record.wrapped_key, record.share)

    def _on_terms(self, record: LeaseRecord, terms: Terms) -> LeaseRecord:
        """Answer the record as the server wants it."""
        if terms.lease_ms is not None:
            record = msgspec.structs.replace(record, lease_ms=terms.lease_ms)
        if terms.seal_key is not None:
            record = msgspec.structs.replace(record, seal_key=terms.seal_key)
        if not terms.lease_shares:
            return record
        key = self._key_by(record, terms.lease_shares)
        newest = terms.lease_shares[0]
        if record.share == newest:
            return record
        wrapped = self._wrap(key, newest)
        return msgspec.structs.replace(record, wrapped_key=wrapped, share=newest)

    def _key_by(self, record: LeaseRecord, shares: tuple[bytes, ...]) -> bytes:
        """Answer the data key, by the share that is here or by one that the server gave."""
        here = () if record.share is None else (record.share,)
        for share in (*here, *shares):
            try:
                return self._unwrap(record.wrapped_key, share)
            except WrongKey:
                continue
        raise WrongKey("The server's share does not open this store.")

    # -------------------------------------------------------------------------------- values

    def get(self, key: str) -> Any:
        """Answer a value that is readable also after the end of the lease, or none."""
        return self.record.values.get(key)

    def put(self, key: str, value: object) -> None:
        """Remember such a value durably."""
        with self._lock:
            record = self.record
            values = {**record.values, key: value}
            self._save(msgspec.structs.replace(record, values=values))

    # --------------------------------------------------------------------------------- wipes

    def begin_wipe(self) -> None:
        """Note that the wipe has begun, so that a crash does not stop it."""
        with self._lock:
            self._save(msgspec.structs.replace(self.record, is_wiping=True))

    def key_for_wipe(self) -> bytes | None:
        """Answer the data key for what is saved before the wipe; none if it cannot be had."""
        record = self.record
        return None if record.share is None else self._unwrap(record.wrapped_key, record.share)

    def destroy(self) -> None:
        """Destroy the key: what it encrypted is noise from now on."""
        with self._lock:
            self._key = None
            self._keeper.destroy()
            destroy_file(self._path)

    # ------------------------------------------------------------------------------- sealing

    def _save(self, record: LeaseRecord) -> None:
        write_durably(self._path, self._keeper.wrap(msgspec.msgpack.encode(record), _ABOUT_RECORD))

    def _wrap(self, key: bytes, share: bytes) -> bytes:
        return seal(derive(share or b"\0", b"share"), key, _ABOUT_KEY, self._random_bytes)

    def _unwrap(self, wrapped: bytes, share: bytes) -> bytes:
        return unseal(derive(share or b"\0", b"share"), wrapped, _ABOUT_KEY)
