"""Kinds of records, looked up by name."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sync_protocol.schema.custom import custom_spec
from sync_protocol.schema.fields import FieldSpec, FieldType, RecordSpec
from sync_protocol.schema.values import ValueRefused


class Outline(msgspec.Struct, frozen=True):
    """What is asked of every record of a kind, gathered once."""

    names: tuple[str, ...]
    """All fields, in the order of their numbers."""
    required: tuple[FieldSpec, ...]
    sets: tuple[str, ...]
    references: Mapping[str, FieldSpec]
    """The fields that name another record."""
    writable: frozenset[str]
    """All but those that the server alone writes."""


class Schema:
    """A set of record kinds, looked up by name."""

    def __init__(self, records: Iterable[RecordSpec]) -> None:
        self.records: Final = tuple(records)
        self._kinds: Final = {record.kind: record for record in self.records}
        self._fields: Final = {
            record.kind: {field.name: field for field in record.fields} for record in self.records
        }
        self._outlines: Final = {record.kind: _outline(record) for record in self.records}

    def record(self, kind: str) -> RecordSpec:
        """Answer what a kind of record is.

        :raises ValueRefused: if there is no such kind.
        """
        spec = self._kinds.get(kind)
        if spec is None:
            raise ValueRefused("kind_unknown", f"There is no kind of record {kind[:40]!r}.", "kind")
        return spec

    def field(self, kind: str, name: str) -> FieldSpec:
        """Answer what a field is, a custom one too.

        :raises ValueRefused: if there is no such kind or field.
        """
        spec = self._fields.get(kind, {}).get(name) or self.custom(kind, name)
        if spec is None:
            self.record(kind)
            detail = f"A {kind} has no field {name[:40]!r}; a newer server may know it."
            raise ValueRefused("field_unknown", detail, name[:40])
        return spec

    def custom(self, kind: str, name: str) -> FieldSpec | None:
        """Answer what a custom field is; none where the name or the kind is not of that sort."""
        spec = self._kinds.get(kind)
        return custom_spec(name) if spec is not None and spec.extensible else None

    def outline(self, kind: str) -> Outline:
        """Answer what is asked of every record of a kind that there is."""
        return self._outlines[kind]

    def fields(self, kind: str) -> Mapping[str, FieldSpec]:
        """Answer all fields of a kind by name, in the order of their numbers."""
        self.record(kind)
        return self._fields[kind]

    def kinds(self) -> tuple[str, ...]:
        """Answer the names of all kinds, in the order in which a snapshot sends them."""
        return tuple(self._kinds)


def _outline(record: RecordSpec) -> Outline:
    return Outline(
        names=tuple(field.name for field in record.fields),
        required=tuple(field for field in record.fields if field.required),
        sets=tuple(field.name for field in record.fields if field.type is FieldType.SET),
        references={field.name: field for field in record.fields if field.references is not None},
        writable=frozenset(field.name for field in record.fields if not field.server_only),
    )
