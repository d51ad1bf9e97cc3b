"""The edge: makes the Actor of every request, or refuses it.

`authenticate` is a guard of the whole application, so a route is closed unless it says
`exclude_from_auth=True`. By default the proof is a bearer token. Routers of pages say
`opt={"auth": "cookie"}`: there the proof is the session's cookie, and every method that changes
something needs the session's CSRF token, as header or form field. A bearer token never counts on
a page, a cookie never on the API.

A POST that changes nothing (a pull) may say `opt={"is_read": True}` and is then checked like a
read.
"""

from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from server.access import Actor
from server.identity import keys, presence
from server.identity.rules import web_sessions
from server.identity.service import web
from server.kit import clock
from server.kit.errors import Unauthenticated

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_SCHEME: Final = "bearer "

Connection = ASGIConnection[Any, Any, Any, Any]


class TokenMissing(Unauthenticated):
    """The request carries no access token."""

    code = "token_missing"


async def authenticate(connection: Connection, handler: BaseRouteHandler) -> None:
    """Make the Actor of the request; handlers ask for it as `actor: CurrentActor`.

    :raises Unauthenticated: when nobody stands behind the request.
    :raises CsrfRefused: when a page of somebody else's sends it.
    """
    is_page = handler.opt.get("auth") == "cookie"
    method = connection.scope.get("method", "GET")
    if is_page and method not in _READS:
        _ensure_same_site(connection)
    if handler.opt.get("exclude_from_auth"):
        return
    is_read = method in _READS or handler.opt.get("is_read") is True
    of = _of_cookie if is_page else _of_token
    connection.scope["user"] = await of(connection, is_read=is_read)


async def _of_token(connection: Connection, *, is_read: bool) -> Actor:
    """Read the bearer token."""
    proof = connection.headers.get("authorization", "")
    if proof[: len(_SCHEME)].lower() != _SCHEME:
        raise TokenMissing("Send an access token: `Authorization: Bearer ...`.")
    return await presence.api_actor(proof[len(_SCHEME) :].strip(), now=clock.now(), is_read=is_read)


async def _of_cookie(connection: Connection, *, is_read: bool) -> Actor:
    """Read the session's cookie; for a change, also the CSRF token."""
    token = connection.cookies.get(web.web_cookie_name(), "")
    found = await presence.web_presence(token, now=clock.now(), is_read=is_read)
    if connection.scope.get("method") not in _READS:
        sent = await _sent_csrf(connection)
        web_sessions.ensure_csrf(sent, found.fingerprint, keys=keys.current().macs)
    connection.state.csrf_token = found.csrf_token
    return found.actor


async def _sent_csrf(connection: Connection) -> str | None:
    """Find the CSRF token in the header, else in the form."""
    header = connection.headers.get(web_sessions.CSRF_HEADER)
    if header is not None or not isinstance(connection, Request):
        return header
    if connection.content_type[0] not in _FORMS:
        return None
    field = (await connection.form()).get(web_sessions.CSRF_FIELD)
    return field if isinstance(field, str) else None


def _ensure_same_site(connection: Connection) -> None:
    """Refuse a change that a browser says comes from another site; covers signing in, too."""
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise web_sessions.CsrfRefused("Open the page itself and repeat what you did.")


def current_actor(request: Request[Any, Any, Any]) -> Actor:
    """Give handlers the Actor that the guard has made."""
    return _as_actor(request.scope.get("user"))


def _as_actor(found: object) -> Actor:
    """Refuse where no guard has run: nothing but the guard's own Actor will do."""
    if not isinstance(found, Actor):
        raise TokenMissing("Sign in to go on.")
    return found


DEPENDENCIES: Final = {"actor": Provide(current_actor, sync_to_thread=False)}
"""Dependencies of the whole application."""
