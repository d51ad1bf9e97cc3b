"""Ask about customers: lists, search, one with all that belongs to it, its history, its doubles.

Every question names the actor; what it may see is decided in `server.customers.sight` alone.
"""

from server.customers.queries.doubles import duplicates
from server.customers.queries.lists import all_pages, chosen, list_page, summary
from server.customers.queries.records import detail, history, may_write_tag, one, tags
from server.customers.queries.tallies import STATUSES, Tally, tally

__all__ = [
    "STATUSES",
    "Tally",
    "all_pages",
    "chosen",
    "detail",
    "duplicates",
    "history",
    "list_page",
    "may_write_tag",
    "one",
    "summary",
    "tags",
    "tally",
]
