"""Who shares a commission: those who sold, and agents above them; all shares sum to the whole."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec

from billing.commissions.rules.plans import PPM
from billing.errors import BillingRefusal
from billing.money import Money


class UplineCircular(BillingRefusal):
    """An agent would stand above itself."""

    code = "upline_circular"
    field = "above"


class Seller(msgspec.Struct, frozen=True):
    """Somebody who sold, and how much of it is theirs."""

    agent_id: UUID
    weight: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Share(msgspec.Struct, frozen=True):
    """What an agent gets of one commission."""

    agent_id: UUID
    amount_minor: int
    level: int
    """0 for who sold, 1 for the agent above, and so on."""


def shares(
    commission: Money,
    sellers: Sequence[Seller],
    above: Mapping[UUID, UUID],
    upline_ppm: Sequence[int],
) -> list[Share]:
    """Divide a commission among its sellers and the agents above each; a fen is never lost.

    Each seller's part is divided along that seller's own line. A level where nobody stands leaves
    its share with the seller. Shares of nothing are left out.

    :param above: by agent, who stands directly above.
    :param upline_ppm: the share of each level, from the nearest on: its length is the depth limit.
    :raises UplineCircular: an agent stands above itself.
    """
    places: list[tuple[UUID, int]] = []
    weights: list[int] = []
    for seller in sellers:
        line = _line(seller.agent_id, above, len(upline_ppm))
        given = upline_ppm[: len(line)]
        places.append((seller.agent_id, 0))
        weights.append(seller.weight * (PPM - sum(given)))
        for level, (agent_id, ppm) in enumerate(zip(line, given, strict=True), 1):
            places.append((agent_id, level))
            weights.append(seller.weight * ppm)
    parts = commission.allocate(weights)
    return [
        Share(agent_id, part.amount_minor, level)
        for (agent_id, level), part in zip(places, parts, strict=True)
        if part.amount_minor
    ]


def _line(agent_id: UUID, above: Mapping[UUID, UUID], depth: int) -> list[UUID]:
    """Give who stands above an agent, the nearest first."""
    line: list[UUID] = []
    seen = {agent_id}
    while len(line) < depth and (upper := above.get(agent_id)) is not None:
        if upper in seen:
            raise UplineCircular("An agent stands above itself; put the line right first.")
        seen.add(upper)
        line.append(upper)
        agent_id = upper
    return line
