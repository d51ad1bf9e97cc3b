"""The lines of a quote, as one document, and what they come to.

A quote's ``lines`` are this document as JSON. Each line keeps the price that it was made with:
a later change of the price book changes no quote. All numbers are whole: money in minor units,
quantities in thousandths, taxes in hundredths of a percent.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec

from sync_protocol.schema import MAX_REVENUE_MINOR, is_clean_text

MAX_LINES: Final = 100
_WHOLE: Final = 1_000
"""One piece, in thousandths."""
_PERCENT: Final = 10_000
"""The whole, in hundredths of a percent."""

Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Price = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Tax = Annotated[int, msgspec.Meta(ge=0, le=_PERCENT)]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of a product at a price. Prices include the tax."""

    id: Id
    product_id: Id
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """The product's, when the line was made."""
    unit: Annotated[str, msgspec.Meta(max_length=20)] = ""
    quantity_milli: Quantity
    """Thousandths of the unit."""
    list_minor: Price
    """What the price book asked for a unit when the line was made."""
    price_minor: Price
    """What is asked for a unit here."""
    tax_bp: Tax = 0
    """Hundredths of a percent, contained in the price."""


class LineTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What a line comes to."""

    amount_minor: int
    """Quantity times price, half a unit rounded up."""
    discount_minor: int
    """Its share of the quote's discount."""
    net_minor: int
    """What is paid for it."""
    tax_minor: int
    """The tax within what is paid."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a quote comes to: in each column exactly the sum of its lines."""

    lines: dict[str, LineTotal]
    """By the lines' ids."""
    amount_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int


class LinesInvalid(Exception):
    """What was given is no quote; the field names the part."""

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


@lru_cache(512)
def read(text: str) -> tuple[Line, ...]:
    """Read lines.

    :raises LinesInvalid: naming what is wrong.
    """
    try:
        lines = msgspec.json.decode(text, type=tuple[Line, ...])
    except (msgspec.DecodeError, UnicodeError) as error:
        path = str(error).partition("$")[2].strip("`.")
        detail = "The lines are a list of products with quantity_milli and price_minor."
        raise LinesInvalid(detail, f"lines{path}") from error
    if len(lines) > MAX_LINES:
        raise LinesInvalid(f"A quote has at most {MAX_LINES} lines.", "lines")
    if len({line.id for line in lines}) != len(lines):
        raise LinesInvalid("Each line has an id of its own.", "lines")
    for at, line in enumerate(lines):
        if not (is_clean_text(line.name) and is_clean_text(line.unit)):
            raise LinesInvalid("This text has a character that cannot be stored.", f"lines[{at}]")
    return lines


def write(lines: Sequence[Line]) -> str:
    """Write lines in their one form."""
    return msgspec.json.encode(tuple(lines)).decode()


def amount(quantity_milli: int, price_minor: int) -> int:
    """Give quantity times price, half a minor unit rounded up."""
    return (2 * quantity_milli * price_minor + _WHOLE) // (2 * _WHOLE)


def totals(lines: Sequence[Line], discount_minor: int = 0) -> Totals:
    """Count a quote. The order of the lines does not matter, and nothing is lost by rounding.

    The discount is shared out in proportion to the lines' amounts; the minor units that are left
    over go to the largest remainders, among equals to the lesser id.

    :raises LinesInvalid: the discount is more than the lines come to, or they come to too much.
    """
    amounts = {line.id: amount(line.quantity_milli, line.price_minor) for line in lines}
    whole = sum(amounts.values())
    if whole > MAX_REVENUE_MINOR:
        raise LinesInvalid("A quote comes to at most a hundred billion.", "lines")
    if not 0 <= discount_minor <= whole:
        raise LinesInvalid("The discount is more than the lines come to.", "discount_minor")
    shares = _shared(discount_minor, amounts)
    counted = {}
    for line in lines:
        net = amounts[line.id] - shares[line.id]
        counted[line.id] = LineTotal(
            amount_minor=amounts[line.id],
            discount_minor=shares[line.id],
            net_minor=net,
            tax_minor=(2 * net * line.tax_bp + _PERCENT + line.tax_bp)
            // (2 * (_PERCENT + line.tax_bp)),
        )
    return Totals(
        lines=counted,
        amount_minor=whole,
        discount_minor=discount_minor,
        net_minor=whole - discount_minor,
        tax_minor=sum(each.tax_minor for each in counted.values()),
    )


def _shared(discount: int, amounts: dict[str, int]) -> dict[str, int]:
    """Share a discount out, whole and without a rest."""
    whole = sum(amounts.values())
    if not whole:
        return dict.fromkeys(amounts, 0)
    parts = {id_: divmod(discount * each, whole) for id_, each in amounts.items()}
    left = discount - sum(share for share, _ in parts.values())
    favoured = sorted(parts, key=lambda id_: (-parts[id_][1], id_))[:left]
    return {id_: share + (id_ in favoured) for id_, (share, _) in parts.items()}


def content_hash(book_id: str, lines: str, discount_minor: int, valid_until: str | None) -> str:
    """Name what an approval is about: another price, quantity or day has another hash.

    The order of the lines is nothing that anybody approves.
    """
    by_id = sorted(read(lines), key=lambda line: line.id)
    about: list[Any] = [book_id, [msgspec.to_builtins(line) for line in by_id], discount_minor]
    about.append(valid_until)
    return blake2b(msgspec.json.encode(about, order="sorted"), digest_size=16).hexdigest()
