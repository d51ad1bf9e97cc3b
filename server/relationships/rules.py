"""Measure how well we know somebody, and say what a deal's stage lacks of it. Pure.

**Depth** of a contact, from 0 to 100::

    strength = sum over touches of  weight(kind) * 0.5 ** (age / HALF_LIFE)
    depth    = 100 * (1 - exp(-strength / SATURATION))

A tie fades when nothing happens (exponential decay of ties that are not kept up: R. S. Burt, "Decay
functions", Social Networks 22, 2000), and grows with time spent and with what goes both ways (M.
Granovetter, "The Strength of Weak Ties", American Journal of Sociology 78, 1973: time, intimacy,
reciprocal services). So a touch that both sides took part in weighs more than one that only we
made, and the tenth adds less than the first. With silence alone each half-life halves the strength.

A touch that names nobody was with somebody whom nobody wrote down: it is shared among the contacts.
The weights, the half-life and the saturation are choices of this product, not measured constants.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from server.kit.text import LINE_MAX
from sync_protocol.process.definition import Canonical

HALF_LIFE: Final = timedelta(days=60)
"""After so long without a touch, half of the strength is left."""
SATURATION: Final = 1.5
"""The strength at which depth is 63: a visit and an answered call, just now."""
BEFORE: Final = timedelta(days=30)
"""How far back depth is compared with."""


class Kind(StrEnum):
    """How we touched."""

    VISIT = "visit"
    """Somebody of ours was there."""
    ANSWERED = "answered"
    """A call that was answered, whoever called; a task that came to a result."""
    CASE = "case"
    """They came to us, with a complaint or a question."""
    DONE = "done"
    """A task that was done and came to no result: we did something, they did nothing."""


WEIGHTS: Final[Mapping[Kind, float]] = {
    Kind.VISIT: 1.0,
    Kind.ANSWERED: 0.6,
    Kind.CASE: 0.6,
    Kind.DONE: 0.2,
}
"""What goes both ways weighs more."""


class Touch(msgspec.Struct, frozen=True):
    """A contact that took place; with whom is not always written down."""

    kind: Kind
    at: datetime
    contact_id: UUID | None = None


class Stakeholder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who matters, and how well we know them."""

    id: UUID
    name: str
    role: str | None
    stance: str | None
    depth: int
    """0 to 100."""


class Gap(StrEnum):
    """What is missing."""

    NOBODY_MET = "nobody_met"
    """We know nobody well enough to begin."""
    DECIDER_UNKNOWN = "decider_unknown"
    """Nobody is noted as who decides."""
    DECIDER_DISTANT = "decider_distant"
    """Who decides is not known well enough."""
    SUPPORTER_MISSING = "supporter_missing"
    """Nobody there speaks for us."""
    OPPONENT_UNHEARD = "opponent_unheard"
    """Somebody is against us, and we do not talk."""


class Missing(msgspec.Struct, frozen=True):
    """A gap, with the contact it is about where it is about one."""

    gap: Gap
    contact_id: UUID | None = None


class Want(msgspec.Struct, frozen=True):
    """What a deal's stage wants of a relationship: depths, and whether somebody speaks for us."""

    anybody: int
    decider: int | None = None
    supporter: bool = False


WANTS: Final[Mapping[Canonical, Want]] = {
    Canonical.LEAD: Want(anybody=20),
    Canonical.PRE_OPPORTUNITY: Want(anybody=30, decider=0),
    Canonical.OPPORTUNITY: Want(anybody=40, decider=40, supporter=True),
    Canonical.SIGNED: Want(anybody=25, decider=25),
}
"""By the furthest stage of a customer's deals."""
_HEARD: Final = 30
"""Depth from which on we talk with somebody who is against us."""
_FOR_US: Final = frozenset({"supports", "leans"})
_AGAINST_US: Final = frozenset({"doubts", "opposes"})
_WEIGHTY: Final[Mapping[str | None, int]] = {"decides": 3, "influences": 2, "buys": 2, "guards": 2}
"""Of whom the relationship as a whole depends more; everybody else counts once."""


def depths(touches: Iterable[Touch], contact_ids: Sequence[UUID], now: datetime) -> dict[UUID, int]:
    """Give each contact's depth as of a moment; what lies ahead of it counts for nothing.

    See the head of this module for the formula and where it comes from.
    """
    strengths = dict.fromkeys(contact_ids, 0.0)
    for touch in touches:
        if touch.at > now or not contact_ids:
            continue
        weight = WEIGHTS[touch.kind] * 0.5 ** ((now - touch.at) / HALF_LIFE)
        if touch.contact_id in strengths:
            strengths[touch.contact_id] += weight
        else:
            for contact_id in contact_ids:
                strengths[contact_id] += weight / len(contact_ids)
    return {each: _depth(strength) for each, strength in strengths.items()}


def _depth(strength: float) -> int:
    """Bring a strength to 0 to 100: what is added to much adds little."""
    return round(100 * (1 - math.exp(-strength / SATURATION)))


def score(people: Sequence[Stakeholder]) -> int:
    """Give the depth of a relationship as a whole: the mean, those who decide counting more."""
    weights = [_WEIGHTY.get(each.role, 1) for each in people]
    total = sum(weight * each.depth for weight, each in zip(weights, people, strict=True))
    return round(total / sum(weights)) if people else 0


def missing(stage: Canonical, people: Sequence[Stakeholder]) -> list[Missing]:
    """Say what a stage wants of a relationship and has not got, the heaviest first."""
    want, found = WANTS[stage], list[Missing]()
    deciders = [each for each in people if each.role == "decides"]
    if not any(each.depth >= want.anybody for each in people):
        found.append(Missing(Gap.NOBODY_MET))
    if want.decider is not None:
        if not deciders:
            found.append(Missing(Gap.DECIDER_UNKNOWN))
        elif not any(each.depth >= want.decider for each in deciders):
            best = max(deciders, key=lambda each: (each.depth, each.id))
            found.append(Missing(Gap.DECIDER_DISTANT, best.id))
    if want.supporter and not any(each.stance in _FOR_US for each in people):
        found.append(Missing(Gap.SUPPORTER_MISSING))
    found += [
        Missing(Gap.OPPONENT_UNHEARD, each.id)
        for each in people
        if each.stance in _AGAINST_US and each.depth < _HEARD
    ]
    return found


_TITLES: Final[Mapping[Gap, str]] = {
    Gap.NOBODY_MET: "提升关系 · 上门认识关键人",
    Gap.DECIDER_UNKNOWN: "提升关系 · 弄清谁是决策人",
    Gap.DECIDER_DISTANT: "提升关系 · 拜访决策人{name}",
    Gap.SUPPORTER_MISSING: "提升关系 · 争取一位支持者",
    Gap.OPPONENT_UNHEARD: "提升关系 · 听听{name}的顾虑",
}


def title(gap: Gap, name: str) -> str:
    """Write what is to be done about a gap, as a task says it, which is one line."""
    return _TITLES[gap].format(name=name)[:LINE_MAX]
