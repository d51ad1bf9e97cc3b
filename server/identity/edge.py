"""The edge: makes the Actor of every request, or refuses it.

`authenticate` is asked for every route of the application, so a route is closed unless it says
`exclude_from_auth=True`. By default the proof is a bearer token. Routers of pages say
`opt={"auth": "cookie"}`: there the proof is the session's cookie, and every method that changes
something needs the session's CSRF token, as header or form field. A bearer token never counts on
a page, a cookie never on the API.

A POST that changes nothing (a pull) may say `opt={"is_read": True}` and is then checked like a
read. That a device asks is written down now and then (`server.identity.hearing`); a route whose
answer helps whoever could date something back says `is_telling=True`, and one of the sync, which
knows by itself what waits on the device, `hears_itself=True`.
"""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.di import Provide
from litestar.types import HTTPScope, Receive

from server.access import Actor, doors
from server.identity import hearing, keys, presence
from server.identity.presence import Entry
from server.identity.rules import web_sessions
from server.identity.service import web
from server.kit import clock
from server.kit.errors import Unauthenticated

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_SCHEME: Final = b"bearer "


class TokenMissing(Unauthenticated):
    """The request carries no access token."""

    code = "token_missing"


async def authenticate(scope: HTTPScope, receive: Receive, opt: Mapping[str, Any]) -> Entry | None:
    """Make the Actor of the request; handlers ask for it as `actor: CurrentActor`.

    It stands before the framework's own request, which most refusals never need.

    :param opt: what the route says of itself.
    :raises Unauthenticated: when nobody stands behind the request.
    :raises CsrfRefused: when a page of somebody else's sends it.
    :raises NotPermitted: when the route is closed to the person's role.
    """
    is_page = opt.get("auth") == "cookie"
    is_read = scope["method"] in _READS
    if is_page and not is_read:
        _ensure_same_site(scope)
    if opt.get("exclude_from_auth"):
        return None
    if is_page:
        entry = Entry(await _of_cookie(Request(scope, receive), is_read=is_read))
    else:
        entry = await _of_token(scope, is_read=is_read or opt.get("is_read") is True)
    doors.ensure_open(entry.actor, opt)
    if entry.actor.device_id is not None and not opt.get("hears_itself"):
        waiting, is_telling = _header(scope, hearing.WAITING), opt.get("is_telling") is True
        await hearing.hear(entry.actor, waiting, is_telling=is_telling, now=clock.now())
    scope["user"] = entry.actor
    return entry


async def _of_token(scope: HTTPScope, *, is_read: bool) -> Entry:
    """Read the bearer token."""
    proof = _header(scope, b"authorization")
    if proof[: len(_SCHEME)].lower() != _SCHEME:
        raise TokenMissing("Send an access token: `Authorization: Bearer ...`.")
    token = proof[len(_SCHEME) :].strip().decode("latin-1")
    return await presence.api_entry(token, now=clock.now(), is_read=is_read)


async def _of_cookie(request: Request[Any, Any, Any], *, is_read: bool) -> Actor:
    """Read the session's cookie; for a change, also the CSRF token."""
    token = request.cookies.get(web.web_cookie_name(), "")
    found = await presence.web_presence(token, now=clock.now(), is_read=is_read)
    if not is_read:
        sent = await _sent_csrf(request)
        web_sessions.ensure_csrf(sent, found.fingerprint, keys=keys.current().macs)
    request.state.csrf_token = found.csrf_token
    return found.actor


async def _sent_csrf(request: Request[Any, Any, Any]) -> str | None:
    """Find the CSRF token in the header, else in the form."""
    header = request.headers.get(web_sessions.CSRF_HEADER)
    if header is not None or request.content_type[0] not in _FORMS:
        return header
    field = (await request.form()).get(web_sessions.CSRF_FIELD)
    return field if isinstance(field, str) else None


def _ensure_same_site(scope: HTTPScope) -> None:
    """Refuse a change that a browser says comes from another site; covers signing in, too."""
    if _header(scope, b"sec-fetch-site") not in (b"", b"same-origin", b"none"):
        raise web_sessions.CsrfRefused("Open the page itself and repeat what you did.")


def _header(scope: HTTPScope, name: bytes) -> bytes:
    """Find a header; empty when it was not sent."""
    for given, value in scope["headers"]:
        if given == name:
            return value
    return b""


def current_actor(request: Request[Any, Any, Any]) -> Actor:
    """Give handlers the Actor that `authenticate` has made."""
    return _as_actor(request.scope.get("user"))


def _as_actor(found: object) -> Actor:
    """Refuse where nobody was made: nothing but the edge's own Actor will do."""
    if not isinstance(found, Actor):
        raise TokenMissing("Sign in to go on.")
    return found


DEPENDENCIES: Final = {"actor": Provide(current_actor, sync_to_thread=False)}
"""Dependencies of the whole application."""
