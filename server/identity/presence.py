"""Who stands behind a token or a cookie now.

A write looks at the database; a read may rely on what was read up to 30 seconds ago, so an end of
session, device or person is felt by every process within that time. A write whose standing is
remembered looks in the transaction that writes (`server.kit.conditions`). Verified signatures are
remembered as well: they cannot become false, only over, and that is checked each time.
"""

from datetime import datetime
from typing import Final, NoReturn

import msgspec

from server.access import Actor
from server.identity import keys, standings
from server.identity.rules import access_tokens, standing
from server.identity.schemas import WebPresence
from server.identity.service import web
from server.kit import db
from server.kit.conditions import Condition
from server.kit.errors import Unavailable
from server.kit.remembered import Remembered

_VERIFIED: Final[Remembered[access_tokens.Claims]] = Remembered(access_tokens.LIFE, size_max=2000)


class StandingChanged(Unavailable):
    """The person's role, team or scope was changed a moment ago; nothing was done yet."""

    code = "standing_changed"


class Entry(msgspec.Struct, frozen=True):
    """Who asks, and what the first door of the request still has to ask about them."""

    actor: Actor
    condition: Condition | None = None


async def api_entry(token: str, *, now: datetime, is_read: bool) -> Entry:
    """Let the bearer of an access token in.

    :raises AccessTokenRefused: when the token is not ours or is over.
    :raises SessionOver: when person, device or session do not stand any more.
    """
    claims = _verified(token, now)
    may_ask_later = not is_read and db.ENGINE.keeps_statements
    held = standings.REMEMBERED.get(_key(claims), now=now) if may_ask_later else None
    if held is None:
        return Entry(await api_actor(token, now=now, is_read=is_read))
    access_tokens.ensure_current(claims, now=now)

    async def refuse() -> NoReturn:
        await api_actor(token, now=now, is_read=False)
        raise StandingChanged(
            "Your role, team or sight was just changed; send the same request again.",
            retry_after_s=1,
        )

    actor = standing.actor_from_claims(held, claims)
    condition = standings.still_stands(held, session_id=claims.session_id, refuse=refuse)
    return Entry(actor, condition)


async def api_actor(token: str, *, now: datetime, is_read: bool) -> Actor:
    """Give the Actor of an access token.

    :raises AccessTokenRefused: when the token is not ours or is over.
    :raises SessionOver: when person, device or session do not stand any more.
    """
    claims = _verified(token, now)
    access_tokens.ensure_current(claims, now=now)
    key = _key(claims)
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


def _key(claims: access_tokens.Claims) -> tuple[object, ...]:
    """Say whose standing it is."""
    return (claims.tenant_id, claims.user_id, claims.device_id, claims.session_id)


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
