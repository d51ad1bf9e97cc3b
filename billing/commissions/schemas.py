"""What commissions are asked and what they answer, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.commissions.rules.payouts import Payment, PaymentState
from billing.commissions.rules.plans import Measure, Minor
from billing.commissions.rules.shares import Seller
from billing.errors import BillingRefusal, Sort
from billing.money import MINOR_MAX, Currency


class SaleNotFound(BillingRefusal):
    """There is no such sale, or no such line of one."""

    code = "commission_sale_not_found"
    sort = Sort.ABSENT


class CommissionKeyReused(BillingRefusal):
    """An id was used before with other content."""

    code = "commission_id_reused"
    sort = Sort.CLASH
    field = "id"


class RevenueDiffers(BillingRefusal):
    """A sale says another revenue than what its plan measures as such."""

    code = "commission_revenue_differs"
    field = "revenue_minor"


class CommissionTooLarge(BillingRefusal):
    """A sale would earn more than one movement may be."""

    code = "commission_too_large"
    field = "sold"


class BatchNotFound(BillingRefusal):
    """There is no such payout batch, or no such payment."""

    code = "payout_batch_not_found"
    sort = Sort.ABSENT


class PaymentNotInThatState(BillingRefusal):
    """A payment has come further, or not as far, as what is said of it would need."""

    code = "payout_payment_state"
    sort = Sort.CLASH


class BatchDecided(BillingRefusal):
    """A batch was let go, or discarded, before."""

    code = "payout_batch_decided"
    sort = Sort.CLASH


class NotItsMaker(BillingRefusal):
    """Somebody else than who put a batch together would discard it."""

    code = "payout_not_its_maker"
    sort = Sort.BARRED


class LineState(StrEnum):
    """What became of a commission; the ledger says it, this repeats it."""

    HELD = "held"
    """The sale may still be refunded."""
    EARNED = "earned"
    CANCELLED = "cancelled"
    """All of it was refunded in time."""


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was sold."""

    id: UUID
    """The asker's key, too."""
    plan_id: UUID
    contract_id: UUID
    on: date
    sold: Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]
    """In what the plan measures."""
    sellers: Annotated[list[Seller], msgspec.Meta(min_length=1, max_length=20)]
    """The first one's tiers it counts for."""
    contract_number: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    """As people know the contract."""
    revenue_minor: Minor | None = None
    """What the customer pays, where the plan measures something else; None: it is not known."""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sale that is taken back, in what the plan measures."""

    id: UUID
    sale_id: UUID
    refunded: Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispute about a line came to; the line stays as it is."""

    id: UUID
    line_id: UUID
    amount_minor: int
    """What the agent gains; below nothing what it loses."""
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class SaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sale in a list."""

    id: UUID
    plan_id: UUID
    version_id: UUID
    agent_id: UUID
    """Who sold it, the first of several."""
    contract_id: UUID
    contract_number: str | None
    on: date
    measure: Measure
    currency: Currency
    sold: int
    refunded: int
    tier_base: int | None
    """What was sold before it in its month; null in sales from before it was kept."""
    revenue_minor: int | None
    """What the customer pays, refunds not taken off; null where nobody has said it."""
    commission_minor: int
    """Of all who share it, as it was accrued."""


class ChosenSales(msgspec.Struct, frozen=True, kw_only=True):
    """Which sales a list is of; None is any."""

    agent_id: UUID | None = None
    """Who sold them, the first of several."""
    plan_id: UUID | None = None
    contract_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    """The last day, and not the day after."""


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of a sale."""

    id: UUID
    refunded: int
    recorded_at: datetime
    reason: str | None


class MeterTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What the contracts of a year and currency come to: each number is the sum of theirs."""

    currency: Currency
    contracts: int
    over: int
    """Contracts whose commission exceeds their limit."""
    sales: int
    unknown_sales: int
    revenue_minor: int
    commission_minor: int
    unmetered_minor: int
    paid_minor: int
    limit_minor: int
    deductible_minor: int
    excess_minor: int


class ContractMeter(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's sales of a year: commission == deductible + excess.

    Sales count in the year of their day, less what was refunded; commission is what was accrued for
    them, less what was taken back.
    """

    contract_id: UUID
    contract_number: str | None
    currency: Currency
    sales: int
    unknown_sales: int
    """Of which nobody has said the revenue; they count for neither revenue nor limit."""
    revenue_minor: int
    commission_minor: int
    """For sales whose revenue is known."""
    unmetered_minor: int
    """Commission for the others: whether it exceeds their limit cannot be said."""
    paid_minor: int
    """What the bank has paid, for all of its sales."""
    share_ppm: int | None
    """Commission in millionths of revenue; null of nothing."""
    limit_minor: int
    deductible_minor: int
    excess_minor: int
    """What the company pays tax on, though it is a cost."""


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent gets for one sale."""

    id: UUID
    sale_id: UUID
    agent_id: UUID
    level: int
    currency: Currency
    amount_minor: Minor
    payable_on: date
    state: LineState


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a batch."""

    id: UUID
    agent_id: UUID
    currency: Currency
    amount_minor: int
    item_ids: list[UUID]
    state: PaymentState

    def payment(self) -> Payment:
        """Give it as the rules see it."""
        return Payment(
            agent_id=self.agent_id,
            currency=self.currency,
            amount_minor=self.amount_minor,
            item_ids=tuple(self.item_ids),
        )


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: who approves it says its hash."""

    id: UUID
    hash: bytes
    made_by: UUID
    approved_by: UUID | None
    discarded_at: datetime | None
    payments: list[PaymentView]


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch in a list."""

    id: UUID
    made_by: UUID
    made_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    discarded_at: datetime | None
    payments: int
    open_payments: int
    """Of which nobody has said yet what the bank did."""
