"""Give out tokens: begin a family, turn it over, end it."""

import secrets
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from server.access import Actor
from server.audit import service as audit
from server.identity import keys, standings
from server.identity.rules import access_tokens, device_secrets, refresh_tokens
from server.identity.rules.protection import ensure_protected
from server.identity.rules.refresh_tokens import (
    Decision,
    Family,
    RefreshToken,
    RefreshTokenRefused,
    Refuse,
    Repeat,
    Revoke,
    Rotate,
)
from server.identity.rules.standing import DeviceRevoked, Standing, actor
from server.identity.schemas import Tokens
from server.kit import db, ids
from server.tenants import queries as tenants
from server.tenants.schemas import LeaseTerms

_SALT_BYTES: Final = 16

_START: Final = """
INSERT INTO refresh_family
    (id, tenant_id, user_id, device_id, session_version, generation, current_hash, salt,
     created_at, rotated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, 1, $6, '', $7, $7, $8)
"""
_IS_TAKEN_AWAY: Final = """
SELECT EXISTS (
    SELECT FROM refresh_family f
    JOIN device d ON d.tenant_id = f.tenant_id AND d.id = f.device_id
    WHERE f.id = $1 AND d.revoked_at IS NOT NULL
)
"""
_TENANT: Final = "SELECT tenant_id FROM refresh_family WHERE id = $1"
_HOLD: Final = """
SELECT id, user_id, device_id, session_version, generation, current_hash AS current,
       previous_hash AS previous, salt, rotated_at, expires_at, revoked_at
FROM refresh_family WHERE id = $1 FOR UPDATE
"""
_ROTATE: Final = """
UPDATE refresh_family
SET generation = $2, previous_hash = $6, current_hash = $3, salt = $4, rotated_at = $5
WHERE id = $1
"""
_REVOKE: Final = """
UPDATE refresh_family SET revoked_at = $2, revoked_for = $3 WHERE id = $1 AND revoked_at IS NULL
"""

_PROTECTED: Final = """
UPDATE device SET is_protected = coalesce($3, is_protected) WHERE tenant_id = $1 AND id = $2
RETURNING is_protected
"""


async def start(standing: Standing, *, device_id: UUID | None, now: datetime) -> Tokens:
    """Begin a family for somebody who has just proven who they are."""
    family_id = ids.new_id(now)
    token = refresh_tokens.first(family_id, secrets.token_bytes(32))
    async with db.tenant_transaction(standing.tenant_id):
        await db.connection().execute(
            _START,
            family_id,
            standing.tenant_id,
            standing.user_id,
            device_id,
            standing.session_version,
            token.fingerprint,
            now,
            now + refresh_tokens.ABSOLUTE,
        )
        who = actor(standing, device_id=device_id, session_id=family_id)
        await audit.record(who, "session.started", subject_id=family_id, now=now)
        terms = await tenants.lease_terms(standing.tenant_id)
    return _tokens(standing, token, device_id=device_id, terms=terms, now=now)


async def refresh(
    text: str, *, now: datetime, device_id: UUID | None = None, is_protected: bool | None = None
) -> Tokens:
    """Turn a refresh token over into an access token and the next refresh token.

    The token before it, within a minute and while nobody used the new one, gets the same again: the
    reply was lost. An older one ends the family: somebody has a copy.

    :param is_protected: what the device says of its store; None where it says nothing.
    :raises DeviceRevoked: when the device was taken away. Only who holds a token of its hears it.
    :raises StoreUnprotected: the company wants encrypted stores alone; the token stays good.
    :raises RefreshTokenRefused: for everything else, with one answer.
    """
    token = refresh_tokens.decode(text, keys=keys.current().macs)
    async with db.global_transaction():
        tenant_id = await db.connection().fetchval(_TENANT, token.family_id)
    given = (
        None
        if tenant_id is None
        else await _turn(tenant_id, token, device_id, is_protected=is_protected, now=now)
    )
    if given is None:
        if tenant_id is not None and await _is_taken_away(tenant_id, token.family_id):
            raise DeviceRevoked("This device was signed out; it keeps nothing.")
        raise RefreshTokenRefused("Sign in again.")
    return given


async def _is_taken_away(tenant_id: UUID, family_id: UUID) -> bool:
    """Say whether a family's device was revoked."""
    async with db.tenant_transaction(tenant_id):
        found: bool = await db.connection().fetchval(_IS_TAKEN_AWAY, family_id)
        return found


