"""What people write by hand, read off the schema: a new kind is among it by what it says there."""

from collections.abc import Mapping
from typing import Final

from mobile_client_sdk.records import RECORD_TYPES, Record
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, Policy
from world.simulation import customs

_OF_A_FORM: Final = frozenset({"city", "email"})
"""Texts to which a room gives a form of their own."""


def is_free(field: FieldSpec) -> bool:
    """Say whether a person writes into a field whatever comes to mind."""
    is_text = field.type is FieldType.TEXT and field.policy in (Policy.KEEP_BOTH, Policy.APPEND)
    is_bound = field.server_only or field.choices or field.pattern or field.name in _OF_A_FORM
    return is_text and not is_bound


def _is_written(kind: type[Record]) -> bool:
    """Say whether people write records of a kind by hand: nothing but texts is needed for one.

    And, for one of a custom object, the object: it is there from the beginning.
    """
    spec = SCHEMA.record(kind.KIND)
    given = {spec.parent, *customs.needed(kind.KIND)}
    needed = [field for field in spec.fields if field.required and field.name not in given]
    return spec.creatable and all(map(is_free, needed)) and any(map(is_free, spec.fields))


WRITTEN: Final = tuple(filter(_is_written, RECORD_TYPES))
"""The kinds of records that people write."""
TEXTS: Final[Mapping[type[Record], tuple[str, ...]]] = {
    kind: tuple(
        field.name
        for field in SCHEMA.record(kind.KIND).fields
        if is_free(field) and field.policy is Policy.KEEP_BOTH
    )
    for kind in WRITTEN
}
"""Fields whose every value is unlike all others, by kind of record."""
CHILDREN: Final = tuple(kind for kind in WRITTEN if SCHEMA.record(kind.KIND).parent)
"""The kinds of what belongs to a customer."""
