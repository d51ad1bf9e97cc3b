"""Web sessions: how long they live, and the token that ties a form to its session."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from server.kit.errors import Forbidden, Unauthenticated

IDLE: Final = timedelta(hours=12)
"""A session that nobody uses for so long is over."""
ABSOLUTE: Final = timedelta(days=14)
"""No session lives longer."""
TOUCH_EVERY: Final = timedelta(minutes=5)
"""How often the last use is written down; more often would make every page a write."""

SECRET_BYTES: Final = 32
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
_SECURE_COOKIE: Final = "__Host-tonglu_session"
_PLAIN_COOKIE: Final = "tonglu_session"


class SignInNeeded(Unauthenticated):
    """Nobody is signed in here, or the session is over."""

    code = "sign_in_needed"


class CsrfRefused(Forbidden):
    """The form does not belong to the session that sends it."""

    code = "csrf_refused"


class Life(msgspec.Struct, frozen=True):
    """The times of a session."""

    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def cookie_name(*, is_secure: bool) -> str:
    """Name the cookie; over TLS the browser holds it to this host, path / and Secure."""
    return _SECURE_COOKIE if is_secure else _PLAIN_COOKIE


def new_token(secret: bytes) -> str:
    """Spell 32 random bytes as the cookie's value."""
    assert len(secret) == SECRET_BYTES, "a session's secret has 256 bits"
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def fingerprint(token: str) -> bytes:
    """Give the hash that is stored in the token's place."""
    return sha256(b"tonglu web session\0" + token.encode("utf-8", "surrogatepass")).digest()


def is_alive(life: Life, *, now: datetime) -> bool:
    """Say whether a session still counts."""
    return life.revoked_at is None and now < min(life.expires_at, life.last_seen_at + IDLE)


def csrf_token(session: bytes, *, key: bytes) -> str:
    """Make the token that this session's forms carry.

    :param session: the session's stored fingerprint; the server's key is needed besides.
    """
    mac = hmac.digest(key, b"tonglu csrf\0" + session, "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def ensure_csrf(sent: str | None, session: bytes, *, keys: Sequence[bytes]) -> None:
    """Refuse a change whose form was not made for this session."""
    given = (sent or "").encode("utf-8", "surrogatepass")
    made = [csrf_token(session, key=key).encode() for key in keys]
    if not any(hmac.compare_digest(token, given) for token in made):
        raise CsrfRefused("This page is out of date; load it again and repeat what you did.")
