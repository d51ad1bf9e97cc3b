"""What issuance is asked and what it answers, as frozen values."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.money import Currency, Money


class IssuanceState(StrEnum):
    """What became of a benefit; the ledger says it, this repeats it."""

    ISSUED = "issued"
    """Promised to the customer: held on the budget."""
    REDEEMED = "redeemed"
    """Used: the hold was posted."""
    VOIDED = "voided"
    """Withdrawn by the platform: the hold was released, the customer's place is free again."""
    EXPIRED = "expired"
    """Its time ran out: the hold was released."""


class IssueCode(StrEnum):
    """What came of one request. All but the first refuse it."""

    ISSUED = "issued"
    ID_REUSED = "id_reused"
    """The key was used for other content."""
    BUDGET_EXHAUSTED = "budget_exhausted"
    """The budget that the agent draws on has less than the amount left."""
    CUSTOMER_LIMIT_REACHED = "customer_limit_reached"
    """The customer has as many benefits of this program as one may have."""
    BUDGET_CLOSED = "budget_closed"
    """The program has no budget, or it is closed."""
    WRONG_CURRENCY = "wrong_currency"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every benefit of one call."""

    program_id: UUID
    limit_per_customer: int = 1
    expires_at: datetime | None = None


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One benefit to be issued."""

    key: UUID
    """Made by the asker; the same key and content is answered the same."""
    id: UUID
    """Of the issuance and its hold, made by the caller for this attempt."""
    agent_id: UUID
    customer_token: str
    amount: Money


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one request."""

    key: UUID
    code: IssueCode
    issuance_id: UUID | None
    """Null when it was refused."""
    is_new: bool
    """False when the key had been answered before."""


class IssuanceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which issuances to list; what is not said is not filtered."""

    agent_id: UUID | None = None
    program_id: UUID | None = None
    state: IssuanceState | None = None
    since: datetime | None = None
    until: datetime | None = None


class IssuanceView(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit as the books know it."""

    id: UUID
    agent_id: UUID
    program_id: UUID
    customer_token: str
    amount_minor: int
    used_minor: int
    released_minor: int
    """Withdrawn, or over."""
    currency: Currency
    state: IssuanceState
    issued_at: datetime
    expires_at: datetime | None
    settled_at: datetime | None


class IssuanceTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many benefits of one state an agent's customers have of a program."""

    agent_id: UUID
    program_id: UUID
    currency: Currency
    state: IssuanceState
    count: int
    amount_minor: int
