"""What commissions are over HTTP, beyond what the books say of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec

from billing.commissions.rules.payouts import PaymentState
from billing.commissions.rules.plans import Measure, PlanVersion, TierMode
from billing.commissions.schemas import (
    SALE_MAX,
    AgentYear,
    BankFileView,
    ChosenSales,
    ContractMeter,
    LineMove,
    LineView,
    MeterTotal,
    OfferQuestion,
    PaidTo,
    PaymentView,
    PayoutTotal,
    Refund,
    RefundRow,
    Sale,
    SaleRow,
    TaxPayment,
)
from server.kit.text import PRINTABLE

MONTH: Final = r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z"
"""A month, as in 2026-11."""

AmountMinor = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
SignedMinor = Annotated[int, msgspec.Meta(ge=-SALE_MAX, le=SALE_MAX)]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]

PlanTerms: TypeAlias = PlanVersion
"""What a plan pays from a day on, as the books keep it."""
SalesAsked: TypeAlias = ChosenSales
"""Which sales a list is of."""
YearTold: TypeAlias = AgentYear
"""An agent's commission of a year, by month and plan."""
MEASURES: Final = tuple(Measure)
MODES: Final = tuple(TierMode)


class Above(msgspec.Struct, frozen=True, kw_only=True):
    """Which agent stands directly above another."""

    agent_id: UUID
    above_id: UUID


class NewSale(Sale, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that was sold, and who stands above those who sold it."""

    above: Annotated[list[Above], msgspec.Meta(max_length=200)] = msgspec.field(
        default_factory=list
    )
    contract_number: Line | None = None
    is_another: bool = False
    """Said of one that is alike to a sale in the books, and not the same."""


class NewRefund(Refund, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a sale that is taken back, and why."""

    reason: Reason | None = None


class NewCounterOffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question about a rival's offer."""

    id: UUID
    """Made by the asker: asking twice is asking once."""
    question: OfferQuestion


class CommissionMeter(msgspec.Struct, frozen=True, kw_only=True):
    """A year's contracts against the limit; those that exceed it most come first."""

    year: int
    limit_ppm: int
    totals: list[MeterTotal]
    """Of all contracts of the year, one a currency."""
    contracts: list[ContractMeter]
    next_cursor: str | None
    """Null on the last page."""


class NewCorrection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a dispute about a line came to; the line stays as it is."""

    id: UUID
    line_id: UUID
    amount_minor: SignedMinor
    """What the agent gains; below nothing what it loses."""
    reason: Reason


class NewPayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch to be: all that agents are owed and that is in no other one."""

    id: UUID
    """Made by the asker: asking twice makes one."""
    minimum_minor: AmountMinor = 1
    """Who is owed less is paid with a later batch."""


class PayoutApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was looked at when a batch is let go."""

    hash: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class SaleStory(msgspec.Struct, frozen=True, kw_only=True):
    """A sale, who gets what for it, and all that came of it."""

    sale: SaleRow
    lines: list[LineView]
    refunds: list[RefundRow]
    moves: list[LineMove]
    """What moved the lines, on all agents' accounts."""


class BankAnswer(StrEnum):
    """What the bank did with a payment."""

    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a payment at the bank."""

    answer: BankAnswer
    reason: Reason | None = None
    """Why the bank did not pay or gave back; its agent reads it. Wanted then."""


class NewPayee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an agent's money goes."""

    agent_id: UUID
    name: Line
    account: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{6,34}\Z")]
    bank: Line


class NewBankFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bank's file needs beside the batch; of accounts the last four digits are kept."""

    reference: Line
    payees: Annotated[list[NewPayee], msgspec.Meta(min_length=1, max_length=5_000)]


class NewNaturalPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether an agent is a natural person, of whose commission tax is withheld from now on."""

    id: UUID
    is_one: bool


class NewTaxPayment(TaxPayment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yuan that were withheld and went to the tax office."""


class PayoutView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with its payments, and the hash that an approval names."""

    id: UUID
    number: int | None
    """For people; null where it was not kept."""
    hash: str
    made_by: UUID
    made_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    discarded_at: datetime | None
    payments: list[PaymentView]
    totals: list[PayoutTotal]
    """By currency."""
    files: list[BankFileView]
    """What the bank was told to pay, the first file first."""
    last_ends: dict[UUID, str]
    """By agent how the account ends that it was to be paid to last, in whatever batch."""
    over_limit: list[ContractMeter]
    """The contracts it pays for whose commission exceeds what is deducted from tax by most."""
    over_limit_count: int
    """How many there are."""

    @property
    def paid_to(self) -> dict[UUID, PaidTo]:
        """Give to which account each agent was to be paid last."""
        return {payee.agent_id: payee for file in self.files for payee in file.payees}

    @property
    def waiting(self) -> list[UUID]:
        """Name whom the bank is still to pay, each once."""
        ordered = (each for each in self.payments if each.state is PaymentState.ORDERED)
        return list(dict.fromkeys(each.agent_id for each in ordered))
