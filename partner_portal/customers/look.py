"""How a list is looked at: search, filters and order, all of it in the address."""

from __future__ import annotations

from typing import ClassVar, Final, Self, get_args
from uuid import UUID

import msgspec

from partner_portal.customers.fields import LEVELS, STATUSES
from partner_portal.looks import ListLook, address, id_or_nothing, one_of
from server.customers.schemas import Filters, Sort
from server.views.schemas import Column, CustomerLook, ListName
from server.views.schemas import Look as SavedLook
from sync_protocol.schema.custom import is_custom

DEFAULT_SORT: Final = Sort.UPDATED
SORTS: Final = (Sort.UPDATED, Sort.NAME, Sort.REVENUE)
COLUMNS: Final[tuple[str, ...]] = get_args(Column)
_SAVED: Final = ("q", "status", "city", "industry", "level", "owner_id", "tag", "sort")
"""The parts that are saved as they are called here."""


class Look(ListLook, frozen=True, kw_only=True):
    """What the address says; each part is text, empty when it is not there."""

    LIST: ClassVar[ListName] = "customers"
    PATH: ClassVar[str] = "/customers"

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
    def sensible(cls, given: dict[str, str]) -> dict[str, str]:
        """Leave out choices, ids, columns and own fields that are none."""
        columns = [each for each in given["columns"].split(",") if each in COLUMNS]
        return given | {
            "status": one_of(given["status"], STATUSES),
            "level": one_of(given["level"], LEVELS),
            "sort": one_of(given["sort"], SORTS),
            "owner_id": id_or_nothing(given["owner_id"]),
            "tag": id_or_nothing(given["tag"]),
            "columns": ",".join(columns) if len(set(columns)) < len(COLUMNS) else "",
            "own": given["own"] if is_custom(given["own"].partition(":")[0]) else "",
        }

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
            "list": self.LIST,
            "custom": self.own or None,
            "columns": self.columns.split(",") if self.columns else None,
        }

    @classmethod
    def of(cls, view: SavedLook, *, me: UUID) -> Self:
        """Give the look that was saved, for the person who opens it."""
        assert isinstance(view, CustomerLook), "a view of customers"
        held = msgspec.to_builtins(view)
        parts = {name: held[name] or "" for name in _SAVED}
        owner = str(me) if view.is_mine else parts["owner_id"]
        return cls.read(
            parts
            | {"owner_id": owner, "own": view.custom or "", "columns": ",".join(view.columns or ())}
        )

    @property
    def export(self) -> str:
        """Write the address of the file with what is looked at."""
        parts = {**msgspec.structs.asdict(self), "own": "", "custom": self.own}
        parts |= {"sort": "", "columns": ""}
        return address("/customers/export.csv", parts)

    @property
    def bulk(self) -> str:
        """Write the address of the form that changes what is looked at."""
        return address("/bulk/new", {**msgspec.structs.asdict(self), "sort": "", "columns": ""})

    @property
    def tasks(self) -> str:
        """Write the address of the form that makes a task for each of what is looked at."""
        parts = {**msgspec.structs.asdict(self), "sort": "", "columns": ""}
        return address("/tasks/many", parts)

    @property
    def cleared(self) -> str:
        """Write the address without search and chips."""
        return self.address(q="", **dict.fromkeys(self.chosen, ""))
