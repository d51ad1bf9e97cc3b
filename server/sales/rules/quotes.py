"""Decide about quotes: what may be written, who may approve, what becomes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.kinds import Find
from server.customers.rules import fields as texts
from server.kit.errors import Conflict, Forbidden, Invalid
from sync_protocol.quoting import lines as quoting
from sync_protocol.quoting.lines import Line, LinesInvalid
from sync_protocol.quoting.states import LEADS, OPEN, State, Verb, is_possible

CONTENT: Final = ("lines", "discount_minor", "valid_until")
"""What an approval is about, beside the price book, which never changes."""


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """How a price book sells a product today, and what it asked before."""

    name: str
    unit: str
    tax_bp: int
    floor_minor: int
    """Below it somebody else must approve."""
    listed: frozenset[int]
    """Every list price that the book has had: a quote keeps the one that it was made with."""


class QuoteInvalid(Invalid):
    """The lines or the discount are no quote; the field names the part."""

    code = "quote_invalid"


class QuoteClosed(Conflict):
    """The customer has the quote, or it came to its end: what it says stands."""

    code = "quote_closed"


class QuoteMoved(Conflict):
    """What was asked does not lead on from where the quote stands."""

    code = "quote_moved"


class QuoteChanged(Conflict):
    """The quote says something else than the asker saw, or than was approved."""

    code = "quote_changed"


class QuoteOver(Conflict):
    """The last day of the quote has passed."""

    code = "quote_over"


class QuoteEmpty(Invalid):
    """A quote without lines offers nothing."""

    code = "quote_empty"


class NotPriced(Conflict):
    """A product has no price in this book, or is not sold any more."""

    code = "not_priced"


class PriceBookOver(Conflict):
    """The price book is not valid on this day, or was retired."""

    code = "price_book_over"


class MakerIsNoChecker(Forbidden):
    """Whoever wrote or submitted a quote does not approve it."""

    code = "maker_is_no_checker"


class DealOfAnother(Invalid):
    """The deal is another customer's."""

    code = "deal_of_another"


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring given values into their stored form.

    :raises QuoteInvalid: the lines are none.
    """
    normal = texts.normalise("quote", {k: v for k, v in given.items() if k != "lines"})
    lines = given.get("lines")
    if isinstance(lines, str):
        try:
            normal["lines"] = quoting.write(quoting.read(lines))
        except LinesInvalid as fault:
            raise QuoteInvalid(fault.detail, field=fault.field) from fault
    elif "lines" in given:
        normal["lines"] = lines
    return normal


def complete(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Let a new quote be a draft of whoever makes it."""
    del given
    return {
        "state": str(State.DRAFT),
        "state_since": at_ms,
        "edited_by": str(actor.user_id),
    }