async def _turn(
    tenant_id: UUID,
    token: RefreshToken,
    device_id: UUID | None,
    *,
    is_protected: bool | None,
    now: datetime,
) -> Tokens | None:
    """Decide with the family's row locked. A revocation is kept, so nothing is raised after it."""
    async with db.tenant_transaction(tenant_id):
        row = await db.connection().fetchrow(_HOLD, token.family_id)
        if row is None:
            return None
        family = msgspec.convert(dict(row), Family)
        standing = await _standing(tenant_id, row)
        decision = refresh_tokens.decide(family, token, device_id=device_id, now=now)
        terms = await tenants.lease_terms(tenant_id)
        if family.device_id is not None and isinstance(decision, Rotate | Repeat):
            await _ensure_protected(tenant_id, family.device_id, terms, is_protected=is_protected)
        following = await _follow(decision, family, token, standing, now)
    if standing is None or following is None:
        return None
    return _tokens(standing, following, device_id=family.device_id, terms=terms, now=now)


async def _ensure_protected(
    tenant_id: UUID, device_id: UUID, terms: LeaseTerms, *, is_protected: bool | None
) -> None:
    """Note what a device says of its store, and refuse one that the company does not want."""
    held = await db.connection().fetchval(_PROTECTED, tenant_id, device_id, is_protected)
    ensure_protected(lease_only=terms.lease_only, is_protected=bool(held))


async def _follow(
    decision: Decision,
    family: Family,
    token: RefreshToken,
    standing: Standing | None,
    now: datetime,
) -> RefreshToken | None:
    """Do what was decided and give the token that follows."""
    match decision:
        case Refuse():
            return None
        case Revoke():
            await revoke_family(family.id, reason="reuse", now=now)
            return None
        case Rotate() if standing is not None:
            return await _rotate(family, token, now)
        case Repeat() if standing is not None:
            return _again(family, token)
        case Rotate() | Repeat():
            return None
        case _:
            assert_never(decision)


async def _rotate(family: Family, token: RefreshToken, now: datetime) -> RefreshToken:
    """Derive the successor and let it take the token's place."""
    salt = secrets.token_bytes(_SALT_BYTES)
    following = refresh_tokens.successor(token, salt=salt, key=keys.current().mac)
    await db.connection().execute(
        _ROTATE,
        family.id,
        following.generation,
        following.fingerprint,
        salt,
        now,
        token.fingerprint,
    )
    return following


def _again(family: Family, token: RefreshToken) -> RefreshToken | None:
    """Derive the same successor again, under whichever of the keys it was derived."""
    made = (
        refresh_tokens.successor(token, salt=family.salt, key=key) for key in keys.current().macs
    )
    return next((one for one in made if one.fingerprint == family.current), None)


async def _standing(tenant_id: UUID, row: Any) -> Standing | None:
    """Give the standing behind a family, or null when person or device are out."""
    standing = await standings.read(
        tenant_id, row["user_id"], device_id=row["device_id"], session_id=row["id"]
    )
    if standing is None or standing.disabled_at is not None:
        return None
    is_out = standing.device_revoked_at is not None
    return None if is_out or standing.session_version != row["session_version"] else standing


async def revoke_family(family_id: UUID, *, reason: str, now: datetime) -> None:
    """End one family, in the open transaction."""
    await db.connection().execute(_REVOKE, family_id, now, reason)
    standings.forget_on_commit()


async def sign_out(actor: Actor, *, now: datetime) -> None:
    """End the session that the actor uses; its tokens are refused from now on."""
    async with db.tenant_transaction(actor.tenant_id):
        assert actor.session_id is not None, "an API actor comes with its session"
        await revoke_family(actor.session_id, reason="signed_out", now=now)
        await audit.record(actor, "session.ended", subject_id=actor.session_id, now=now)


def _tokens(
    standing: Standing,
    token: RefreshToken,
    *,
    device_id: UUID | None,
    terms: LeaseTerms,
    now: datetime,
) -> Tokens:
    """Spell both tokens for the device."""
    held = keys.current()
    claims = access_tokens.Claims(
        user_id=standing.user_id,
        tenant_id=standing.tenant_id,
        device_id=device_id,
        session_id=token.family_id,
        session_version=standing.session_version,
        token_id=ids.new_id(now),
        issued_at=now.replace(microsecond=0),
        expires_at=now.replace(microsecond=0) + access_tokens.LIFE,
    )
    return Tokens(
        access_token=access_tokens.mint(held.ring, claims),
        refresh_token=refresh_tokens.encode(token, key=held.mac),
        expires_in_s=int(access_tokens.LIFE.total_seconds()),
        lease_ms=terms.lease_ms,
        lease_only=terms.lease_only,
        lease_shares=()
        if device_id is None
        else device_secrets.shares(
            held.macs, tenant_id=standing.tenant_id, user_id=standing.user_id
        ),
        seal_key=None if device_id is None else device_secrets.seal_key(held.outbox_seals[0]),
    )
