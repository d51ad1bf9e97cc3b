"""A schedule before it is run: who does what when, and what goes wrong, all drawn from one seed.

A plan is data. So a failing one can be made smaller by leaving events out, kept in the repository
with its reason, and run again on any machine.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from world.simulation.hands import USUAL
from world.simulation.network import Weather
from world.simulation.scheduler import DAY, HOUR, MINUTE, SECOND


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Something that happens at a moment."""

    at_ms: int
    """Since the beginning of the schedule."""
    what: str
    who: int = 0
    """The device that it happens to, by its place."""
    salt: int = 0
    """Decides everything about it that is left to chance."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole schedule."""

    seed: int
    profile: str
    phones: int
    customers: int
    horizon_ms: int
    """When the last fault is over."""
    weather: Weather
    events: tuple[Event, ...]
    is_sequential: bool = False
    """Whether everybody is up to date before the next thing is done."""
    kinds: tuple[str, ...] = ()
    """What people do, drawn one by one."""
    old: int = 0
    """How many devices have an old release of the app, from the first on."""
    offsets_ms: tuple[int, ...] = ()
    """How far each device's clock is off from the beginning."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of trouble a schedule is about."""

    weather: Weather
    faults: Mapping[str, tuple[int, int]] = {}
    """How often each thing happens: at least and at most."""
    when: Mapping[str, tuple[float, float]] = {}
    """In which part of the schedule some of them happen."""
    horizons: tuple[int, ...] = (10 * MINUTE, HOUR, 8 * HOUR)
    is_sequential: bool = False
    clocks: tuple[int, ...] = (0,)
    """By how much clocks may be off."""
    kinds: tuple[str, ...] = ()
    """What people do, where it is not what they usually do."""
    old: int = 0
    """How many devices have an old release of the app."""


_FAIR: Final = Weather(lost=3, unanswered=3)
_ROUGH: Final = Weather(
    lost=8, unanswered=10, cut=5, twice=6, replayed=4, stale=3, trouble=3, portal=2, slow=3
)
_ECHOES: Final = Weather(lost=3, unanswered=8, twice=5, replayed=30)
_YEAR: Final = 365 * DAY
_WRONG_CLOCKS: Final = (0, 0, 10 * _YEAR, -10 * _YEAR, 3 * HOUR, -DAY, 73 * _YEAR)

