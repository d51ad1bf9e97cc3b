"""What the rooms above say of one record that is written: its parts, and what became of it."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID, uuid5

import msgspec

from server.changelog.service import Applied
from server.customers.schemas import Saved
from sync_protocol.messages import Status

PartT = TypeVar("PartT", bound=msgspec.Struct)


def named(record_id: UUID, parts: Sequence[PartT]) -> list[PartT]:
    """Give the parts of a new record an id each: the same where the request is sent again."""
    return [
        part
        if getattr(part, "id", None)
        else msgspec.structs.replace(part, id=uuid5(record_id, str(number)))
        for number, part in enumerate(parts)
    ]


def saved(record_id: UUID, applied: Applied) -> Saved:
    """Say what became of the one op of a unit of work."""
    outcome = applied.result.outcomes[0]
    assert outcome.seq is not None, "what was settled stands at a sequence"
    return Saved(
        id=record_id,
        seq=outcome.seq,
        outcome="merged" if outcome.status is Status.MERGED else "applied",
        conflicts=[UUID(conflict) for conflict in outcome.conflicts],
    )
