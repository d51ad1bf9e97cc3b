"""A verdict as everybody concerned may have it, and decide it again. Pure.

What was kept names registrations and carries hashes of customers and places, by which a party
could tell a rival's customers from one dispute to the next. Here claims are numbered in the order
in which they were made known, hashes and places are numbered too, and only what the rules read
goes along. The numbers stand in the same order as what they stand for, so that the rules say the
same. Each claim is sealed: that it was kept so, whoever has what was kept can show.

The hash of a verdict is that of this text, of which its format says how it was made; a field that
claims have got since stands in no older one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from server.registrations.rules import order
from server.registrations.rules.order import Claim, RuleSet, Ruling

FORMAT: Final = 2
"""How verdicts are hashed now. In 1 it was the text that was kept, which no party may have."""
_READ: Final[Mapping[int, frozenset[str]]] = {
    2: frozenset(
        {"id", "keys", "earliest_ms", "latest_ms", "lot", "has_territory", "live_since_ms"}
        | {"has_word", "evidence_ms", "party", "places", "territory"}
    )
}
"""By format, what the rules read of a claim."""


class Retold(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, so that anybody can decide it again."""

    format: int
    rules: RuleSet
    claims: tuple[Claim, ...]
    """By number; hashes of customers, companies and places are numbers of this verdict alone."""
    seals: tuple[str, ...]
    """Of each claim as it was kept."""
    rulings: tuple[Ruling, ...]
    hash: str
    names: dict[str, str] = {}
    """By number, what a claim is called in the trace; no part of the hash."""


def retell(
    claims: Sequence[Mapping[str, Any]],
    rulings: Sequence[Mapping[str, Any]],
    rules: RuleSet,
    *,
    names: Mapping[UUID, str] | None = None,
    written: int = FORMAT,
) -> Retold:
    """Tell a verdict without a word about whom.

    :param claims: as they were kept, and so the rulings: read from JSON, in any order.
    :param names: what each claim is called by who reads.
    :param written: the format.
    """
    kept = sorted(claims, key=lambda each: UUID(each["id"]))
    number = {each["id"]: str(UUID(int=at)) for at, each in enumerate(kept, 1)}
    hashes = _numbered(each["keys"] for each in kept)
    places = _numbered([*each.get("places", ()), *_some(each, "territory")] for each in kept)
    numbered = {
        "id": number.__getitem__,
        "party": number.__getitem__,
        "keys": lambda held: sorted(map(hashes.__getitem__, held)),
        "places": lambda held: list(map(places.__getitem__, held)),
        "territory": places.__getitem__,
    }
    told = [
        {
            name: numbered[name](value) if name in numbered else value
            for name, value in each.items()
            if name in _READ[written]
        }
        for each in kept
    ]
    seals = tuple(order.digest(each, order="sorted") for each in kept)
    ruled = [_renamed(each, number) for each in rulings]
    return Retold(
        format=written,
        rules=rules,
        claims=msgspec.convert(told, tuple[Claim, ...]),
        seals=seals,
        rulings=msgspec.convert(ruled, tuple[Ruling, ...]),
        hash=_hash(written, rules, told, seals, ruled),
        names={number[str(claim_id)]: name for claim_id, name in (names or {}).items()},
    )


def as_kept(claims: Sequence[Claim], rulings: Sequence[Ruling]) -> tuple[Any, Any]:
    """Give claims and rulings as they are kept and read again."""
    kept, ruled = msgspec.json.decode(msgspec.json.encode([claims, rulings]))
    return kept, ruled


def is_its_hash(retold: Retold) -> bool:
    """Say whether a text is the one that its hash was made of."""
    claims, rulings = as_kept(retold.claims, retold.rulings)
    held = (retold.format, retold.rules, claims, retold.seals, rulings)
    return retold.format in _READ and retold.hash == _hash(*held)


def says_the_same(retold: Retold) -> bool:
    """Decide again, and say whether the same comes of it."""
    return order.decide(retold.claims, retold.rules).rulings == retold.rulings


def _hash(
    written: int, rules: RuleSet, claims: Sequence[Any], seals: Sequence[str], rulings: Any
) -> str:
    """Hash a verdict: JSON in one form, names sorted, what the format knows of claims."""
    held = [rules.edition, rules.steps, rules.tolerance_ms]
    known = [
        {name: value for name, value in each.items() if name in _READ[written]} for each in claims
    ]
    return order.digest([written, held, known, seals, rulings], order="sorted")


def _some(claim: Mapping[str, Any], name: str) -> list[str]:
    """Give a field, if it is there."""
    return [claim[name]] if name in claim else []


def _numbered(told: Any) -> dict[str, str]:
    """Give what is told numbers, in an order that says nothing beyond this verdict."""
    return {each: str(at) for at, each in enumerate(sorted({x for many in told for x in many}), 1)}


def _renamed(told: Any, number: Mapping[str, str]) -> Any:
    """Write numbers for ids, wherever they stand in a ruling."""
    if isinstance(told, dict):
        return {number.get(name, name): _renamed(value, number) for name, value in told.items()}
    if isinstance(told, list):
        return [_renamed(each, number) for each in told]
    return number.get(told, told) if isinstance(told, str) else told
