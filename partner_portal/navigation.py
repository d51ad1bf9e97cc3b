"""What the sidebar offers: only what exists, and only what the person's role may open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, reads_records


class Item(msgspec.Struct, frozen=True):
    """One line of the navigation."""

    href: str
    icon: str
    label: str
    short: str
    is_current: bool = False
    heading: str = ""
    """What stands above it, of the first of a group."""


class _Place(msgspec.Struct, frozen=True):
    """A page that stands in the navigation, and who may open it."""

    href: str
    icon: str
    label: str
    short: str
    permission: Permission
    also: tuple[str, ...] = ()
    """Further addresses below which this place is the current one."""


_AGENT: Final[Mapping[str, tuple[_Place, ...]]] = {
    "nav.group.daily": (
        _Place("/today", "sun", "nav.today", "nav.today", Permission.CUSTOMERS_READ),
        _Place(
            "/customers",
            "building-2",
            "nav.customers",
            "nav.customers",
            Permission.CUSTOMERS_READ,
            also=("/bulk",),
        ),
        _Place("/tasks", "clipboard-list", "nav.tasks", "nav.tasks", Permission.CUSTOMERS_READ),
        _Place("/visits", "map-pin", "nav.visits", "nav.visits", Permission.CUSTOMERS_READ),
        _Place(
            "/notifications",
            "message-square",
            "nav.notifications",
            "nav.notifications_short",
            Permission.CUSTOMERS_READ,
        ),
    ),
    "nav.group.sales": (
        _Place("/leads", "user-plus", "nav.leads", "nav.leads", Permission.LEADS_MANAGE),
        _Place(
            "/leads/mine", "user-check", "nav.my_leads", "nav.my_leads", Permission.CUSTOMERS_READ
        ),
        _Place(
            "/campaigns",
            "activity",
            "nav.campaigns",
            "nav.campaigns_short",
            Permission.LEADS_MANAGE,
        ),
        _Place("/deals", "funnel", "nav.deals", "nav.deals_short", Permission.CUSTOMERS_READ),
        _Place(
            "/quotes", "file-check", "nav.quotes", "nav.quotes_short", Permission.CUSTOMERS_READ
        ),
        _Place(
            "/contracts",
            "badge-check",
            "nav.contracts",
            "nav.contracts_short",
            Permission.CUSTOMERS_READ,
        ),
        _Place(
            "/registrations",
            "shield-check",
            "nav.registrations",
            "nav.registrations_short",
            Permission.CUSTOMERS_READ,
        ),
        _Place("/prices", "banknote", "nav.prices", "nav.prices_short", Permission.PRICES_MANAGE),
        _Place("/pools", "layers", "nav.pools", "nav.pools", Permission.CUSTOMERS_READ),
    ),
    "nav.group.service": (
        _Place("/cases", "circle-help", "nav.cases", "nav.cases", Permission.CUSTOMERS_READ),
        _Place("/requests", "sparkles", "nav.requests", "nav.requests", Permission.CUSTOMERS_READ),
        _Place("/benefits", "gift", "nav.benefits", "nav.benefits", Permission.BENEFITS_REQUEST),
        _Place(
            "/statements",
            "banknote",
            "nav.statements",
            "nav.statements",
            Permission.COMMISSIONS_SEE,
        ),
        _Place(
            "/commissions",
            "wallet",
            "commissions.title",
            "commissions.title",
            Permission.COMMISSIONS_SEE,
        ),
        _Place(
            "/reconciliation",
            "git-compare",
            "nav.reconciliation",
            "nav.reconciliation",
            Permission.COMMISSIONS_SEE,
        ),
    ),
    "nav.group.data": (
        _Place(
            "/conflicts",
            "git-compare",
            "nav.conflicts",
            "nav.conflicts_short",
            Permission.CUSTOMERS_READ,
        ),
        _Place(
            "/duplicates", "copy", "nav.duplicates", "nav.duplicates", Permission.CUSTOMERS_READ
        ),
        _Place("/quality", "badge-check", "nav.quality", "nav.quality", Permission.CUSTOMERS_READ),
        _Place(
            "/imports", "file-up", "nav.imports", "nav.imports_short", Permission.CUSTOMERS_IMPORT
        ),
        _Place("/analyses", "activity", "nav.analyses", "nav.analyses", Permission.ANALYSES_SEE),
    ),
    "nav.group.company": (
        _Place("/tags", "tag", "nav.tags", "nav.tags", Permission.CUSTOMERS_READ),
        _Place("/fields", "layers", "nav.fields", "nav.fields_short", Permission.FIELDS_MANAGE),
        _Place("/objects", "copy", "nav.objects", "nav.objects_short", Permission.CUSTOMERS_READ),
        _Place(
            "/processes",
            "list-filter",
            "nav.processes",
            "nav.processes_short",
            Permission.PROCESSES_MANAGE,
        ),
        _Place("/plays", "sparkles", "nav.plays", "nav.plays_short", Permission.AUTOMATION_MANAGE),
        _Place("/people", "users", "nav.people", "nav.people", Permission.USERS_INVITE),
        _Place("/devices", "smartphone", "nav.devices", "nav.devices", Permission.CUSTOMERS_READ),
        _Place(
            "/partnership",
            "file-check",
            "nav.partnership",
            "nav.partnership_short",
            Permission.PLATFORM_READS_SEE,
        ),
        _Place("/plan", "clipboard-list", "nav.plan", "nav.plan", Permission.PLANS_SEE),
        _Place(
            "/platform-reads", "eye", "nav.reads", "nav.reads_short", Permission.PLATFORM_READS_SEE
        ),
    ),
}
_PLATFORM: Final[Mapping[str, tuple[_Place, ...]]] = {
    "": (
        _Place(
            "/console", "layout-dashboard", "nav.overview", "nav.overview", Permission.CHANNEL_SEE
        ),
        _Place("/console/agents", "store", "nav.agents", "nav.agents", Permission.CHANNEL_SEE),
        _Place("/console/court", "badge-check", "nav.court", "nav.court", Permission.CASES_RULE),
        _Place("/console/waits", "hourglass", "nav.waits", "nav.waits", Permission.CHANNEL_SEE),
        _Place(
            "/console/rules",
            "clipboard-list",
            "rulebook.title",
            "rulebook.short",
            Permission.CASES_RULE,
        ),
        _Place(
            "/console/requests",
            "sparkles",
            "nav.requests",
            "nav.requests",
            Permission.REQUESTS_ANSWER,
        ),
        _Place(
            "/console/issuances",
            "gift",
            "nav.issuances",
            "nav.issuances",
            Permission.ISSUANCES_SEE,
            also=("/console/programs", "/console/batches", "/console/reviews"),
        ),
        _Place(
            "/console/accounting",
            "banknote",
            "nav.accounting",
            "nav.accounting",
            Permission.BOOKS_KEEP,
        ),
        _Place(
            "/console/reconciliation",
            "git-compare",
            "nav.reconciliation",
            "nav.reconciliation",
            Permission.BOOKS_KEEP,
        ),
        _Place(
            "/console/statements",
            "file-check",
            "nav.statements",
            "nav.statements",
            Permission.COMMISSIONS_KEEP,
        ),
        _Place(
            "/console/commissions",
            "wallet",
            "commissions.title",
            "commissions.title",
            Permission.COMMISSIONS_KEEP,
            also=("/console/payouts",),
        ),
        _Place("/console/plans", "layers", "plans.title", "plans.title", Permission.PLANS_KEEP),
        _Place(
            "/notifications",
            "message-square",
            "nav.notifications",
            "nav.notifications_short",
            Permission.CHANNEL_SEE,
        ),
    ),
}


_AGENT_ACTIONS = (
    ("/customers/new", "plus", "customers.new", Permission.CUSTOMERS_WRITE),
    ("/leads/new", "user-plus", "leads.add", Permission.LEADS_MANAGE),
    ("/people/new", "user-plus", "people.add", Permission.USERS_INVITE),
    ("/devices/new", "smartphone", "devices.enrol", Permission.CUSTOMERS_READ),
    ("/tags/new", "tag", "tags.add", Permission.CUSTOMERS_WRITE),
    ("/pools/new", "layers", "pools.add", Permission.POOLS_MANAGE),
    ("/plays/new", "sparkles", "plays.add", Permission.AUTOMATION_MANAGE),
)


def actions(actor: Actor) -> list[Item]:
    """List what the palette offers to do, beside where to go."""
    allowed = ROLE_PERMISSIONS[actor.role]
    given = () if actor.is_platform else _AGENT_ACTIONS
    found = [Item(href, icon, label, label) for href, icon, label, who in given if who in allowed]
    return [*found, Item("/account", "user", "shell.account", "shell.account")]


def home(actor: Actor) -> str:
    """Give the page where a person begins."""
    if actor.is_platform:
        return "/console"
    return "/customers" if reads_records(actor.role) else "/analyses"


def items(actor: Actor, path: str) -> list[Item]:
    """List what this person may open; the place that holds the path is the current one."""
    allowed = ROLE_PERMISSIONS[actor.role]
    groups = {
        heading: [place for place in places if place.permission in allowed]
        for heading, places in (_PLATFORM if actor.is_platform else _AGENT).items()
    }
    holding = [
        (len(start), place.href)
        for places in groups.values()
        for place in places
        for start in (place.href, *place.also)
        if path == start or path.startswith(f"{start}/")
    ]
    current = max(holding, default=(0, ""))[1]
    return [
        Item(
            place.href,
            place.icon,
            place.label,
            place.short,
            place.href == current,
            heading if place is places[0] else "",
        )
        for heading, places in groups.items()
        for place in places
    ]
