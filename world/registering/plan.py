"""What a schedule is: who registers a shop when, by what, and when the server hears of it. Data.

A schedule is drawn from one seed and is the same whenever it is drawn. It says what is true; what
the server believes is its own to find out.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WINDOW: Final = 30 * DAY
"""How long all are waited for that could have been offline, as the rules have it."""
START_MS: Final = 1_830_000_000_000
"""The moment at which every schedule begins."""
SHOP: Final = ("phone 0", "code 0", "place 0")
"""By what the made-up shop is known."""
NEIGHBOUR: Final = ("phone 1", "code 1", "place 1")
"""By what the shop beside it is."""


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who registers the shop on a phone. Moments in milliseconds from the beginning."""

    agent: int
    """The company; two people of one company may both register."""
    person: int
    heard_ms: int
    """When the phone last had an answer."""
    made_ms: int
    """When the shop was registered, in truth."""
    comes_ms: int
    """When the server gets it."""
    marks: tuple[str, ...] = SHOP[:1]
    """By what this one knows the shop."""
    set_ms: int = 0
    """By how much the clock on the wall is wrong while it registers, and at no other time."""
    offset_ms: int = 0
    """By how much it is wrong always."""
    steady_ppm: int = 0
    """By how much the steady clock runs wrong."""
    is_restarted: bool = False
    """The phone was started anew between its last answer and the registration."""
    is_doubled: bool = False
    """What it sends arrives twice."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a rival does later on."""

    at_ms: int
    who: int
    what: str
    """release, contest or appeal."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule."""

    seed: int
    profile: str
    rivals: tuple[Rival, ...]
    acts: tuple[Act, ...] = ()
    naps: tuple[tuple[int, int], ...] = ()
    """From when until when the worker does nothing."""
    until_ms: int = WINDOW + 5 * DAY


def from_seed(seed: int, *, profile: str | None = None) -> Plan:
    """Draw the schedule of a seed, of a kind of trouble if one is named."""
    rng = random.Random(f"registrations {seed}")
    name = profile or rng.choice(tuple(PROFILES))
    drawn = PROFILES[name](rng)
    return msgspec.structs.replace(drawn, seed=seed, profile=name)


# ------------------------------------------------------------------------------------ drawing


def _rivals(rng: random.Random, *, within_ms: int = 2 * DAY) -> list[Rival]:
    """Draw some who register within a time, at the server's door or far from it."""
    in_haste = rng.random() < 0.4  # noqa: PLR2004 - two of five
    made = [rng.randrange(20 * MINUTE if in_haste else within_ms) for _ in range(rng.randint(2, 6))]
    rivals = []
    for number, made_ms in enumerate(made):
        is_online = rng.random() < 0.3  # noqa: PLR2004 - a third
        away_ms = 0 if is_online else rng.randrange(27 * DAY)
        rivals.append(
            Rival(
                agent=rng.randrange(4) if number else 0,
                person=number,
                heard_ms=made_ms - (0 if is_online else rng.randrange(HOUR, 6 * DAY)),
                made_ms=made_ms,
                comes_ms=made_ms + away_ms,
                steady_ppm=rng.randrange(-4_000, 4_000),
                is_doubled=rng.random() < 0.2,  # noqa: PLR2004 - a fifth
            )
        )
    return rivals


def _first_ms(rivals: Sequence[Rival]) -> int:
    """Give when the first of them comes."""
    return min(each.comes_ms for each in rivals)


def _naps(rng: random.Random, rivals: Sequence[Rival]) -> tuple[tuple[int, int], ...]:
    """Let the worker sleep here and there; now and then just when a window ends."""
    if rng.random() < 0.5:  # noqa: PLR2004 - one of two
        return ()
    at_ms = rng.choice((_first_ms(rivals), _first_ms(rivals) + WINDOW - 3 * DAY))
    return ((at_ms, at_ms + rng.randrange(HOUR, 5 * DAY)),)


