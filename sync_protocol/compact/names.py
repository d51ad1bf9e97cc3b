"""Kinds and fields by number, where every side of this protocol knows it, else by name.

So what a newer side sends is kept as it is.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from sync_protocol.messages import DecodeError
from sync_protocol.schema import SCHEMA

NUMBERED_SCHEMA: Final = 3
"""Kinds and fields up to this schema version go by number; it is raised with the protocol alone."""


@cache
def kind_numbers() -> Mapping[str, int]:
    """Answer the numbers of the kinds that every side knows."""
    return {
        record.kind: record.number for record in SCHEMA.records if record.since <= NUMBERED_SCHEMA
    }


@cache
def _kind_names() -> Mapping[int, str]:
    return {number: kind for kind, number in kind_numbers().items()}


@cache
def field_numbers(kind: str) -> Mapping[str, int]:
    """Answer the numbers of a kind's fields that every side knows."""
    if kind not in kind_numbers():
        return {}
    return {
        field.name: field.number
        for field in SCHEMA.fields(kind).values()
        if field.since <= NUMBERED_SCHEMA
    }


@cache
def _field_names(kind: str) -> Mapping[int, str]:
    return {number: name for name, number in field_numbers(kind).items()}


def kind_key(kind: str) -> int | str:
    """Answer how a kind is named on the wire."""
    return kind_numbers().get(kind, kind)


def kind_of(key: object, field: str) -> str:
    """Answer a kind; a number that nobody knows stays one that nobody knows."""
    if isinstance(key, str):
        return key
    if type(key) is not int:
        raise DecodeError("A kind is a number or a name.", field)
    return _kind_names().get(key, f"#{key}")


def field_of(kind: str, key: object, field: str) -> str:
    """Answer a field; a number that nobody knows stays one that nobody knows."""
    if isinstance(key, str):
        return key
    if type(key) is not int:
        raise DecodeError("A field is a number or a name.", field)
    return _field_names(kind).get(key, f"#{key}")
