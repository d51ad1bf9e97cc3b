"""Seeded check-ins with ground truth: what reps do, and what those do who only say so.

Honest reps stand in car parks, in shopping malls without satellites, change phones and are in a
hurry; so each sign of fraud has honest visits that show it too. Frauds are of five sorts. Half of
the cheats leave the visit open for as long as an honest one lasts, and some programs that invent a
position leave no trace at all: these nobody can tell.
"""

import random
from collections.abc import Callable, Iterator
from math import cos, radians
from typing import Final

import msgspec

from server.activities.rules.positions import Position
from server.activities.rules.trust import Evidence, Fix

_MICRO_PER_M: Final = 1_000_000 / 111_195
_HANGZHOU: Final = Position(30_274_100, 120_155_100)
_START_MS: Final = 1_800_000_000_000


class Told(msgspec.Struct, frozen=True):
    """A check-in as it was told, and whether it was so."""

    evidence: Evidence
    is_fraud: bool
    sort: str


def check_ins(seed: int, count: int, *, fraud_share: float = 0.2) -> Iterator[Told]:
    """Give check-ins; the same seed gives the same."""
    rng = random.Random(seed)
    for _ in range(count):
        store = _moved(rng, _HANGZHOU, rng.uniform(0, 20_000))
        if rng.random() < fraud_share:
            sort = rng.choice(list(_FRAUDS))
            yield Told(_FRAUDS[sort](rng, store), is_fraud=True, sort=sort)
        else:
            yield Told(_honest(rng, store), is_fraud=False, sort="honest")


def _happens(rng: random.Random, chance: float) -> bool:
    """Say whether something of this chance happens."""
    return rng.random() < chance


def _moved(rng: random.Random, start: Position, by_m: float) -> Position:
    """Give a place so far away, in any direction."""
    north, east = rng.gauss(0, 1), rng.gauss(0, 1)
    size = (north**2 + east**2) ** 0.5 or 1.0
    shrink = cos(radians(start.lat / 1_000_000))
    return Position(
        start.lat + round(north / size * by_m * _MICRO_PER_M),
        start.lng + round(east / size * by_m * _MICRO_PER_M / shrink),
    )


def _honest(rng: random.Random, store: Position) -> Evidence:
    """Stand before a store with a phone, on an ordinary day."""
    accuracy_m = round(min(rng.lognormvariate(3.0, 0.8), 900))
    here = _moved(rng, store, abs(rng.gauss(0, 40)) + rng.random() * accuracy_m)
    way_m = rng.uniform(300, 15_000)
    travel_s = way_m / rng.uniform(3, 14) + rng.uniform(120, 2_400)
    has_signal = not _happens(rng, 0.04)
    return Evidence(
        here=Fix(
            at_ms=_START_MS,
            position=here if has_signal else None,
            accuracy_m=accuracy_m if has_signal else None,
        ),
        fix_age_s=round(rng.expovariate(1 / 20))
        if not _happens(rng, 0.06)
        else rng.randint(60, 1_500),
        is_mocked=_happens(rng, 0.002),
        stores=(store,) if not _happens(rng, 0.1) else (),
        before=Fix(
            at_ms=_START_MS - round(travel_s * 1_000),
            position=_moved(rng, here, way_m),
            accuracy_m=20,
        ),
        dwell_s=round(rng.lognormvariate(6.8, 0.9)) if not _happens(rng, 0.1) else None,
        is_photo_reused=_happens(rng, 0.005),
        is_other_device=_happens(rng, 0.03),
    )


def _pretended_s(rng: random.Random, honest: Evidence) -> int | None:
    """Say how long a visit that never was lasted: long enough, or as long as it takes to type."""
    return rng.choice([honest.dwell_s, rng.randint(5, 200)])


def _from_home(rng: random.Random, store: Position) -> Evidence:
    """Say to be there, from the sofa."""
    away = _moved(rng, store, rng.uniform(800, 25_000))
    honest = _honest(rng, store)
    return msgspec.structs.replace(
        honest,
        here=Fix(at_ms=_START_MS, position=away, accuracy_m=rng.randint(5, 60)),
        stores=(store,),
        dwell_s=_pretended_s(rng, honest),
        is_mocked=False,
    )


def _invented(rng: random.Random, store: Position) -> Evidence:
    """Let a program say where the phone is; some hide from the system that they do."""
    is_hidden = _happens(rng, 0.4)
    is_careless = _happens(rng, 0.6)
    honest = _honest(rng, store)
    return msgspec.structs.replace(
        honest,
        here=Fix(at_ms=_START_MS, position=store, accuracy_m=0 if is_careless else 5),
        is_mocked=not is_hidden,
        dwell_s=_pretended_s(rng, honest),
        is_photo_reused=_happens(rng, 0.3),
    )


def _all_at_once(rng: random.Random, store: Position) -> Evidence:
    """Tell a day of visits within minutes, one place after the other."""
    honest = _honest(rng, store)
    before = Fix(
        at_ms=_START_MS - rng.randint(20, 90) * 1_000,
        position=_moved(rng, store, rng.uniform(6_000, 20_000)),
        accuracy_m=10,
    )
    here = Fix(at_ms=_START_MS, position=_moved(rng, store, 30), accuracy_m=rng.randint(3, 15))
    return msgspec.structs.replace(
        honest, here=here, before=before, dwell_s=_pretended_s(rng, honest), is_mocked=False
    )


def _old_photo(rng: random.Random, store: Position) -> Evidence:
    """Drive past, and show last week's photo."""
    honest = _honest(rng, store)
    return msgspec.structs.replace(honest, dwell_s=_pretended_s(rng, honest), is_photo_reused=True)


def _by_a_friend(rng: random.Random, store: Position) -> Evidence:
    """Let somebody else's phone say it, or one that says no place."""
    honest = _honest(rng, store)
    return msgspec.structs.replace(
        honest,
        here=Fix(at_ms=_START_MS, position=None),
        is_other_device=_happens(rng, 0.7),
        dwell_s=_pretended_s(rng, honest),
    )


_FRAUDS: Final[dict[str, Callable[[random.Random, Position], Evidence]]] = {
    "from_home": _from_home,
    "invented": _invented,
    "all_at_once": _all_at_once,
    "old_photo": _old_photo,
    "by_a_friend": _by_a_friend,
}
