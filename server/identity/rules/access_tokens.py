"""Access tokens: what they say, how they are made and read.

A JWT of ten minutes, signed with EdDSA. Read strictly (RFC 8725): the header has `alg`, `kid` and
`typ` and nothing else, `typ` is ``at+jwt``, `kid` names one of our keys, the algorithm is the
key's own, and every claim is there with its type. The signature is checked here, the time by
`ensure_current`, and whether the person and the device still stand by the edge.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.kit.errors import Unauthenticated

LIFE: Final = timedelta(minutes=10)
SKEW: Final = timedelta(seconds=60)
"""How far ahead of ours the clock of the process that made a token may be."""
TYPE: Final = "at+jwt"
ALGORITHM: Final = "EdDSA"
NO_DEVICE: Final = "none"
"""What `device` says in a token of no enrolled device; the claim itself is never absent."""
_LENGTH_MAX: Final = 2048


class AccessTokenRefused(Unauthenticated):
    """The access token is not ours, not intact, or over."""

    code = "access_token_refused"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says."""

    user_id: UUID
    tenant_id: UUID
    device_id: UUID | None
    session_id: UUID
    """The family of refresh tokens, or the sign-in, that it belongs to."""
    session_version: int
    token_id: UUID
    issued_at: datetime
    expires_at: datetime


class VerifyingKey(msgspec.Struct, frozen=True):
    """A public key with the one algorithm that it is for."""

    algorithm: str
    public: Ed25519PublicKey


class KeyRing(msgspec.Struct, frozen=True, kw_only=True):
    """The key that signs, those that are believed, and the names that tokens carry."""

    signing_id: str
    signing: Ed25519PrivateKey
    verifying: Mapping[str, VerifyingKey]
    issuer: str
    audience: str


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims as they are spelled in the token."""

    iss: str
    aud: str
    sub: UUID
    tenant: UUID
    device: str
    sid: UUID
    sv: int
    jti: UUID
    iat: int
    exp: int


def key_ring(
    signing: Ed25519PrivateKey,
    *,
    earlier: tuple[Ed25519PrivateKey, ...] = (),
    issuer: str,
    audience: str,
) -> KeyRing:
    """Make a ring: one key signs; it and the earlier ones are believed."""
    publics = [key.public_key() for key in (signing, *earlier)]
    return KeyRing(
        signing_id=key_id(publics[0]),
        signing=signing,
        verifying={key_id(public): VerifyingKey(ALGORITHM, public) for public in publics},
        issuer=issuer,
        audience=audience,
    )


def key_id(public: Ed25519PublicKey) -> str:
    """Name a key by its own bytes."""
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(raw).hexdigest()[:16]


def mint(ring: KeyRing, claims: Claims) -> str:
    """Sign the claims."""
    payload = {
        "iss": ring.issuer,
        "aud": ring.audience,
        "sub": str(claims.user_id),
        "tenant": str(claims.tenant_id),
        "device": NO_DEVICE if claims.device_id is None else str(claims.device_id),
        "sid": str(claims.session_id),
        "sv": claims.session_version,
        "jti": str(claims.token_id),
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    header = {"typ": TYPE, "kid": ring.signing_id}
    return jwt.encode(payload, ring.signing, algorithm=ALGORITHM, headers=header)


def read(ring: KeyRing, token: str) -> Claims:
    """Give what an intact token of ours says; whether it is still current is another question.

    :raises AccessTokenRefused: for everything that this ring did not sign as an access token.
    """
    try:
        return _read(ring, token)
    except (
        jwt.InvalidTokenError,
        msgspec.ValidationError,
        ValueError,
        OverflowError,
        RecursionError,
    ):
        # One answer for every fault: which check failed is of use to a forger only.
        raise AccessTokenRefused("Sign in again.") from None


def _read(ring: KeyRing, token: str) -> Claims:
    """Check header, key, signature, names and types, in this order."""
    if len(token) > _LENGTH_MAX:
        raise jwt.InvalidTokenError
    header = jwt.get_unverified_header(token)
    key = _key(ring, header)
    payload = jwt.decode(
        token,
        key.public,
        algorithms=[key.algorithm],
        # The times are checked against the clock of the edge; names and presence just below.
        options={
            "verify_exp": False,
            "verify_iat": False,
            "verify_aud": False,
            "verify_iss": False,
        },
    )
    said = msgspec.convert(payload, _Payload)
    if (said.iss, said.aud) != (ring.issuer, ring.audience):
        raise jwt.InvalidTokenError
    return Claims(
        user_id=said.sub,
        tenant_id=said.tenant,
        device_id=None if said.device == NO_DEVICE else UUID(said.device),
        session_id=said.sid,
        session_version=said.sv,
        token_id=said.jti,
        issued_at=datetime.fromtimestamp(said.iat, UTC),
        expires_at=datetime.fromtimestamp(said.exp, UTC),
    )


def _key(ring: KeyRing, header: Mapping[str, Any]) -> VerifyingKey:
    """Find the key that the header names; the header may say nothing else."""
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != TYPE:
        raise jwt.InvalidTokenError
    key = ring.verifying.get(header["kid"])
    if key is None or header["alg"] != key.algorithm:
        raise jwt.InvalidTokenError
    return key


def ensure_current(claims: Claims, *, now: datetime) -> None:
    """Refuse a token that is over, from the future, or longer than any that is made here."""
    is_current = claims.issued_at - SKEW <= now < claims.expires_at
    if not is_current or claims.expires_at - claims.issued_at > LIFE:
        raise AccessTokenRefused("Sign in again.")
