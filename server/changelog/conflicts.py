"""Conflicts as synced records: both values, who wrote each, and whether a person has looked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from server.access import Actor
from server.changelog.kinds import RecordKind
from server.kit import db
from server.kit.errors import Conflict as Refused
from sync_protocol.conflicts import Conflict, Version
from sync_protocol.merge import HeldRecord


class ConflictSettled(Refused):
    """Somebody has settled this conflict already."""

    code = "conflict_settled"


def _check(before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Let a conflict be settled once, through whichever door."""
    if before is not None and before["state"] != "open":
        raise ConflictSettled(f"This conflict is already {before['state']}.")


CONFLICT: Final = RecordKind(name="conflict", table="conflict", check=_check)

_AUTHORS: Final = """
SELECT c.seq, c.record_id::text AS record_id, c.actor_id::text AS actor_id
FROM change c JOIN UNNEST($2::uuid[], $3::uuid[], $4::bigint[]) AS u(root_id, record_id, seq)
    ON c.root_id = u.root_id AND c.record_id = u.record_id AND c.seq = u.seq
WHERE c.tenant_id = $1
"""


async def as_records(actor: Actor, conflicts: Sequence[Conflict], seq: int) -> list[HeldRecord]:
    """Turn what the merge found into records that travel, naming the authors from the history."""
    authors = await _authors(actor, conflicts)

    def author(conflict: Conflict, version: Version) -> str | None:
        if version.seq == seq:
            return str(actor.user_id)
        return authors.get((conflict.record_id, version.seq))

    unique = {conflict.id: conflict for conflict in conflicts}
    return [
        HeldRecord(
            kind="conflict",
            id=conflict.id,
            seq=seq,
            created=Version(seq, None, 0, conflict.happened_at_ms),
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


async def _authors(actor: Actor, conflicts: Sequence[Conflict]) -> dict[tuple[str, int], str]:
    """Find who wrote each version, by the record and the sequence of the write."""
    wanted = {
        (conflict.customer_id or conflict.record_id, conflict.record_id, version.seq)
        for conflict in conflicts
        for version in (conflict.kept_by, conflict.other_by)
    }
    rows = await db.connection().fetch(
        _AUTHORS,
        actor.tenant_id,
        [root for root, _, _ in wanted],
        [record for _, record, _ in wanted],
        [seq for _, _, seq in wanted],
    )
    return {(row["record_id"], row["seq"]): row["actor_id"] for row in rows}
