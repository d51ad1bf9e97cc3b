"""Known browsers: a cookie that says that somebody has signed in here with this name before.

Strangers' failures are counted together and may use a name up for all strangers; whoever shows such
a cookie is counted alone, so that nobody is shut out of their own browser. It proves nothing else:
the password is asked for as ever. After OWASP's "Slow Down Online Guessing Attacks with Device
Cookies"; each name has a cookie of its own, since a desk may be shared.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

LIFE: Final = timedelta(days=180)
"""Renewed at each sign-in."""
NONCE_BYTES: Final = 16
_EXPIRY_BYTES: Final = 8
_MAC_BYTES: Final = 32
_LENGTH: Final = NONCE_BYTES + _EXPIRY_BYTES + _MAC_BYTES
_NAMED_BYTES: Final = 9


def cookie_name(name: str, *, key: bytes, is_secure: bool) -> str:
    """Name the cookie of a login name, without writing the name down."""
    mac = hmac.digest(key, f"tonglu known browser name\0{name}".encode(), "sha256")
    prefix = "__Host-" if is_secure else ""
    return f"{prefix}tonglu_known_{base64.urlsafe_b64encode(mac[:_NAMED_BYTES]).decode()}"


def make(name: str, nonce: bytes, *, key: bytes, now: datetime) -> str:
    """Make the cookie's value for somebody who has just proven to be `name`."""
    assert len(nonce) == NONCE_BYTES, "a browser is told from all others"
    expires = int((now + LIFE).timestamp()).to_bytes(_EXPIRY_BYTES)
    value = nonce + expires + _mac(name, nonce + expires, key)
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def read(name: str, value: str, *, keys: Sequence[bytes], now: datetime) -> str | None:
    """Give what tells this browser from all others; null when `name` never signed in there."""
    try:
        held = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    said, mac = held[:-_MAC_BYTES], held[-_MAC_BYTES:]
    made = [_mac(name, said, key) for key in keys]
    if len(held) != _LENGTH or not any(hmac.compare_digest(one, mac) for one in made):
        return None
    expires = int.from_bytes(said[NONCE_BYTES:])
    return said[:NONCE_BYTES].hex() if now.timestamp() < expires else None


def _mac(name: str, said: bytes, key: bytes) -> bytes:
    """Bind a browser to the name that has signed in there."""
    return hmac.digest(key, b"tonglu known browser\0" + name.encode() + b"\0" + said, "sha256")
