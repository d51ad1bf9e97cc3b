"""How this room's synced records lie in their tables."""

from collections.abc import Mapping
from typing import Final

from server.changelog.kinds import RecordKind
from server.sales.rules import quotes

PRODUCT: Final = RecordKind(name="product", table="product")
PRICE_BOOK: Final = RecordKind(name="price_book", table="price_book")
QUOTE: Final = RecordKind(
    name="quote",
    table="quote",
    normalise=quotes.normalise,
    check=quotes.check,
    complete=quotes.complete,
    take=quotes.take,
    follow=quotes.follow,
)

KINDS: Final = (PRODUCT, PRICE_BOOK, QUOTE)
"""This room's records, parents before their children."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether they are there; they are other rooms'.
    "customer": RecordKind(name="customer", table="customer"),
    "opportunity": RecordKind(name="opportunity", table="opportunity"),
    **{kind.name: kind for kind in KINDS},
}
"""What the services of this room hand to the one write path, by name."""
