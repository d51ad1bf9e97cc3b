"""The places of China as a tree: provinces, cities, districts by their codes (GB/T 2260).

The codes and names are a package's (`partner_portal/vendor.toml` says which), none is typed in. A
code says where it hangs: 330782 lies in 330700, that in 330000. What a list needs and no map has
(the second 北京市 between the city and its districts, 省直辖县, 市辖区) is left out, and what hangs
there hangs one higher.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from server.kit.errors import Invalid
from server.kit.text import clean

CODE: Final = r"\A[1-9][0-9]{5}\Z"
_NO_PLACES: Final = frozenset(
    {"县", "市辖区", "其它区", "省直辖县", "自治区直辖县级行政区划"},
)
_HELD_TWICE: Final = frozenset({"130390"})
"""The package has 秦皇岛市经济技术开发区 as 130371, its code, and once more."""
_KIND: Final = re.compile(
    r"(?P<base>.{2,}?)(?:(?:.{1,4}族|维吾尔)*自治[区州县旗]|特别行政区|地区|[省市区县盟旗])\Z"
)
"""A name and the word for its kind behind it; of an autonomous place also whose it is."""


class DivisionUnknown(Invalid):
    """The tree of divisions has no such code."""

    code = "division_unknown"


class Level(StrEnum):
    """How high a place stands in the tree."""

    PROVINCE = "province"
    """A province, an autonomous region, a city that is one, Hong Kong, Macao."""
    CITY = "city"
    """A city with districts, a prefecture, a league."""
    DISTRICT = "district"
    """A district, a county, a city of that rank."""


class Division(msgspec.Struct, frozen=True):
    """A place in the tree."""

    code: str
    name: str
    level: Level
    parent: str | None
    """The code of what it lies in; a province lies in none."""


class Clue(StrEnum):
    """What a word of an address did for finding its place."""

    NAMED = "named"
    """It names the place."""
    WITHIN = "within"
    """It names a place inside the one before."""
    REPEATED = "repeated"
    """It names again what was clear."""
    AMBIGUOUS = "ambiguous"
    """Several places are called so: what they have in common is taken."""
    ELSEWHERE = "elsewhere"
    """It names a place that does not lie in the one before, and is not heard."""
    UNKNOWN = "unknown"
    """No place is called so."""


class Step(msgspec.Struct, frozen=True):
    """One word of an address, and what followed from it."""

    word: str
    clue: Clue
    codes: tuple[str, ...] = ()
    """The places that are left after it."""


class Located(msgspec.Struct, frozen=True):
    """Where an address lies, and why."""

    code: str | None
    """The deepest place that is sure; None where nothing is."""
    steps: tuple[Step, ...]

    @property
    def is_whole(self) -> bool:
        """Say whether every word helped to find the one place."""
        last = self.steps[-1:] or (Step("", Clue.UNKNOWN),)
        lost = {Clue.UNKNOWN, Clue.ELSEWHERE}
        return len(last[0].codes) == 1 and not any(step.clue in lost for step in self.steps)


# ---------------------------------------------------------------------------------------- the tree


@cache
def _tree() -> Mapping[str, Division]:
    """Read the tree, once in a process."""
    held = files("server.kit").joinpath("divisions.json").read_bytes()
    names = msgspec.json.decode(held, type=dict[str, str])
    places = {code for code, name in names.items() if not _is_no_place(code, names)}
    return {
        code: Division(code, names[code], _level(code), _parent(code, places))
        for code in sorted(places)
    }


def _is_no_place(code: str, names: Mapping[str, str]) -> bool:
    """Say whether a code stands for no place of its own."""
    above = f"{code[:2]}0000"
    is_double = code != above and code.endswith("00") and names[code] == names.get(above)
    return is_double or names[code] in _NO_PLACES or code in _HELD_TWICE


def _level(code: str) -> Level:
    """Read the level off a code."""
    if code.endswith("0000"):
        return Level.PROVINCE
    return Level.CITY if code.endswith("00") else Level.DISTRICT


def _parent(code: str, places: set[str]) -> str | None:
    """Give the nearest place that a code lies in."""
    above = (f"{code[:4]}00", f"{code[:2]}0000")
    return next((each for each in above if each != code and each in places), None)


@cache
def _below() -> Mapping[str | None, tuple[Division, ...]]:
    """Give what lies directly in each place, by code; in None the provinces."""
    found: dict[str | None, list[Division]] = {}
    for each in _tree().values():
        found.setdefault(each.parent, []).append(each)
    return {code: tuple(inside) for code, inside in found.items()}


def read() -> None:
    """Read all of it now, 3 MiB: before processes are forked that would each read it anew."""
    _below()
    _names()


def get(code: str, *, field: str = "division") -> Division:
    """Give a place.

    :raises DivisionUnknown: the tree has no such code.
    """
    found = _tree().get(code)
    if found is None:
        raise DivisionUnknown("Take a code of the tree of divisions.", field=field)
    return found


def inside(code: str | None) -> tuple[Division, ...]:
    """List what lies directly in a place; without one the provinces."""
    return _below().get(code, ())


def lineage(code: str) -> tuple[str, ...]:
    """Give a place and all that it lies in, from the outermost on; of what is no place nothing."""
    division = _tree().get(code)
    if division is None:
        return ()
    return (*(lineage(division.parent) if division.parent else ()), code)


def is_within(code: str, other: str) -> bool:
    """Say whether a place is another or lies in it."""
    return other in lineage(code)


def subtree(code: str) -> Iterator[str]:
    """Give a place and all that lies in it."""
    yield code
    for each in inside(code):
        yield from subtree(each.code)


def spelled(code: str) -> str:
    """Write a place with all that it lies in, as an address begins."""
    return "".join(_tree()[each].name for each in lineage(code))


# ---------------------------------------------------------------------------------- from addresses


@cache
def _names() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Give the places by their whole names, and by names without the word for their kind."""
    whole: dict[str, list[str]] = {}
    short: dict[str, list[str]] = {}
    for each in _tree().values():
        whole.setdefault(each.name, []).append(each.code)
        bare = _KIND.match(each.name)
        if bare:
            short.setdefault(bare["base"], []).append(each.code)
    return (
        {name: tuple(codes) for name, codes in whole.items()},
        {name: tuple(codes) for name, codes in short.items()},
    )


