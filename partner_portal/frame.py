"""What the frame around a page shows: whose company, who, and where one may go."""

from typing import Any

from partner_portal import forms, navigation
from partner_portal.rendering import AnyRequest
from server.access import Actor, reads_records
from server.notifications import queries as notifications
from server.tenants import queries as tenants


async def frame(request: AnyRequest, who: Actor) -> dict[str, Any]:
    """Give what layout/shell.html needs."""
    company = await tenants.tenant(who)
    reads = reads_records(who.role)
    return {
        "actor": who,
        "organisation": company.name,
        "navigation": navigation.items(who, request.url.path),
        "actions": navigation.actions(who),
        "notes": forms.notes(request),
        "searches": reads,
        "live": reads or who.is_platform,
        "unread": (await notifications.unread(who)).unread if reads or who.is_platform else 0,
    }
