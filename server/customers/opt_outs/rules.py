"""How an opted-out phone is kept: by a hash that nobody can try phones against without the key.

The key lies outside the database (`TONGLU_OPT_OUT_KEY`). Beside the hash stands a mark that only
the company which wrote it can make again, so that it alone takes its own line back; neither says
which company that is, and two lines of one company have nothing in common.
"""

import hmac
from enum import StrEnum
from typing import Final
from uuid import UUID

from server.kit.errors import Forbidden, TooManyRequests

DAY_MAX: Final = 20
"""Of so many phones one person says in a day that nobody may call them: more than anybody hears."""


class OptOutReason(StrEnum):
    """Why somebody is not to be called."""

    ASKED = "asked"
    """The person said so."""
    COMPLAINT = "complaint"
    """The person complained."""
    AUTHORITY = "authority"
    """An authority said so."""


class OptedOut(Forbidden):
    """Who has this phone has asked not to be called, by any company of the channel."""

    code = "opted_out"


class OptOutQuotaReached(TooManyRequests):
    """The person has said of as many phones today as one may that nobody may call them."""

    code = "opt_out_quota_reached"


def is_reached(told_today: int) -> bool:
    """Say whether a person has said it of as many as a day may have."""
    return told_today >= DAY_MAX


def ensure_quota(told_today: int) -> None:
    """Refuse one more.

    :raises OptOutQuotaReached: somebody else says it.
    """
    if is_reached(told_today):
        raise OptOutQuotaReached(
            f"You have said today of {told_today} phones that nobody may call them, as many as"
            " one may; ask a manager to note this one.",
            limit=DAY_MAX,
        )


def may_be_assigned(status: str | None, *, is_opted_out: bool) -> bool:
    """Say whether a customer may be given to somebody new.

    Who asked not to be called gets no new caller; a signed one is served on by whoever takes over.
    """
    return not is_opted_out or status == "signed"


def phone_hash(phone: str, *, key: bytes) -> bytes:
    """Give what a phone (E.164) is found by."""
    return hmac.digest(key, f"tonglu opt-out\0{phone}".encode(), "sha256")


def mark(phone: str, tenant_id: UUID, *, key: bytes) -> bytes:
    """Give what a company finds its own line about a phone by."""
    return hmac.digest(key, f"tonglu opt-out mark\0{phone}\0{tenant_id}".encode(), "sha256")
