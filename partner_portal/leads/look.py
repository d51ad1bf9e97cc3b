"""How the list of leads is looked at, all of it in the address."""

from typing import ClassVar, Final, Self
from uuid import UUID

from partner_portal import forms
from partner_portal.looks import ListLook, address, id_or_nothing, one_of
from server.leads.schemas import LeadFilters
from server.views.schemas import ListName, Look

ALL: Final = "all"
STATES: Final = ("suspect", "ready", "offered", "accepted", "discarded")
"""In the order of the tabs."""
_VERDICTS: Final = ("opted_out", "invalid_phone", "junk", "duplicate", "out_of_area", "clean")


class LeadLook(ListLook, frozen=True, kw_only=True):
    """What the address says; each part is text, empty when it is not there."""

    LIST: ClassVar[ListName] = "leads"
    PATH: ClassVar[str] = "/leads"
    PERSON: ClassVar[str] = "assignee_id"

    q: str = ""
    state: str = ""
    """``all``, or a state; nothing is the first that has any."""
    verdict: str = ""
    city: str = ""
    source_id: str = ""
    campaign_id: str = ""
    assignee_id: str = ""

    @classmethod
    def sensible(cls, given: dict[str, str]) -> dict[str, str]:
        """Leave out states, verdicts and ids that are none."""
        ids = {
            name: id_or_nothing(given[name]) for name in ("source_id", "campaign_id", "assignee_id")
        }
        known = {
            "state": one_of(given["state"], (ALL, *STATES)),
            "verdict": one_of(given["verdict"], _VERDICTS),
        }
        return given | ids | known

    @classmethod
    def of(cls, view: Look, *, me: UUID) -> Self:
        """Give the look that was saved; without a state it was of all."""
        look = super().of(view, me=me)
        return look if look.state else cls.read({**look.parts, "state": ALL})

    @property
    def saved(self) -> dict[str, object]:
        """Give what is saved of this look under a name."""
        saved = super().saved
        return saved | {"state": None} if self.state == ALL else saved

    @property
    def filters(self) -> LeadFilters:
        """Give the filters that the leads room understands."""
        parts = {name: text for name, text in self.parts.items() if text != ALL or name != "state"}
        return forms.taken(parts, LeadFilters)

    @property
    def narrowed(self) -> bool:
        """Tell whether more than the state is asked for."""
        return bool(self.parts.keys() - {"state"})

    @property
    def export(self) -> str:
        """Write the address of the file with what is looked at."""
        return address("/leads/export.csv", self.parts)
