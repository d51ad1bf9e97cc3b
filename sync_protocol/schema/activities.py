"""Visits, tasks and calls, and phones that are not to be called."""

from typing import Final

from sync_protocol.schema.fields import (
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
    written_by_server,
)

MAX_FIX_AGE_S: Final = 7 * 24 * 3600
"""A position that is older than a week says nothing of a visit."""
APPEAL_STATES: Final = ("open", "upheld", "rejected")


def _with_whom(number: int) -> FieldSpec:
    """Name the one of the customer's people with whom something was done."""
    return FieldSpec(number=number, name="contact_id", type=FieldType.UUID, references="contact")


def _told_once(number: int, name: str, minimum: int, maximum: int) -> FieldSpec:
    """Write a fact of a visit that is told once; its room refuses to tell it anew."""
    return FieldSpec(
        number=number,
        name=name,
        type=FieldType.INT,
        policy=Policy.STRICT,
        minimum=minimum,
        maximum=maximum,
    )


def _moment_told_once(number: int, name: str) -> FieldSpec:
    return FieldSpec(number=number, name=name, type=FieldType.TIME, policy=Policy.STRICT)


VISIT: Final = RecordSpec(
    number=10,
    kind="visit",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="store_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="store",
        ),
        written_by_server(3, "visitor_id", FieldType.UUID),
        FieldSpec(number=4, name="planned_at", type=FieldType.TIME),
        FieldSpec(number=5, name="purpose"),
        _moment_told_once(6, "checked_in_at"),
        _told_once(7, "lat", -90_000_000, 90_000_000),
        _told_once(8, "lng", -180_000_000, 180_000_000),
        _told_once(9, "accuracy_m", 0, 100_000),
        _told_once(10, "fix_age_s", 0, MAX_FIX_AGE_S),
        _told_once(11, "is_mocked", 0, 1),
        _moment_told_once(12, "checked_out_at"),
        _moment_told_once(13, "cancelled_at"),
        FieldSpec(number=14, name="summary", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=15, name="next_step", max_length=500),
        FieldSpec(number=16, name="trust_score", type=FieldType.INT, server_only=True),
        FieldSpec(number=17, name="trust_reasons", type=FieldType.ANY, server_only=True),
        FieldSpec(number=18, name="appeal", max_length=500, server_only=True),
        FieldSpec(number=19, name="appeal_state", choices=APPEAL_STATES, server_only=True),
        FieldSpec(number=20, name="decided_by", type=FieldType.UUID, server_only=True),
        _with_whom(21),
    ),
)

TASK_PRIORITIES: Final = ("low", "normal", "high")
ESCALATIONS: Final = ("warned", "manager", "owner")
"""How far word of a must-do task has gone: to its assignee, then to who answers for them."""

TASK: Final = RecordSpec(
    number=9,
    kind="task",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="title", required=True),
        FieldSpec(number=3, name="detail", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=4, name="due_at", type=FieldType.TIME),
        FieldSpec(number=5, name="priority", choices=TASK_PRIORITIES),
        FieldSpec(
            number=6,
            name="is_must_do",
            type=FieldType.INT,
            policy=Policy.FIXED,
            minimum=0,
            maximum=1,
        ),
        _moment_told_once(7, "done_at"),
        _moment_told_once(8, "cancelled_at"),
        FieldSpec(number=9, name="result", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=10, name="assignee_id", type=FieldType.UUID, server_only=True),
        written_by_server(11, "giver_id", FieldType.UUID),
        written_by_server(12, "rule_id", FieldType.UUID),
        written_by_server(13, "rule_version", FieldType.INT),
        FieldSpec(number=14, name="escalation", choices=ESCALATIONS, server_only=True),
        _with_whom(15),
    ),
)

CALL_OUTCOMES: Final = ("answered", "no_answer", "busy", "wrong_number", "refused", "opted_out")
"""What came of a call; ``opted_out``: the person asked not to be called again."""
CALL_DIRECTIONS: Final = ("out", "in")
MAX_CALL_S: Final = 24 * 3600

CALL: Final = RecordSpec(
    number=25,
    kind="call",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="contact_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="contact",
        ),
        written_by_server(3, "caller_id", FieldType.UUID),
        FieldSpec(
            number=4, name="direction", policy=Policy.FIXED, required=True, choices=CALL_DIRECTIONS
        ),
        FieldSpec(
            number=5, name="called_at", type=FieldType.TIME, policy=Policy.FIXED, required=True
        ),
        FieldSpec(number=6, name="outcome", required=True, choices=CALL_OUTCOMES),
        FieldSpec(number=7, name="duration_s", type=FieldType.INT, minimum=0, maximum=MAX_CALL_S),
        FieldSpec(number=8, name="note", policy=Policy.TEXT_MERGE, max_length=5_000),
    ),
)

BAN_REASONS: Final = ("asked", "complaint", "authority")

CALL_BAN: Final = RecordSpec(
    number=26,
    kind="call_ban",
    parent="customer_id",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        written_by_server(1, "customer_id", FieldType.UUID),
        written_by_server(2, "phone", FieldType.TEXT, 16),
        FieldSpec(number=3, name="reason", choices=BAN_REASONS, server_only=True),
        FieldSpec(number=4, name="since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=5, name="lifted_at", type=FieldType.TIME, server_only=True),
    ),
)
