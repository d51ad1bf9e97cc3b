"""How this room's synced records lie in their tables."""

from collections.abc import Mapping
from typing import Final

from server.activities.rules import calls, tasks, visits
from server.changelog.kinds import RecordKind
from server.customers import references

VISIT: Final = RecordKind(
    name="visit",
    table="visit",
    normalise=visits.normalise,
    check=visits.check,
    allow=visits.allow,
    complete=visits.complete,
    topic="visits.written",
)

TASK: Final = RecordKind(
    name="task",
    table="task",
    normalise=tasks.normalise,
    check=tasks.check,
    allow=tasks.allow,
    complete=tasks.complete,
    topic="tasks.written",
)

CALL: Final = RecordKind(
    name="call",
    table="call",
    normalise=calls.normalise,
    check=calls.check,
    allow=calls.allow,
    complete=calls.complete,
    topic="calls.written",
)

BAN: Final = RecordKind(name="call_ban", table="call_ban")

KINDS: Final = (VISIT, CALL, BAN, TASK)
"""This room's records."""

BY_NAME: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether they are there; they are written by their own room.
    "customer": RecordKind(name="customer", table="customer"),
    "store": RecordKind(name="store", table="store"),
    "contact": RecordKind(name="contact", table="contact"),
    **{kind.name: kind for kind in KINDS},
}
"""What the one write path asks for: this room's records, and those that they name."""

references.follow(
    references.Follower(TASK, "assignee_id", "k.done_at IS NULL AND k.cancelled_at IS NULL")
)
