"""Ask about leads: lists, one with its history, sources, campaigns, results; nothing changes."""

from server.leads.queries.leads import board, detail, holders, list_page, mine
from server.leads.queries.money import (
    campaign,
    campaigns,
    cost,
    costs,
    form,
    forms,
    sources,
    terms,
)
from server.leads.queries.results import channels, funnels, handoffs

__all__ = [
    "board",
    "campaign",
    "campaigns",
    "channels",
    "cost",
    "costs",
    "detail",
    "form",
    "forms",
    "funnels",
    "handoffs",
    "holders",
    "list_page",
    "mine",
    "sources",
    "terms",
]
