"""tonglu-replay: decide a dispute about a registration again, without asking anybody.

    tonglu_replay.py CASE

CASE is a file with what Tonglu answers about a registration's case, or with its member `replay`
alone. It needs Python 3.9 and nothing else. It is written from the published order (docs/
decisions/0042), apart from the code that decides. It ends with 0 when the hash is that of what is
told and the rules say what was said, else with 1, and says what is otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Claim = dict[str, Any]

KNOWN = {2}
READ = {
    *("id", "keys", "earliest_ms", "latest_ms", "lot", "has_territory", "live_since_ms"),
    *("has_word", "evidence_ms", "party", "places", "territory"),
}
FAIR = 3
"""The edition from which on a company draws one lot, and a place must be undisputed."""


class Wrong(Exception):
    """What is told is otherwise."""


def main(words: list[str] | None = None) -> int:
    """Read a file, decide again, say what came of it."""
    parser = argparse.ArgumentParser(prog="tonglu-replay", description=__doc__)
    parser.add_argument("case", type=Path)
    asked = parser.parse_args(words)
    try:
        told = read(asked.case.read_bytes())
        check(told)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - a program for a terminal
        return 1
    names = told["names"]
    for ruling in told["rulings"]:
        by = f" ({ruling['by']})" if ruling["by"] else ""
        print(f"{names.get(ruling['winner'], ruling['winner'])}{by}")  # noqa: T201 - as above
    print(f"OK {told['hash']}")  # noqa: T201 - as above
    return 0


def read(text: bytes) -> dict[str, Any]:
    """Take what may be replayed out of a file.

    :raises Wrong: it holds none.
    """
    try:
        told = json.loads(text)
        told = told.get("replay", told)
        if told["format"] not in KNOWN:
            raise Wrong(f"Format {told['format']} is not known here; take a newer tonglu-replay.")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Wrong("This file holds no verdict.") from error
    else:
        return dict(told)


def check(told: dict[str, Any]) -> None:
    """Compare the hash, and what the rules say, with what is told.

    :raises Wrong: naming what is otherwise.
    """
    if hash_of(told) != told["hash"]:
        raise Wrong("The hash is that of another verdict.")
    said = [(each["winner"], sorted(each["losers"]), each["by"]) for each in told["rulings"]]
    if sorted(decide(told["claims"], told["rules"])) != sorted(said):
        raise Wrong("The rules say otherwise.")


def hash_of(told: dict[str, Any]) -> str:
    """Hash a verdict: BLAKE2b of 16 bytes, of JSON without gaps, names sorted."""
    rules = told["rules"]
    held = [rules["edition"], rules["steps"], rules["tolerance_ms"]]
    claims = [{name: each[name] for name in each if name in READ} for each in told["claims"]]
    text = json.dumps(
        [told["format"], held, claims, told["seals"], told["rulings"]],
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def decide(claims: list[Claim], rules: dict[str, Any]) -> list[tuple[str, list[str], str | None]]:
    """Give each winner, who loses to it, and the rule that left it."""
    left, rulings = [dict(each) for each in sorted(claims, key=lambda each: each["id"])], []
    if rules["edition"] >= FAIR:
        for group in _groups(left):
            lots: dict[str, str] = {}
            for each in group:
                each["lot"] = lots.setdefault(str(each.get("party", each["id"])), each["lot"])
    while left:
        group = _groups(left)[0]
        winner, by = _first(group, rules)
        losers = [each for each in group if each is not winner and _meet(each, winner)]
        rulings.append((winner["id"], sorted(each["id"] for each in losers), by))
        left = [each for each in left if each is not winner and each not in losers]
    return rulings


def _groups(claims: list[Claim]) -> list[list[Claim]]:
    """Part claims that share no hash, not even through others; the least id first."""
    groups: list[list[Claim]] = []
    for each in claims:
        met = [group for group in groups if any(_meet(each, other) for other in group)]
        groups = [group for group in groups if group not in met]
        joined = [*(other for group in met for other in group), each]
        groups.append(sorted(joined, key=lambda one: str(one["id"])))
    return sorted(groups, key=lambda group: str(group[0]["id"]))


def _first(group: list[Claim], rules: dict[str, Any]) -> tuple[Claim, str | None]:
    """Look at claims by one rule after the other until one is left."""
    left, by = group, None
    for step in rules["steps"]:
        if len(left) > 1:
            left, by = STEPS[step](left, rules) or left, step
    return left[0], by


def _meet(one: Claim, other: Claim) -> bool:
    """Say whether two claims are of one customer."""
    return bool(set(one["keys"]) & set(other["keys"]))


def _territory(claims: list[Claim], rules: dict[str, Any]) -> list[Claim]:
    """Keep who has the right to the place in which all lie whom it would beat."""
    held = [each for each in claims if each["has_territory"]]
    if rules["edition"] < FAIR:
        return held
    return [
        each
        for each in held
        if all(
            "places" in other and each.get("territory") in other["places"]
            for other in claims
            if _meet(each, other)
        )
    ]


def _live(claims: list[Claim], _: dict[str, Any]) -> list[Claim]:
    """Keep who was protected before any of the others can have been made."""
    begun = [each["earliest_ms"] for each in claims if each["live_since_ms"] is None]
    protected = [each for each in claims if each["live_since_ms"] is not None]
    return [each for each in protected if not begun or each["live_since_ms"] < min(begun)]


def _evidence(claims: list[Claim], rules: dict[str, Any]) -> list[Claim]:
    """Keep those before which none was made without a doubt."""

    def shown(each: Claim, name: str) -> int:
        return int(min(each[name], each.get("evidence_ms", each[name])))

    ended = min(shown(each, "latest_ms") for each in claims) + rules["tolerance_ms"]
    return [each for each in claims if shown(each, "earliest_ms") <= ended]


def _word(claims: list[Claim], _: dict[str, Any]) -> list[Claim]:
    """Keep whom the customer has named."""
    return [each for each in claims if each["has_word"]]


def _lot(claims: list[Claim], _: dict[str, Any]) -> list[Claim]:
    """Keep to whom the lot falls."""
    return [min(claims, key=lambda each: (each["lot"], each["id"]))]


STEPS: dict[str, Callable[[list[Claim], dict[str, Any]], list[Claim]]] = {
    "territory": _territory,
    "live": _live,
    "evidence": _evidence,
    "word": _word,
    "lot": _lot,
}


if __name__ == "__main__":
    sys.exit(main())
