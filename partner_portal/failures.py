"""When something is refused or fails: a page that says so, or a toast where htmx asked."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from partner_portal import htmx
from partner_portal.rendering import AnyRequest, Renderer, here, language_of
from partner_portal.words import Catalogue, catalogue
from server.kit import errors
from server.problems import EXCEPTION_HANDLERS, BooksRefusal, request_id, status_of

_EVENTS = "text/event-stream"
_NUMBERS = ("retry_after_s", "at_least", "days")
"""What a sentence may say of a refusal as its number, the first that it has."""
_SHOWN = (403, 404, 409, 422, 429, 500, 503)


def sentence(words: Catalogue, refusal: errors.Refusal) -> str:
    """Say a refusal in the reader's language: by its own code, else by that of its kind."""
    n = next((refusal.extra[name] for name in _NUMBERS if name in refusal.extra), 1)
    for code in (refusal.code, *(getattr(kind, "code", "") for kind in type(refusal).__mro__)):
        if words.has(f"refusal.{code}"):
            return words.say(f"refusal.{code}", n=n)
    return refusal.detail


def declined(words: Catalogue, refusal: BooksRefusal) -> str:
    """Say why the books declined something, by its code; what it names stands behind."""
    said = words.say(f"refusal.{refusal.code}", n=1)
    return f"{said} ({_named(words, refusal.about)})" if refusal.about else said


def _named(words: Catalogue, about: str) -> str:
    """Call what the books name by code as pages call it; what has no word stays as it is."""
    return " · ".join(
        next(
            (
                words.say(key)
                for key in (f"account_kind.{part}", f"booked.{part}")
                if words.has(key)
            ),
            part,
        )
        for part in about.split(" · ")
    )


def refused(request: Request[Any, Any, Any], refusal: errors.Refusal) -> Response[Any]:
    """Answer a refusal."""
    if isinstance(refusal, errors.Unauthenticated):
        return to_sign_in(request)
    words = catalogue(language_of(request))
    title = words.say(key) if words.has(key := f"oops.{refusal.code}.title") else ""
    return _answer(request, status_of(refusal), sentence(words, refusal), title)


def to_sign_in(request: AnyRequest) -> Response[Any]:
    """Send somebody to sign in, and back here afterwards; a stream of an open page just ends."""
    if _EVENTS in request.headers.get("accept", ""):
        return Response(b"", status_code=HTTPStatus.NO_CONTENT, media_type=_EVENTS)
    address = "/sign-in"
    if request.method == "GET" and not htmx.is_htmx(request) and here(request) != "/":
        address += f"?next={quote(here(request), safe='/')}"
    if htmx.is_htmx(request):
        return Response("", status_code=HTTPStatus.OK, headers={"HX-Redirect": address})
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework refuses by itself."""
    return _answer(request, error.status_code)


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer our own fault, or the database's: reported as everywhere, then told on a page."""
    handlers: Mapping[Any, Any] = EXCEPTION_HANDLERS
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    document: Response[Any] = handler(request, error)
    return _answer(request, document.status_code or HTTPStatus.INTERNAL_SERVER_ERROR)


def _answer(request: AnyRequest, status: int, said: str = "", title: str = "") -> Response[Any]:
    """Write the page or the toast."""
    shown = status if status in _SHOWN else 500 if status >= 500 else 422  # noqa: PLR2004 -- HTTP
    words = catalogue(language_of(request))
    if not said and words.has(f"oops.{shown}.sentence"):
        said = words.say(f"oops.{shown}.sentence")
    renderer: Renderer = request.app.state.renderer
    if htmx.is_fragment(request):
        return renderer.page(
            request, "layout/oops_toast.html", status=status, headers=htmx.NO_SWAP, said=said
        )
    return renderer.page(
        request,
        "layout/oops.html",
        status=status,
        title=title or words.say(f"oops.{shown}.title"),
        said=said,
        request_id=request_id(request),
        # An address that a form was sent to need not be one that can be opened.
        here=here(request) if request.method == "GET" else "/",
    )


def not_routed(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer an address that no route has: a page for browsers, a problem document for programs."""
    is_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        "/v1"
    )
    if is_page and "state" in request.scope:
        return _answer(request, error.status_code)
    handler: Any = EXCEPTION_HANDLERS[HTTPException]
    document: Response[Any] = handler(request, error)
    return document


HANDLERS: ExceptionHandlersMap = {
    **dict.fromkeys(EXCEPTION_HANDLERS, _failed),
    errors.Refusal: refused,
    HTTPException: _http,
}
"""For the routers of pages: whatever the API tells by a document of its own is a page here."""
