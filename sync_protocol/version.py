"""Which protocol this is: its numbers, its diary, and a fingerprint that changes when it does."""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)
from sync_protocol.schema import SCHEMA

PROTOCOL_VERSION: Final = 2
"""Raised when an old device or server could not follow."""
SCHEMA_VERSION: Final = 4
"""Raised when a kind or a field is added, or a field's bounds change; old devices keep what they do
not know."""
OLDEST_PROTOCOL: Final = 1
"""Devices that speak an older protocol must update before they sync."""

DIARY: Final = (
    ("1.1", "Customers, stores, contacts, notes, tags and conflicts travel."),
    ("1.2", "What is expected of a customer lies between nothing and a hundred billion yuan."),
    (
        "2.3",
        "Handles, leases, digests, attachments; a compact form; merged remarks; lost numbers.",
    ),
    (
        "2.4",
        (
            "Leads, campaigns; visits, calls, tasks; processes, opportunities; products, quotes; "
            "contracts; service cases; requests for help; custom fields and objects; stakeholders; "
            "deal registrations; units that devices lease, and what outcomes tell of them."
        ),
    ),
)
"""Each version as ``protocol.schema``, and what it brought."""


def is_supported(protocol: int) -> bool:
    """Answer whether a server of this version can talk to a device that speaks ``protocol``."""
    return OLDEST_PROTOCOL <= protocol <= PROTOCOL_VERSION


def fingerprint() -> str:
    """Hash all that travels; a change needs a new version and a line in the diary."""
    _, shapes = msgspec.json.schema_components(
        [PushRequest, PushResponse, PullRequest, PullResponse, DigestRequest, DigestResponse]
    )
    described: list[Any] = [_without_words(shapes), msgspec.to_builtins(SCHEMA.records)]
    canonical = msgspec.json.encode(described, order="deterministic")
    return blake2b(canonical, digest_size=16).hexdigest()


def _without_words(shape: Any) -> Any:
    """Leave out descriptions: words may be made clearer at any time."""
    if isinstance(shape, dict):
        return {k: _without_words(v) for k, v in shape.items() if k != "description"}
    if isinstance(shape, list):
        return [_without_words(item) for item in shape]
    return shape
