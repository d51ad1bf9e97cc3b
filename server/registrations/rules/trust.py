"""What a decision leans on: what the server itself knows, or a phone's word. Pure.

A steady clock dates what was registered offline, and a device can say of it what it likes within
the time in which it was away. Where that alone puts one company before another, nobody is
protected before both were heard.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from server.registrations.rules.order import Claim, Rule, Ruling


def leans_on_a_word(ruling: Ruling, claims: Iterable[Claim]) -> bool:
    """Say whether another company fell out as later, and only phones say that it was."""
    by_id = {claim.id: claim for claim in claims}
    winner = by_id[ruling.winner]
    for line in ruling.trace:
        if line.rule is not Rule.EVIDENCE:
            continue
        compared = [by_id[UUID(each)] for each in line.compared]
        ended_ms = min(_bounds(each)[1] for each in compared)
        return any(
            each.id in ruling.losers
            and each.id not in line.kept
            and each.party != winner.party
            and _bounds(each)[0] <= ended_ms
            for each in compared
        )
    return False


def _bounds(claim: Claim) -> tuple[int, int]:
    """Give between when a registration was made, as the server itself knows."""
    own = (claim.earliest_ms, claim.latest_ms)
    return own if claim.bounds is msgspec.UNSET else claim.bounds
