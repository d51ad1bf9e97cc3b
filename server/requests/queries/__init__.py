"""Ask about requests for help. Nothing here changes anything but the lines of the feed."""

from server.requests.queries.platform import figures as platform_figures
from server.requests.queries.platform import queue, sent
from server.requests.queries.requests import (
    detail,
    figures,
    holders,
    list_page,
    of_customer,
    of_deal,
    one,
)

__all__ = [
    "detail",
    "figures",
    "holders",
    "list_page",
    "of_customer",
    "of_deal",
    "one",
    "platform_figures",
    "queue",
    "sent",
]
