"""Draw what phones do with units: the same seed, the same doings."""

import random
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

AMOUNT: Final = 100
_PHONES: Final = 4
_LEASE_MAX: Final = 6
_LAPSING_SHARE: Final = 0.25
"""Of leases: they are over, and their grace too, before anything is promised."""


class Kind(StrEnum):
    """What a phone does."""

    LEASE = "lease"
    PROMISE = "promise"
    PROMISE_AGAIN = "promise_again"
    """With a unit that it has named before: a phone that was put back to an old image does so."""
    GIVE_BACK = "give_back"
    ISSUE = "issue"
    """Ask for a benefit as everybody does."""
    SWEEP = "sweep"


_KINDS: Final = {
    Kind.LEASE: 4,
    Kind.PROMISE: 8,
    Kind.PROMISE_AGAIN: 2,
    Kind.GIVE_BACK: 1,
    Kind.ISSUE: 3,
    Kind.SWEEP: 2,
}
"""How often each is drawn."""


class Doing(msgspec.Struct, frozen=True):
    """One thing that a phone does, and what goes wrong meanwhile."""

    kind: Kind
    key: UUID
    count: int
    until: datetime
    twins: int
    """How often it is sent at the same time."""
    dies: int
    """How often a backend is killed between the answer and its commit."""


class Plan(msgspec.Struct, frozen=True):
    """What happens under a seed to one allocation."""

    program_id: UUID
    agent_id: UUID
    allocated: int
    """How many benefits."""
    phones: dict[UUID, list[Doing]]


def from_seed(seed: int, *, doings: int, now: datetime) -> Plan:
    """Draw the plan of a seed."""
    fortune = random.Random(seed)
    # Ids of another run of this seed on the same database are others.
    made = random.SystemRandom()

    def new_id() -> UUID:
        return UUID(int=made.getrandbits(128), version=4)

    def doing() -> Doing:
        [kind] = fortune.choices(list(_KINDS), list(_KINDS.values()))
        is_lapsing = fortune.random() < _LAPSING_SHARE
        return Doing(
            kind=kind,
            key=new_id(),
            count=fortune.randint(1, _LEASE_MAX),
            until=now + timedelta(days=-2 if is_lapsing else 2),
            twins=fortune.choice([1, 1, 2, 3]),
            dies=fortune.choice([0, 0, 0, 1, 2]),
        )

    each = max(4, doings // _PHONES)
    return Plan(
        program_id=new_id(),
        agent_id=new_id(),
        allocated=fortune.randint(doings // 3, doings),
        phones={new_id(): [doing() for _ in range(each)] for _ in range(_PHONES)},
    )
