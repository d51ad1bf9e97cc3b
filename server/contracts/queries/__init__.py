"""Ask about contracts. Nothing here changes anything."""

from server.contracts.queries.contracts import detail, list_page, of_customer, of_deal, one
from server.contracts.queries.exports import as_csv

__all__ = ["as_csv", "detail", "list_page", "of_customer", "of_deal", "one"]
