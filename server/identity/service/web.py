"""Browsers: sign in by cookie, find the session behind a cookie, sign out."""

import secrets
from datetime import datetime
from typing import Final

import msgspec

from server.access import Actor
from server.audit import service as audit
from server.identity import keys, standings
from server.identity.rules import web_sessions
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import WebPresence, WebSignIn
from server.identity.service.browsers import remember_browser
from server.identity.service.proof import prove
from server.kit import db, ids

_START: Final = """
INSERT INTO web_session
    (token_hash, id, tenant_id, user_id, session_version, created_at, last_seen_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
"""
_FIND: Final = """
SELECT id, tenant_id, user_id, session_version, last_seen_at, expires_at, revoked_at
FROM web_session WHERE token_hash = $1
"""
_TOUCH: Final = "UPDATE web_session SET last_seen_at = $2 WHERE token_hash = $1"
_REVOKE: Final = "UPDATE web_session SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"


async def web_sign_in(
    login: str, password: str, *, address: str, known_place: str | None = None, now: datetime
) -> WebSignIn:
    """Sign a browser in; a session always begins with a new token, so none can be planted.

    :param known_place: what `known_browser` says.

    :raises SignInRefused: when they do not belong together.
    :raises TooManyTries: for this name or from this address.
    """
    standing = await prove(login, password, address=address, known_place=known_place, now=now)
    token = web_sessions.new_token(secrets.token_bytes(web_sessions.SECRET_BYTES))
    fingerprint, session_id = web_sessions.fingerprint(token), ids.new_id(now)
    who = actor_of(standing, device_id=None, session_id=session_id)
    async with db.tenant_transaction(standing.tenant_id):
        await db.connection().execute(
            _START,
            fingerprint,
            session_id,
            standing.tenant_id,
            standing.user_id,
            standing.session_version,
            now,
            now + web_sessions.ABSOLUTE,
        )
        await audit.record(who, "web_session.started", subject_id=session_id, now=now)
    held = keys.current()
    return WebSignIn(
        token=token,
        csrf_token=web_sessions.csrf_token(fingerprint, key=held.mac),
        actor=who,
        cookie_name=web_cookie_name(),
        is_secure=held.is_secure,
        max_age_s=int(web_sessions.ABSOLUTE.total_seconds()),
        known=remember_browser(login, now=now),
    )


def web_cookie_name() -> str:
    """Name the session's cookie, which depends on whether people come over TLS."""
    return web_sessions.cookie_name(is_secure=keys.current().is_secure)


async def web_presence(token: str, *, now: datetime) -> WebPresence:
    """Give who is behind a cookie.

    :raises SignInNeeded: when the session is not there or over.
    """
    fingerprint = web_sessions.fingerprint(token)
    async with db.global_transaction():
        row = await db.connection().fetchrow(_FIND, fingerprint)
        life = None if row is None else msgspec.convert(dict(row), web_sessions.Life)
        if life is None or not web_sessions.is_alive(life, now=now):
            raise web_sessions.SignInNeeded("Sign in to go on.")
        if now - life.last_seen_at >= web_sessions.TOUCH_EVERY:
            await db.connection().execute(_TOUCH, fingerprint, now)
    standing = await standings.read(row["tenant_id"], row["user_id"])
    is_good = standing is not None and standing.disabled_at is None
    if standing is None or not is_good or standing.session_version != row["session_version"]:
        raise web_sessions.SignInNeeded("Sign in to go on.")
    return WebPresence(
        actor=actor_of(standing, device_id=None, session_id=row["id"]),
        csrf_token=web_sessions.csrf_token(fingerprint, key=keys.current().mac),
        fingerprint=fingerprint,
    )


async def web_sign_out(actor: Actor, *, now: datetime) -> None:
    """End the browser's session; the cookie is worth nothing from now on."""
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_REVOKE, actor.session_id, now)
        await audit.record(actor, "web_session.ended", subject_id=actor.session_id, now=now)
        standings.forget_on_commit()
