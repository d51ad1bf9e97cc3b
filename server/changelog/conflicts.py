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
        write
        for conflict in conflicts
        for version, write in (
            (conflict.kept_by, _kept(conflict)),
            (conflict.other_by, _other(conflict)),
        )
        if version.seq != NEW_SEQ
    }


def as_records(
    actor: Actor, conflicts: Sequence[Conflict], authors: Mapping[Author, str]
) -> list[HeldRecord]:
    """Turn what the merge found into records that travel."""

    def author(version: Version, write: Author) -> str | None:
        return str(actor.user_id) if version.seq == NEW_SEQ else authors.get(write)

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
                "kept_by": author(conflict.kept_by, _kept(conflict)),
                "other_by": author(conflict.other_by, _other(conflict)),
                "happened_at": conflict.happened_at_ms,
                "state": "open",
            },
        )
        for conflict in unique.values()
    ]


def _kept(conflict: Conflict) -> Author:
    """Name the write that is held, which may be of a record beneath."""
    record_id = conflict.kept_in or conflict.record_id
    return Author(conflict.customer_id or record_id, record_id, conflict.kept_by.seq)


def _other(conflict: Conflict) -> Author:
    """Name the write that is not held."""
    record_id = conflict.record_id
    return Author(conflict.customer_id or record_id, record_id, conflict.other_by.seq)
