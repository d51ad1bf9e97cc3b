"""How the list of deals is looked at, all of it in the address."""

from typing import ClassVar, Final, get_args

from partner_portal import forms
from partner_portal.looks import ListLook, address, id_or_nothing, one_of
from server.pipeline.schemas import DealFilters, DealState
from server.views.schemas import ListName

_STATES: Final[tuple[str, ...]] = get_args(DealState)


class DealLook(ListLook, frozen=True, kw_only=True):
    """What the address says; each part is text, empty when it is not there."""

    LIST: ClassVar[ListName] = "deals"
    PATH: ClassVar[str] = "/deals/list"
    FLAGS: ClassVar[frozenset[str]] = frozenset({"is_built_in", "is_stale"})

    state: str = ""
    stage: str = ""
    category: str = ""
    month: str = ""
    family_id: str = ""
    process_id: str = ""
    owner_id: str = ""
    is_built_in: str = ""
    is_stale: str = ""

    @classmethod
    def sensible(cls, given: dict[str, str]) -> dict[str, str]:
        """Leave out states, ids and flags that are none."""
        ids = {name: id_or_nothing(given[name]) for name in ("family_id", "process_id", "owner_id")}
        flags = {name: one_of(given[name], ("1",)) for name in cls.FLAGS}
        return given | ids | flags | {"state": one_of(given["state"], _STATES)}

    @property
    def filters(self) -> DealFilters:
        """Give the filters that the pipeline room understands."""
        flags = dict.fromkeys(self.FLAGS & self.parts.keys(), True)
        return forms.taken(self.parts | flags, DealFilters)

    @property
    def export(self) -> str:
        """Write the address of the file with what is looked at."""
        return address("/deals/export.csv", self.parts)
