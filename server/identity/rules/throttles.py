"""Throttles: how many tries in how long, and whose tries are counted together."""

import hmac
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

import msgspec

from server.kit.errors import TooManyRequests

_IPV6_KEPT_BITS: Final = 64
KEY_BYTES: Final = 32


class TooManyTries(TooManyRequests):
    """Too many tries from here, or for this login name."""

    code = "too_many_tries"


class Throttle(msgspec.Struct, frozen=True):
    """A limit: after `tries_max` in `window` the next is refused until the window is over.

    A try is counted before it is looked at, so that many at once count as many.
    """

    name: str
    tries_max: int
    window: timedelta


SIGN_IN_HERE: Final = Throttle("sign_in_here", 10, timedelta(minutes=15))
"""Tries for one login name from one address, whether anybody has the name or not."""
SIGN_IN_HERE_LONG: Final = Throttle("sign_in_here_long", 40, timedelta(days=30))
"""The same over a month, so that one address does not use up what all strangers have."""
SIGN_IN_BY_LOGIN: Final = Throttle("sign_in_login", 20, timedelta(minutes=15))
"""Tries for one login name by all strangers together, against guessers with many addresses."""
SIGN_IN_BY_LOGIN_LONG: Final = Throttle("sign_in_login_long", 100, timedelta(days=30))
"""All strangers together get no more than a hundred tries a month at one name (NIST SP 800-63B,
5.2.2); a success among them or a new password clears it."""
SIGN_IN_KNOWN: Final = Throttle("sign_in_known", 10, timedelta(minutes=15))
"""Tries for one login name from one browser in which it has signed in before."""
SIGN_IN_KNOWN_LONG: Final = Throttle("sign_in_known_long", 100, timedelta(days=30))
"""The same over a month; a success clears it."""
SIGN_IN_BY_ADDRESS: Final = Throttle("sign_in_address", 100, timedelta(minutes=15))
"""Failures from one address; an office may stand behind it, so successes give their try back."""
ENROLMENT_BY_ADDRESS: Final = Throttle("enrolment_address", 20, timedelta(minutes=15))
"""Wrong enrolment codes from one address."""
ENROLMENT_BY_ALL: Final = Throttle("enrolment_all", 5000, timedelta(minutes=15))
"""Wrong enrolment codes from everywhere, against guessers with many addresses."""
INVITATION_BY_ADDRESS: Final = Throttle("invitation_address", 20, timedelta(minutes=15))
"""Wrong invitation codes from one address."""
INVITATION_BY_ALL: Final = Throttle("invitation_all", 5000, timedelta(minutes=15))
"""Wrong invitation codes from everywhere, against guessers with many addresses."""
INVITATION_MADE: Final = Throttle("invitation_made", 200, timedelta(hours=24))
"""Invitations that one person makes in a day; a borrowed screen makes no more."""
LOGIN_TAKEN: Final = Throttle("login_taken", 30, timedelta(hours=24))
"""Invitations of one company that met a name in use; keeps it from asking who else is a user."""


def address_subject(address: str) -> str:
    """Name the household behind an address: IPv4 as it is, IPv6 by the /64 that one home gets."""
    try:
        parsed = ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        kept = int(parsed) >> (128 - _IPV6_KEPT_BITS)
        return str(IPv6Address(kept << (128 - _IPV6_KEPT_BITS)))
    return str(parsed)


def login_subject(login: str, place: str = "") -> str:
    """Name whose tries are counted: a login name's, everywhere or in one place.

    :param login: in the form in which login names are compared.
    :param place: an address, a known browser, a session.
    """
    return f"login {login}\0{place}"


def storage_key(throttle: Throttle, subject: str, *, key: bytes) -> bytes:
    """Name a counter without writing the login or the address down.

    All counters of a login name begin with the same 16 bytes, wherever its tries came from.
    """
    made = hmac.digest(key, f"tonglu throttle\0{throttle.name}\0{subject}".encode(), "sha256")
    return key_prefix(subject, key=key) + made[: KEY_BYTES // 2]


def key_prefix(subject: str, *, key: bytes) -> bytes:
    """Give how the keys of all counters of a login name begin; of other subjects, just theirs."""
    whose = subject.partition("\0")[0]
    return hmac.digest(key, f"tonglu throttled\0{whose}".encode(), "sha256")[: KEY_BYTES // 2]
