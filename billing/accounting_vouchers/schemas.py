"""What accounting vouchers are asked and what they answer, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.journal.schemas import Journal
from billing.ledger.schemas import AccountKind, Dimension, Dims
from billing.money import Currency

NUMBER_MAX: Final = 2**31 - 1
"""More than any voucher's number."""
SUMMARY_MAX: Final = 60
"""Characters of a summary (摘要): what the packages take."""

AccountCode = Annotated[str, msgspec.Meta(pattern=r"\A[1-6][0-9]{3}([0-9]{2}){0,4}\Z")]
"""A code of a chart account in levels of 4-2-2-2-2 digits; its parent's is two digits shorter."""

Word = Annotated[str, msgspec.Meta(pattern=r"\A[记收付转]\Z")]
"""A voucher's word (凭证字): it is numbered by period and word."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"\A[^\x00-\x1f\x7f]+\Z")]
EventName = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\.[a-z_]{1,40}\Z")]


class Category(StrEnum):
    """What a chart account is, by the first digit of the standards."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    COST = "cost"
    PROFIT = "profit"
    """Income and expenses (损益)."""


class Side(StrEnum):
    """On which side a chart account's balance normally stands, or a line is written."""

    DEBIT = "debit"
    CREDIT = "credit"


class Standard(StrEnum):
    """Which accounting standard a chart begins with."""

    SMALL_BUSINESS = "small_business"
    """小企业会计准则."""
    ENTERPRISE = "enterprise"
    """企业会计准则."""


class Treatment(StrEnum):
    """What a program's benefits are in the accounts: the platform's policy, as data."""

    SELLING_EXPENSE = "selling_expense"
    """Selling expense when a benefit is used."""
    REVENUE_REDUCTION = "revenue_reduction"
    """Less revenue when a benefit is used: consideration payable to a customer."""
    CONTRACT_LIABILITY = "contract_liability"
    """Less revenue when a program is funded, owed as a contract liability until it is used."""


class ChartAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of the chart (科目)."""

    code: AccountCode
    name: Text
    category: Category
    side: Side
    wants: list[Dimension] = []
    """The auxiliary dimensions (辅助核算) that each line on it is counted for."""


class PostingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where legs on ledger accounts of a kind are posted, from a day on.

    The one that says most of the leg is taken: first one for its event, then the one with most
    dimensions, then the one that began last.
    """

    id: UUID
    kind: AccountKind
    account_code: AccountCode
    begins_on: date
    event: EventName | None = None
    """For this event alone."""
    dims: Dims = {}
    """For legs that are counted for all of these."""


class Detail(StrEnum):
    """How many transfers become one voucher."""

    EACH = "each"
    """Each transfer its own."""
    DAY = "day"
    PROGRAM = "program"
    AGENT = "agent"
    PERIOD = "period"


class VoucherTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the transfers of an event become vouchers, from a day on."""

    id: UUID
    event: EventName
    begins_on: date
    summary: Text
    """With {month}, {day}, {program}, {agent} and {count} where that is known."""
    word: Word = "记"
    detail: Detail = Detail.DAY


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that moved something in a period, as its two legs."""

    transfer_id: UUID
    event: str
    booked_on: date
    currency: Currency
    amount_minor: int
    """Below nothing for a reversal, which is in red."""
    debit_kind: AccountKind
    credit_kind: AccountKind
    debit_dims: str
    """What the leg is counted for, as the database writes it: JSON in one order."""
    credit_dims: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a voucher: one side is nothing. In red it is below nothing."""

    n: int
    summary: str
    account_code: str
    debit_minor: int
    credit_minor: int
    dims: dict[Dimension, str]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher that was put up and has no number yet."""

    id: UUID
    word: str
    on: date
    currency: Currency
    lines: list[Line]
    transfers: list[tuple[UUID, int, int]]
    """Which transfers it is of, and on which lines their debit and credit are."""
    reversal_of: UUID | None = None


