"""What is sold, over HTTP and to the portal: views that are given, what is taken."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.kit.text import PRINTABLE
from sync_protocol.quoting.lines import Line, Totals
from sync_protocol.quoting.states import Verb
from sync_protocol.schema import MAX_REVENUE_MINOR

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
ShortName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PRINTABLE)]
Unit = Annotated[str, msgspec.Meta(max_length=20, pattern=PRINTABLE)]
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Remark = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Tax = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Price = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Discount = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVENUE_MINOR)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Currency = Literal["CNY", "HKD", "USD", "EUR"]
UseState = Literal["active", "retired"]
QuoteState = Literal[
    "draft", "waiting", "approved", "sent", "accepted", "refused", "expired", "withdrawn"
]


# ------------------------------------------------------------------------------------- products


class ListPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a book asks for a unit of a product."""

    price_book_id: UUID
    list_minor: int


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the company sells."""

    id: UUID
    seq: int
    name: str
    code: str | None
    unit: str
    tax_bp: int
    """Hundredths of a percent, contained in prices."""
    prices: list[ListPrice]
    state: str


class NewProduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product to be sold."""

    name: Name
    id: UUID | None = None
    code: Code | None = None
    unit: Unit = ""
    tax_bp: Tax = 0


class ProductEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a product."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType | None = UNSET
    unit: Unit | UnsetType = UNSET
    tax_bp: Tax | UnsetType = UNSET
    state: UseState | UnsetType = UNSET


class PriceBookView(msgspec.Struct, frozen=True, kw_only=True):
    """Prices that hold together; open where a day is missing."""

    id: UUID
    seq: int
    name: str
    currency: str
    valid_from: str | None
    valid_until: str | None
    state: str


class NewPriceBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price book to be kept. Its currency never changes."""

    name: ShortName
    id: UUID | None = None
    currency: Currency = "CNY"
    valid_from: Day | None = None
    valid_until: Day | None = None


class PriceBookEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a price book."""

    name: ShortName | UnsetType = UNSET
    valid_from: Day | UnsetType | None = UNSET
    valid_until: Day | UnsetType | None = UNSET
    state: UseState | UnsetType = UNSET


class PriceView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a product's price in a book."""

    price_book_id: UUID
    product_id: UUID
    product_name: str
    version: int
    list_minor: int
    floor_minor: int | None
    """Below it somebody else must approve; none to those who may not see floors."""
    set_by: UUID
    set_at: datetime


class SetPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a unit of a product costs in a book from now on."""

    list_minor: Price
    floor_minor: Price


# --------------------------------------------------------------------------------------- quotes


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer is offered in a deal, and what it comes to. Money in minor units."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    opportunity_id: UUID
    opportunity_name: str
    price_book_id: UUID
    name: str
    lines: list[Line]
    discount_minor: int
    valid_until: str | None
    remark: str | None
    state: str
    state_since: datetime
    currency: str
    totals: Totals
    content_hash: str
    """Names what it says; an approval is about this and nothing else."""
    edited_by: UUID
    submitted_by: UUID | None
    decided_by: UUID | None
    decision: str | None
    created_at: datetime


class FloorView(msgspec.Struct, frozen=True, kw_only=True):
    """How a line stands to its floor; for those who may see floors."""

    line_id: str
    floor_minor: int | None
    """None where the product has no price in the book."""
    is_below: bool
    is_misnamed: bool
    """It says something else of its product than the company does, or a price never asked."""


class QuoteEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with a quote."""

    id: UUID
    quote_id: UUID
    seq: int
    verb: str
    from_state: str
    state: str
    content_hash: str
    total_minor: int
    remark: str | None
    done_by: UUID
    done_at: datetime


class QuoteDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A quote with what was done with it."""

    quote: QuoteView
    floors: list[FloorView]
    """Empty to those who may not see floors."""
    events: list[QuoteEventView]
    """The newest first."""


class NewLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of a product. What is left out comes from the product and its price book."""

    product_id: UUID
    quantity_milli: Quantity
    id: UUID | None = None
    """Of the line: one that the quote has keeps the list price that it was made with."""
    price_minor: Price | None = None


Lines = Annotated[list[NewLine], msgspec.Meta(max_length=100)]


class NewQuote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quote to be written, in a deal."""

    opportunity_id: UUID
    price_book_id: UUID
    name: Name
    id: UUID | None = None
    lines: Lines = []
    discount_minor: Discount = 0
    valid_until: Day | None = None
    remark: Remark | None = None


class QuoteEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different. Another line, discount or day voids an approval."""

    name: Name | UnsetType = UNSET
    lines: Lines | UnsetType = UNSET
    discount_minor: Discount | UnsetType = UNSET
    valid_until: Day | UnsetType | None = UNSET
    remark: Remark | UnsetType | None = UNSET
    base: Seq | None = None
    """The sequence at which the quote was seen; what stands now without."""


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is to be done with a quote."""

    verb: Verb
    id: UUID | None = None
    """Of the decision, made by the asker: asked again it is made once."""
    content_hash: Hash | None = None
    """What the asker saw; an approval must name it."""
    remark: Words | None = None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and the quote afterwards."""

    event: QuoteEventView
    quote: QuoteView


class QuoteFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the quotes within sight."""

    state: QuoteState | None = None
    opportunity_id: UUID | None = None
    customer_id: UUID | None = None
