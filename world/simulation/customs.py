"""What the company added without code: a sort of records, and a text of customers and others."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from mobile_client_sdk.records import Record, custom_of
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord
from sync_protocol.schema import CUSTOM_FIELD, CUSTOM_OBJECT, SCHEMA
from sync_protocol.schema.custom import CustomType, custom_name, is_custom

OBJECT: Final = "00000000-0000-4000-8000-0000000000c0"
"""The custom object of which all custom records are."""
DEFINITIONS: Final[Mapping[Literal["customer", "contact", "custom_record"], str]] = {
    "customer": "00000000-0000-4000-8000-0000000000c1",
    "contact": "00000000-0000-4000-8000-0000000000c2",
    "custom_record": "00000000-0000-4000-8000-0000000000c3",
}
"""The record that defines the field, by the kind of records that have it."""
CUSTOM: Final[Mapping[str, str]] = {
    kind: custom_name(CustomType.TEXT, definition_id) for kind, definition_id in DEFINITIONS.items()
}
"""The field's name by the kind of records that have it."""
FILL: Final = "fill"
"""What people do who write into such a field."""


def needed(kind: str) -> dict[str, str]:
    """Give what a new record of a kind has besides texts: a custom one is of the object."""
    return {"object_id": OBJECT} if kind == "custom_record" else {}


def object_of(kind: str) -> str | None:
    """Give the object whose records have the field, where they are custom records."""
    return needed(kind).get("object_id")


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
    """Make the records that define object and fields, as the first thing that the company did."""
    said: list[tuple[str, str, dict[str, Any]]] = [
        (CUSTOM_OBJECT.kind, OBJECT, {"name_zh": "设备", "writers": "everyone"})
    ]
    said += [
        (
            CUSTOM_FIELD.kind,
            definition_id,
            {
                "subject": kind,
                "type": CustomType.TEXT,
                "label_zh": "备用",
                "object_id": object_of(kind),
            },
        )
        for kind, definition_id in DEFINITIONS.items()
    ]
    for handle, (kind, record_id, fields) in enumerate(said, start=1):
        blank = dict.fromkeys(SCHEMA.fields(kind))
        yield HeldRecord(
            kind=kind,
            id=record_id,
            seq=1,
            created=Version(1, None, 0, at_ms),
            fields={**blank, **fields, "state": "active"},
            handle=handle,
        )
