"""What can be said of a field and of a kind of record."""

from enum import StrEnum
from typing import Final

import msgspec

MAX_SAFE_INT: Final = 2**53 - 1
"""The largest whole number that every client, JavaScript included, holds exactly."""
MAX_REVENUE_MINOR: Final = 10**13
"""A hundred billion yuan in fen: what is expected of one customer stays below, and sums hold."""


class FieldType(StrEnum):
    """What a value is on the wire."""

    TEXT = "text"
    """Unicode without NUL."""
    INT = "int"
    """A whole number between -(2**53 - 1) and 2**53 - 1; money is whole minor units."""
    UUID = "uuid"
    """Lower case with hyphens."""
    DATE = "date"
    """A day as ``YYYY-MM-DD``."""
    TIME = "time"
    """Milliseconds since 1970 in UTC, as a whole number."""
    SET = "set"
    """Ids without order or repetition; on the wire a sorted list."""
    ANY = "any"
    """Any value of the above, or a small list or map of such."""


class Policy(StrEnum):
    """How a field is settled when two wrote it without seeing each other."""

    KEEP_BOTH = "keep_both"
    """The later bounded edit time is held; the other value goes into a conflict."""
    STRICT = "strict"
    """The edit is refused: what it means depends on what it replaces."""
    FIXED = "fixed"
    """Written at creation and never changed."""
    APPEND = "append"
    """Written at creation; a later thought is another record."""
    MAX = "max"
    """The greater value is held."""
    MIN = "min"
    """The smaller value is held."""
    COUNTER = "counter"
    """An edit carries a difference, and all differences add up."""
    TEXT_MERGE = "text_merge"
    """Both changes go into one text; where they touch the same words, as with ``keep_both``."""
    OR_SET = "or_set"
    """Elements are added and removed; an addition that a removal has not seen stays."""


class FieldSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a kind of record."""

    number: int
    name: str
    type: FieldType = FieldType.TEXT
    policy: Policy = Policy.KEEP_BOTH
    required: bool = False
    max_length: int = 200
    """Of a text, in characters."""
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    """A regular expression that the whole text matches."""
    minimum: int = -MAX_SAFE_INT
    maximum: int = MAX_SAFE_INT
    references: str | None = None
    """The kind of record that this id names; it must exist when the value is written."""
    server_only: bool = False
    """Filled in by the server; a device may not write it."""
    since: int = 1
    """The schema version in which the field came."""


class RecordSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind of record."""

    number: int
    kind: str
    fields: tuple[FieldSpec, ...]
    parent: str | None = None
    """The field that names the customer with whom this record is seen and dropped."""
    creatable: bool = True
    """Whether a device may create one."""
    deletable: bool = True
    """Whether a device may delete one."""
    extensible: bool = False
    """Whether a company may add fields of its own, see ``sync_protocol.schema.custom``."""
    since: int = 1
    """The schema version in which the kind came."""


E164: Final = r"\+[1-9][0-9]{4,14}"
"""A telephone number, as a pattern."""

OF_CUSTOMER: Final = FieldSpec(
    number=1,
    name="customer_id",
    type=FieldType.UUID,
    policy=Policy.FIXED,
    required=True,
    references="customer",
)
"""The customer of a record that a device makes beneath one."""


def written_by_server(number: int, name: str, kind: FieldType, length: int = 200) -> FieldSpec:
    """Say of a field that the server alone writes it, and once."""
    return FieldSpec(
        number=number,
        name=name,
        type=kind,
        policy=Policy.FIXED,
        server_only=True,
        max_length=length,
    )
