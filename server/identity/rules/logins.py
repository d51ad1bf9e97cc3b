"""Login names: what may be one, and the form in which they are compared."""

import re
from typing import Final

from server.kit.errors import Conflict, Invalid, Unauthenticated
from server.kit.text import clean

_SHAPE: Final = re.compile(r"\A[\w.@+-]{3,64}\Z")


class LoginUnusable(Invalid):
    """The login name has characters or a length that is not taken."""

    code = "login_unusable"


class LoginMissing(Invalid):
    """A person who signs in by password needs a login name."""

    code = "login_missing"


class LoginTaken(Conflict):
    """Somebody has this login name already."""

    code = "login_taken"


class SignInRefused(Unauthenticated):
    """Login name and password do not belong together; which of them is wrong is not told."""

    code = "sign_in_refused"


def compared(login: str) -> str:
    """Give the form in which login names are stored and compared."""
    return clean(login).casefold()


def ensure_usable(login: str) -> str:
    """Give the stored form of a new login name.

    :raises LoginUnusable: when it is too short, too long or has other characters.
    """
    stored = compared(login)
    if not _SHAPE.match(stored):
        raise LoginUnusable(
            "Use 3 to 64 letters, digits or . @ + - _, such as a phone number or e-mail address.",
            field="login",
        )
    return stored
