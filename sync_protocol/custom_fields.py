"""What the definition of a custom field allows beyond the type that the field's name tells.

Devices and servers ask the same function, so a value that a phone takes offline is one that the
server keeps. What was archived is asked for by no form and may still be written: whoever wrote it
had not heard of it, and no word is lost.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sync_protocol.schema import ValueRefused
from sync_protocol.schema.custom import CustomType, custom_name

MAX_DECIMALS: Final = 6
"""Decimals that a custom number may have."""
MAX_OPTIONS: Final = 100
"""Options that a custom choice may have, archived ones among them."""


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the values of a choice; its id is the value, so it may be called otherwise."""

    id: str
    zh: str
    en: str = ""
    archived: bool = False


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A custom field: whose it is, what it means, what it takes."""

    id: str
    subject: str
    type: CustomType
    label_zh: str
    label_en: str = ""
    meaning: str = ""
    options: tuple[Option, ...] = ()
    decimals: int = 0
    minimum: int | None = None
    maximum: int | None = None
    is_required: bool = False
    is_unique: bool = False
    place: int = 0
    is_archived: bool = False
    object_id: str | None = None
    """The custom object whose records have it, where they are custom records."""

    @property
    def name(self) -> str:
        """Answer the field's name, by which its values stand in records."""
        return custom_name(self.type, self.id)

    def label(self, language: str) -> str:
        """Answer what the field is called; Chinese where there is no English."""
        return self.label_en or self.label_zh if language == "en" else self.label_zh


def defined(record_id: str, fields: Mapping[str, Any]) -> Definition:
    """Answer the definition that a ``custom_field`` record holds."""
    return Definition(
        id=record_id,
        subject=fields["subject"],
        type=CustomType(fields["type"]),
        label_zh=fields["label_zh"],
        label_en=fields["label_en"] or "",
        meaning=fields["meaning"] or "",
        options=msgspec.convert(fields["options"] or [], tuple[Option, ...]),
        decimals=fields["decimals"] or 0,
        minimum=fields["minimum"],
        maximum=fields["maximum"],
        is_required=bool(fields["is_required"]),
        is_unique=bool(fields["is_unique"]),
        place=fields["place"] or 0,
        is_archived=fields["state"] == "archived",
        object_id=fields["object_id"],
    )


def check_value(
    definition: Definition, kind: str, value: object, *, object_id: str | None = None
) -> None:
    """Accept a value that has the form of its field, or refuse it in words.

    :param object_id: the object of a custom record.
    :raises ValueRefused: ``field_unknown``, ``field_required`` or ``value_invalid``.
    """
    name = definition.name
    if (definition.subject, definition.object_id) != (kind, object_id):
        detail = f"A {kind} has no field {definition.label_zh!r}."
        raise ValueRefused("field_unknown", detail, name)
    if value is None or value in ("", [], ()):
        if definition.is_required:
            raise ValueRefused("field_required", f"{definition.label_zh} must have a value.", name)
        return
    problem = _problem(definition, value)
    if problem is not None:
        raise ValueRefused("value_invalid", f"{definition.label_zh} {problem}.", name)


def _problem(definition: Definition, value: object) -> str | None:
    """Answer what is wrong with a value, as the rest of a sentence."""
    match definition.type:
        case CustomType.CHOICE:
            return _not_among(definition, (value,))
        case CustomType.CHOICES:
            return _not_among(definition, value if isinstance(value, list | tuple) else ())
        case CustomType.INTEGER | CustomType.DECIMAL:
            return _out_of_bounds(definition, value)
        case _:
            return None


def _not_among(definition: Definition, chosen: list[Any] | tuple[Any, ...]) -> str | None:
    known = {option.id for option in definition.options}
    return None if known.issuperset(chosen) else "has no such option"


def _out_of_bounds(definition: Definition, value: object) -> str | None:
    assert isinstance(value, int), "the form was checked"
    low, high = definition.minimum, definition.maximum
    if low is not None and value < low:
        return f"is less than {shown(definition, low)}"
    if high is not None and value > high:
        return f"is more than {shown(definition, high)}"
    return None


def shown(definition: Definition, value: int) -> str:
    """Answer a number as people write it: 1250 with two decimals is 12.50."""
    if not definition.decimals:
        return str(value)
    whole, rest = divmod(abs(value), 10**definition.decimals)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:0{definition.decimals}d}"
