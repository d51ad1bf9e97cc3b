"""Conflicts as synced records: both values, who wrote each, and whether a person has looked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from server.access import Actor
from server.changelog.kinds import RecordKind
from server.changelog.store import Author
from server.kit.errors import Conflict as Refused
from sync_protocol.conflicts import Conflict, Version
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import NEW_SEQ


class ConflictSettled(Refused):
    """Somebody has settled this conflict already."""

    code = "conflict_settled"


def _check(before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Let a conflict be settled once, through whichever door."""
    if before is not None and before["state"] != "open":
        raise ConflictSettled(f"This conflict is already {before['state']}.")


CONFLICT: Final = RecordKind(name="conflict", table="conflict", check=_check)


def writes_of(conflicts: Sequence[Conflict]) -> set[Author]:
    """Name the writes whose authors the conflicts tell; those at hand are the actor's own."""
    return {
        _write(conflict, version)
        for conflict in conflicts
        for version in (conflict.kept_by, conflict.other_by)
        if version.seq != NEW_SEQ
    }


def as_records(
    actor: Actor, conflicts: Sequence[Conflict], authors: Mapping[Author, str]
) -> list[HeldRecord]:
    """Turn what the merge found into records that travel."""

    def author(conflict: Conflict, version: Version) -> str | None:
        if version.seq == NEW_SEQ:
            return str(actor.user_id)
        return authors.get(_write(conflict, version))

    unique = {conflict.id: conflict for conflict in conflicts}
    return [
        HeldRecord(
            kind="conflict",
            id=conflict.id,
            seq=NEW_SEQ,
            created=Version(NEW_SEQ, None, 0, conflict.happened_at_ms),
            fields={
                "customer_id": conflict.customer_id,
                "kind": conflict.kind,
                "record_id": conflict.record_id,
                "field": conflict.field,
                "kept": conflict.kept,
                "other": conflict.other,
                "kept_by": author(conflict, conflict.kept_by),
                "other_by": author(conflict, conflict.other_by),
                "happened_at": conflict.happened_at_ms,
                "state": "open",
            },
        )
        for conflict in unique.values()
    ]


def _write(conflict: Conflict, version: Version) -> Author:
    """Name a write by its record and its sequence."""
    return Author(conflict.customer_id or conflict.record_id, conflict.record_id, version.seq)
