"""Ask about what is sold. Nothing here changes anything."""

from server.sales.queries.products import (
    price_book,
    price_books,
    price_history,
    prices,
    product,
    products,
    sees_floors,
)
from server.sales.queries.quotes import detail, holders, list_page, of_deal, one

__all__ = [
    "detail",
    "holders",
    "list_page",
    "of_deal",
    "one",
    "price_book",
    "price_books",
    "price_history",
    "prices",
    "product",
    "products",
    "sees_floors",
]
