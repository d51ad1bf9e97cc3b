"""Which records of this room travel, and what it adds to the protocol's rules about them."""

from collections.abc import Mapping
from typing import Any, Final

from server.access import Actor
from server.attachments import rules
from server.changelog.kinds import RecordKind
from sync_protocol.attachments import State


def _complete(_actor: Actor, _given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Expect the bytes of a new attachment."""
    return {"state": str(State.EXPECTED)}


ATTACHMENT: Final = RecordKind(
    name="attachment",
    table="attachment",
    normalise=rules.normalise,
    check=rules.check,
    complete=_complete,
    topic="attachments.written",
)

KINDS: Final = (ATTACHMENT,)
"""This room's records."""
