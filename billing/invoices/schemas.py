"""What invoices are asked and what they answer, as frozen values."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.invoices.rules.drafts import Bearer, Line
from billing.money import MINOR_MAX, Currency
from billing.plans.rules.entitlements import Standing

PaidMinor = Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]


class InvoiceNotFound(BillingRefusal):
    """There is no such invoice, or not for who asks."""

    code = "invoice_not_found"
    sort = Sort.ABSENT


class InvoiceState(BillingRefusal):
    """An invoice is final already, or is not yet."""

    code = "invoice_state"
    sort = Sort.CLASH


class InvoiceKeyReused(BillingRefusal):
    """A payment's or credit note's id was used before with other content."""

    code = "invoice_id_reused"
    sort = Sort.CLASH
    field = "id"


class PaymentTooLarge(BillingRefusal):
    """More would be paid than is left of an invoice."""

    code = "payment_above_invoice"
    sort = Sort.CLASH
    field = "amount_minor"


class PaymentAhead(BillingRefusal):
    """A payment is said to come in later than today."""

    code = "payment_ahead"
    field = "paid_on"


class FapiaoTaken(BillingRefusal):
    """An e-invoice's number stands with another invoice, or the invoice has another number."""

    code = "fapiao_taken"
    sort = Sort.CLASH
    field = "number"


class SubscriptionParked(BillingRefusal):
    """An agent's clock stands still, since its books contradict themselves."""

    code = "subscription_parked"
    sort = Sort.CLASH


class State(StrEnum):
    """How far an invoice is."""

    DRAFT = "draft"
    FINAL = "final"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came in for an invoice."""

    id: UUID
    invoice_id: UUID
    amount_minor: PaidMinor
    paid_on: date


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """What of an invoice is to be void, its tax included."""

    id: UUID
    invoice_id: UUID
    amount_minor: PaidMinor
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class CreditView(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note."""

    id: UUID
    number: int
    amount_minor: int
    tax_minor: int
    reason: str


class InvoiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice in a list."""

    id: UUID
    agent_id: UUID
    bearer: Bearer
    currency: Currency
    month: date
    issued_on: date
    due_on: date
    net_minor: int
    tax_minor: int
    total_minor: int
    left_minor: int
    state: State
    series: str | None = None
    number: int | None = None
    fapiao: str | None = None


class InvoiceView(InvoiceRow, frozen=True, kw_only=True):
    """An invoice with its lines, and what became of it."""

    lines: list[Line]
    paid_minor: int
    credits: list[CreditView]


class Settled(msgspec.Struct, frozen=True):
    """An invoice after something was written down of it."""

    invoice: InvoiceView
    is_new: bool
    """Whether it was done now; otherwise it had been, by the same request."""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of carrying an agent's plan on."""

    agent_id: UUID
    clock_on: date
    standing: Standing
    invoices: list[UUID]
    parked_reason: str | None = None
    is_new: bool
    """Whether its clock stood elsewhere before, or the agent did, or it was parked now."""


class Finding(msgspec.Struct, frozen=True):
    """Something that contradicts itself."""

    what: str
    about: str


class Dunned(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent stood from a day on."""

    on: date
    standing: Standing
