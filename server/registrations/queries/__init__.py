"""Ask about registrations and cases. Nothing here changes anything but the lines of the feed."""

from server.registrations.queries.cases import alarms, case, of_registration, queue
from server.registrations.queries.evidence import showable
from server.registrations.queries.house import houses
from server.registrations.queries.registrations import Filters, list_page, of_customer, one, wall
from server.registrations.queries.rules import preview, published, replay, versions
from server.registrations.queries.waits import by_agent as waits_by_agent
from server.registrations.queries.waits import of_registration as waits
from server.registrations.queries.waits import waiting

__all__ = [
    "Filters",
    "alarms",
    "case",
    "houses",
    "list_page",
    "of_customer",
    "of_registration",
    "one",
    "preview",
    "published",
    "queue",
    "replay",
    "showable",
    "versions",
    "waiting",
    "waits",
    "waits_by_agent",
    "wall",
]
