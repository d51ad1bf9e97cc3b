"""The life of a lead: where it stands, by which way it came, and how far it has come."""

from enum import StrEnum
from typing import Final

from server.kit.errors import Conflict


class LeadState(StrEnum):
    """Where a lead stands."""

    SUSPECT = "suspect"
    """Something speaks against it; a person looks at it (S39)."""
    DISCARDED = "discarded"
    """Judged to be of no use; it can be restored."""
    READY = "ready"
    """Clean, and waits for a person to be routed to."""
    OFFERED = "offered"
    """Routed; the person accepts or returns it before the clock runs out (S44)."""
    ACCEPTED = "accepted"
    """Somebody develops it, as a customer."""


class IntakePath(StrEnum):
    """By which way a lead came in (S37)."""

    FORM = "form"
    """Typed on a page by somebody of the company."""
    API = "api"
    """Sent by another program."""
    IMPORT = "import"
    """A row of a spreadsheet."""
    PUBLIC_FORM = "public_form"
    """Left by the interested person on a campaign's own page, often by its QR."""


class Stage(StrEnum):
    """How far a lead has come: the platform's canonical funnel (S40)."""

    LEAD = "lead"
    """线索: it came in."""
    PRE_OPPORTUNITY = "pre_opportunity"
    """准商机客户: somebody has accepted it."""
    OPPORTUNITY = "opportunity"
    """商机客户: there is something to be sold."""
    SIGNED = "signed"
    """签约用户."""


STAGES: Final = tuple(Stage)
"""In their order."""


class ReturnReason(StrEnum):
    """Why somebody gives a lead back (S44)."""

    INVALID_PHONE = "invalid_phone"
    DUPLICATE = "duplicate"
    OUT_OF_AREA = "out_of_area"
    NO_NEED = "no_need"
    INCOMPLETE = "incomplete"
    OTHER = "other"


class LeadStateUnfit(Conflict):
    """The lead does not stand where this could be done with it."""

    code = "lead_state_unfit"


_BEFORE: Final = {
    "discard": frozenset({LeadState.SUSPECT, LeadState.READY}),
    "keep": frozenset({LeadState.SUSPECT}),
    "restore": frozenset({LeadState.DISCARDED}),
    "route": frozenset({LeadState.READY}),
    "accept": frozenset({LeadState.OFFERED}),
    "return": frozenset({LeadState.OFFERED}),
    "edit": frozenset({LeadState.SUSPECT, LeadState.READY}),
}
"""For each verb the states out of which it leads."""


def ensure_may(verb: str, state: LeadState) -> None:
    """Refuse a step that does not lead out of a state.

    :raises LeadStateUnfit: saying where the lead stands.
    """
    if state not in _BEFORE[verb]:
        raise LeadStateUnfit(f"This lead is {state}; look at it again.", field="lead_id")