class PutUp(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of movements: vouchers, and those that need none."""

    drafts: list[Draft]
    within: list[UUID]
    """Transfers that move nothing between accounts of the chart."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """Vouchers that were put up together; somebody else checks them by their hash."""

    id: UUID
    period_id: UUID
    hash: str
    """SHA-256 of the vouchers, in hexadecimal."""
    made_by: UUID
    maker_name: str
    made_at: datetime
    checked_by: UUID | None
    checker_name: str | None
    checked_at: datetime | None
    refused_by: UUID | None
    refused_at: datetime | None
    reason: str | None
    vouchers: int
    within: int
    """Transfers that are in none of them, both legs being posted to one account."""


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher with its lines."""

    id: UUID
    run_id: UUID
    period_id: UUID
    word: str
    no: int | None
    """Nothing until it was checked."""
    on: date
    currency: Currency
    maker_name: str
    checker_name: str | None
    reversal_of: UUID | None
    reversed_by: UUID | None
    lines: list[Line]


class VoucherRow(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher in a list."""

    id: UUID
    run_id: UUID
    word: str
    no: int | None
    on: date
    currency: Currency
    summary: str
    total_minor: int
    reversal_of: UUID | None
    position: int

    @property
    def place(self) -> tuple[str, int, UUID, int]:
        """Give where it stands in the list; without a number, behind those of its word."""
        return self.word, NUMBER_MAX if self.no is None else self.no, self.run_id, self.position


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that a voucher's line is made of."""

    transfer_id: UUID
    event: str
    effective_at: datetime
    amount_minor: int
    debit_line: int
    credit_line: int


class ChartBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What stood on a chart account and what checked vouchers of a period moved; debits positive.

    For one value of each dimension that the account wants.
    """

    account_code: str
    currency: Currency
    dims: dict[Dimension, str]
    opening_minor: int
    debits_minor: int
    credits_minor: int

    @property
    def closing_minor(self) -> int:
        """Give what stands at the end."""
        return self.opening_minor + self.debits_minor - self.credits_minor


class Tie(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger account whose trial balance is not what its vouchers say."""

    account_id: UUID
    kind: AccountKind
    currency: Currency
    trial_debits_minor: int
    trial_credits_minor: int
    voucher_debits_minor: int
    voucher_credits_minor: int


class Format(StrEnum):
    """What vouchers are written as."""

    U8 = "u8"
    KINGDEE = "kingdee"
    CSV = "csv"
    XLSX = "xlsx"
    GBT24589 = "gbt24589"
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"


class NumberRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Vouchers of one word from a number to another, both included."""

    word: Word
    first: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
    last: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What is written: numbered vouchers of one period and currency, and their chart."""

    begins_on: date
    ends_on: date
    currency: Currency
    account_book: str
    """What the package calls the books (账簿)."""
    vouchers: list[Voucher]
    """By word and number."""
    chart: dict[str, ChartAccount]
    balances: list[ChartBalance]


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """A character that a format cannot hold, and how often it was replaced."""

    character: str
    by: str
    times: int


class Written(msgspec.Struct, frozen=True):
    """A file, and what of the texts it could not hold."""

    content: bytes
    replaced: list[Replaced] = []


class NewExport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written of a period."""

    id: UUID
    period_id: UUID
    format: Format
    currency: Currency = "CNY"
    ranges: list[NumberRange] = []
    """Nothing for all that have numbers; what that was stands in the job. The journal has none."""
    account_book: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z.-]{1,20}\Z")] = "001"


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What was exported: asked again, it is the same bytes."""

    id: UUID
    period_id: UUID
    format: Format
    currency: Currency
    ranges: list[NumberRange]
    account_book: str
    sha256: str
    size: int
    replaced: list[Replaced]
    made_by: UUID
    made_at: datetime


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """All that an export is made of: writing it asks nobody."""

    job: ExportJob
    """Without a digest where it was not written before."""
    source: Volume | Journal
    """Vouchers to be written, or the journal."""
    checks: int | None = None
    """How often vouchers had been checked by then; a journal has nothing to do with it."""
