"""Invitations: a one-time code with which a person sets login name and password alone.

15 symbols out of 31 are 2.3e22 codes. They live for days, so they are longer than the codes of
devices: at the most tries that the throttles let through, a week of guessing finds one of a
million open codes with a chance below 1e-9.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from server.identity.rules.codes import Kind
from server.kit.errors import Conflict, Forbidden, Invalid


class Purpose(StrEnum):
    """What an invitation lets its person do."""

    JOIN = "join"
    """Set login name and password for the first time."""
    RESET = "reset"
    """Set a new password in the place of one that was forgotten; the login name stays."""


LIFE: Final = {Purpose.JOIN: timedelta(days=7), Purpose.RESET: timedelta(hours=24)}
"""How long a code is good. A forgotten password is missed at once, a new colleague comes Monday."""


class InvitationMistyped(Invalid):
    """The check symbol does not fit: a symbol is wrong or two are swapped."""

    code = "invitation_mistyped"


class InvitationRefused(Invalid):
    """No such invitation, or it is used, revoked or over; which of these is not told."""

    code = "invitation_refused"


class InvitationForOneself(Forbidden):
    """Nobody resets their own password without knowing it: a borrowed screen could."""

    code = "invitation_for_oneself"


class PersonGone(Conflict):
    """Who was let go is not invited; they are let back in first."""

    code = "person_gone"


class OwnerHasJoined(Conflict):
    """The owner has set a password; from then on the platform invites nobody into the company."""

    code = "owner_has_joined"


CODES: Final = Kind(
    name="invitation",
    symbols=15,
    group=4,
    page="join",
    mistyped=InvitationMistyped,
    refused=InvitationRefused,
)


def purpose(*, has_password: bool) -> Purpose:
    """Decide what an invitation is for: who has a password gets a new one, others their first."""
    return Purpose.RESET if has_password else Purpose.JOIN
