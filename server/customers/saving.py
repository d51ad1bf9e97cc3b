"""Say what became of one record that was written."""

from uuid import UUID

from server.changelog.service import Applied
from server.customers.schemas import Saved
from sync_protocol.messages import Status


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
