"""Service cases: what customers complain of, and how soon they are helped."""

from typing import Final

from sync_protocol.schema.fields import OF_CUSTOMER, FieldSpec, FieldType, Policy, RecordSpec

CASE_STATES: Final = ("open", "in_progress", "waiting", "resolved", "closed")
CASE_SEVERITIES: Final = ("low", "normal", "high", "critical")
CASE_CATEGORIES: Final = ("complaint", "fault", "question", "request", "other")


def _moment(number: int, name: str) -> FieldSpec:
    """Give a moment that the server writes."""
    return FieldSpec(number=number, name=name, type=FieldType.TIME, server_only=True)


SERVICE_CASE: Final = RecordSpec(
    number=16,
    kind="service_case",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="subject", required=True),
        FieldSpec(number=3, name="detail", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=4, name="severity", choices=CASE_SEVERITIES),
        FieldSpec(number=5, name="category", choices=CASE_CATEGORIES),
        FieldSpec(number=6, name="assignee_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=7, name="state", choices=CASE_STATES, server_only=True),
        _moment(8, "state_since"),
        _moment(9, "opened_at"),
        _moment(10, "answer_due_at"),
        _moment(11, "answered_at"),
        _moment(12, "resolve_due_at"),
        _moment(13, "resolved_at"),
        FieldSpec(number=14, name="waited_ms", type=FieldType.INT, server_only=True),
        FieldSpec(number=15, name="result", max_length=500, server_only=True),
        FieldSpec(number=16, name="opened_by", type=FieldType.UUID, server_only=True),
    ),
)
