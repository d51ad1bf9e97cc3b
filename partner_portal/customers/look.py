"""How a list is looked at: search, filters and order, all of it in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self, get_args
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from partner_portal import forms
from partner_portal.customers.fields import LEVELS, STATUSES
from partner_portal.rendering import AnyRequest
from server.customers.schemas import Filters, Sort
from server.customers.views.schemas import Column
from server.customers.views.schemas import Look as SavedLook
from sync_protocol.schema.custom import is_custom

DEFAULT_SORT: Final = Sort.UPDATED
SORTS: Final = (Sort.UPDATED, Sort.NAME, Sort.REVENUE)
COLUMNS: Final[tuple[str, ...]] = get_args(Column)
_LENGTH_MAX: Final = 100
_CARRIED: Final = "look_"
"""What a list was narrowed by goes along in a form about it, beside the form's own fields."""
_SAVED: Final = ("q", "status", "city", "industry", "level", "owner_id", "tag", "sort")
"""The parts that are saved as they are called here."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the address says; each part is text, empty when it is not there."""

    q: str = ""
    status: str = ""
    city: str = ""
    industry: str = ""
    level: str = ""
    owner_id: str = ""
    tag: str = ""
    own: str = ""
    """A custom field and its value, with a colon between."""
    sort: str = ""
    columns: str = ""
    """Columns beside the name, with commas between; empty for all."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read an address; what makes no sense is as if it were not there."""
        given = {name: query.get(name, "").strip()[:_LENGTH_MAX] for name in cls.__struct_fields__}
        known = {"status": STATUSES, "level": LEVELS, "sort": SORTS}
        for name, choices in known.items():
            given[name] = given[name] if given[name] in choices else ""
        for name in ("owner_id", "tag"):
            given[name] = given[name] if _is_id(given[name]) else ""
        columns = [each for each in given["columns"].split(",") if each in COLUMNS]
        given["columns"] = ",".join(columns) if len(set(columns)) < len(COLUMNS) else ""
        given["own"] = given["own"] if is_custom(given["own"].partition(":")[0]) else ""
        return cls(**{name: value.replace("\0", "") for name, value in given.items()})

    @classmethod
    async def brought(cls, request: AnyRequest) -> Self:
        """Read what a form brought along."""
        given = await forms.texts(request, *(_CARRIED + name for name in cls.__struct_fields__))
        return cls.read({name.removeprefix(_CARRIED): text for name, text in given.items()})

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Give what a form is to bring along: names and values."""
        return [(_CARRIED + name, getattr(self, name)) for name in self.__struct_fields__]

    @property
    def filters(self) -> Filters:
        """Give the filters that the customers room understands."""
        return Filters(
            q=self.q or None,
            status=(self.status,) if self.status else (),
            city=self.city or None,
            industry=self.industry or None,
            level=self.level or None,
            owner_id=UUID(self.owner_id) if self.owner_id else None,
            tag=UUID(self.tag) if self.tag else None,
            custom=dict([self.own.split(":", 1)]) if ":" in self.own else {},
        )

    @property
    def order(self) -> Sort | None:
        """Give the order; none means the search's own, or the newest change first."""
        return Sort(self.sort) if self.sort else None

    @property
    def is_open(self) -> bool:
        """Tell whether nothing is left out."""
        return not any((self.q, self.status, *self.chosen.values()))

    @property
    def chosen(self) -> dict[str, str]:
        """Give the filters that are shown as chips."""
        names = ("city", "industry", "level", "owner_id", "tag", "own")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def shows(self, column: str) -> bool:
        """Tell whether a column is shown."""
        return not self.columns or column in self.columns.split(",")

    @property
    def saved(self) -> dict[str, object]:
        """Give what is saved of this look under a name."""
        parts = msgspec.structs.asdict(self)
        kept: dict[str, object] = {name: parts[name] or None for name in _SAVED}
        return kept | {
            "custom": self.own or None,
            "columns": self.columns.split(",") if self.columns else None,
        }

    @classmethod
    def of(cls, view: SavedLook, *, me: UUID) -> Self:
        """Give the look that was saved, for the person who opens it."""
        held = msgspec.to_builtins(view)
        parts = {name: held[name] or "" for name in _SAVED}
        owner = str(me) if view.is_mine else parts["owner_id"]
        return cls.read(
            parts
            | {"owner_id": owner, "own": view.custom or "", "columns": ",".join(view.columns or ())}
        )

    def address(self, **other: str) -> str:
        """Write this look's address, with some parts changed."""
        parts = {**msgspec.structs.asdict(self), **other}
        return _address("/customers", parts)

    @property
    def export(self) -> str:
        """Write the address of the file with what is looked at."""
        parts = {**msgspec.structs.asdict(self), "own": "", "custom": self.own}
        parts |= {"sort": "", "columns": ""}
        return _address("/customers/export.csv", parts)

    @property
    def view(self) -> str:
        """Write the address of the form that saves what is looked at."""
        return _address("/customers/views/new", msgspec.structs.asdict(self))

    @property
    def bulk(self) -> str:
        """Write the address of the form that changes what is looked at."""
        return _address("/bulk/new", {**msgspec.structs.asdict(self), "sort": "", "columns": ""})

    @property
    def tasks(self) -> str:
        """Write the address of the form that makes a task for each of what is looked at."""
        parts = {**msgspec.structs.asdict(self), "sort": "", "columns": ""}
        return _address("/tasks/many", parts)

    @property
    def cleared(self) -> str:
        """Write the address without search and chips."""
        return self.address(q="", **dict.fromkeys(self.chosen, ""))


def _address(path: str, parts: Mapping[str, str]) -> str:
    """Write an address with those parts that are there."""
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{path}?{query}" if query else path


def _is_id(text: str) -> bool:
    """Tell whether a text is an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
