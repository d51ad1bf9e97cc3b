"""Leads that were routed to somebody, where they came from, and campaigns."""

from typing import Final

from sync_protocol.schema.fields import FieldSpec, FieldType, RecordSpec, written_by_server

SOURCE_CHANNELS: Final = (
    *("website", "seo", "sem", "media", "event", "partner_referral", "customer_referral", "cold"),
    "other",
)
SOURCE_STATES: Final = ("active", "retired")
CAMPAIGN_STATES: Final = ("open", "reviewed", "cancelled")
LEAD_STATES: Final = ("offered", "accepted", "returned", "overdue")
RETURN_REASONS: Final = (
    *("invalid_phone", "duplicate", "out_of_area", "no_need", "incomplete", "other"),
)

LEAD_SOURCE: Final = RecordSpec(
    number=18,
    kind="lead_source",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="parent_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="channel", choices=SOURCE_CHANNELS, server_only=True),
        FieldSpec(number=4, name="cost_key", max_length=40, server_only=True),
        FieldSpec(number=5, name="partner", max_length=100, server_only=True),
        FieldSpec(number=6, name="state", choices=SOURCE_STATES, server_only=True),
    ),
)
CAMPAIGN: Final = RecordSpec(
    number=19,
    kind="campaign",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="source_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="starts_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=4, name="ends_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=5, name="area", max_length=100, server_only=True),
        FieldSpec(number=6, name="audience", max_length=100, server_only=True),
        FieldSpec(number=7, name="budget_minor", type=FieldType.INT, server_only=True),
        FieldSpec(number=8, name="planned_leads", type=FieldType.INT, server_only=True),
        FieldSpec(number=9, name="planned_signed", type=FieldType.INT, server_only=True),
        FieldSpec(number=10, name="state", choices=CAMPAIGN_STATES, server_only=True),
        FieldSpec(number=11, name="review", max_length=4_000, server_only=True),
    ),
)
LEAD: Final = RecordSpec(
    number=8,
    kind="lead",
    parent="customer_id",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        written_by_server(1, "customer_id", FieldType.UUID),
        FieldSpec(number=2, name="source_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=3, name="campaign_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=4, name="need", max_length=4_000, server_only=True),
        FieldSpec(number=5, name="assignee_id", type=FieldType.UUID, server_only=True),
        FieldSpec(number=6, name="routed_at", type=FieldType.TIME, server_only=True),
        FieldSpec(number=7, name="accept_by", type=FieldType.TIME, server_only=True),
        FieldSpec(number=8, name="state", choices=LEAD_STATES, server_only=True),
        FieldSpec(number=9, name="return_reason", choices=RETURN_REASONS, server_only=True),
        FieldSpec(number=10, name="decided_at", type=FieldType.TIME, server_only=True),
    ),
)
