"""Processes, and the opportunities that go through them."""

from typing import Final

from sync_protocol.schema.fields import (
    MAX_REVENUE_MINOR,
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
    written_by_server,
)

PROCESS_STATES: Final = ("current", "superseded", "retired")
OPPORTUNITY_STATES: Final = ("open", "won", "lost")
FORECAST_CATEGORIES: Final = ("commit", "best", "pipeline", "omitted")
LOST_REASONS: Final = ("price", "competitor", "no_budget", "no_need", "timing", "other")

PROCESS: Final = RecordSpec(
    number=12,
    kind="process",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        written_by_server(1, "family_id", FieldType.UUID),
        written_by_server(2, "version", FieldType.INT),
        written_by_server(3, "name", FieldType.TEXT, 100),
        written_by_server(4, "definition", FieldType.TEXT, 200_000),
        FieldSpec(number=5, name="state", choices=PROCESS_STATES, server_only=True),
    ),
)
OPPORTUNITY: Final = RecordSpec(
    number=11,
    kind="opportunity",
    parent="customer_id",
    extensible=True,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="name", required=True),
        FieldSpec(
            number=3,
            name="process_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            references="process",
        ),
        FieldSpec(number=4, name="stage", max_length=40, server_only=True),
        FieldSpec(number=5, name="state", choices=OPPORTUNITY_STATES, server_only=True),
        FieldSpec(
            number=6,
            name="amount_minor",
            type=FieldType.INT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=7, name="expected_on", type=FieldType.DATE),
        FieldSpec(number=8, name="forecast_category", choices=FORECAST_CATEGORIES),
        FieldSpec(number=9, name="account_manager_id", type=FieldType.UUID),
        FieldSpec(number=10, name="solution_manager_id", type=FieldType.UUID),
        FieldSpec(number=11, name="fulfilment_manager_id", type=FieldType.UUID),
        FieldSpec(number=12, name="done_steps", type=FieldType.SET, policy=Policy.OR_SET),
        FieldSpec(number=13, name="competitor"),
        FieldSpec(number=14, name="lead_id", type=FieldType.UUID, policy=Policy.FIXED),
        FieldSpec(number=15, name="lost_reason", choices=LOST_REASONS, server_only=True),
        FieldSpec(number=16, name="stage_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=17, name="closed_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=18, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
    ),
)
