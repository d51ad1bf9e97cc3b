"""Sign in and out; choose a language."""

from typing import Any

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response

from partner_portal import failures, navigation, session
from partner_portal.rendering import (
    LANGUAGE_COOKIE,
    AnyRequest,
    Note,
    TheRenderer,
    language_of,
    local_path,
)
from partner_portal.words import Language, catalogue
from server.identity import service as identity
from server.kit import addresses, clock
from server.kit.errors import Refusal
from server.problems import status_of

_YEAR_S = 31_536_000
_LOGIN_MAX = 200
_PASSWORD_MAX = 400


@get("/", include_in_schema=False)
async def start(request: AnyRequest) -> Redirect:
    """Go where this person begins."""
    who = request.scope.get("user")
    said = "?said=joined" if request.query_params.get("said") == "joined" else ""
    return Redirect(navigation.home(who) + said if who else "/sign-in", status_code=303)


@get("/sign-in", include_in_schema=False)
async def entrance(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Show the entrance; whoever is inside already goes on."""
    wanted = local_path(request.query_params.get("next"))
    if request.scope.get("user") is not None:
        return Redirect(wanted, status_code=303)
    words = catalogue(language_of(request))
    is_leaving = request.query_params.get("left") == "1"
    notes = [Note(words.say("entrance.signed_out"))] if is_leaving else []
    return _page(request, renderer, wanted=wanted, notes=notes)


@post("/sign-in", include_in_schema=False)
async def sign_in(request: AnyRequest, renderer: TheRenderer) -> Response[Any]:
    """Let somebody in, or say that name and password do not belong together."""
    form = await request.form()
    login, password = str(form.get("login", "")).strip(), str(form.get("password", ""))
    login, password = login[:_LOGIN_MAX], password[:_PASSWORD_MAX]
    wanted, now = local_path(str(form.get("next", "/"))), clock.now()
    try:
        signed_in = await identity.web_sign_in(
            login,
            password,
            address=addresses.of(request),
            known_place=identity.known_browser(request.cookies, login, now=now),
            now=now,
        )
    except Refusal as refusal:
        said = failures.sentence(catalogue(language_of(request)), refusal)
        status = status_of(refusal)
        return _page(request, renderer, wanted=wanted, login=login, error=said, status=status)
    answer = Redirect(wanted, status_code=303)
    session.sign_in(request, answer, signed_in)
    return answer


@post("/sign-out", include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[Any]:
    """Let somebody out; leaving twice is no mistake."""
    if request.scope.get("user") is not None:
        await identity.web_sign_out(session.actor(request), now=clock.now())
    answer = Redirect("/sign-in?left=1", status_code=303)
    session.sign_out(answer)
    return answer


@post("/language", include_in_schema=False)
async def choose_language(request: AnyRequest) -> Response[Any]:
    """Remember the language and go back to the page."""
    form = await request.form()
    answer = Redirect(local_path(str(form.get("next", "/"))), status_code=303)
    chosen = str(form.get("language", ""))
    if chosen in set(Language):
        answer.set_cookie(
            Cookie(
                LANGUAGE_COOKIE,
                value=chosen,
                max_age=_YEAR_S,
                samesite="lax",
                secure=request.app.state.settings.is_secure,
                httponly=True,
            )
        )
    return answer


def _page(
    request: AnyRequest,
    renderer: TheRenderer,
    *,
    wanted: str,
    login: str = "",
    error: str = "",
    notes: list[Note] | None = None,
    status: int = 200,
) -> Response[str]:
    """Draw the entrance."""
    return renderer.page(
        request,
        "entrance/templates/entrance.html",
        status=status,
        wanted=wanted,
        login=login,
        error=error,
        notes=notes or [],
    )
