"""The browser at the entrance: its visit before anybody has signed in, and its cookies.

Behind the entrance `server.identity` finds the Actor of a session and checks its forms. Before
that there is only a visit: a form's token must be the one that the browser holds as a cookie.
"""

import hmac
import secrets
from typing import Any, Final

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.middleware.base import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from partner_portal.rendering import AnyRequest
from server.access import Actor
from server.identity import service as identity
from server.identity.schemas import WebSignIn
from server.kit import clock
from server.kit.errors import Forbidden, Unauthenticated
from server.settings import Settings

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"
_VISIT_BYTES: Final = 32
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class FormRefused(Forbidden):
    """The form was not made for this browser."""

    code = "csrf_refused"


class Visit(ASGIMiddleware):
    """Finds out who comes to the entrance: somebody with a session, or a visitor."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on with what its forms must carry."""
        request: AnyRequest = Request(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        token = request.cookies.get(identity.web_cookie_name())
        if token:
            try:
                presence = await identity.web_presence(token, now=clock.now())
            except Unauthenticated:
                scope["user"] = None
            else:
                scope["user"] = presence.actor
                state["csrf_token"] = presence.csrf_token
        if "csrf_token" not in state:
            visit = request.cookies.get(visit_cookie_name(request))
            if not visit:
                visit = secrets.token_urlsafe(_VISIT_BYTES)
                state["new_cookies"] = [_visit_cookie(request, visit)]
            state["csrf_token"] = visit
        await next_app(scope, receive, send)


async def ensure_own_form(request: Request[Any, Any, Any]) -> None:
    """Refuse a change whose form was not made for this browser.

    :raises FormRefused: nothing was changed.
    """
    if request.method in _READS:
        return
    sent = request.headers.get(CSRF_HEADER)
    if sent is None:
        sent = str((await request.form()).get(CSRF_FIELD, ""))
    made = str(request.scope.get("state", {}).get("csrf_token", ""))
    if not made or not hmac.compare_digest(made.encode(), sent.encode("utf-8", "surrogatepass")):
        raise FormRefused("This page is out of date; load it again and repeat what you did.")


def visit_cookie_name(request: AnyRequest) -> str:
    """Name the cookie of a visit; over TLS it belongs to this very host."""
    return "__Host-tonglu_visit" if _settings(request).is_secure else "tonglu_visit"


def _settings(request: AnyRequest) -> Settings:
    """Give the settings of the running application."""
    settings: Settings = request.app.state.settings
    return settings


def _visit_cookie(request: AnyRequest, visit: str) -> Cookie:
    """Make the cookie that a form of somebody without a session is held against."""
    return Cookie(
        visit_cookie_name(request),
        value=visit,
        httponly=True,
        secure=_settings(request).is_secure,
        samesite="strict",
    )


def sign_in(request: AnyRequest, response: Response[Any], signed_in: WebSignIn) -> None:
    """Give the browser its session, make it known for the next time, take the visit away."""
    response.set_cookie(
        Cookie(
            signed_in.cookie_name,
            value=signed_in.token,
            httponly=True,
            secure=signed_in.is_secure,
            samesite="lax",
            max_age=signed_in.max_age_s,
        )
    )
    known = signed_in.known
    response.set_cookie(
        Cookie(
            known.cookie_name,
            value=known.token,
            httponly=True,
            secure=known.is_secure,
            samesite="strict",
            max_age=known.max_age_s,
        )
    )
    response.delete_cookie(visit_cookie_name(request))


def sign_out(response: Response[Any]) -> None:
    """Take the session from the browser."""
    response.delete_cookie(identity.web_cookie_name())


def actor(request: AnyRequest) -> Actor:
    """Give the one who is signed in; for handlers behind the entrance."""
    who = request.scope.get("user")
    assert isinstance(who, Actor), "identity lets only signed-in people through"
    return who
