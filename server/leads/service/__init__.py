"""Do things with leads. Each function is one use case and one transaction."""

from server.leads.service.campaigns import (
    add_campaign,
    add_cost,
    add_source,
    change_campaign,
    change_source,
    review_campaign,
)
from server.leads.service.cleansing import discard, edit, keep, restore
from server.leads.service.forms import add_form, close_form, form_page, leave
from server.leads.service.handing_over import OPEN
from server.leads.service.handoff import accept, call, give_back, let_clock_run_out
from server.leads.service.intake import receive, receive_typed
from server.leads.service.progress import reached
from server.leads.service.routing import route, route_ready
from server.leads.service.terms import (
    add_territory,
    change_rules,
    change_terms,
    remove_territory,
)

__all__ = [
    "OPEN",
    "accept",
    "add_campaign",
    "add_cost",
    "add_form",
    "add_source",
    "add_territory",
    "call",
    "change_campaign",
    "change_rules",
    "change_source",
    "change_terms",
    "close_form",
    "discard",
    "edit",
    "form_page",
    "give_back",
    "keep",
    "leave",
    "let_clock_run_out",
    "reached",
    "receive",
    "receive_typed",
    "remove_territory",
    "restore",
    "review_campaign",
    "route",
    "route_ready",
]
