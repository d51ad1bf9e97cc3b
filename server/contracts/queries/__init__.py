"""Ask about contracts. Nothing here changes anything."""

from server.contracts.queries.contracts import detail, holders, list_page, of_customer, of_deal, one

__all__ = ["detail", "holders", "list_page", "of_customer", "of_deal", "one"]
