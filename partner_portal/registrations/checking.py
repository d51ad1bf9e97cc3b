"""The blind check (查重), and the order and the terms by which registrations are decided."""

from typing import Any

from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import Refusal
from server.registrations import queries, service
from server.registrations.schemas import Check, Checked

_ASKED = ("phone", "uscc", "name", "city", "district", "address")


@get("/registrations/check")
async def check_form(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show what may be asked."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    return await _form(request, actor, renderer, dict.fromkeys(_ASKED, ""), Problem())


@post("/registrations/check", status_code=200)
async def check(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Ask; each time counts. What was asked stands in no address and is kept nowhere."""
    given = await forms.texts(request, *_ASKED)
    try:
        asked = forms.taken({name: text for name, text in given.items() if text}, Check)
        found = await service.check(actor, asked, now=clock.now())
    except Refusal as refusal:
        return await _form(request, actor, renderer, given, said(request, refusal))
    return await _form(request, actor, renderer, given, Problem(), found)


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
    found: Checked | None = None,
) -> Response[Any]:
    """Draw the form, and above it what was answered."""
    return renderer.page(
        request,
        "registrations/templates/check.html",
        status=wrong.status,
        given=given,
        wrong=wrong,
        found=found,
        terms=(await service.terms_now(actor, now=clock.now())).terms,
        **await frame(request, actor),
    )


@get("/registrations/terms")
async def published(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the published order and the terms to whoever is bound by them."""
    ensure(actor, Permission.CUSTOMERS_READ)
    return renderer.page(
        request,
        "registrations/templates/terms.html",
        rules=await queries.published(actor),
        held=await service.terms_now(actor, now=clock.now()),
        **await frame(request, actor),
    )
