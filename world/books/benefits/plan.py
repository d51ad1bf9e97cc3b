"""Draw what callers want done with benefits: the same seed, the same wishes."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.issuance.schemas import Issue
from billing.money import Money
from billing.redemptions.schemas import Kind, Wish

AMOUNT: Final = 100
_KINDS: Final[Mapping[Kind, int]] = {
    Kind.REDEEM: 8,
    Kind.ROLL_BACK: 5,
    Kind.REVOKE: 2,
    Kind.EXPIRE: 2,
}
"""How often each kind of wish is drawn."""
_WISHES_EACH: Final = 6
_PART_MAX: Final = 60
_LAPSING: Final = 3
"""Each third benefit is over before anybody wants anything of it."""
_ALTERED_SHARE: Final = 0.15
_STRAY_SHARE: Final = 0.1
"""Of rollbacks: they name a use of another benefit."""


class Order(msgspec.Struct, frozen=True):
    """One wish that a caller has, and what goes wrong meanwhile."""

    wish: Wish
    twins: int
    """How many send it at the same time."""
    altered: Wish | None
    """What one more sends under the same key."""
    dies: int
    """How often a backend is killed between the answer and its commit."""


class Plan(msgspec.Struct, frozen=True):
    """What happens under a seed to the benefits of one program of one agent."""

    program_id: UUID
    agent_id: UUID
    issued_at: datetime
    ends_at: datetime
    """When those that lapse are over."""
    staying: list[Issue]
    lapsing: list[Issue]
    orders: list[Order]


class _Drawing:
    """Draws wishes; a rollback takes back any use that was drawn before."""

    def __init__(self, seed: int) -> None:
        self.fortune = random.Random(seed)
        # Ids of another run of this seed on the same database are others.
        self._ids = random.SystemRandom()
        self._uses: list[Wish] = []

    def id(self) -> UUID:
        """Make an id."""
        return UUID(int=self._ids.getrandbits(128), version=4)

    def issue(self, agent_id: UUID) -> Issue:
        """Draw a benefit of a customer of its own."""
        return Issue(
            key=self.id(),
            id=self.id(),
            agent_id=agent_id,
            customer_token=self.id().hex,
            amount=Money(AMOUNT, "CNY"),
        )

    def wish(self, benefits: list[UUID]) -> Wish:
        """Draw a wish; while nothing was used, there is nothing to take back."""
        [kind] = self.fortune.choices(list(_KINDS), list(_KINDS.values()))
        if kind is Kind.ROLL_BACK and self._uses:
            use = self.fortune.choice(self._uses)
            is_stray = self.fortune.random() < _STRAY_SHARE
            benefit = self.fortune.choice(benefits) if is_stray else use.issuance_id
            return Wish(key=self.id(), kind=kind, issuance_id=benefit, of_id=use.key)
        kind = Kind.REDEEM if kind is Kind.ROLL_BACK else kind
        whole_or_part = self.fortune.choice([None, *[self.fortune.randint(1, _PART_MAX)] * 4])
        made = Wish(
            key=self.id(),
            kind=kind,
            issuance_id=self.fortune.choice(benefits),
            amount_minor=None if kind is Kind.EXPIRE else whole_or_part,
        )
        if kind is Kind.REDEEM:
            self._uses.append(made)
        return made

    def order(self, benefits: list[UUID]) -> Order:
        """Draw an order."""
        wish = self.wish(benefits)
        is_altered = self.fortune.random() < _ALTERED_SHARE
        return Order(
            wish=wish,
            twins=self.fortune.choice([1, 1, 1, 2, 3]),
            altered=msgspec.structs.replace(wish, reason="something else") if is_altered else None,
            dies=self.fortune.choice([0, 0, 0, 0, 1, 2]),
        )


def from_seed(seed: int, *, orders: int, now: datetime) -> Plan:
    """Draw the plan of a seed."""
    drawing = _Drawing(seed)
    agent_id = drawing.id()
    staying, lapsing = list[Issue](), list[Issue]()
    for number in range(max(2, orders // _WISHES_EACH)):
        (lapsing if number % _LAPSING == 0 else staying).append(drawing.issue(agent_id))
    benefits = [row.id for row in (*staying, *lapsing)]
    return Plan(
        program_id=drawing.id(),
        agent_id=agent_id,
        issued_at=now - timedelta(days=2),
        ends_at=now - timedelta(days=1),
        staying=staying,
        lapsing=lapsing,
        orders=[drawing.order(benefits) for _ in range(orders)],
    )
