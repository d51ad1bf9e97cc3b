"""What a hand-off to sales must have (S44), and how often somebody is called (S45). Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from server.kit.errors import Invalid, TooManyRequests

CheckedField = Literal[
    "contact_name", "phone", "city", "district", "industry", "need", "amount_minor", "source_id"
]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a company asks of its leads."""

    accept_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24
    """How long a person has to accept or return a lead."""
    checklist: Annotated[list[CheckedField], msgspec.Meta(max_length=8)] = msgspec.field(
        default_factory=lambda: ["phone"]
    )
    """What a lead must have before it is handed off."""
    calls_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    """How often one phone may be called within `calls_days`, by the whole company."""
    calls_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7
    is_routed_at_once: bool = False
    """Whether clean leads are routed by the product, without a manager."""


DEFAULT_TERMS: Final = Terms()


class HandoffIncomplete(Invalid):
    """The lead lacks what the company's checklist asks for."""

    code = "handoff_incomplete"


class CalledTooOften(TooManyRequests):
    """This phone was called as often as the company allows."""

    code = "called_too_often"


def missing(terms: Terms, lead: Mapping[str, Any]) -> list[str]:
    """Give the checklist's fields that a lead lacks, in the checklist's order."""
    return [name for name in terms.checklist if lead.get(name) in {None, ""}]


def ensure_complete(terms: Terms, lead: Mapping[str, Any]) -> None:
    """Refuse an incomplete hand-off.

    :raises HandoffIncomplete: naming all fields that are missing.
    """
    lacking = missing(terms, lead)
    if lacking:
        raise HandoffIncomplete(
            f"Complete the lead first: {', '.join(lacking)}.", field=lacking[0], missing=lacking
        )


def ensure_calls(terms: Terms, calls: Sequence[Any]) -> None:
    """Refuse one call more than the company allows in its days.

    :raises CalledTooOften: saying so.
    """
    if len(calls) >= terms.calls_max:
        raise CalledTooOften(
            f"This phone was called {len(calls)} times in {terms.calls_days} days; leave it be.",
            field="lead_id",
        )