def _plan(rng: random.Random, rivals: Sequence[Rival], acts: Sequence[Act] = ()) -> Plan:
    last = max(*(each.comes_ms for each in rivals), *(act.at_ms for act in acts), WINDOW)
    return Plan(
        seed=0,
        profile="",
        rivals=tuple(rivals),
        acts=tuple(acts),
        naps=_naps(rng, rivals),
        until_ms=last + WINDOW + 12 * DAY,
    )


def _window(rng: random.Random) -> Plan:
    """Let all come within the window, in any order."""
    return _plan(rng, _rivals(rng))


def _clocks(rng: random.Random) -> Plan:
    """Let clocks be wrong, set back while one registers, or lost when a phone starts anew."""
    off = (0, 0, -3 * HOUR, 3 * HOUR, -400 * DAY, 10 * MINUTE)
    rivals = [
        msgspec.structs.replace(
            each,
            set_ms=rng.choice(off),
            offset_ms=rng.choice(off),
            is_restarted=rng.random() < 0.3,  # noqa: PLR2004 - a third
        )
        for each in _rivals(rng)
    ]
    return _plan(rng, rivals)


def _late(rng: random.Random) -> Plan:
    """Let some come when the window is over: made before it ended, or after."""
    rivals = _rivals(rng)
    over_ms = _first_ms(rivals) + WINDOW
    for place in rng.sample(range(1, len(rivals)), rng.randint(1, len(rivals) - 1)):
        comes_ms = over_ms + rng.randrange(20 * MINUTE, 9 * DAY)
        away_ms = rng.choice((0, rng.randrange(HOUR, 29 * DAY), comes_ms - rivals[place].made_ms))
        made_ms = comes_ms - away_ms
        heard_ms = made_ms - (rng.randrange(HOUR, 6 * DAY) if away_ms else 0)
        rivals[place] = msgspec.structs.replace(
            rivals[place], made_ms=made_ms, heard_ms=heard_ms, comes_ms=comes_ms
        )
    return _plan(rng, rivals)


def _asleep(rng: random.Random) -> Plan:
    """Let the worker sleep while the window ends, and some come just before and just after."""
    rivals = _rivals(rng)
    over_ms = _first_ms(rivals) + WINDOW
    for place in range(1, len(rivals)):
        if rng.random() < 0.7:  # noqa: PLR2004 - most
            comes_ms = over_ms + rng.randrange(-2 * DAY, 2 * DAY)
            rivals[place] = msgspec.structs.replace(rivals[place], comes_ms=comes_ms)
    nap = over_ms - rng.randrange(HOUR, 3 * DAY), over_ms + rng.randrange(HOUR, 3 * DAY)
    return msgspec.structs.replace(_plan(rng, rivals), naps=(nap,))


def _bridges(rng: random.Random) -> Plan:
    """Let each know the shop by something else, and some name the neighbour's marks too."""
    rivals = []
    for each in _rivals(rng):
        own = rng.choice((SHOP, SHOP, NEIGHBOUR))
        marks = set(rng.sample(own, rng.randint(1, 3)))
        if rng.random() < 0.4:  # noqa: PLR2004 - two of five
            marks = {"phone 0", "code 1"}
        rivals.append(msgspec.structs.replace(each, marks=tuple(sorted(marks))))
    return _plan(rng, rivals)


def _disputes(rng: random.Random) -> Plan:
    """Let losers contest and appeal, and winners give the shop back."""
    plan = rng.choice((_window, _late))(rng)
    over_ms = _first_ms(plan.rivals) + WINDOW
    acts = [
        Act(
            at_ms=over_ms + rng.randrange(HOUR, 25 * DAY),
            who=rng.randrange(len(plan.rivals)),
            what=rng.choice(("contest", "contest", "contest", "appeal", "appeal", "release")),
        )
        for _ in range(rng.randint(2, 8))
    ]
    acts.sort(key=lambda act: act.at_ms)
    return _plan(rng, plan.rivals, acts)


PROFILES: Final[Mapping[str, Callable[[random.Random], Plan]]] = {
    "window": _window,
    "clocks": _clocks,
    "late": _late,
    "asleep": _asleep,
    "bridges": _bridges,
    "disputes": _disputes,
}
"""The kinds of trouble."""
