"""Fields that the company gave its own records: a text of each customer and of each contact."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from mobile_client_sdk.records import Record, custom_of
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord
from sync_protocol.schema import CUSTOM_FIELD, SCHEMA
from sync_protocol.schema.custom import CustomType, custom_name, is_custom

DEFINITIONS: Final[Mapping[Literal["customer", "contact"], str]] = {
    "customer": "00000000-0000-4000-8000-0000000000c1",
    "contact": "00000000-0000-4000-8000-0000000000c2",
}
"""The record that defines the field, by the kind of records that have it."""
CUSTOM: Final[Mapping[str, str]] = {
    kind: custom_name(CustomType.TEXT, definition_id) for kind, definition_id in DEFINITIONS.items()
}
"""The field's name by the kind of records that have it."""
FILL: Final = "fill"
"""What people do who write into such a field."""


def names_of(kind: str) -> tuple[str, ...]:
    """Name all fields of a kind, with the one that the company gave it."""
    names = tuple(SCHEMA.fields(kind))
    return (*names, CUSTOM[kind]) if kind in CUSTOM else names


def value_of(record: Record, name: str) -> Any:
    """Give what a record says in a field."""
    return custom_of(record).get(name) if is_custom(name) else getattr(record, name)


def beneath(base: Mapping[str, Any], name: str) -> Any:
    """Give what a device holds in a field of the values beneath a record."""
    return (base.get("custom") or {}).get(name) if is_custom(name) else base.get(name)


def definitions(at_ms: int) -> Iterable[HeldRecord]:
    """Make the records that define the fields, as the first thing that the company did."""
    for handle, (kind, definition_id) in enumerate(DEFINITIONS.items(), start=1):
        said = {"subject": kind, "type": CustomType.TEXT, "label_zh": "备用", "state": "active"}
        blank = dict.fromkeys(SCHEMA.fields(CUSTOM_FIELD.kind))
        yield HeldRecord(
            kind=CUSTOM_FIELD.kind,
            id=definition_id,
            seq=1,
            created=Version(1, None, 0, at_ms),
            fields={**blank, **said},
            handle=handle,
        )
