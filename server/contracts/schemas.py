"""Contracts over HTTP and to the portal: views that are given, what is taken."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.kit.text import PRINTABLE
from sync_protocol.contracting.plan import MAX_INSTALMENTS
from sync_protocol.contracting.states import State, Verb
from sync_protocol.quoting.lines import Line
from sync_protocol.schema import MAX_REVENUE_MINOR

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Number = Annotated[str, msgspec.Meta(max_length=60, pattern=PRINTABLE)]
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Remark = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVENUE_MINOR)]
Part = Annotated[int, msgspec.Meta(ge=1, le=MAX_REVENUE_MINOR)]
Money = Annotated[int, msgspec.Meta(ge=-MAX_REVENUE_MINOR, le=MAX_REVENUE_MINOR)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Search = Annotated[str, msgspec.Meta(max_length=100, pattern=PRINTABLE)]
Currency = Literal["CNY", "HKD", "USD", "EUR"]


# ------------------------------------------------------------------------------------- is given


class InstalmentView(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a contract's amount, and what came in of it. Money in minor units."""

    id: UUID
    name: str
    due_on: str
    amount_minor: int
    received_minor: int
    is_overdue: bool
    """Its day has passed, and it did not come in whole."""


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """What the company and a customer agree on. Money in minor units."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    opportunity_id: UUID | None
    opportunity_name: str | None
    opportunity_state: str | None
    quote_id: UUID | None
    renews_id: UUID | None
    """The contract that this one goes on from."""
    renewed_by_id: UUID | None
    """The contract that goes on from this one, if it was not given up."""
    is_untraced: bool
    """Nothing leads to it: no deal, no earlier contract, no lead that its customer came of."""
    title: str
    number: str | None
    party_a: str | None
    party_b: str | None
    currency: str
    amount_minor: int
    plan: list[InstalmentView]
    """The earliest due first; comes to the amount, or is empty."""
    effective_on: str | None
    ends_on: str | None
    """The last day, inclusive."""
    account_manager_id: UUID | None
    remark: str | None
    state: str
    state_since: datetime
    signed_on: str | None
    closed_on: str | None
    """The day on which it really ended."""
    lines: list[Line]
    """Of the quote, when the contract was made from it."""
    received_minor: int
    overdue_minor: int
    """Due before today, and not received."""
    next_due_on: str | None
    content_hash: str
    """Names what it says; an approval is about this and nothing else."""
    edited_by: UUID
    submitted_by: UUID | None
    decided_by: UUID | None
    decision: str | None
    created_at: datetime


class ContractEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with a contract."""

    id: UUID
    contract_id: UUID
    seq: int
    verb: str
    from_state: str
    state: str
    content_hash: str
    remark: str | None
    done_by: UUID
    done_at: datetime


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came in, or was taken back where it was noted by mistake."""

    id: UUID
    contract_id: UUID
    instalment_id: UUID | None
    seq: int
    amount_minor: int
    received_on: str
    remark: str | None
    noted_by: UUID
    noted_at: datetime


class ContractDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A contract with what was done with it and what came in, the newest first."""

    contract: ContractView
    events: list[ContractEventView]
    receipts: list[ReceiptView]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and the contract afterwards."""

    event: ContractEventView
    contract: ContractView


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What came in, and the contract afterwards."""

    receipt: ReceiptView
    contract: ContractView


# ------------------------------------------------------------------------------------- is taken


class NewInstalment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of the amount, due on a day."""

    name: Name
    due_on: Day
    amount_minor: Part
    id: UUID | None = None


Plan = Annotated[list[NewInstalment], msgspec.Meta(max_length=MAX_INSTALMENTS)]


class NewContract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contract to be written, with a customer; made from a quote, it takes what that says."""

    customer_id: UUID | None = None
    """Not needed with a deal, a quote or a contract to renew."""
    opportunity_id: UUID | None = None
    quote_id: UUID | None = None
    renews_id: UUID | None = None
    title: Title | None = None
    """Not needed with a quote or a contract to renew."""
    id: UUID | None = None
    number: Number | None = None
    party_a: Words | None = None
    party_b: Words | None = None
    currency: Currency | None = None
    amount_minor: Amount | None = None
    plan: Plan = []
    effective_on: Day | None = None
    ends_on: Day | None = None
    account_manager_id: UUID | None = None
    remark: Remark | None = None


class ContractEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different. Whatever an approval is about makes it a draft again."""

    title: Title | UnsetType = UNSET
    number: Number | UnsetType | None = UNSET
    party_a: Words | UnsetType | None = UNSET
    party_b: Words | UnsetType | None = UNSET
    currency: Currency | UnsetType = UNSET
    amount_minor: Amount | UnsetType = UNSET
    plan: Plan | UnsetType = UNSET
    effective_on: Day | UnsetType | None = UNSET
    ends_on: Day | UnsetType | None = UNSET
    account_manager_id: UUID | UnsetType = UNSET
    remark: Remark | UnsetType | None = UNSET
    base: Seq | None = None
    """The sequence at which the contract was seen; what stands now without."""


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is to be done with a contract."""

    verb: Verb
    id: UUID | None = None
    """Of the decision, made by the asker: asked again it is made once."""
    content_hash: Hash | None = None
    """What the asker saw; an approval must name it."""
    signed_on: Day | None = None
    """For a signature; today without."""
    remark: Words | None = None
    """Needed to terminate or to give up."""


class Receive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money came in."""

    amount_minor: Money
    """Below zero to take back what was noted by mistake."""
    id: UUID | None = None
    """Of the receipt, made by the asker: asked again it is noted once."""
    instalment_id: UUID | None = None
    """Not needed for a contract without a plan."""
    received_on: Day | None = None
    """Today without."""
    remark: Words | None = None


class ContractFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the contracts within sight."""

    state: State | None = None
    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    q: Search | None = None
    """Stands in the title, the number or the customer's name."""
    ending_within: Annotated[int, msgspec.Meta(ge=0, le=3650)] | None = None
    """Days from today within which a contract in force has its last one and was not renewed."""
    is_overdue: bool = False
    """Whose payments are late."""
    is_untraced: bool = False
    """To which nothing leads, but for those that were given up."""
