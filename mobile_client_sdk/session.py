"""Who this device is to the server: enrolled once, renewed by a token that is used once.

Each new refresh token is on the disk before the access token that came with it is used, so that a
crash never leaves the device with a token that was spent.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

EARLY_MS: Final = 30_000
"""An access token is renewed this long before it ends."""

_ASKED_FOR: Final = "device_id"
"""The id under which a device has asked to be enrolled."""


class SignedOut(Exception):
    """The server no longer knows this device. What was done here is kept; sign in again."""


class DeviceRevoked(SignedOut):
    """The server took this device's right away: what it sent here is to be destroyed."""

    code = "device_revoked"


class ProtectionNeeded(Exception):
    """The company wants encrypted stores alone, and this one is not."""

    code = "store_unprotected"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the device knows about itself."""

    device_id: str
    tenant_id: str
    user_id: str
    access_token: str
    refresh_token: str
    expires_at_ms: int
    """By this device's clock."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On which terms the server lets a device keep data; what it does not say stays as it was."""

    lease_ms: int | None = None
    """How long the store may be opened after a contact."""
    lease_shares: tuple[bytes, ...] = ()
    """The server's part of the store's key, the newest first."""
    seal_key: bytes | None = None
    """The server's public key (X25519) for what a wiped device leaves behind."""
    lease_only: bool = False
    """The tenant wants no store that goes on without a lease, as an unprotected one does."""


class Enrolment(Terms, frozen=True, kw_only=True):
    """The server's answer to an enrolment."""

    device_id: str
    tenant_id: str
    user_id: str
    access_token: str
    refresh_token: str
    expires_in_s: int


class Renewal(Terms, frozen=True, kw_only=True):
    """The server's answer to a refresh."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class SessionPlace(Protocol):
    """Where a session is kept: the store, or beside it where that is encrypted."""

    def get(self, key: str) -> Any:
        """Answer a remembered value, or none."""
        ...

    def put(self, key: str, value: object) -> None:
        """Remember a value durably."""
        ...


class Sessions:
    """The session of one store. ``on_terms`` is told what the server says with its tokens."""

    def __init__(
        self, place: SessionPlace, *, on_terms: Callable[[Terms], None] | None = None
    ) -> None:
        self._place = place
        self._on_terms = on_terms

    @property
    def current(self) -> Session | None:
        """Answer the session, or none before the first sign-in."""
        stored = self._place.get("session")
        return None if stored is None else msgspec.convert(stored, Session)

    def require(self) -> Session:
        """Answer the session.

        :raises SignedOut: before the first sign-in.
        """
        session = self.current
        if session is None:
            raise SignedOut("This device is not enrolled.")
        return session

    def device_id(self, make: Callable[[], str]) -> str:
        """Answer the id under which this device enrols: the one that it has, or had asked for."""
        session = self.current
        if session is not None:
            return session.device_id
        asked_for = self._place.get(_ASKED_FOR)
        return self.another_device_id(make) if asked_for is None else str(asked_for)

    def another_device_id(self, make: Callable[[], str]) -> str:
        """Answer a new id, which is on the disk before anybody hears of it."""
        device_id = make()
        self._place.put(_ASKED_FOR, device_id)
        return device_id

    def begin(self, enrolment: Enrolment, now_ms: int) -> Session:
        """Keep the session of a new enrolment.

        :raises SignedOut: if the store belongs to somebody else.
        """
        before = self.current
        if before is not None and (before.tenant_id, before.user_id) != (
            enrolment.tenant_id,
            enrolment.user_id,
        ):
            raise SignedOut("This store belongs to another person; open a new one.")
        self._take(enrolment)
        session = Session(
            device_id=enrolment.device_id,
            tenant_id=enrolment.tenant_id,
            user_id=enrolment.user_id,
            access_token=enrolment.access_token,
            refresh_token=enrolment.refresh_token,
            expires_at_ms=now_ms + enrolment.expires_in_s * 1000,
        )
        return self._keep(session)

    def renew(self, renewal: Renewal, now_ms: int) -> Session:
        """Keep the tokens of a refresh."""
        session = self._keep(
            msgspec.structs.replace(
                self.require(),
                access_token=renewal.access_token,
                refresh_token=renewal.refresh_token,
                expires_at_ms=now_ms + renewal.expires_in_s * 1000,
            )
        )
        self._take(renewal)
        return session

    def _take(self, terms: Terms) -> None:
        if self._on_terms is not None:
            self._on_terms(terms)

    def _keep(self, session: Session) -> Session:
        self._place.put("session", msgspec.to_builtins(session))
        return session
