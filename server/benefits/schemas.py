"""What benefits are over HTTP and to the portal: views that are given, records that are taken."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.benefits.rules import BenefitState
from server.kit.text import PRINTABLE

AmountMinor = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""A positive amount in minor units (fen); a fraction or a float is refused."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Currency = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3,8}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class NewProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A program to be. Its budget is put in afterwards."""

    id: UUID
    name: Name
    amount_minor: AmountMinor
    opens_at: Moment
    closes_at: Moment | None = None
    currency: Currency = "CNY"
    limit_per_customer: Limit = 1


class NewFunding(msgspec.Struct, frozen=True, kw_only=True):
    """Money for a program; with `is_return` money that is taken out again."""

    id: UUID
    amount_minor: AmountMinor
    is_return: bool = False


class NewAllocation(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a program's budget for one agent; with `is_return` what is taken back from it."""

    id: UUID
    agent_id: UUID
    amount_minor: AmountMinor
    is_return: bool = False


class NewVoid(msgspec.Struct, frozen=True, kw_only=True):
    """Why a benefit is withdrawn, and how much of what is left of it."""

    id: UUID
    reason: Reason
    amount_minor: AmountMinor | None = None
    """Null for all that is left."""


class RequestBenefit(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit of a program for one of the agent's customers."""

    id: UUID
    """Made by the asker: asking twice makes one."""
    customer_id: UUID
    program_id: UUID


class ProgramOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A program as agents see it."""

    id: UUID
    name: str
    amount_minor: int
    currency: str
    limit_per_customer: int
    opens_at: datetime
    closes_at: datetime | None
    is_open: bool


class ProgramView(msgspec.Struct, frozen=True, kw_only=True):
    """A program as the platform sees it; funded == available + held + used."""

    id: UUID
    name: str
    amount_minor: int
    currency: str
    limit_per_customer: int
    opens_at: datetime
    closes_at: datetime | None
    funded_minor: int
    available_minor: int
    """What may still be promised, in the pool and in the agents' allocations."""
    held_minor: int
    """What customers were promised and have not used."""
    used_minor: int


class AllocationView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program's budget stands; `agent_id` is null for the pool that the others share."""

    agent_id: UUID | None
    put_in_minor: int
    taken_out_minor: int
    held_minor: int
    available_minor: int


class BenefitView(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit that was requested for a customer, and what became of it."""

    id: UUID
    customer_id: UUID
    customer_name: str
    program_id: UUID
    program_name: str
    amount_minor: int
    currency: str
    state: BenefitState
    refusal_code: str | None
    requested_by: UUID
    requested_at: datetime
    decided_at: datetime | None
    settled_at: datetime | None
    """When it was used, withdrawn or over."""
    expires_at: datetime | None = None
    """The first moment at which it may be used no more."""
    used_minor: int = 0
    open_minor: int = 0
    """What may still be used."""


class IssuanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit as the platform sees it: which agent, which program, how much; never who."""

    id: UUID
    agent_id: UUID
    program_id: UUID
    program_name: str
    customer_token: str
    """Opaque; the same customer has another one in each program."""
    amount_minor: int
    released_minor: int
    """Of it what was withdrawn, or was left when its time was over."""
    currency: str
    state: BenefitState
    issued_at: datetime
    settled_at: datetime | None


class IssuanceTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many benefits of one state an agent's customers have of a program."""

    agent_id: UUID
    program_id: UUID
    currency: str
    state: BenefitState
    count: int
    amount_minor: int


class IssuanceFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which issuance records."""

    agent_id: UUID | None = None
    program_id: UUID | None = None
    state: BenefitState | None = None
    since: datetime | None = None
    until: datetime | None = None


class BenefitFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the agent's benefits."""

    customer_id: UUID | None = None
    program_id: UUID | None = None
    state: BenefitState | None = None
