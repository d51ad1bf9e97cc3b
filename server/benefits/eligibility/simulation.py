"""What a version of the rules would have done with the requests that there were. Pure.

A request is kept as the facts that its rules saw and what came of it, without its customer or its
agent. Counts are released from `K` on, and none from which one below it could be told by taking
away; so trying many versions does not tell of a single customer.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from server.benefits.eligibility.rules import Facts, Rules, digest, judge
from server.benefits.rules import NotEligible

LOOKS_BACK: Final = timedelta(days=90)
K: Final = 10
"""Fewer requests than this are not counted out to anybody."""
SEEN_FOR: Final = timedelta(hours=24)
"""How long what was shown may be published on."""


class Sample(msgspec.Struct, frozen=True):
    """Requests that there were, alike in all that is kept of them."""

    facts: Facts
    refusal_code: str | None
    count: int = 1


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What two versions do with the same requests; null where it is too few to be told."""

    requests: int | None
    would_get: int | None
    """Under the version that is tried, as far as budgets and limits had allowed it."""
    cost_minor: int | None
    """What they would have been promised."""
    get_now: int | None
    """Under the version in force."""
    gain: int | None
    """Would get it, and do not now."""
    lose: int | None
    """Get it now, and would not."""


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What a version would have done, as it is shown before it is published."""

    since: datetime
    until: datetime
    compared_with: int
    """The version in force; 0 before there was one."""
    tally: Tally
    hash: str
    """Of the rules and of all that is shown here; publishing names it."""


def simulate(samples: Iterable[Sample], tried: Rules, held: Rules, *, amount_minor: int) -> Tally:
    """Count what two versions do with the same requests."""
    counts = dict.fromkeys(("requests", "would_get", "get_now", "gain", "lose"), 0)
    for sample in samples:
        # What a budget or a limit has refused, it would have refused under any rules.
        is_free = sample.refusal_code in {None, NotEligible.code}
        would = is_free and judge(tried, sample.facts).is_eligible
        does = is_free and judge(held, sample.facts).is_eligible
        counts["requests"] += sample.count
        counts["would_get"] += sample.count * would
        counts["get_now"] += sample.count * does
        counts["gain"] += sample.count * (would and not does)
        counts["lose"] += sample.count * (does and not would)
    told = {name: _told(count, counts["requests"]) for name, count in counts.items()}
    would_get = told["would_get"]
    return Tally(**told, cost_minor=None if would_get is None else would_get * amount_minor)


def _told(count: int, of: int) -> int | None:
    """Give a count that is nothing or enough, as what it leaves is."""
    return None if 0 < count < K or 0 < of - count < K else count


def shown(tally: Tally, tried: Rules, *, compared_with: int, until: datetime) -> Simulation:
    """Put together what is shown, under its hash."""
    since = until - LOOKS_BACK
    content = [tried.hash, compared_with, since, until, tally]
    return Simulation(
        since=since, until=until, compared_with=compared_with, tally=tally, hash=digest(content)
    )


def is_fresh(until: datetime, now: datetime) -> bool:
    """Say whether what was shown may still be published on."""
    return now - SEEN_FOR <= until <= now
