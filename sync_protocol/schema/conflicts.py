"""Conflicts: values that two people wrote without seeing each other."""

from typing import Final

from sync_protocol.schema.fields import FieldSpec, FieldType, RecordSpec, written_by_server

CONFLICT_STATES: Final = ("open", "restored", "dismissed")

CONFLICT: Final = RecordSpec(
    number=6,
    kind="conflict",
    parent="customer_id",
    creatable=False,
    deletable=False,
    fields=(
        written_by_server(1, "customer_id", FieldType.UUID),
        written_by_server(2, "kind", FieldType.TEXT),
        written_by_server(3, "record_id", FieldType.UUID),
        written_by_server(4, "field", FieldType.TEXT),
        written_by_server(5, "kept", FieldType.ANY),
        written_by_server(6, "other", FieldType.ANY),
        written_by_server(7, "kept_by", FieldType.UUID),
        written_by_server(8, "other_by", FieldType.UUID),
        written_by_server(9, "happened_at", FieldType.TIME),
        FieldSpec(number=10, name="state", choices=CONFLICT_STATES, required=True),
    ),
)
