"""Custom objects and their records over HTTP and to the portal: what is given, what is taken."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.custom.schemas import Label, MaybeLabel, Meaning, Place, State
from server.customers.schemas import Custom, CustomName, CustomText, EditTerms
from server.kit.text import Str

Writers = Literal["everyone", "managers"]
"""Who writes the records of an object: whoever sees their customer, or managers alone."""


class ObjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A custom object; its fields are those of `/custom-fields` with its id."""

    id: UUID
    seq: int
    name_zh: str
    name_en: str
    meaning: str
    title_zh: str
    """What the title of its records is called."""
    title_en: str
    writers: str
    place: int
    state: str

    def name(self, language: str) -> str:
        """Say what the object is called; in Chinese where it has no English name."""
        return self.name_en or self.name_zh if language == "en" else self.name_zh

    def title(self, language: str) -> str:
        """Say what the title of its records is called, likewise."""
        return self.title_en or self.title_zh if language == "en" else self.title_zh


class NewObject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A custom object to be. With its own `id` the request may be repeated."""

    name_zh: Label
    meaning: Meaning
    title_zh: Label
    name_en: MaybeLabel = ""
    title_en: MaybeLabel = ""
    writers: Writers = "everyone"
    id: UUID | None = None


class ObjectEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a custom object."""

    name_zh: Label | UnsetType = UNSET
    name_en: MaybeLabel | UnsetType = UNSET
    meaning: Meaning | UnsetType = UNSET
    title_zh: Label | UnsetType = UNSET
    title_en: MaybeLabel | UnsetType = UNSET
    writers: Writers | UnsetType = UNSET
    place: Place | UnsetType = UNSET
    state: State | UnsetType = UNSET


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a custom object, beneath a customer."""

    id: UUID
    seq: int
    object_id: UUID
    customer_id: UUID
    customer_name: str
    title: str
    store_id: UUID | None
    created_at: datetime
    deleted: bool
    custom: dict[str, Any] = {}
    """Values of the object's fields, by name."""


class RecordFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the custom records within sight."""

    object_id: UUID | None = None
    customer_id: UUID | None = None
    store_id: UUID | None = None
    q: str | None = None
    """A part of the title or of the customer's name."""
    custom: dict[CustomName, CustomText] = {}
    """Custom fields and the value that each has; of choices one of them."""


class NewRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record of a custom object to be. With its own `id` the request may be repeated."""

    object_id: UUID
    title: Str
    store_id: UUID | None = None
    custom: Custom = {}
    id: UUID | None = None


class RecordEdit(EditTerms, frozen=True, kw_only=True):
    """New values of the fields that were touched; null empties a field."""

    title: Str | UnsetType = UNSET
    store_id: UUID | UnsetType | None = UNSET
    custom: Custom = msgspec.field(default_factory=dict)
