"""Requests for help: what a rep calls up for a customer or deal, and what came of it."""

from typing import Final

from sync_protocol.schema.fields import OF_CUSTOMER, FieldSpec, FieldType, Policy, RecordSpec

RESOURCES: Final = ("executive", "expert", "sample_test", "other")
REQUEST_STATES: Final = ("requested", "dispatched", "accepted", "done", "declined", "cancelled")
PARTIES: Final = ("company", "platform")
VERDICTS: Final = ("helped", "partly", "missed")


def _moment(number: int, name: str) -> FieldSpec:
    """Give a moment that the server writes."""
    return FieldSpec(number=number, name=name, type=FieldType.TIME, server_only=True)


def _person(number: int, name: str) -> FieldSpec:
    """Give an id that the server writes."""
    return FieldSpec(number=number, name=name, type=FieldType.UUID, server_only=True)


RESOURCE_REQUEST: Final = RecordSpec(
    number=17,
    kind="resource_request",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="opportunity_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="opportunity",
        ),
        FieldSpec(number=3, name="resource", choices=RESOURCES),
        FieldSpec(number=4, name="subject", required=True),
        FieldSpec(number=5, name="detail", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=6, name="wished_on", type=FieldType.DATE),
        FieldSpec(number=7, name="briefing", policy=Policy.TEXT_MERGE, max_length=1_000),
        FieldSpec(number=8, name="state", choices=REQUEST_STATES, server_only=True),
        _moment(9, "state_since"),
        _moment(10, "requested_at"),
        _person(11, "requested_by"),
        FieldSpec(number=12, name="party", choices=PARTIES, server_only=True),
        _person(13, "helper_id"),
        _person(14, "dispatch_id"),
        _moment(15, "dispatched_at"),
        _moment(16, "accepted_at"),
        _moment(17, "closed_at"),
        _moment(18, "due_at"),
        FieldSpec(number=19, name="reason", max_length=500, server_only=True),
        FieldSpec(number=20, name="result", max_length=500, server_only=True),
        FieldSpec(number=21, name="verdict", choices=VERDICTS, server_only=True),
    ),
)