def take(given: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """Take the currency from the price book, and count a new quote.

    :raises DealOfAnother: the deal is not the customer's.
    :raises QuoteInvalid: the discount is more than the lines come to.
    """
    deal = find("opportunity", given["opportunity_id"])
    if deal is not None and deal["customer_id"] != given["customer_id"]:
        raise DealOfAnother("Choose a deal of this customer.", field="opportunity_id")
    book = find("price_book", given["price_book_id"])
    return {"currency": book["currency"] if book else None, "total_minor": total_of(given)}


def check(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse to change what the customer has in hand.

    :raises QuoteClosed: it was sent, or came to its end.
    """
    if before is None or before["state"] in OPEN:
        return
    for name in CONTENT:
        if before[name] != after[name]:
            raise QuoteClosed("This quote is out; revise it first, then change it.", field=name)


def follow(actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Say what follows from an edit: the total, and that what was approved is void."""
    if all(before[name] == after[name] for name in CONTENT):
        return {}
    return {
        "state": str(State.DRAFT),
        "edited_by": str(actor.user_id),
        "total_minor": total_of(after),
        "approved_hash": None,
    }


def total_of(fields: Mapping[str, Any]) -> int:
    """Count what a quote comes to.

    :raises QuoteInvalid: the discount is more than that.
    """
    try:
        return quoting.totals(read(fields), fields["discount_minor"] or 0).net_minor
    except LinesInvalid as fault:
        raise QuoteInvalid(fault.detail, field=fault.field) from fault


def read(fields: Mapping[str, Any]) -> tuple[Line, ...]:
    """Read the lines of a quote as it is held."""
    return quoting.read(fields["lines"])


def hash_of(fields: Mapping[str, Any]) -> str:
    """Name what a quote says."""
    return quoting.content_hash(
        str(fields["price_book_id"]),
        fields["lines"],
        fields["discount_minor"] or 0,
        fields["valid_until"],
    )


def ensure_possible(verb: Verb, state: State) -> None:
    """Refuse what does not lead on.

    :raises QuoteMoved: naming where the quote stands.
    """
    if not is_possible(verb, state):
        raise QuoteMoved(
            f"This quote is {state}; look at it and decide again.", field="verb", state=str(state)
        )


def ensure_seen(verb: Verb, seen: str | None, fields: Mapping[str, Any]) -> None:
    """Refuse a decision about something else than what the asker saw.

    :raises QuoteChanged: somebody changed it meanwhile; an approval must name what it is about.
    """
    if seen == hash_of(fields) or (seen is None and verb is not Verb.APPROVE):
        return
    raise QuoteChanged(
        "This quote was changed meanwhile; look at it and decide again.", field="content_hash"
    )


def ensure_approved(fields: Mapping[str, Any]) -> None:
    """Refuse to send what is not what was approved."""
    if fields["approved_hash"] != hash_of(fields):
        raise QuoteChanged("This is not what was approved; submit it again.", field="content_hash")


def ensure_checker(actor: Actor, fields: Mapping[str, Any]) -> None:
    """Refuse that somebody approves their own quote.

    :raises MakerIsNoChecker: they wrote it last, or submitted it.
    """
    if str(actor.user_id) in {fields["edited_by"], fields["submitted_by"]}:
        raise MakerIsNoChecker("You wrote or submitted this quote; somebody else must approve it.")


def ensure_in_time(fields: Mapping[str, Any], today: str) -> None:
    """Refuse what is decided too late.

    :raises QuoteOver: its last day has passed.
    """
    if fields["valid_until"] and fields["valid_until"] < today:
        raise QuoteOver(
            "The last day of this quote has passed; revise it and give it a later one.",
            field="valid_until",
        )


def below_floor(lines: Sequence[Line], discount_minor: int, sold: Mapping[UUID, Sold]) -> list[str]:
    """Give the lines that are sold below their floor, the quote's discount counted in.

    :raises NotPriced: a product has no price in the book.
    """
    counted = quoting.totals(lines, discount_minor).lines
    found = []
    for at, line in enumerate(lines):
        product = sold.get(UUID(line.product_id))
        if product is None:
            raise NotPriced(
                "This product has no price in the book; take the line out.",
                field=f"lines[{at}].product_id",
            )
        if counted[line.id].net_minor < quoting.amount(line.quantity_milli, product.floor_minor):
            found.append(line.id)
    return found


def misnamed(lines: Sequence[Line], sold: Mapping[UUID, Sold]) -> list[str]:
    """Give the lines that say something else of a product than the company does.

    A phone writes what the line is called, its unit, its tax and its list price; the customer
    buys what the line says, and the floor is that of the product.
    """
    return [
        line.id
        for line in lines
        if (product := sold.get(UUID(line.product_id))) is not None
        and (
            (line.name, line.unit, line.tax_bp) != (product.name, product.unit, product.tax_bp)
            or line.list_minor not in product.listed
        )
    ]


def outcome(verb: Verb, doubtful: Sequence[str]) -> State:
    """Say where a quote stands afterwards; somebody else looks at doubtful lines."""
    if verb is Verb.SUBMIT and doubtful:
        return State.WAITING
    return LEADS[verb][1]
