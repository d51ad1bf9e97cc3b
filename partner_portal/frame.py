"""What the frame around a page shows: whose company, who, and where one may go."""

from typing import Any

from partner_portal import forms, navigation
from partner_portal.rendering import AnyRequest
from server.access import Actor
from server.notifications import queries as notifications
from server.tenants import queries as tenants


async def frame(request: AnyRequest, who: Actor) -> dict[str, Any]:
    """Give what layout/shell.html needs."""
    company = await tenants.tenant(who)
    return {
        "actor": who,
        "organisation": company.name,
        "navigation": navigation.items(who, request.url.path),
        "actions": navigation.actions(who),
        "notes": forms.notes(request),
        "searches": not who.is_platform,
        "live": True,
        "unread": 0 if who.is_platform else (await notifications.unread(who)).unread,
    }
