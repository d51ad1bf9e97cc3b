"""Turn a template and what it shows into an answer: language, theme, nonce, CSP, toasts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.enums import MediaType
from markupsafe import Markup

from partner_portal import formats
from partner_portal.assets import Assets
from partner_portal.words import Language, catalogue, preferred
from server.kit import clock

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "language"
THEME_COOKIE = "theme"
_NONCE_BYTES = 16

AnyRequest = Request[Any, Any, Any]


class Note(msgspec.Struct, frozen=True):
    """A toast: one sentence, whether it is good news, and the address that undoes what it tells."""

    message: str
    meaning: str = "ok"
    undo: str = ""


def environment(assets: Assets) -> jinja2.Environment:
    """Make the template environment; a name that nobody gave is a mistake, not an empty text."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        bytecode_cache=_compiled(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = assets.address
    made.globals["icon_address"] = assets.icon
    made.globals["import_map"] = assets.import_map
    made.globals["status_colours"] = formats.STATUS_COLOURS
    made.globals["tag_colours"] = formats.COLOURS
    made.globals["benefit_meaning"] = formats.BENEFIT_MEANING
    made.filters["initial"] = formats.initial
    made.filters["colour"] = formats.colour
    return made


def _compiled() -> jinja2.BytecodeCache | None:
    """Keep compiled templates for the next process, 2.0 s of CPU for all of them.

    They lie in a folder of temporary files that is this user's alone. Where somebody else made it
    first, or nothing can be written, each process compiles for itself.
    """
    try:
        return jinja2.FileSystemBytecodeCache()
    except (RuntimeError, OSError):
        return None


class Renderer:
    """Answers with pages and fragments."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._environment = environment(assets)

    def page(
        self,
        request: AnyRequest,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        **shown: Any,
    ) -> Response[str]:
        """Render a page or a fragment: both speak the same words and obey the same policy."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        frame = self._frame(request, nonce)
        said = self._environment.get_template(template).render(frame | shown)
        return Response(
            said,
            status_code=status,
            media_type=MediaType.HTML,
            headers={**security_headers(nonce), **(headers or {})},
            cookies=request.scope.get("state", {}).get("new_cookies"),
        )

    def _frame(self, request: AnyRequest, nonce: str) -> dict[str, Any]:
        """Give what every template may use."""
        words = catalogue(language_of(request))
        theme = request.cookies.get(THEME_COOKIE, "")
        return {
            "t": words.say,
            "has_words": words.has,
            "script_words": words.for_scripts(),
            "language": words.language.value,
            "theme": theme if theme in {"light", "dark"} else "",
            "f": formats.Formats(words, clock.now()),
            "nonce": nonce,
            "here": here(request),
            "csrf_token": request.scope.get("state", {}).get("csrf_token", ""),
            "notes": [],
            "live": False,
            "searches": False,
        }


TheRenderer = NamedDependency[Renderer]
"""How a handler receives the renderer."""


def language_of(request: AnyRequest) -> Language:
    """Decide the language of this request's answer."""
    return preferred(
        request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    )


def here(request: AnyRequest) -> str:
    """Give this page's own address, to come back to."""
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def local_path(wanted: str | None, default: str = "/") -> str:
    """Keep a `next` address inside the product: a path of ours, or the default."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return default
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or any(ord(c) < ord(" ") for c in wanted):
        return default
    return wanted


def security_headers(nonce: str) -> dict[str, str]:
    """Say what a page may load: our own files and scripts, nothing inline, in nobody's frame."""
    policy = (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Vary": "Cookie, Accept-Language, HX-Request",
    }


def marked(text: str, wanted: str) -> Markup:
    """Write a text with the part that was searched for marked."""
    at = text.lower().find(wanted.lower()) if wanted else -1
    if at < 0:
        return Markup("{}").format(text)
    end = at + len(wanted)
    return Markup("{}<mark>{}</mark>{}").format(text[:at], text[at:end], text[end:])