def locate(
    *, city: str | None = None, district: str | None = None, address: str | None = None
) -> Located:
    """Find where an address lies, word by word, and say what each word did.

    A field may hold more than its own ("浙江省金华市"), and leave the word for the kind out
    ("金华"). Of two places of one name the one of the field's own level is meant. Of the address
    its beginning is read, as far as it names places one inside the other: a street may be called
    like a city.
    """
    left: frozenset[str] = frozenset()
    steps: list[Step] = []
    for text, level in ((city, Level.CITY), (district, Level.DISTRICT), (address, None)):
        for word, codes in _words(clean(text or "").replace(" ", ""), level):
            step = _heard(word, codes, left)
            if level is None and step.clue in {Clue.UNKNOWN, Clue.ELSEWHERE}:
                break
            steps.append(step)
            if step.codes:
                left = frozenset(step.codes)
    return Located(_common(left), tuple(steps))


def _words(text: str, level: Level | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read the names at the beginning of a text, the longest first; a rest is of no place."""
    rest = text.removeprefix("中国")
    while rest:
        for end in range(min(len(rest), 20), 1, -1):
            codes = _called(rest[:end], level)
            if codes:
                yield rest[:end], codes
                rest = rest[end:]
                break
        else:
            yield rest, ()
            return


def _called(word: str, level: Level | None) -> tuple[str, ...]:
    """Give what is called so; in a field of its own a name may be short and its level counts."""
    whole, short = _names()
    if level is None:
        return whole.get(word, ())
    codes = whole.get(word) or short.get(word, ())
    own = tuple(code for code in codes if _tree()[code].level is level)
    return own or codes


def _heard(word: str, codes: tuple[str, ...], left: frozenset[str]) -> Step:
    """Say what follows from a word where some places were left."""
    if not codes:
        return Step(word, Clue.UNKNOWN)
    if not left:
        return Step(word, Clue.NAMED if len(codes) == 1 else Clue.AMBIGUOUS, codes)
    deeper = tuple(code for code in codes if any(is_within(code, each) for each in left))
    if deeper:
        clue = Clue.REPEATED if frozenset(deeper) <= left else Clue.WITHIN
        return Step(word, clue if len(deeper) == 1 else Clue.AMBIGUOUS, deeper)
    wider = tuple(sorted(each for each in left if any(is_within(each, code) for code in codes)))
    return Step(word, Clue.REPEATED, wider) if wider else Step(word, Clue.ELSEWHERE)


def _common(codes: Iterable[str]) -> str | None:
    """Give the deepest place in which all of some lie."""
    lines = [lineage(code) for code in codes]
    shared = None
    for level in zip(*lines, strict=False):
        if len(set(level)) > 1:
            break
        shared = level[0]
    return shared
