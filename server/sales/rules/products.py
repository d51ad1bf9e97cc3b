"""Decide about products, price books and prices."""

from collections.abc import Iterable
from typing import Final

from server.kit.errors import Conflict, Invalid
from server.kit.text import cleaned
from server.sales.schemas import PriceBookView
from sync_protocol.schema import is_day

BOOKS_MAX: Final = 50
"""How many price books a company may have: each product carries its price in each of them."""


class ProductCodeTaken(Conflict):
    """Another product has this code."""

    code = "product_code_taken"


class FloorAboveList(Invalid):
    """The floor of a price lies above the price itself."""

    code = "floor_above_list"


class PriceBookDays(Invalid):
    """A price book ends before it begins, or on no day of the calendar."""

    code = "price_book_days"


class PriceBookNameTaken(Conflict):
    """Another price book in use is called so: quotes and price lists could not say which."""

    code = "price_book_name_taken"


class TooManyPriceBooks(Conflict):
    """The company has as many price books as it may."""

    code = "too_many_price_books"


def named(text: str, field: str = "name") -> str:
    """Give a name as it is kept.

    :raises Invalid: nothing is left of it.
    """
    name = cleaned(text, field)
    if not name:
        raise Invalid("Give a name.", field=field)
    return name


def ensure_name_free(name: str, others: Iterable[PriceBookView]) -> None:
    """Refuse the name of another price book that is in use, whatever its capitals.

    :raises PriceBookNameTaken: naming the field.
    """
    if any(each.state == "active" and each.name.casefold() == name.casefold() for each in others):
        raise PriceBookNameTaken(
            "Another price book in use is called so; choose another name, or retire that one.",
            field="name",
        )


def ensure_floor(list_minor: int, floor_minor: int) -> None:
    """Refuse a floor above the price.

    :raises FloorAboveList: the list price itself would need an approval.
    """
    if floor_minor > list_minor:
        raise FloorAboveList(
            "The floor is at most the list price; set it lower.", field="floor_minor"
        )


def ensure_days(valid_from: str | None, valid_until: str | None) -> None:
    """Refuse days that are none, or in the wrong order.

    :raises PriceBookDays: naming the field.
    """
    for field, day in (("valid_from", valid_from), ("valid_until", valid_until)):
        if day and not is_day(day):
            raise PriceBookDays("Give a day of the calendar, like 2027-01-31.", field=field)
    if valid_from and valid_until and valid_until < valid_from:
        raise PriceBookDays("A price book ends on a later day than it begins.", field="valid_until")
