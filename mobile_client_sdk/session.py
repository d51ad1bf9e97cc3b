"""Who this device is to the server: enrolled once, renewed by a token that is used once.

Each new refresh token is on the disk before the access token that came with it is used, so that a
crash never leaves the device with a token that was spent.
"""

from typing import Final

import msgspec

from mobile_client_sdk.store import Store

EARLY_MS: Final = 30_000
"""An access token is renewed this long before it ends."""


class SignedOut(Exception):
    """The server no longer knows this device. What was done here is kept; sign in again."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the device knows about itself."""

    device_id: str
    tenant_id: str
    user_id: str
    access_token: str
    refresh_token: str
    expires_at_ms: int
    """By this device's clock."""


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to an enrolment."""

    device_id: str
    tenant_id: str
    user_id: str
    access_token: str
    refresh_token: str
    expires_in_s: int


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to a refresh."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class Sessions:
    """The session of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def current(self) -> Session | None:
        """Answer the session, or none before the first sign-in."""
        stored = self._store.get("session")
        return None if stored is None else msgspec.convert(stored, Session)

    def require(self) -> Session:
        """Answer the session.

        :raises SignedOut: before the first sign-in.
        """
        session = self.current
        if session is None:
            raise SignedOut("This device is not enrolled.")
        return session

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
        return self._keep(
            msgspec.structs.replace(
                self.require(),
                access_token=renewal.access_token,
                refresh_token=renewal.refresh_token,
                expires_at_ms=now_ms + renewal.expires_in_s * 1000,
            )
        )

    def _keep(self, session: Session) -> Session:
        self._store.put("session", msgspec.to_builtins(session))
        return session
