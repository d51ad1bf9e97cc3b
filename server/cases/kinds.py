"""How this room's synced records lie in their tables."""

from collections.abc import Mapping
from typing import Final

from server.cases import rules
from server.changelog.kinds import RecordKind
from server.customers import references

SERVICE_CASE: Final = RecordKind(
    name="service_case",
    table="service_case",
    normalise=rules.normalise,
    complete=rules.complete,
    follow=rules.follow,
    topic="cases.written",
)

KINDS: Final = (SERVICE_CASE,)
"""This room's records."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether the customer is there; it is another room's.
    "customer": RecordKind(name="customer", table="customer"),
    SERVICE_CASE.name: SERVICE_CASE,
}
"""What the services of this room hand to the one write path, by name."""

references.follow(
    references.Follower(SERVICE_CASE, "assignee_id", "k.state NOT IN ('resolved', 'closed')")
)
