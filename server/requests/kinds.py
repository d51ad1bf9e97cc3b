"""How this room's synced records lie in their tables."""

from collections.abc import Mapping
from typing import Final

from server.changelog.kinds import RecordKind
from server.requests import rules

RESOURCE_REQUEST: Final = RecordKind(
    name="resource_request",
    table="resource_request",
    normalise=rules.normalise,
    complete=rules.complete,
    take=rules.take,
    follow=rules.follow,
    topic="requests.written",
)

KINDS: Final = (RESOURCE_REQUEST,)
"""This room's records."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether they are there; they are other rooms'.
    **{name: RecordKind(name=name, table=name) for name in ("customer", "opportunity")},
    RESOURCE_REQUEST.name: RESOURCE_REQUEST,
}
"""What the services of this room hand to the one write path, by name."""
