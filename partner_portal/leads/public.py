"""A campaign's page for everybody who has its address: leave a phone to be called back."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.rendering import AnyRequest, TheRenderer
from server.kit import addresses, clock
from server.kit.errors import NotFound, Refusal
from server.leads import service
from server.leads.schemas import FormPage, Left

_FIELDS: Final = ("name", "phone", "city", "need")
_HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@get("/f/{token:str}")
async def form(request: AnyRequest, renderer: TheRenderer, token: FromPath[str]) -> Response[Any]:
    """Show the page."""
    page = await service.form_page(token, address=addresses.of(request), now=clock.now())
    return _draw(request, renderer, page, dict.fromkeys(_FIELDS, ""), Problem())


@post("/f/{token:str}", status_code=200)
async def send(request: AnyRequest, renderer: TheRenderer, token: FromPath[str]) -> Response[Any]:
    """Take what was left; where something is wrong, the page again with what was typed."""
    given = await forms.texts(request, *_FIELDS, "id", "stamp", "website", "consent")
    address, now = addresses.of(request), clock.now()
    try:
        values = {name: given[name] for name in (*_FIELDS, "id", "stamp", "website")}
        left = forms.taken(values | {"has_consented": given["consent"] == "yes"}, Left)
        await service.leave(token, left, address=address, now=now)
    except NotFound:
        raise
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        page = await service.form_page(token, address=address, now=now)
        return _draw(request, renderer, page, given, wrong)
    return renderer.page(request, "leads/templates/left.html", headers=_HEADERS)


def _draw(
    request: AnyRequest,
    renderer: TheRenderer,
    page: FormPage,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the page."""
    return renderer.page(
        request,
        "leads/templates/public.html",
        status=wrong.status,
        headers=_HEADERS,
        page=page,
        given=given,
        wrong=wrong,
    )
