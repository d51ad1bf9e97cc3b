"""What a company adds without code: fields of its own, and objects of its own with their records.

A custom field's name is ``custom_<type>_<id>``: the id, without hyphens, is that of the
``custom_field`` record that defines it. So whoever meets a value knows its type and how two edits
of it are settled, also where the definition has not come yet. A kind of record that takes such
fields is ``extensible``; a record has those alone that were ever written, so a new custom field
re-sends none.

A company's own sort of record (the devices that stand at a customer's, the courses it has booked)
is a ``custom_object``; each of its records is a ``custom_record`` beneath a customer, whose fields
beyond the title are custom fields of that object.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final

from sync_protocol.schema.fields import (
    E164,
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
    written_by_server,
)


class CustomType(StrEnum):
    """What a person writes into a custom field. It is part of the field's name, and stays."""

    TEXT = "text"
    """A line of at most 200 characters."""
    LINES = "lines"
    """A longer text, which several people write: changes are merged."""
    INTEGER = "integer"
    """A whole number."""
    DECIMAL = "decimal"
    """A number with the definition's count of decimals, as a whole number of its last place."""
    DATE = "date"
    """A day as ``YYYY-MM-DD``."""
    CHOICE = "choice"
    """The id of one of the definition's options."""
    CHOICES = "choices"
    """A set of ids of the definition's options."""
    FLAG = "flag"
    """1 is yes, 0 is no."""
    PHONE = "phone"
    """E.164."""


CUSTOM_SUBJECTS: Final = ("customer", "store", "contact", "opportunity", "custom_record")
"""The kinds of records that take custom fields."""
CUSTOM_STATES: Final = ("active", "archived")
WRITERS: Final = ("everyone", "managers")
"""Who writes the records of a custom object: whoever sees their customer, or managers alone."""
PREFIX: Final = "custom_"
_NAME: Final = re.compile(rf"{PREFIX}({'|'.join(CustomType)})_([0-9a-f]{{32}})")
_HYPHENS: Final = (8, 12, 16, 20)

_SPECS: Final[dict[CustomType, Callable[[str], FieldSpec]]] = {
    CustomType.TEXT: lambda name: FieldSpec(number=0, name=name),
    CustomType.LINES: lambda name: FieldSpec(
        number=0, name=name, policy=Policy.TEXT_MERGE, max_length=5_000
    ),
    CustomType.INTEGER: lambda name: FieldSpec(number=0, name=name, type=FieldType.INT),
    CustomType.DECIMAL: lambda name: FieldSpec(number=0, name=name, type=FieldType.INT),
    CustomType.DATE: lambda name: FieldSpec(number=0, name=name, type=FieldType.DATE),
    CustomType.CHOICE: lambda name: FieldSpec(number=0, name=name, type=FieldType.UUID),
    CustomType.CHOICES: lambda name: FieldSpec(
        number=0, name=name, type=FieldType.SET, policy=Policy.OR_SET
    ),
    CustomType.FLAG: lambda name: FieldSpec(
        number=0, name=name, type=FieldType.INT, minimum=0, maximum=1
    ),
    CustomType.PHONE: lambda name: FieldSpec(number=0, name=name, max_length=16, pattern=E164),
}
"""By type, how a value travels and is settled."""


def custom_name(kind: CustomType, definition_id: str) -> str:
    """Answer the name of the field that a definition makes."""
    return f"{PREFIX}{kind}_{definition_id.replace('-', '')}"


def is_custom(name: str) -> bool:
    """Answer whether a field is a company's own, by its name."""
    return name.startswith(PREFIX) and _NAME.fullmatch(name) is not None


@lru_cache(4096)
def custom_spec(name: str) -> FieldSpec | None:
    """Answer what a custom field's name says of its values; none where it is no such name."""
    found = _NAME.fullmatch(name)
    return _SPECS[CustomType(found[1])](name) if found else None


def type_of(name: str) -> CustomType:
    """Answer the type of a custom field, which its name tells."""
    found = _NAME.fullmatch(name)
    assert found is not None, "it is a custom field's name"
    return CustomType(found[1])


def definition_of(name: str) -> str | None:
    """Answer the id of the record that defines a custom field; none for other fields."""
    if not is_custom(name):
        return None
    digits = name[-32:]
    ends = (0, *_HYPHENS, 32)
    return "-".join(digits[start:end] for start, end in pairwise(ends))


CUSTOM_FIELD: Final = RecordSpec(
    number=20,
    kind="custom_field",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="subject", choices=CUSTOM_SUBJECTS, server_only=True),
        FieldSpec(number=2, name="type", choices=tuple(CustomType), server_only=True),
        FieldSpec(number=3, name="label_zh", max_length=50, server_only=True),
        FieldSpec(number=4, name="label_en", max_length=50, server_only=True),
        FieldSpec(number=5, name="meaning", max_length=500, server_only=True),
        FieldSpec(number=6, name="options", type=FieldType.ANY, server_only=True),
        FieldSpec(number=7, name="decimals", type=FieldType.INT, server_only=True),
        FieldSpec(number=8, name="minimum", type=FieldType.INT, server_only=True),
        FieldSpec(number=9, name="maximum", type=FieldType.INT, server_only=True),
        FieldSpec(number=10, name="is_required", type=FieldType.INT, server_only=True),
        FieldSpec(number=11, name="is_unique", type=FieldType.INT, server_only=True),
        FieldSpec(number=12, name="place", type=FieldType.INT, server_only=True),
        FieldSpec(number=13, name="state", choices=CUSTOM_STATES, server_only=True),
        written_by_server(14, "object_id", FieldType.UUID),
    ),
)
"""``object_id`` is the custom object whose records have the field, where these are such."""
CUSTOM_OBJECT: Final = RecordSpec(
    number=21,
    kind="custom_object",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name_zh", max_length=50, server_only=True),
        FieldSpec(number=2, name="name_en", max_length=50, server_only=True),
        FieldSpec(number=3, name="meaning", max_length=500, server_only=True),
        FieldSpec(number=4, name="title_zh", max_length=50, server_only=True),
        FieldSpec(number=5, name="title_en", max_length=50, server_only=True),
        FieldSpec(number=6, name="writers", choices=WRITERS, server_only=True),
        FieldSpec(number=7, name="place", type=FieldType.INT, server_only=True),
        FieldSpec(number=8, name="state", choices=CUSTOM_STATES, server_only=True),
    ),
)
"""``title_zh`` and ``title_en`` say what the title of its records is called."""
CUSTOM_RECORD: Final = RecordSpec(
    number=22,
    kind="custom_record",
    parent="customer_id",
    extensible=True,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="object_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            required=True,
            references="custom_object",
        ),
        FieldSpec(number=3, name="title", required=True),
        FieldSpec(number=4, name="store_id", type=FieldType.UUID, references="store"),
    ),
)
