"""Decide about benefits. Pure: no HTTP, no database."""

import hashlib
import hmac
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from server.kit.errors import Conflict, IdReused, Invalid, NotFound, Refusal
from server.partners.rules.exits import AgentLeaving


class RequestState(StrEnum):
    """How far a request for a benefit has come."""

    REQUESTED = "requested"
    """Asked for; decided in the same transaction while every program approves by itself."""
    ISSUED = "issued"
    """Granted: the books hold its amount."""
    REFUSED = "refused"
    """Declined, with the code of the reason; a new request may fare better."""


class BenefitState(StrEnum):
    """What a customer's benefit is now."""

    REQUESTED = "requested"
    ISSUED = "issued"
    """The customer may use it."""
    IN_REVIEW = "in_review"
    """Held, and not to be used before somebody of the platform has looked at it."""
    REFUSED = "refused"
    REDEEMED = "redeemed"
    """The customer has used it."""
    VOIDED = "voided"
    """The platform has withdrawn it."""
    EXPIRED = "expired"
    """It was not used in time."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a program: a voucher with a fixed amount."""

    id: UUID
    name: str
    amount_minor: int
    currency: str
    limit_per_customer: int
    opens_at: datetime
    closes_at: datetime | None


class BenefitRefused(Conflict):
    """A request for a benefit that was understood and declined."""

    code = "benefit_refused"


class ProgramNotOpen(BenefitRefused):
    """The program has not begun."""

    code = "program_not_open"


class ProgramClosed(BenefitRefused):
    """The program has ended, or its budget is closed."""

    code = "program_closed"


class BudgetExhausted(BenefitRefused):
    """The budget has less left than is asked for."""

    code = "budget_exhausted"


class CustomerLimitReached(BenefitRefused):
    """The customer has as many benefits of the program as one may have."""

    code = "customer_limit_reached"


class NotEligible(BenefitRefused):
    """The customer does not meet the program's rules."""

    code = "not_eligible"


class LeavingRequestsNone(BenefitRefused, AgentLeaving):
    """The company leaves the channel; its customers get no new benefits through it."""

    code = AgentLeaving.code


class AlreadyVoided(Conflict):
    """The benefit was withdrawn before."""

    code = "already_voided"


class AlreadyRedeemed(Conflict):
    """The customer has used the benefit; it cannot be withdrawn."""

    code = "already_redeemed"


class AlreadyExpired(Conflict):
    """The benefit's time is over; there is nothing to withdraw."""

    code = "already_expired"


class AlreadyTakenBack(Conflict):
    """The use was taken back before."""

    code = "already_taken_back"


class MoreThanIsLeft(Conflict):
    """Less is left of the benefit than is asked for."""

    code = "more_than_is_left"


class ProgramEndsBeforeItBegins(Invalid):
    """A program closes after it opens."""

    code = "program_ends_before_it_begins"


_SENTENCES: Final[dict[type[BenefitRefused], str]] = {
    ProgramNotOpen: "The program has not begun yet; request it again once it is open.",
    ProgramClosed: "The program has ended; choose another one.",
    BudgetExhausted: "The program's budget is used up; ask the platform for more.",
    CustomerLimitReached: "The customer has received all that one may have of this program.",
    LeavingRequestsNone: "Your company leaves the channel; it requests no benefits any more.",
    NotEligible: "The customer does not meet the program's rules; its reasons say which.",
}
_REFUSALS: Final = {kind.code: kind for kind in _SENTENCES}
_BOOKS: Final = {"budget_closed": ProgramClosed.code, "wrong_currency": ProgramClosed.code}


_SETTLED: Final[dict[str, tuple[type[Refusal], str]]] = {
    "already_voided": (AlreadyVoided, "This benefit was withdrawn before."),
    "already_posted": (AlreadyRedeemed, "The customer has used this benefit."),
    "already_expired": (AlreadyExpired, "This benefit's time is over."),
    "already_reversed": (AlreadyTakenBack, "This use was taken back before."),
}


def refusal(code: str) -> BenefitRefused:
    """Give the refusal with a code, as the books or an earlier request say it."""
    kind = _REFUSALS[_BOOKS.get(code, code)]
    return kind(_SENTENCES[kind])


def settling_refusal(code: str) -> Refusal:
    """Give the refusal for what the books say of a benefit; of one that is not there, too."""
    if code == IdReused.code:
        return IdReused("This id was used for something else; make a new one.", field="id")
    if code == "exceeds_hold":
        return MoreThanIsLeft("Less is left of this benefit.", field="amount_minor")
    kind, sentence = _SETTLED.get(code, (NotFound, "There is nothing here with this id."))
    return kind(sentence)


def ensure_open(program: Program, *, now: datetime) -> None:
    """Refuse outside of the program's time; it is open from `opens_at` until before `closes_at`."""
    if now < program.opens_at:
        raise refusal(ProgramNotOpen.code)
    if program.closes_at is not None and now >= program.closes_at:
        raise refusal(ProgramClosed.code)


def ensure_lasts(opens_at: datetime, closes_at: datetime | None) -> None:
    """Refuse a program that would never be open."""
    if closes_at is not None and closes_at <= opens_at:
        raise ProgramEndsBeforeItBegins("Let the program close after it opens.", field="closes_at")


def customer_token(token_key: bytes, tenant_id: UUID, customer_id: UUID) -> str:
    """Give the name by which the platform knows a customer: opaque, another in each program.

    The key is the program's own and is not granted to the platform's role; what it hides is a
    random id, so there is nothing to guess even for who holds the key.
    """
    return hmac.digest(token_key, tenant_id.bytes + customer_id.bytes, hashlib.sha256).hex()[:32]
