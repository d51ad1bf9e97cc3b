"""Who stands behind a token or a cookie now.

A write looks at the database; a read may rely on what was read up to 30 seconds ago, so an end of
session, device or person is felt by every process within that time. Verified signatures are
remembered as well: they cannot become false, only over, and that is checked each time.
"""

from datetime import datetime
from typing import Final

from server.access import Actor
from server.identity import keys, standings
from server.identity.rules import access_tokens, standing
from server.identity.schemas import WebPresence
from server.identity.service import web
from server.identity.standings import Remembered

_VERIFIED: Final[Remembered[access_tokens.Claims]] = Remembered(access_tokens.LIFE, size_max=2000)


async def api_actor(token: str, *, now: datetime, is_read: bool) -> Actor:
    """Give the Actor of an access token.

    :raises AccessTokenRefused: when the token is not ours or is over.
    :raises SessionOver: when person, device or session do not stand any more.
    """
    claims = _verified(token, now)
    access_tokens.ensure_current(claims, now=now)
    key = (claims.tenant_id, claims.user_id, claims.device_id, claims.session_id)
    held = standings.REMEMBERED.get(key, now=now) if is_read else None
    if held is None:
        held = await standings.read(
            claims.tenant_id,
            claims.user_id,
            device_id=claims.device_id,
            session_id=claims.session_id,
        )
        if held is not None:
            standings.REMEMBERED.put(key, held, now=now)
    return standing.actor_from_claims(held, claims)


def _verified(token: str, now: datetime) -> access_tokens.Claims:
    """Check a signature once; the key that signed is part of what is remembered."""
    ring = keys.current().ring
    key = (ring.signing_id, token)
    claims = _VERIFIED.get(key, now=now)
    if claims is None:
        claims = access_tokens.read(ring, token)
        _VERIFIED.put(key, claims, now=now)
    return claims


async def web_presence(token: str, *, now: datetime, is_read: bool) -> WebPresence:
    """Give who is behind a session's cookie.

    :raises SignInNeeded: when there is no such session, or it is over.
    """
    held = standings.REMEMBERED_WEB.get(token, now=now) if is_read else None
    if held is None:
        held = await web.web_presence(token, now=now)
        standings.REMEMBERED_WEB.put(token, held, now=now)
    return held
