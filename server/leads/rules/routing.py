"""Who gets a lead, and why (S02, S100). Pure: the same facts give the same person.

The person who has the customer already, else whoever holds the territory, else everybody who takes
leads; of these nobody who is away or has given this lead back; of these those with the fewest open
leads; of these who has waited longest for one. Each step leaves its reason as a code with values.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from server.kit import divisions
from server.kit.errors import Conflict, Invalid

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Why(StrEnum):
    """One step of a decision."""

    BY_HAND = "by_hand"
    """A manager chose."""
    CUSTOMER_KNOWN = "customer_known"
    """The person has this customer already."""
    OWNER_ABSENT = "owner_absent"
    """Who has this customer is away: the lead waits for a manager."""
    RETURNED_BEFORE = "returned_before"
    """These had it and gave it back, or let the clock run out."""
    ABSENT = "absent"
    """These are away."""
    TERRITORY = "territory"
    """These hold the place."""
    TERRITORY_AWAY = "territory_away"
    """Whoever holds the place is away or had it: the lead waits for a manager."""
    NO_TERRITORY = "no_territory"
    """Nobody holds the place, so everybody is asked."""
    LOAD = "load"
    """These have the fewest open leads."""
    ROUND_ROBIN = "round_robin"
    """Who has waited longest for a lead."""
    NOBODY = "nobody"
    """Nobody is left: the lead waits for a manager."""


class Reason(msgspec.Struct, frozen=True):
    """Why a step of a decision went as it went."""

    code: Why
    values: Mapping[str, Any] = {}


class Person(msgspec.Struct, frozen=True):
    """Somebody who takes leads."""

    id: UUID
    team_id: UUID | None = None
    open_leads: int = 0
    last_routed_at: datetime | None = None
    is_absent: bool = False


class Territory(msgspec.Struct, frozen=True):
    """A place that a person or a team holds; without a district the whole city.

    Two that are written the same are the same; else the tree of divisions tells, where it knows
    the place that is held: 杭州 holds what lies in 浙江省杭州市.
    """

    holder_id: UUID
    city: str
    district: str | None = None

    def covers(self, city: str | None, district: str | None) -> bool:
        """Say whether a place lies inside."""
        if city is None:
            return False
        if self.city == city and self.district in {None, district}:
            return True
        held, found = _place(self.city, self.district), _place(city, district)
        return held.is_whole and divisions.is_within(found.code or "", held.code or "")

    def meets(self, city: str, district: str | None) -> bool:
        """Say whether a place may lie inside; of one without a district, any of its parts."""
        if self.covers(city, district):
            return True
        if district is not None or self.city == city:
            return district is None
        held, around = _place(self.city, self.district), _place(city, None)
        return around.is_whole and divisions.is_within(held.code or "", around.code or "")


@lru_cache(maxsize=4096)
def _place(city: str, district: str | None) -> divisions.Located:
    """Find a place in the tree; a list of leads names few of them, and often."""
    return divisions.locate(city=city, district=district)


class Question(msgspec.Struct, frozen=True):
    """What is known about a lead when somebody is to be found for it."""

    city: str | None = None
    district: str | None = None
    owner_id: UUID | None = None
    """Who has the customer already."""
    returned_by: frozenset[UUID] = frozenset()


class Decision(msgspec.Struct, frozen=True):
    """Who gets a lead, or nobody, and why, step by step."""

    person_id: UUID | None
    reasons: tuple[Reason, ...]


class PersonAbsent(Conflict):
    """The person is away; what cannot wait is not given to them."""

    code = "person_absent"


class CustomerOfOthers(Conflict):
    """The lead's customer is another team's, and would change hands."""

    code = "customer_of_others"


class NotARouteTarget(Invalid):
    """The person does not work here, or takes no leads."""

    code = "not_a_route_target"


def decide(
    question: Question, people: Sequence[Person], territories: Sequence[Territory]
) -> Decision:
    """Find who gets a lead."""
    reasons: list[Reason] = []
    owner = next((one for one in people if one.id == question.owner_id), None)
    if owner is not None:
        if owner.is_absent:
            return Decision(None, (Reason(Why.OWNER_ABSENT, {"person": str(owner.id)}),))
        return Decision(owner.id, (Reason(Why.CUSTOMER_KNOWN, {"person": str(owner.id)}),))
    left = _without(
        people, lambda one: one.id in question.returned_by, Why.RETURNED_BEFORE, reasons
    )
    left = _without(left, lambda one: one.is_absent, Why.ABSENT, reasons)
    left = _in_territory(question, left, territories, reasons)
    if not left:
        return Decision(None, (*reasons, Reason(Why.NOBODY)))
    least = min(one.open_leads for one in left)
    left = [one for one in left if one.open_leads == least]
    reasons.append(Reason(Why.LOAD, {"open_leads": least, "people": _named(left)}))
    chosen = min(left, key=lambda one: (one.last_routed_at or _NEVER, one.id))
    if len(left) > 1:
        last = chosen.last_routed_at
        since = last.isoformat() if last else None
        reasons.append(Reason(Why.ROUND_ROBIN, {"person": str(chosen.id), "since": since}))
    return Decision(chosen.id, tuple(reasons))


def _without(
    people: Sequence[Person],
    is_out: Callable[[Person], bool],
    why: Why,
    reasons: list[Reason],
) -> list[Person]:
    """Leave people out, and say whom."""
    out = [one for one in people if is_out(one)]
    if out:
        reasons.append(Reason(why, {"people": _named(out)}))
    return [one for one in people if not is_out(one)]


def _in_territory(
    question: Question,
    people: list[Person],
    territories: Sequence[Territory],
    reasons: list[Reason],
) -> list[Person]:
    """Keep who holds the place: its district if anybody of them is left, else its city."""
    covering = [each for each in territories if each.covers(question.city, question.district)]
    if not covering:
        reasons.append(Reason(Why.NO_TERRITORY, {"city": question.city}))
        return people
    for is_district in (True, False):
        holders = {
            each.holder_id for each in covering if (each.district is not None) is is_district
        }
        held = [one for one in people if holders & {one.id, one.team_id}]
        if held:
            place = {"city": question.city, "district": question.district if is_district else None}
            reasons.append(Reason(Why.TERRITORY, {**place, "people": _named(held)}))
            return held
    reasons.append(Reason(Why.TERRITORY_AWAY, {"city": question.city}))
    return []


def _named(people: Sequence[Person]) -> list[str]:
    """Give people's ids, for pages to put names to; the first twenty."""
    return [str(one.id) for one in sorted(people, key=lambda one: one.id)[:20]]
