"""Speak with htmx 4: what it says in its headers, and what it understands."""

from typing import Final

from partner_portal.rendering import AnyRequest

NO_SWAP: Final = {"HX-Reswap": "none"}
"""Leave the page as it is; toasts that travel beside still arrive."""


def is_fragment(request: AnyRequest) -> bool:
    """Tell whether htmx wants a part of a page, not a whole one."""
    headers = request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-request-type") != "full"


def is_htmx(request: AnyRequest) -> bool:
    """Tell whether htmx asks at all."""
    return request.headers.get("hx-request") == "true"


def target(request: AnyRequest) -> str:
    """Give the id of the element that the answer will be put into; htmx 4 sends `div#list`."""
    return request.headers.get("hx-target", "").partition("#")[2]
