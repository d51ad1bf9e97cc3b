"""What commissions are asked and what they answer, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.commissions.rules.counter_offer import Assumptions, Simulated
from billing.commissions.rules.payouts import Payment, PaymentState
from billing.commissions.rules.plans import PPM, Measure, Minor, Ppm, Tier, TierMode
from billing.commissions.rules.shares import Seller
from billing.errors import BillingRefusal, Sort
from billing.money import MINOR_MAX, Currency

SALE_MAX: Final = 10**13
"""So much one sale may be, and earn: 100,000,000,000 yuan. Sums of half a million such fit in eight
bytes, as the books keep them; of what one movement may be a thousand do not."""
Sold = Annotated[int, msgspec.Meta(ge=1, le=SALE_MAX)]
"""In what a plan measures: minor units, pieces or sales."""


class SaleNotFound(BillingRefusal):
    """There is no such sale, or no such line of one."""

    code = "commission_sale_not_found"
    sort = Sort.ABSENT


class CommissionKeyReused(BillingRefusal):
    """An id was used before with other content."""

    code = "commission_id_reused"
    sort = Sort.CLASH
    field = "id"


class SaleAlike(BillingRefusal):
    """A sale of the same agent, contract, day and amount is in the books under another id."""

    code = "commission_sale_alike"
    sort = Sort.CLASH
    field = "is_another"


class RevenueDiffers(BillingRefusal):
    """A sale says another revenue than what its plan measures as such."""

    code = "commission_revenue_differs"
    field = "revenue_minor"


class CommissionTooLarge(BillingRefusal):
    """A sale would earn more than one sale may be."""

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


class TaxTooLarge(BillingRefusal):
    """More is said to have gone to the tax office than was withheld and is owed."""

    code = "withheld_tax_too_large"
    field = "amount_minor"


class OfferNotFound(BillingRefusal):
    """There is no such counter-offer."""

    code = "counter_offer_not_found"
    sort = Sort.ABSENT


class OfferTooLarge(BillingRefusal):
    """A counter-offer is asked for more agents in more futures than are simulated."""

    code = "counter_offer_too_large"
    field = "question.scenarios"


class BatchDecided(BillingRefusal):
    """A batch was let go, or discarded, before."""

    code = "payout_batch_decided"
    sort = Sort.CLASH


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
    sold: Sold
    sellers: Annotated[list[Seller], msgspec.Meta(min_length=1, max_length=20)]
    """The first one's tiers it counts for."""
    contract_number: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    """As people know the contract."""
    revenue_minor: Annotated[int, msgspec.Meta(ge=0, le=SALE_MAX)] | None = None
    """What the customer pays, where the plan measures something else; None: it is not known."""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sale that is taken back, in what the plan measures."""

    id: UUID
    sale_id: UUID
    refunded: Sold
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


class KnownSale(msgspec.Struct, frozen=True, kw_only=True):
    """A sale, as far as who speaks of it has to know it."""

    id: UUID
    agent_id: UUID
    """Who sold it, the first of several."""
    measure: Measure
    currency: Currency
    contract_id: UUID | None = None
    contract_number: str | None = None


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of a sale."""

    id: UUID
    refunded: int
    commission_minor: int
    """What it takes back of the commission of all who share the sale, earned or still held."""
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


class NaturalPersonSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an agent is a natural person, of whose commission tax is withheld."""

    id: UUID
    agent_id: UUID
    is_one: bool


class NaturalPersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent who is said to be a natural person."""

    agent_id: UUID


class TaxPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Yuan that were withheld and went to the tax office."""

    id: UUID
    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]


class TaxOwed(msgspec.Struct, frozen=True, kw_only=True):
    """What was withheld of natural persons and not paid to the tax office yet."""

    currency: Currency
    owed_minor: int
    """Below nothing where the tax of a payment that came back was paid already."""


class YearLine(msgspec.Struct, frozen=True, kw_only=True):
    """What moved an agent's commission in a month, by one plan, in minor units."""

    month: date
    """Its first day; months begin in China."""
    plan_id: UUID
    plan_since: date
    """The first day of the plan's first version."""
    measure: Measure
    """What the plan's newest version counts."""
    currency: Currency
    earned_minor: int
    clawed_back_minor: int
    """Below nothing, as a refund takes it back."""
    corrected_minor: int
    paid_minor: int
    """What was paid in this month, before tax was withheld."""
    returned_minor: int
    """Below nothing, as what came back in this month; it may have been paid in an earlier year."""


class YearPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to an agent, or below nothing one that came back: net == amount - withheld."""

    payment_id: UUID
    on: date
    """In China."""
    is_return: bool
    currency: Currency
    amount_minor: int
    withheld_minor: int
    net_minor: int
    """What the bank paid."""


class YearTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What a year comes to in one currency, as the sum of its lines and payments.

    net == paid + returned - withheld
    """

    currency: Currency
    earned_minor: int
    clawed_back_minor: int
    corrected_minor: int
    paid_minor: int
    returned_minor: int
    withheld_minor: int
    net_minor: int


class AgentYear(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's commission of a year, by month and plan."""

    agent_id: UUID
    year: int
    lines: list[YearLine]
    payments: list[YearPayment]
    """In the order in which the bank paid."""
    totals: list[YearTotal]


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


class TriedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's sales paid, and would have paid by a version that is tried.

    Of all who share a sale, before refunds; it counts for who sold it, the first of several.
    """

    agent_id: UUID
    sales: int
    sold: int
    """In what the plan measures."""
    paid_minor: int
    would_minor: int


class PlanTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a plan, tried on what was sold by that plan; the sums are of all agents."""

    since: date
    until: date
    currency: Currency
    sales: int
    left_out: int
    """Counted in something else or paid in another currency, or from before tiers were kept."""
    paid_minor: int
    would_minor: int
    agents_count: int
    agents: list[TriedAgent]
    """Those for whom it differs most first; at most a page."""


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


class OwnRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of a sale, as who gets a line for it is told of it."""

    on: date
    refunded: int | None
    """In what the plan measures; null to whom what was sold is null."""
    commission_minor: int
    """What it takes back of the line, earned or still held: the refunded part of it."""
    reason: str | None
    """Null where nobody has said it, and to who stands above the seller."""
    transfer_id: UUID
    """What it took back, where the line was earned by then."""


class OwnSale(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of an agent comes from, as far as it concerns that agent."""

    line_id: UUID
    sale_id: UUID
    level: int
    """0 for who sold, 1 for the agent above, and so on."""
    amount_minor: Minor
    """What the line came to before anything was refunded."""
    payable_on: date
    state: LineState
    on: date
    plan_id: UUID
    plan_since: date
    """The first day of the version that it was paid by."""
    measure: Measure
    currency: Currency
    contract_number: str | None
    """Null where nobody has said it, and to who stands above the seller."""
    sold: int | None
    """In what the plan measures; null to who shares the sale, as it would tell the others' part."""
    refunded: int | None
    tier_base: int | None
    """What was sold before it in its month; null to whose tiers it does not count for."""
    moved_by: list[UUID]
    """The transfers that have moved it, its hold first."""
    refunds: list[OwnRefund]


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What is behind movements of an agent's commission."""

    sales: list[OwnSale]
    reasons: dict[UUID, str]
    """By transfer, why a line was corrected, or the bank did not pay."""

    @property
    def moved(self) -> dict[UUID, OwnSale]:
        """Give each transfer's sale."""
        return {transfer: sale for sale in self.sales for transfer in sale.moved_by}

    @property
    def refunds(self) -> dict[UUID, OwnRefund]:
        """Give the refund behind each transfer that took something back."""
        return {back.transfer_id: back for sale in self.sales for back in sale.refunds}


class LineMove(msgspec.Struct, frozen=True, kw_only=True):
    """What moved a line, as its agent's account says."""

    line_id: UUID
    transfer_id: UUID
    event: str
    on: date
    pending_minor: int
    posted_minor: int
    reason: str | None
    """Why it was corrected; null of all else."""


class AccruedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent has earned in a currency, each fen in one of its parts."""

    agent_id: UUID
    currency: Currency
    held_minor: int
    """Of sales that may still be refunded, less what was."""
    free_minor: int
    """Earned and in no payment; below nothing where the agent owes."""
    in_payout_minor: int
    """In a payout that the bank has not answered."""
    paid_minor: int


class OrderedBefore(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment pays was ordered before, and is said not to have been paid for good."""

    batch_id: UUID
    ordered_at: datetime
    state: PaymentState
    """Failed or returned."""
    reason: str | None
    """Null where it was not kept, as what follows."""
    said_by: UUID | None
    said_at: datetime | None


class PersonDeclared(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of an agent: whether it is a natural person."""

    is_one: bool
    said_by: UUID
    said_at: datetime


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a batch."""

    id: UUID
    agent_id: UUID
    currency: Currency
    amount_minor: int
    withheld_minor: int
    """What of it goes to the tax office."""
    net_minor: int
    """What the bank pays."""
    item_ids: list[UUID]
    state: PaymentState
    reason: str | None
    """Why it failed or came back; null where nobody has said it."""
    before: list[OrderedBefore]
    """Where what it pays was ordered before, while it holds that."""
    declared: list[PersonDeclared]
    """What was said of the agent since a payment to it was let go before this one."""

    def payment(self) -> Payment:
        """Give it as the rules see it."""
        return Payment(
            agent_id=self.agent_id,
            currency=self.currency,
            amount_minor=self.amount_minor,
            item_ids=tuple(self.item_ids),
            withheld_minor=self.withheld_minor,
        )


class PaidTo(msgspec.Struct, frozen=True, kw_only=True):
    """To which account a bank's file had an agent paid, as far as that is kept."""

    agent_id: UUID
    account_ends: str
    """Its last four digits."""
    is_other: bool
    """Whether the agent's last file before, of whatever batch, had it paid to another one."""


class BankFileView(msgspec.Struct, frozen=True, kw_only=True):
    """A bank's file that was written of a batch."""

    written_by: UUID
    written_at: datetime
    sha256: str
    """Of its bytes."""
    sums_minor: dict[Currency, int]
    payees: list[PaidTo]

    @property
    def others(self) -> list[UUID]:
        """Name whose account was another in the last file before, of whatever batch."""
        return [each.agent_id for each in self.payees if each.is_other]


class PayoutTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch pays in one currency: net == amount - withheld."""

    currency: Currency
    amount_minor: int
    withheld_minor: int
    net_minor: int


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: who approves it says its hash."""

    id: UUID
    number: int | None
    """For people; null where it was not kept."""
    hash: bytes
    made_by: UUID
    made_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    discarded_at: datetime | None
    payments: list[PaymentView]

    @property
    def totals(self) -> list[PayoutTotal]:
        """Give what it pays, by currency."""
        return [
            PayoutTotal(
                currency=currency,
                amount_minor=sum(each.amount_minor for each in paid),
                withheld_minor=sum(each.withheld_minor for each in paid),
                net_minor=sum(each.net_minor for each in paid),
            )
            for currency in sorted({each.currency for each in self.payments})
            if (paid := [each for each in self.payments if each.currency == currency])
        ]


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch in a list."""

    id: UUID
    number: int | None
    """For people; null where it was not kept."""
    made_by: UUID
    made_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    discarded_at: datetime | None
    payments: int
    open_payments: int
    """Of which nobody has said yet what the bank did."""
    net_minor: dict[Currency, int]
    """What the bank is to pay."""


class RivalTimes(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="times"):
    """A rival offers each agent so many times its commission."""

    times: Annotated[float, msgspec.Meta(ge=1, le=10)]


class RivalTiers(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tiers"):
    """A rival pays by a month's revenue; one tier is a rate for all of it."""

    tiers: Annotated[list[Tier], msgspec.Meta(min_length=1, max_length=20)]
    mode: TierMode = TierMode.MARGINAL


class OfferQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rival is said to offer whom, and what is believed. The same one has one answer."""

    rival: RivalTimes | RivalTiers
    agent_ids: Annotated[list[UUID], msgspec.Meta(max_length=10_000)] = []
    """Whom it is offered to; nobody named is everybody who sold something."""
    currency: Currency = "CNY"
    months_back: Annotated[int, msgspec.Meta(ge=1, le=24)] = 6
    """Of so many whole months the average is a month's business; unknown revenue is left out."""
    margin_ppm: Ppm = 250_000
    """What the platform has of revenue before commission."""
    other_value_ppm: Annotated[int, msgspec.Meta(ge=0, le=10 * PPM)] = 0
    """What tools, history and quick answers are worth to an agent, as a share of its commission."""
    believed: Assumptions = Assumptions()
    scenarios: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 1
    """What the futures are drawn from."""


class Business(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent sells and earns by it in a month, on average, in minor units."""

    agent_id: UUID
    revenue_minor: int
    commission_minor: int


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """A question, the business that it is asked of, and the answer where it is made."""

    id: UUID
    question: OfferQuestion
    asked_by: UUID
    asked_at: datetime
    agents: int
    left_out: int
    """Who sold something and earned nothing: no offer is a multiple of that."""
    revenue_minor: int
    """Of all these agents in a month."""
    commission_minor: int
    answer: Simulated | None
    hash: str | None
    """SHA-256 of question, inputs and answer; null until it is answered."""
    answered_at: datetime | None


class OfferRow(msgspec.Struct, frozen=True, kw_only=True):
    """A question in a list."""

    id: UUID
    rival: RivalTimes | RivalTiers
    asked_by: UUID
    asked_at: datetime
    answered_at: datetime | None
