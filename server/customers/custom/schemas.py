"""Custom fields over HTTP and to the portal: what is given, what is taken."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.kit.text import PRINTABLE
from sync_protocol.custom_fields import MAX_OPTIONS
from sync_protocol.schema import MAX_SAFE_INT

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=50, pattern=PRINTABLE)]
MaybeLabel = Annotated[str, msgspec.Meta(max_length=50, pattern=PRINTABLE)]
Meaning = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Number = Annotated[int, msgspec.Meta(ge=-MAX_SAFE_INT, le=MAX_SAFE_INT)]
Decimals = Annotated[int, msgspec.Meta(ge=0, le=6)]
Place = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Subject = Literal["customer", "store", "contact", "opportunity", "custom_record"]
State = Literal["active", "archived"]
TypeName = Literal[
    "text", "lines", "integer", "decimal", "date", "choice", "choices", "flag", "phone"
]


class OptionView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the values of a choice: its id stands in records."""

    id: UUID
    zh: str
    en: str = ""
    archived: bool = False


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """A custom field; `name` is that of its values in records.

    A decimal number, and its bounds, are whole numbers of the last place.
    """

    id: UUID
    seq: int
    name: str
    subject: str
    type: str
    label_zh: str
    label_en: str
    meaning: str
    options: list[OptionView]
    decimals: int
    minimum: int | None
    maximum: int | None
    is_required: bool
    is_unique: bool
    place: int
    state: str
    object_id: UUID | None = None
    """The custom object whose records have it, where they are custom records."""

    def label(self, language: str) -> str:
        """Say what the field is called; in Chinese where it has no English name."""
        return self.label_en or self.label_zh if language == "en" else self.label_zh


class OptionGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option as it is to be; without `id` it is a new one."""

    zh: Label
    en: MaybeLabel = ""
    id: UUID | None = None
    archived: bool = False


Options = Annotated[list[OptionGiven], msgspec.Meta(max_length=MAX_OPTIONS)]


class NewField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A custom field to be. What it means is asked for: nobody fills in what nobody understands."""

    subject: Subject
    type: TypeName
    label_zh: Label
    meaning: Meaning
    label_en: MaybeLabel = ""
    options: Options = []
    decimals: Decimals = 0
    minimum: Number | None = None
    maximum: Number | None = None
    is_required: bool = False
    is_unique: bool = False
    object_id: UUID | None = None
    """The custom object whose records are to have it, where the subject is ``custom_record``."""
    id: UUID | None = None


class FieldEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a custom field; its subject, type and decimals stay.

    `options` are all of them; one that is left out is archived.
    """

    label_zh: Label | UnsetType = UNSET
    label_en: MaybeLabel | UnsetType = UNSET
    meaning: Meaning | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    minimum: Number | UnsetType | None = UNSET
    maximum: Number | UnsetType | None = UNSET
    is_required: bool | UnsetType = UNSET
    is_unique: bool | UnsetType = UNSET
    place: Place | UnsetType = UNSET
    state: State | UnsetType = UNSET
