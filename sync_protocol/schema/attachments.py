"""Photos and files; their bytes travel in a lane of their own."""

from typing import Final

from sync_protocol.schema.fields import OF_CUSTOMER, FieldSpec, FieldType, Policy, RecordSpec

ATTACHMENT_STATES: Final = ("expected", "stored", "refused")

ATTACHMENT: Final = RecordSpec(
    number=7,
    kind="attachment",
    parent="customer_id",
    since=3,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="subject_kind", policy=Policy.FIXED, required=True, max_length=64),
        FieldSpec(
            number=3, name="subject_id", type=FieldType.UUID, policy=Policy.FIXED, required=True
        ),
        FieldSpec(number=4, name="name"),
        FieldSpec(number=5, name="media_type", policy=Policy.FIXED, required=True, max_length=100),
        FieldSpec(
            number=6,
            name="size",
            type=FieldType.INT,
            policy=Policy.FIXED,
            required=True,
            minimum=1,
        ),
        FieldSpec(
            number=7,
            name="sha256",
            policy=Policy.FIXED,
            required=True,
            max_length=64,
            pattern="[0-9a-f]{64}",
        ),
        FieldSpec(number=8, name="width", type=FieldType.INT, policy=Policy.FIXED, minimum=1),
        FieldSpec(number=9, name="height", type=FieldType.INT, policy=Policy.FIXED, minimum=1),
        FieldSpec(number=10, name="taken_at", type=FieldType.TIME, policy=Policy.FIXED),
        FieldSpec(number=11, name="state", choices=ATTACHMENT_STATES, server_only=True),
    ),
)
