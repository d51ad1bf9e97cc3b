"""What becomes of ops on which the server fails: parted from their neighbours, then set aside."""

from collections.abc import Sequence

import structlog

from server.kit import telemetry
from sync_protocol.messages import Code, Intent, Outcome, ReceivedOp, Status

log = structlog.get_logger()


def report(error: Exception, ops: Sequence[ReceivedOp]) -> None:
    """Tell the people who mend the server; values stay out of it."""
    telemetry.report(error)
    log.error("push.failed", error=type(error).__name__, ops=len(ops), exc_info=error)


def first_part(ops: Sequence[ReceivedOp]) -> list[ReceivedOp]:
    """Give about the first half of a push, cut where no atomic group is cut; at least one unit.

    Of two units or more it is never the whole push, so that in the end each is tried by itself.
    """
    units: list[list[ReceivedOp]] = []
    for op in ops:
        if units and _belongs(units[-1][-1], op):
            units[-1].append(op)
        else:
            units.append([op])
    return [op for unit in units[: max(1, len(units) // 2)] for op in unit]


def _belongs(before: ReceivedOp, op: ReceivedOp) -> bool:
    """Say whether two ops are of one atomic group."""
    group = None if isinstance(op, Intent) else op.group
    return group is not None and not isinstance(before, Intent) and before.group == group


def outcome(op: ReceivedOp) -> Outcome:
    """Give the outcome of an op that was set aside."""
    return Outcome(
        number=op.number,
        status=Status.QUARANTINED,
        code=Code.QUARANTINED,
        detail="The server failed on this change; it was reported and had no effect.",
    )
