"""Quotes on a device: written without a network, counted as the server counts.

A device does not know below which price an approval is needed: a submission is provisional until
the server has decided it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mobile_client_sdk.client.selling import Selling
from mobile_client_sdk.records import Opportunity, PriceBook, Product, Quote, id_of
from mobile_client_sdk.views import Question
from sync_protocol.messages import Intent
from sync_protocol.quoting import lines as quoting
from sync_protocol.quoting.lines import Line, Totals
from sync_protocol.quoting.states import State, Verb, is_possible


class NotOffered(Exception):
    """A product has no price in this book, so that nothing can be written about it."""

    code = "not_priced"


class NotPossible(Exception):
    """The quote does not stand where this leads on from; the server was not asked."""

    code = "quote_moved"


@dataclass(frozen=True, slots=True)
class Wanted:
    """So much of a product; at its list price unless another is asked."""

    product: Product
    quantity_milli: int = 1_000
    price_minor: int | None = None


class Quoting(Selling):
    """Products, price books and quotes."""

    def products(self) -> list[Product]:
        """Answer what is sold, by name."""
        return list(self.find(Product, Question(equal={"state": "active"}, order_by="name")))

    def price_books(self) -> list[PriceBook]:
        """Answer the price books that are in use, by name."""
        return list(self.find(PriceBook, Question(equal={"state": "active"}, order_by="name")))

    def list_price(self, product: Product, book: PriceBook | str) -> int:
        """Answer what a book asks for a unit, in minor units.

        :raises NotOffered: the book does not sell it.
        """
        prices = dict(product.prices or ())
        if id_of(book) not in prices:
            raise NotOffered(f"{product.name}")
        return int(prices[id_of(book)])

    def quotes(self, deal: Opportunity | str | None = None) -> list[Quote]:
        """Answer quotes by name: a deal's, or all."""
        equal = {} if deal is None else {"opportunity_id": id_of(deal)}
        return list(self.find(Quote, Question(equal=equal, order_by="name")))

    def write_quote(
        self,
        deal: Opportunity,
        book: PriceBook,
        name: str,
        wanted: Sequence[Wanted],
        **fields: Any,
    ) -> Quote:
        """Write a quote; it is a draft, and nobody is asked yet.

        :raises NotOffered: a product has no price in this book.
        :raises LinesInvalid: the discount is more than the lines come to.
        """
        lines = [self._line(each, book) for each in wanted]
        quoting.totals(lines, fields.get("discount_minor") or 0)
        return self.create(
            Quote,
            customer_id=deal.customer_id,
            opportunity_id=deal.id,
            price_book_id=book.id,
            name=name,
            lines=quoting.write(lines),
            **fields,
        )

    def _line(self, wanted: Wanted, book: PriceBook) -> Line:
        listed = self.list_price(wanted.product, book)
        return Line(
            id=self.new_id(),
            product_id=wanted.product.id,
            name=wanted.product.name or "",
            unit=wanted.product.unit or "",
            quantity_milli=wanted.quantity_milli,
            list_minor=listed,
            price_minor=listed if wanted.price_minor is None else wanted.price_minor,
            tax_bp=wanted.product.tax_bp or 0,
        )

    def totals(self, quote: Quote) -> Totals:
        """Answer what a quote comes to, as the server counts."""
        return quoting.totals(quoting.read(quote.lines), quote.discount_minor or 0)

    def quote_state(self, quote: Quote) -> tuple[State, bool]:
        """Answer where a quote stands, and whether that is provisional: on its way to the server.

        A submission that is on its way is foretold as waiting: only the server knows the floors.
        """
        quote = self._fresh(quote)
        asked = [
            made.op.name
            for made in self.pending()
            if isinstance(made.op, Intent) and made.op.args.get("quote_id") == quote.id
        ]
        state = State(quote.state or State.DRAFT)
        for name in asked:
            state = _AFTER[Verb(name.removeprefix("quote."))]
        return state, bool(asked) or quote.state is None

    def decide_quote(self, quote: Quote, verb: Verb, remark: str | None = None) -> None:
        """Ask the server to submit, send, accept, approve ... a quote, as it stands here.

        :raises NotPossible: it does not stand where this leads on from.
        """
        quote = self._fresh(quote)
        state, _ = self.quote_state(quote)
        if not is_possible(verb, state):
            raise NotPossible(str(state))
        hashed = quoting.content_hash(
            quote.price_book_id, quote.lines, quote.discount_minor or 0, quote.valid_until
        )
        given = {} if remark is None else {"remark": remark}
        self.intend(
            f"quote.{verb}",
            quote_id=quote.id,
            customer_id=quote.customer_id,
            opportunity_id=quote.opportunity_id,
            content_hash=hashed,
            **given,
        )


_AFTER: Final = {
    Verb.SUBMIT: State.WAITING,
    Verb.APPROVE: State.APPROVED,
    Verb.DECLINE: State.DRAFT,
    Verb.SEND: State.SENT,
    Verb.ACCEPT: State.ACCEPTED,
    Verb.REFUSE: State.REFUSED,
    Verb.REVISE: State.DRAFT,
    Verb.WITHDRAW: State.WITHDRAWN,
}
