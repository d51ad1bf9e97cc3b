"""Whose network address a request has, also behind the operator's own proxies.

A proxy appends the address that it was called from to `X-Forwarded-For`; everything to the left of
that may be the client's invention. So the header is read from the right, and only as far as the
operator's proxies wrote it.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from litestar import Request

from server.settings import Network, Settings

_HEADER: Final = "x-forwarded-for"


def of(request: Request[Any, Any, Any]) -> str:
    """Give the address that tries are counted by; empty when there is none."""
    settings: Settings = request.app.state.settings
    peer = request.client.host if request.client else ""
    return far_end(peer, request.headers.getall(_HEADER, []), settings.proxy_networks)


def far_end(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Give the nearest address that is no trusted proxy's, or the farthest that is known.

    :param peer: who has opened the connection.
    :param forwarded: the values of all `X-Forwarded-For` headers, in their order.
    """
    address = _parsed(peer)
    if address is None:
        return peer
    for hop in _from_the_right(forwarded):
        if not any(address in network for network in trusted):
            break
        before = _parsed(hop)
        if before is None:
            break
        address = before
    return str(address)


def _from_the_right(forwarded: Sequence[str]) -> Iterable[str]:
    """List the hops, the nearest first."""
    return (hop for line in reversed(forwarded) for hop in reversed(line.split(",")))


def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without a port; null when it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
