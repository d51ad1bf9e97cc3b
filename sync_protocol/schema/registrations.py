"""Deal registrations: which customers are protected, until when, or why not."""

from typing import Final

from sync_protocol.schema.fields import FieldSpec, FieldType, RecordSpec, written_by_server

REGISTRATION_STATES: Final = (
    *("checking", "granted", "extended", "contested", "refused"),
    *("converted", "expired", "released", "revoked"),
)
REGISTRATION_REASONS: Final = (
    *("territory", "live", "evidence", "word", "lot"),
    *("already_yours", "quota_live", "verdict"),
)
CLOCK_FLAGS: Final = ("clock_moved", "clock_unproven", "clock_contradicted")

REGISTRATION: Final = RecordSpec(
    number=27,
    kind="registration",
    parent="customer_id",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        written_by_server(1, "customer_id", FieldType.UUID),
        FieldSpec(number=2, name="state", choices=REGISTRATION_STATES, server_only=True),
        FieldSpec(number=3, name="state_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=4, name="registered_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=5, name="earliest_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=6, name="latest_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=7, name="clock_flag", choices=CLOCK_FLAGS, server_only=True),
        FieldSpec(number=8, name="decides_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=9, name="protected_until", type=FieldType.TIME, server_only=True),
        FieldSpec(number=10, name="extensions", type=FieldType.INT, server_only=True),
        FieldSpec(number=11, name="reason", choices=REGISTRATION_REASONS, server_only=True),
        FieldSpec(number=12, name="contest_until", type=FieldType.TIME, server_only=True),
        FieldSpec(number=13, name="case_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=14, name="evidence_until", type=FieldType.TIME, server_only=True),
    ),
)
