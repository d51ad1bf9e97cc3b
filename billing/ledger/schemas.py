"""What the ledger is asked and what it answers, as frozen values."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.money import Currency, Money


class AccountKind(StrEnum):
    """What is counted on an account."""

    FUNDING = "funding"
    """Where the platform's money for benefits comes from."""
    BUDGET = "budget"
    """What may still be promised."""
    ISSUED = "issued"
    """What customers of one agent were promised by one program."""
    EXCHANGE = "exchange"
    """What one currency was exchanged for others, and what rounding left behind."""
    EXPENSE = "expense"
    """What was spent, by program and department."""
    COMMISSION_COST = "commission_cost"
    """What commissions cost the platform."""
    COMMISSION = "commission"
    """What an agent is owed for sales; below nothing where it owes."""
    PAYOUT = "payout"
    """What the bank was told to pay and has not paid yet."""
    BANK = "bank"
    """What left the platform's bank."""
    WITHHELD_TAX = "withheld_tax"
    """What was withheld of natural persons' commission and is owed to the tax office."""
    PLAN_RECEIVABLE = "plan_receivable"
    """What an agent owes for its plan: below nothing by so much."""
    PLAN_REVENUE = "plan_revenue"
    """What plans brought."""
    PLAN_SPONSORED = "plan_sponsored"
    """What of it the platform bore itself."""


class Dimension(StrEnum):
    """What value is counted for, besides its account."""

    AGENT = "agent"
    CUSTOMER = "customer"
    """A token, never a name or a phone."""
    PROGRAM = "program"
    REGION = "region"
    DEPARTMENT = "department"
    EMPLOYEE = "employee"
    PROJECT = "project"


Dims = dict[Dimension, Annotated[str, msgspec.Meta(min_length=1)]]
"""By dimension, what value is counted for; opaque ids or codes."""


class Bound(StrEnum):
    """What an account may never exceed, kept by a CHECK on its row."""

    NONE = "none"
    """A source or sink."""
    DEBITS_WITHIN_CREDITS = "debits_within_credits"
    """What is held and spent stays within what was put in."""
    CREDITS_WITHIN_DEBITS = "credits_within_debits"
    """The mirror of it."""


class TransferKind(StrEnum):
    """What a transfer does to the counters of its two accounts."""

    SINGLE = "single"
    """Moves at once."""
    HOLD = "hold"
    """Reserves; a post, void or expire settles it, once."""
    POST = "post"
    """Moves up to the amount of a hold and releases the rest."""
    VOID = "void"
    """Releases a hold because somebody said so."""
    EXPIRE = "expire"
    """Releases a hold because its time is over."""
    REVERSAL = "reversal"
    """Undoes a single or a post in red, once: the same accounts, the amount taken off again."""


class Code(StrEnum):
    """What came of a group of transfers. All but the first refuse the whole group."""

    RECORDED = "recorded"
    """It is in the books."""
    ID_REUSED = "id_reused"
    """The key was used for other content."""
    EXCEEDS_CREDITS = "exceeds_credits"
    """An account would hold or spend more than it has."""
    EXCEEDS_DEBITS = "exceeds_debits"
    """An account would receive more than it may."""
    EXCEEDS_HOLD = "exceeds_hold"
    """A post asks for more than was held."""
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_CLOSED = "account_closed"
    WRONG_CURRENCY = "wrong_currency"
    DIMENSION_MISSING = "dimension_missing"
    """An account's kind wants a dimension that neither it nor the transfer has."""
    PERIOD_CLOSED = "period_closed"
    """An adjustment is for a period that is closed for good."""
    TRANSFER_NOT_FOUND = "transfer_not_found"
    NOT_A_HOLD = "not_a_hold"
    NOT_REVERSIBLE = "not_reversible"
    ALREADY_POSTED = "already_posted"
    ALREADY_VOIDED = "already_voided"
    ALREADY_EXPIRED = "already_expired"
    ALREADY_REVERSED = "already_reversed"
    SETTLED_TWICE = "settled_twice"
    """One group settles or undoes the same transfer twice."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to open."""

    id: UUID
    owner_id: UUID
    subject_id: UUID
    kind: AccountKind
    currency: Currency
    bound: Bound = Bound.NONE
    is_shared: bool = False
    dims: Dims = {}
    """Beyond those that follow from whose it is: see `ledger_account_kind`."""


class Single(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="single"):
    """Move an amount at once."""

    id: UUID
    debit_id: UUID
    credit_id: UUID
    amount: Money
    event: str
    dims: Dims = {}


class Hold(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="hold"):
    """Reserve an amount."""

    id: UUID
    debit_id: UUID
    credit_id: UUID
    amount: Money
    event: str
    dims: Dims = {}


class Post(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="post"):
    """Move what was held, or a part of it; the rest is released."""

    id: UUID
    pending_id: UUID
    event: str
    amount_minor: int | None = None


class Void(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="void"):
    """Release what was held."""

    id: UUID
    pending_id: UUID
    event: str


class Expire(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="expire"):
    """Release what was held, its time being over."""

    id: UUID
    pending_id: UUID
    event: str


class Reversal(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="reversal"):
    """Undo a single or a post."""

    id: UUID
    reversal_of: UUID
    event: str


Transfer = Single | Hold | Post | Void | Expire | Reversal


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A group of transfers that are recorded together or not at all, under the asker's key."""

    owner_id: UUID
    """Whose key it is."""
    key: UUID
    """Made by the asker: the same key and content is answered the same, however often it comes."""
    group_id: UUID
    transfers: list[Transfer]
    actor_id: UUID
    effective_at: datetime
    """When it happened. Where that is closed it is kept, and booked in the next open period."""
    reason: str | None = None
    is_adjustment: bool = False
    """Books into a period that is closed softly. Set by callers for who has the right to."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a journal. It is remembered for its key, refusals too."""

    code: Code
    group_id: UUID
    """The group that answers this key: the first one's."""
    is_new: bool
    """False when the key had been answered before."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of an account."""

    account_id: UUID
    owner_id: UUID
    subject_id: UUID
    kind: AccountKind
    currency: Currency
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int

    @property
    def available_minor(self) -> int:
        """What may still be taken from an account that is bound to its credits."""
        return self.credits_posted - self.debits_posted - self.debits_pending


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an account's statement; credits are positive."""

    version: int
    transfer_id: UUID
    event: str
    currency: Currency
    pending_minor: int
    posted_minor: int
    pending_after: int
    posted_after: int
    effective_at: datetime
    """When it happened."""
    booked_at: datetime
    """When it counts in periods: when it happened, or later if that period was closed."""
    recorded_at: datetime
    """When it was written down; never before the line above it."""


class BalanceAt(msgspec.Struct, frozen=True, kw_only=True):
    """What stood on an account at a time, as far as it was known at another; credits positive."""

    posted_minor: int
    pending_minor: int
    lines: int
    """How many lines were known, those that happened later included."""


class Turnover(msgspec.Struct, frozen=True, kw_only=True):
    """What moved on accounts of one kind and currency for one value of each dimension asked for."""

    kind: AccountKind
    currency: Currency
    dims: dict[Dimension, str | None]
    debits_minor: int
    credits_minor: int


class Finding(msgspec.Struct, frozen=True):
    """A place where the books contradict themselves. There is never one, and it is looked for."""

    invariant: str
    subject: str
