"""One's own calendar: make its private address, show it this once, take it back."""

import secrets
from typing import Any

from litestar import Response, post

from partner_portal import forms
from partner_portal.account.pages import page
from partner_portal.forms import Problem
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.agenda import service
from server.agenda.schemas import NewFeed
from server.kit import clock

_TOKEN_BYTES = 32


@post("/account/calendar", status_code=200)
async def make_feed(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Make the address, in place of any from before."""
    given = await forms.texts(request, "shows_customers")
    wanted = NewFeed(shows_customers=given["shows_customers"] == "1")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    made = await service.make_feed(actor, wanted, token=token, now=clock.now())
    return await page(request, actor, renderer, Problem(), made)


@post("/account/calendar/revocation", status_code=200)
async def revoke_feed(actor: CurrentActor) -> Response[Any]:
    """Let the address lead nowhere."""
    await service.revoke_feed(actor, now=clock.now())
    return forms.go("/account", "calendar_revoked")
