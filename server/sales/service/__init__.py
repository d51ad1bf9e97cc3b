"""Do things with products, prices and quotes. Each function is one use case and one transaction."""

from server.sales.service.deciding import decide, expire
from server.sales.service.products import (
    add_price_book,
    add_product,
    change_price_book,
    change_product,
    set_price,
)
from server.sales.service.quotes import create, edit

__all__ = [
    "add_price_book",
    "add_product",
    "change_price_book",
    "change_product",
    "create",
    "decide",
    "edit",
    "expire",
    "set_price",
]
