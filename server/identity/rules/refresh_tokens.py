"""Refresh tokens: opaque, rotated at each use, and what to do when one comes back.

A token is 256 secret bits with the family that it belongs to, its place in it, and a seal under
the server's key. Only its hash is stored, of the current and of the previous token of a family.
The seal tells a token that was truly ours from noise, so an old one that comes back is theft and
ends the family, while a guess ends nothing.

The successor of a token is derived (HMAC under the server's key, over the token and a salt that
is fresh at each rotation), never stored: when the reply was lost and the device comes again with
the token that it has, the very same successor is made again. Whoever steals the database cannot
derive it, nor whoever steals one token.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from server.kit.errors import Unauthenticated

GRACE: Final = timedelta(seconds=60)
"""How long the previous token may ask again for the successor whose delivery failed."""
IDLE: Final = timedelta(days=30)
"""A family that is not used for so long is over."""
ABSOLUTE: Final = timedelta(days=180)
"""No family lives longer; then the person signs in again."""

PREFIX: Final = "tlr_"
"""Lets scanners of leaked secrets recognise a token."""
_SECRET_BYTES: Final = 32
_SEAL_BYTES: Final = 17
_HEAD_BYTES: Final = 16 + 4
# 69 bytes are 92 characters without any padding, so no bit of a token means nothing.
_BYTES: Final = _HEAD_BYTES + _SECRET_BYTES + _SEAL_BYTES
_SHAPE: Final = re.compile(rf"\A{PREFIX}[A-Za-z0-9_-]{{{_BYTES // 3 * 4}}}\Z")
"""Strict, so that a token has one spelling: decoders also take + for -."""
_GENERATION_MAX: Final = 2**32 - 1


class RefreshTokenRefused(Unauthenticated):
    """The refresh token is not ours, was used before, or its family is over."""

    code = "refresh_token_refused"


class RefreshToken(msgspec.Struct, frozen=True):
    """A token in parts. `generation` counts from 1 in its family."""

    family_id: UUID
    generation: int
    secret: bytes

    @property
    def fingerprint(self) -> bytes:
        """The hash that is stored in its place."""
        return sha256(_head(self) + self.secret).digest()


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a family: the line of tokens from one sign-in or enrolment."""

    id: UUID
    device_id: UUID | None
    generation: int
    """Place of the current token."""
    current: bytes
    previous: bytes | None
    salt: bytes
    """What the current token was derived with from the previous one."""
    rotated_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Rotate(msgspec.Struct, frozen=True, tag=True):
    """The current token: give its successor, from now on it is the previous one."""


class Repeat(msgspec.Struct, frozen=True, tag=True):
    """The previous token, in time: give the same successor again."""


class Refuse(msgspec.Struct, frozen=True, tag=True):
    """Nothing is given and nothing changes."""


class Revoke(msgspec.Struct, frozen=True, tag=True):
    """Somebody has a token that was used up: end the family."""


Decision = Rotate | Repeat | Refuse | Revoke


def first(family_id: UUID, secret: bytes) -> RefreshToken:
    """Begin a family with 32 random bytes."""
    assert len(secret) == _SECRET_BYTES, "a secret has 256 bits"
    return RefreshToken(family_id, 1, secret)


def successor(token: RefreshToken, *, salt: bytes, key: bytes) -> RefreshToken:
    """Derive the token that follows."""
    secret = hmac.digest(
        key, b"tonglu refresh successor\0" + _head(token) + salt + token.secret, "sha256"
    )
    return RefreshToken(token.family_id, token.generation + 1, secret)


def encode(token: RefreshToken, *, key: bytes) -> str:
    """Spell a token as the device keeps it."""
    raw = _head(token) + token.secret
    return PREFIX + base64.urlsafe_b64encode(raw + _seal(raw, key)).decode().rstrip("=")


def decode(text: str, *, keys: Sequence[bytes]) -> RefreshToken:
    """Read a token that one of the keys has sealed.

    :raises RefreshTokenRefused: for anything else.
    """
    refused = RefreshTokenRefused("Sign in again.")
    if not _SHAPE.match(text):
        raise refused
    raw = base64.urlsafe_b64decode(text.removeprefix(PREFIX))
    sealed, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
    if not any(hmac.compare_digest(_seal(sealed, key), seal) for key in keys):
        raise refused
    family_id, generation = UUID(bytes=sealed[:16]), int.from_bytes(sealed[16:_HEAD_BYTES])
    return RefreshToken(family_id, generation, sealed[_HEAD_BYTES:])


def decide(
    family: Family, token: RefreshToken, *, device_id: UUID | None, now: datetime
) -> Decision:
    """Decide what a token of ours is good for.

    :param device_id: the device that the caller says it is, if it says so.
    """
    if family.revoked_at is not None or now >= min(family.expires_at, family.rotated_at + IDLE):
        return Refuse()
    if device_id is not None and device_id != family.device_id:
        return Refuse()
    if _is_held(family.current, token):
        return Rotate()
    if token.generation > family.generation:
        # Ours, and given out later than all that the database knows of: it was restored from a
        # backup. Who was signed in stays so; of two that go on from here, one comes back too late.
        return Rotate()
    if family.previous is not None and _is_held(family.previous, token):
        return Repeat() if now <= family.rotated_at + GRACE else Revoke()
    # The seal is ours, so it was given out once: whoever shows it now has an old copy.
    return Revoke()


def _is_held(fingerprint: bytes, token: RefreshToken) -> bool:
    """Compare without telling by time where they differ."""
    return hmac.compare_digest(fingerprint, token.fingerprint)


def _head(token: RefreshToken) -> bytes:
    """Lay out what stands before the secret."""
    assert 0 < token.generation <= _GENERATION_MAX, "a generation fits 32 bits"
    return token.family_id.bytes + token.generation.to_bytes(4)


def _seal(raw: bytes, key: bytes) -> bytes:
    """Mark bytes as ours."""
    return hmac.digest(key, b"tonglu refresh seal\0" + raw, "sha256")[:_SEAL_BYTES]
