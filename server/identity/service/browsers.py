"""Know the browsers in which somebody has signed in before, by a cookie that they hold."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from server.identity import keys
from server.identity.rules import known_browsers, logins
from server.identity.schemas import KnownBrowser


def known_browser(cookies: Mapping[str, str], login: str, *, now: datetime) -> str | None:
    """Tell which known browser of this login name shows these cookies; null for a stranger's."""
    held, name = keys.current(), logins.compared(login)
    for key in held.macs:
        cookie = known_browsers.cookie_name(name, key=key, is_secure=held.is_secure)
        if cookie in cookies:
            return known_browsers.read(name, cookies[cookie], keys=held.macs, now=now)
    return None


def remember_browser(login: str, *, now: datetime) -> KnownBrowser:
    """Make the cookie for a browser in which this login name has just signed in."""
    held, name = keys.current(), logins.compared(login)
    nonce = secrets.token_bytes(known_browsers.NONCE_BYTES)
    return KnownBrowser(
        cookie_name=known_browsers.cookie_name(name, key=held.mac, is_secure=held.is_secure),
        token=known_browsers.make(name, nonce, key=held.mac, now=now),
        is_secure=held.is_secure,
        max_age_s=int(known_browsers.LIFE.total_seconds()),
    )
