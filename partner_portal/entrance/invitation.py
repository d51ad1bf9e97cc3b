"""Somebody comes with an invitation: type or open the code, then choose name and password.

The link's code stands behind its #, which browsers do not send: `join-link.js` puts it into the
form. Without scripts the code is typed.
"""

from typing import Any, Final

from litestar import get, post
from litestar.response import Redirect, Response

from partner_portal import forms, session
from partner_portal.forms import Problem
from partner_portal.rendering import AnyRequest, TheRenderer
from server.identity import service as identity
from server.identity.schemas import Acceptance, Invited
from server.kit import addresses, clock
from server.kit.errors import Refusal

_CODE_MAX: Final = 40
_LOGIN_MAX: Final = 200
_PASSWORD_MAX: Final = 400
_NO_STORE: Final = {"Cache-Control": "no-store"}


@get("/enrol", include_in_schema=False, sync_to_thread=False)
def enrol(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Tell somebody who opened a device's code in a browser which command takes it."""
    return renderer.page(request, "entrance/templates/enrol.html", headers=_NO_STORE)


@get("/join", include_in_schema=False)
async def join(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Ask for the code."""
    return _ask(request, renderer, "", Problem())


def _ask(request: AnyRequest, renderer: TheRenderer, code: str, wrong: Problem) -> Response[Any]:
    """Draw the question for the code."""
    said = wrong.errors.get("code", "") or wrong.said
    return renderer.page(
        request, "entrance/templates/join.html", status=wrong.status, code=code, error=said
    )


@post("/join", status_code=200, include_in_schema=False)
async def look(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Tell to what the code invites, and ask for name and password."""
    code = (await forms.texts(request, "code"))["code"][:_CODE_MAX]
    try:
        found = await _look(request, code)
    except Refusal as refusal:
        return _ask(request, renderer, code, forms.problem(refusal, forms.words_of(request)))
    return _choose(request, renderer, code, found, found.login or "", Problem())


async def _look(request: AnyRequest, code: str) -> Invited:
    """Look at the invitation behind a code."""
    address = addresses.of(request)
    return await identity.look_at_invitation(code, address=address, now=clock.now())


def _choose(
    request: AnyRequest,
    renderer: TheRenderer,
    code: str,
    found: Invited,
    login: str,
    wrong: Problem,
) -> Response[Any]:
    """Draw the choice of name and password."""
    return renderer.page(
        request,
        "entrance/templates/choose.html",
        status=wrong.status,
        headers=_NO_STORE,
        code=code,
        found=found,
        login=login,
        wrong=wrong,
    )


@post("/join/acceptance", status_code=200, include_in_schema=False)
async def accept(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Set name and password, and let the person in at once."""
    form = await request.form()
    code = str(form.get("code", ""))[:_CODE_MAX]
    login = str(form.get("login", "")).strip()[:_LOGIN_MAX]
    password = str(form.get("password", ""))[:_PASSWORD_MAX]
    address = addresses.of(request)
    try:
        wanted = forms.taken(
            {"code": code, "password": password, "login": login or None}, Acceptance
        )
        joined = await identity.accept_invitation(wanted, address=address, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        if "code" in wrong.errors:
            return _ask(request, renderer, code, wrong)
        found = await _look(request, code)
        return _choose(request, renderer, code, found, login, wrong)
    signed_in = await identity.web_sign_in(joined.login, password, address=address, now=clock.now())
    answer = Redirect("/?said=joined", status_code=303)
    session.sign_in(request, answer, signed_in)
    return answer
