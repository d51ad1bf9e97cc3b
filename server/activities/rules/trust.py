"""How far a visit can be trusted to have been where and when it says. Flags, never blocks.

Each sign that something is odd costs points of a hundred, more of them the odder it is. Every sign
has an innocent explanation, so none alone but an invented position brings a visit below `DOUBTED`
for a little oddness, and whoever is doubted sees why and may answer.
"""

from enum import StrEnum
from typing import Final

import msgspec

from server.activities.rules.positions import Position, distance_m

FULL: Final = 100
DOUBTED: Final = 60
"""Below this a manager is shown the visit."""

_NEAR_M: Final = 150
"""As far from the point of a store as its entrance or car park may be."""
_COARSE_M: Final = 300
_STALE_S: Final = 300
_FAST_MPS: Final = 40.0
"""144 km/h from door to door: faster than one drives."""
_SHORT_S: Final = 120


class Sign(StrEnum):
    """What is odd about a visit."""

    NO_POSITION = "no_position"
    """The device told no position."""
    FAR = "far"
    """The position is away from the customer's store, by more than the device was unsure."""
    COARSE = "coarse"
    """The device was unsure of the position by hundreds of metres."""
    TOO_EXACT = "too_exact"
    """No receiver is right to the metre; programs that invent positions are."""
    STALE = "stale"
    """The position was minutes old."""
    MOCKED = "mocked"
    """The system itself says that the position is invented."""
    TOO_FAST = "too_fast"
    """Nobody comes here from the visit before in so little time."""
    TOO_SHORT = "too_short"
    """The visitor left again almost at once."""
    PHOTO_REUSED = "photo_reused"
    """The very same photo was shown before, somewhere else."""
    OTHER_DEVICE = "other_device"
    """The visit before was told by another device of the same person."""


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when somebody was, as a device says."""

    at_ms: int
    position: Position | None
    accuracy_m: int | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known about one check-in."""

    here: Fix
    fix_age_s: int | None = None
    is_mocked: bool = False
    stores: tuple[Position, ...] = ()
    """Where the customer is: the store that was visited, or all of them."""
    before: Fix | None = None
    """The visitor's visit before, as of its end."""
    dwell_s: int | None = None
    """None while the visit goes on."""
    is_photo_reused: bool = False
    is_other_device: bool = False


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sign, what it cost, and what was measured: metres, seconds or metres a second."""

    code: Sign
    cost: int
    measured: int | None = None


class Trust(msgspec.Struct, frozen=True):
    """What a visit is worth, and why not more."""

    score: int
    reasons: tuple[Reason, ...]

    @property
    def is_doubted(self) -> bool:
        """Say whether a manager ought to look."""
        return self.score < DOUBTED


def judge(evidence: Evidence) -> Trust:
    """Weigh what is known about a visit: 100 is nothing odd, 0 is everything odd."""
    found = [
        *_of_position(evidence),
        *_of_distance(evidence),
        *_of_way(evidence),
        *_of_stay(evidence),
        *_of_proof(evidence),
    ]
    reasons = tuple(sorted(found, key=lambda reason: (-reason.cost, reason.code)))
    return Trust(max(FULL - sum(reason.cost for reason in reasons), 0), reasons)


def _of_position(evidence: Evidence) -> list[Reason]:
    """Look at the position itself."""
    if evidence.is_mocked:
        return [Reason(code=Sign.MOCKED, cost=60)]
    if evidence.here.position is None:
        return [Reason(code=Sign.NO_POSITION, cost=35)]
    reasons = []
    accuracy_m, age_s = evidence.here.accuracy_m, evidence.fix_age_s
    if accuracy_m is not None and accuracy_m > _COARSE_M:
        reasons.append(Reason(code=Sign.COARSE, cost=15, measured=accuracy_m))
    if accuracy_m is not None and accuracy_m < 1:
        reasons.append(Reason(code=Sign.TOO_EXACT, cost=25, measured=accuracy_m))
    if age_s is not None and age_s > _STALE_S:
        cost = _grown(10, 30, share=age_s / (12 * _STALE_S))
        reasons.append(Reason(code=Sign.STALE, cost=cost, measured=age_s))
    return reasons


def _of_distance(evidence: Evidence) -> list[Reason]:
    """Look at how far the nearest store is, less what the device was unsure of."""
    here = evidence.here.position
    if here is None or not evidence.stores:
        return []
    away_m = min(distance_m(here, store) for store in evidence.stores)
    beyond_m = away_m - _NEAR_M - min(evidence.here.accuracy_m or 0, _COARSE_M)
    if beyond_m <= 0:
        return []
    return [
        Reason(code=Sign.FAR, cost=_grown(15, 70, share=beyond_m / 1_500), measured=int(away_m))
    ]


def _of_way(evidence: Evidence) -> list[Reason]:
    """Look at the way from the visit before, less what both devices were unsure of."""
    here, before = evidence.here, evidence.before
    if before is None or before.position is None or here.position is None:
        return []
    unsure_m = (here.accuracy_m or 0) + (before.accuracy_m or 0)
    way_m = distance_m(here.position, before.position) - unsure_m
    passed_s = max((here.at_ms - before.at_ms) / 1_000, 1.0)
    speed = way_m / passed_s
    if way_m < _COARSE_M or speed <= _FAST_MPS:
        return []
    cost = _grown(30, 60, share=speed / (4 * _FAST_MPS))
    return [Reason(code=Sign.TOO_FAST, cost=cost, measured=int(speed))]


def _of_stay(evidence: Evidence) -> list[Reason]:
    """Look at how long the visitor stayed."""
    dwell_s = evidence.dwell_s
    if dwell_s is None or dwell_s >= _SHORT_S:
        return []
    cost = _grown(15, 35, share=1 - dwell_s / _SHORT_S)
    return [Reason(code=Sign.TOO_SHORT, cost=cost, measured=dwell_s)]


def _of_proof(evidence: Evidence) -> list[Reason]:
    """Look at the photo and the device."""
    reasons = []
    if evidence.is_photo_reused:
        reasons.append(Reason(code=Sign.PHOTO_REUSED, cost=50))
    if evidence.is_other_device:
        reasons.append(Reason(code=Sign.OTHER_DEVICE, cost=10))
    return reasons


def _grown(least: int, most: int, *, share: float) -> int:
    """Give a cost between the least and the most."""
    return round(least + (most - least) * min(max(share, 0.0), 1.0))
