"""Decide what a custom field may be. Pure.

The type of a field stays, since it is part of its name; a field is archived and never deleted, so
what was written into it stays.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from server.changelog.custom import UNIQUE_TYPES
from server.kit.errors import Conflict, Invalid
from server.kit.text import clean
from sync_protocol.custom_fields import MAX_DECIMALS, MAX_OPTIONS, Definition, Option
from sync_protocol.schema import CustomType

FIELDS_MAX: Final = 60
"""Custom fields of one kind of record, archived ones among them."""
CHOSEN: Final = frozenset({CustomType.CHOICE, CustomType.CHOICES})
"""Types whose values are options."""
NUMBERS: Final = frozenset({CustomType.INTEGER, CustomType.DECIMAL})


class TooManyCustomFields(Conflict):
    """This kind of record has as many custom fields as it may have."""

    code = "too_many_custom_fields"


class CustomSubjectBad(Invalid):
    """It is not said, or said in vain, of which custom object's records a field is."""

    code = "custom_subject_bad"


class CustomLabelTaken(Conflict):
    """Another custom field of this kind of record is called so."""

    code = "custom_label_taken"


class CustomLabelEmpty(Invalid):
    """A custom field needs a name and a meaning that a person can read."""

    code = "custom_label_empty"


class CustomOptionsBad(Invalid):
    """The options do not make a choice."""

    code = "custom_options_bad"


class CustomBoundsBad(Invalid):
    """The bounds or decimals do not fit the type."""

    code = "custom_bounds_bad"


class CustomUniqueBad(Invalid):
    """Values of this type cannot be asked to be unlike each other."""

    code = "custom_unique_bad"


class CustomValuesRepeat(Conflict):
    """Records have the same value already, so it cannot become unique."""

    code = "custom_values_repeat"


def ensure_room(count: int) -> None:
    """Refuse one field more than there may be.

    :raises TooManyCustomFields: reuse one, or change what an archived one means.
    """
    if count >= FIELDS_MAX:
        detail = f"There are {FIELDS_MAX} custom fields here; change one, or take one back up."
        raise TooManyCustomFields(detail, field="subject")


def ensure_subject(subject: str, object_id: object) -> None:
    """Refuse a field of custom records without their object, or of others with one.

    :raises CustomSubjectBad: and names the field.
    """
    if (subject == "custom_record") == (object_id is None):
        detail = "Name the object of custom records, and of other records none."
        raise CustomSubjectBad(detail, field="object_id")


def ensure_possible(definition: Definition, others: Iterable[Definition]) -> None:
    """Refuse a definition that makes no field.

    :raises CustomLabelEmpty: it says nothing.
    :raises CustomLabelTaken: another one is called so.
    :raises CustomOptionsBad: the options make no choice.
    :raises CustomBoundsBad: the bounds make no range.
    :raises CustomUniqueBad: its values are not compared as a whole.
    """
    for field in ("label_zh", "meaning"):
        if not clean(getattr(definition, field)):
            raise CustomLabelEmpty("Say what this field is called, and what it means.", field=field)
    others = [each for each in others if each.id != definition.id]
    for field in ("label_zh", "label_en"):
        label = getattr(definition, field)
        if label and any(label in (each.label_zh, each.label_en) for each in others):
            detail = "Another custom field is called so; choose another name."
            raise CustomLabelTaken(detail, field=field)
    _ensure_options(definition)
    _ensure_bounds(definition)
    if definition.is_unique and definition.type not in UNIQUE_TYPES:
        detail = "A text, a whole number or a phone can be unique, nothing else."
        raise CustomUniqueBad(detail, field="is_unique")


def _ensure_options(definition: Definition) -> None:
    """Refuse options that make no choice."""
    options = definition.options
    if definition.type not in CHOSEN:
        if options:
            raise CustomOptionsBad("Only a choice has options.", field="options")
        return
    if not any(not each.archived for each in options):
        raise CustomOptionsBad("A choice needs at least one option.", field="options")
    if len(options) > MAX_OPTIONS:
        detail = f"A choice has at most {MAX_OPTIONS} options, archived ones among them."
        raise CustomOptionsBad(detail, field="options")
    if any(not clean(each.zh) for each in options):
        raise CustomOptionsBad("Each option needs a name.", field="options")
    if max(Counter(each.zh for each in options).values()) > 1:
        raise CustomOptionsBad("Two options have one name; name them apart.", field="options")
    if len({each.id for each in options}) != len(options):
        raise CustomOptionsBad("Two options have one id.", field="options")


def _ensure_bounds(definition: Definition) -> None:
    """Refuse bounds that make no range."""
    low, high = definition.minimum, definition.maximum
    if definition.type not in NUMBERS and (low is not None or high is not None):
        raise CustomBoundsBad("Only a number has bounds.", field="minimum")
    if low is not None and high is not None and low > high:
        raise CustomBoundsBad("The least value is above the greatest.", field="minimum")
    wanted = range(1, MAX_DECIMALS + 1) if definition.type is CustomType.DECIMAL else range(1)
    if definition.decimals not in wanted:
        detail = f"A decimal number has 1 to {MAX_DECIMALS} decimals, anything else none."
        raise CustomBoundsBad(detail, field="decimals")


def with_archived(held: Sequence[Option], wanted: Sequence[Option]) -> tuple[Option, ...]:
    """Give the options as they are wanted; what was left out is archived: values may name it."""
    named = {each.id for each in wanted}
    gone = (
        Option(id=each.id, zh=each.zh, en=each.en, archived=True)
        for each in held
        if each.id not in named
    )
    return (*wanted, *gone)