PROFILES: Final[Mapping[str, Profile]] = {
    "sequential": Profile(
        weather=_ROUGH,
        is_sequential=True,
        clocks=_WRONG_CLOCKS,
        # Who writes into a form that was opened long ago is behind.
        kinds=tuple(what for what in USUAL if what != "edit_stale"),
    ),
    "network": Profile(
        weather=_ROUGH, faults={"offline": (0, 4)}, horizons=(10 * MINUTE, 8 * HOUR, 5 * DAY)
    ),
    "power": Profile(
        weather=_FAIR, faults={"power": (2, 8), "dark": (0, 3), "crash": (1, 4), "offline": (0, 2)}
    ),
    "clocks": Profile(
        weather=_FAIR,
        faults={"offline": (2, 5)},
        clocks=_WRONG_CLOCKS,
        horizons=(8 * HOUR, 5 * DAY),
    ),
    "jumps": Profile(
        weather=_FAIR, faults={"clock": (2, 5), "offline": (0, 3)}, clocks=_WRONG_CLOCKS
    ),
    "scopes": Profile(
        weather=_FAIR,
        faults={
            "hand_over": (2, 6),
            "team_move": (0, 2),
            "scope_change": (0, 2),
            "desk_edit": (0, 3),
            "desk_delete": (0, 1),
            "offline": (0, 3),
        },
    ),
    "desk": Profile(
        weather=_FAIR, faults={"desk_edit": (3, 8), "desk_delete": (0, 2), "offline": (1, 4)}
    ),
    "restore": Profile(
        weather=_FAIR,
        faults={"backup": (1, 2), "restore": (1, 2), "offline": (1, 4), "desk_edit": (0, 2)},
    ),
    # What one device made and another one edited is in no backup.
    "orphans": Profile(
        weather=_FAIR,
        faults={
            "backup": (1, 1),
            "restore": (1, 2),
            "offline": (0, 3),
            "crash": (0, 1),
            "dark": (0, 2),
            "revoke": (0, 1),
            "hand_over": (0, 2),
        },
        kinds=(
            *("create_customer",) * 2,
            *("create_child",) * 3,
            *("edit",) * 4,
            *("group", "delete", "mark", "remark"),
        ),
        when={"backup": (0.02, 0.2), "restore": (0.6, 0.9)},
        horizons=(2 * MINUTE,),
    ),
    "images": Profile(
        weather=_FAIR, faults={"image": (1, 3), "old_image": (1, 2), "offline": (0, 3)}
    ),
    # Both sides are put back, and copies of what was sent in an earlier life come late.
    "lives": Profile(
        weather=_ECHOES,
        faults={
            "backup": (1, 3),
            "restore": (1, 3),
            "image": (1, 3),
            "old_image": (0, 2),
            "hand_over": (1, 4),
        },
        horizons=(2 * MINUTE,),
    ),
    "merges": Profile(
        weather=_FAIR,
        faults={
            "merge": (1, 4),
            "unmerge": (0, 3),
            "offline": (1, 4),
            "desk_edit": (0, 3),
            "hand_over": (0, 4),
            "crash": (0, 1),
        },
        kinds=(*("create_customer", "fill") * 2, *("edit",) * 4, *USUAL, "merge"),
        horizons=(2 * MINUTE, 10 * MINUTE),
    ),
    "customs": Profile(
        weather=_FAIR,
        faults={
            "offline": (1, 4),
            "hand_over": (0, 3),
            "update": (0, 2),
            "day": (0, 1),
            "image": (0, 1),
            "old_image": (0, 1),
        },
        kinds=(*("fill",) * 8, "create_customer", *("create_child",) * 2, *USUAL),
        horizons=(2 * MINUTE, HOUR),
        old=1,
    ),
    # The rooms decide on PostgreSQL alone; in memory nobody knows what is asked.
    "intents": Profile(
        weather=_ROUGH,
        faults={"offline": (0, 3)},
        kinds=(*("create_child",) * 4, *("ask_a_room",) * 8, "edit", "edit", "delete"),
        horizons=(2 * MINUTE, 10 * MINUTE),
    ),
    "marks": Profile(
        weather=_FAIR,
        faults={"offline": (1, 4)},
        kinds=(*("mark",) * 6, *("create_tag",) * 2, "reword"),
    ),
    "texts": Profile(
        weather=_FAIR, faults={"offline": (1, 4)}, kinds=("remark", "remark", "edit", "settle")
    ),
    "groups": Profile(
        weather=_FAIR,
        faults={"offline": (1, 4), "desk_delete": (0, 2), "hand_over": (0, 2)},
        kinds=("group", "group", "delete", "edit", "create_child"),
    ),
    "resets": Profile(
        weather=_ROUGH,
        faults={
            "scope_change": (1, 3),
            "team_move": (1, 3),
            "hand_over": (1, 3),
            "compact": (1, 3),
            "backup": (0, 1),
            "restore": (0, 1),
            "desk_edit": (3, 6),
        },
        horizons=(10 * MINUTE, HOUR),
    ),
    "sights": Profile(
        weather=_FAIR,
        faults={"hand_over": (8, 16), "offline": (1, 3)},
        kinds=("create_child", "create_child", "delete", "delete", "edit"),
        horizons=(MINUTE, 2 * MINUTE, 10 * MINUTE),
    ),
    "skew": Profile(
        weather=_FAIR,
        faults={"update": (0, 4), "offline": (0, 3), "desk_edit": (1, 4), "day": (0, 2)},
        old=2,
    ),
    "rot": Profile(
        weather=_FAIR,
        faults={"rot": (2, 6), "day": (1, 4), "desk_edit": (1, 4), "hand_over": (0, 2)},
        horizons=(2 * MINUTE, HOUR),
    ),
    "revoke": Profile(weather=_FAIR, faults={"revoke": (1, 1), "offline": (0, 3)}),
    "compaction": Profile(
        weather=_FAIR, faults={"compact": (1, 4), "offline": (1, 4), "desk_delete": (1, 3)}
    ),
    "poison": Profile(weather=_FAIR, faults={"poison": (1, 3), "crash": (0, 2)}),
    "storm": Profile(
        weather=_ROUGH,
        faults={
            "offline": (1, 4),
            "power": (0, 3),
            "crash": (0, 2),
            "hand_over": (0, 3),
            "team_move": (0, 1),
            "desk_edit": (0, 3),
            "desk_delete": (0, 1),
            "backup": (0, 1),
            "restore": (0, 1),
            "compact": (0, 1),
            "clock": (0, 2),
            "poison": (0, 1),
        },
        clocks=_WRONG_CLOCKS,
        horizons=(HOUR, 8 * HOUR, 5 * DAY),
    ),
}
_NAMES: Final = tuple(PROFILES)
_ACTS_AMID: Final = 3
_BIG_IN: Final = 25
"""One schedule of so many is a large one."""


