"""What commissions are asked and what they answer, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.commissions.rules.payouts import Payment, PaymentState
from billing.commissions.rules.plans import Minor
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


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sale that is taken back, in what the plan measures."""

    id: UUID
    sale_id: UUID
    refunded: Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispute about a line came to; the line stays as it is."""

    id: UUID
    line_id: UUID
    amount_minor: int
    """What the agent gains; below nothing what it loses."""
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


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
