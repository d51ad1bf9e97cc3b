"""A campaign's page for everybody: its token, its seal of time, and who is no person. Pure."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from server.identity.rules.throttles import Throttle
from server.kit import clock
from server.kit.errors import Invalid

TOKEN_BYTES: Final = 16
FASTEST: Final = timedelta(seconds=2)
"""Nobody reads the page and fills it in within this time."""
LONGEST: Final = timedelta(hours=24)
"""So long a page that was opened may be sent."""
BY_ADDRESS: Final = Throttle("lead_form_address", 20, timedelta(minutes=15))
"""Forms from one address; an office or an exhibition's network may stand behind it."""
VIEWS_BY_ADDRESS: Final = Throttle("lead_form_view", 200, timedelta(minutes=15))
"""Pages that are looked at from one address: many look, and each sends after a look or two."""
BY_FORM: Final = Throttle("lead_form", 2000, timedelta(hours=1))
"""Forms of one campaign."""


class FormRefused(Invalid):
    """The form was filled in by a program, or was open for too long, or without consent."""

    code = "form_refused"


def token_hash(token: str) -> bytes:
    """Give what a form is found by; the token has 128 random bits, so a plain hash is enough."""
    return sha256(f"tonglu lead form\0{token}".encode()).digest()


def seal(made_at: datetime, subject: str, *, key: bytes) -> str:
    """Seal when a page was made, and for whom."""
    made_ms = clock.to_ms(made_at)
    return f"{made_ms}.{_mac(made_ms, subject, key)}"


def ensure_person(stamp: str, subject: str, hidden: str, *, key: bytes, now: datetime) -> None:
    """Refuse who filled in what people do not see, or was quicker than they are.

    :raises FormRefused: with the same words for every reason.
    """
    made, _, mac = stamp.partition(".")
    is_sealed = (
        made.isascii()
        and made.isdigit()
        and hmac.compare_digest(mac.encode(), _mac(int(made), subject, key).encode())
    )
    age = now - clock.from_ms(int(made)) if is_sealed else timedelta(0)
    if hidden or not FASTEST <= age <= LONGEST:
        raise FormRefused("Open the page again and send it once more.", field="stamp")


def ensure_consent(*, has_consented: bool) -> None:
    """Refuse a phone that is left without consent.

    :raises FormRefused: saying so.
    """
    if not has_consented:
        raise FormRefused("Agree to be called back, or leave no phone.", field="has_consented")


def _mac(made_ms: int, subject: str, key: bytes) -> str:
    """Give the seal's mark."""
    message = f"tonglu lead form stamp\0{made_ms}\0{subject}".encode()
    return hmac.digest(key, message, "sha256").hex()[:32]