def from_seed(seed: int, *, profile: str | None = None) -> Plan:
    """Draw a schedule."""
    rng = random.Random(f"schedule {seed}")
    name = profile or rng.choice(_NAMES)
    chosen = PROFILES[name]
    is_big = rng.randrange(_BIG_IN) == 0 and not chosen.is_sequential
    phones = rng.randint(6, 12) if is_big else rng.choice((2, 2, 3, 3, 3, 4))
    acts = rng.randint(60, 90) if is_big else rng.randint(6, 18)
    if chosen.is_sequential:
        acts = rng.randint(4, 8)
    horizon = rng.choice(chosen.horizons)
    events = [_drawn(rng, "act", phones, horizon) for _ in range(acts)]
    events += [_drawn(rng, "sync", phones, horizon) for _ in range(acts // 2 + phones)]
    # People do not wait for a sync to end before they go on.
    for each in [event for event in events if event.what == "sync" and event.salt % 3 == 0]:
        at_ms = each.at_ms + rng.randrange(1, 900)
        events.append(Event(at_ms, "act", each.who, rng.randrange(2**32)))
    for what, (least, most) in chosen.faults.items():
        drawn = [_drawn(rng, what, phones, horizon) for _ in range(rng.randint(least, most))]
        if what in chosen.when:
            begin, end = chosen.when[what]
            events += [_within(rng, each, begin * horizon, end * horizon) for each in drawn]
            continue
        events += [_amid(rng, each, events) if rng.random() < 0.6 else each for each in drawn]  # noqa: PLR2004 - more than one of two
    for each in [event for event in events if event.what == "day"]:
        # Nor for a comparison, which takes several answers.
        for _ in range(_ACTS_AMID):
            at_ms = each.at_ms + rng.randrange(1, 900)
            events.append(Event(at_ms, "act", each.who, rng.randrange(2**32)))
    if rng.random() < 0.5:  # noqa: PLR2004 - one of two
        # Things happen in haste: within seconds of each other rather than over hours.
        events = [msgspec.structs.replace(each, at_ms=each.at_ms % (2 * MINUTE)) for each in events]
    return Plan(
        seed=seed,
        profile=name,
        phones=phones,
        customers=rng.randint(1, 3),
        horizon_ms=horizon,
        weather=chosen.weather,
        events=tuple(sorted(events, key=lambda each: each.at_ms)),
        is_sequential=chosen.is_sequential,
        kinds=chosen.kinds or USUAL,
        old=chosen.old,
        offsets_ms=tuple(rng.choice(chosen.clocks) for _ in range(phones)),
    )


def _amid(rng: random.Random, fault: Event, events: Sequence[Event]) -> Event:
    """Let a fault happen in the middle of a sync, where it does most harm."""
    hit = rng.choice([each for each in events if each.what == "sync"])
    return msgspec.structs.replace(fault, at_ms=hit.at_ms + rng.randrange(1, 500), who=hit.who)


def _within(rng: random.Random, fault: Event, begin_ms: float, end_ms: float) -> Event:
    return msgspec.structs.replace(fault, at_ms=rng.randrange(int(begin_ms), int(end_ms)))


def _drawn(rng: random.Random, what: str, phones: int, horizon_ms: int) -> Event:
    at_ms = rng.randrange(SECOND, horizon_ms)
    return Event(at_ms, what, rng.randrange(phones), rng.randrange(2**32))
