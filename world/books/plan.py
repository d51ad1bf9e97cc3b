"""Draw what callers will ask of the books: the same seed, the same orders."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import (
    AccountKind,
    Bound,
    Expire,
    Hold,
    Journal,
    NewAccount,
    Post,
    Reversal,
    Single,
    Transfer,
    Void,
)
from billing.money import Money
from server.access import PLATFORM_TENANT

_BOUNDS: Final = (
    *(Bound.NONE, Bound.DEBITS_WITHIN_CREDITS, Bound.DEBITS_WITHIN_CREDITS),
    *(Bound.DEBITS_WITHIN_CREDITS, Bound.CREDITS_WITHIN_DEBITS),
)
_KINDS: Final[Mapping[type[Transfer], int]] = {
    Single: 6,
    Hold: 6,
    Post: 3,
    Void: 2,
    Expire: 1,
    Reversal: 2,
}
"""How often each kind of transfer is drawn."""
_SEED_MINOR: Final = 400
"""What each bounded account is given first, so that it is soon used up."""
_AMOUNT_MAX: Final = 100
_JUST_ASKED: Final = 8
"""The last ones are seldom settled or undone: they may be on their way."""
_ALTERED_SHARE: Final = 0.15


class Order(msgspec.Struct, frozen=True):
    """One journal that a caller wants recorded, and what goes wrong meanwhile."""

    journal: Journal
    twins: int
    """How many send it at the same time."""
    is_altered: bool
    """Whether one more sends its key with another content."""
    dies: int
    """How often a backend is killed between the answer and its commit."""


class Plan(msgspec.Struct, frozen=True):
    """What happens under a seed."""

    seed: int
    accounts: list[NewAccount]
    funding: list[Journal]
    """Recorded first, by one caller."""
    orders: list[Order]


class _Drawing:
    """Draws a plan; a transfer may settle or undo any that was drawn before."""

    def __init__(self, seed: int, now: datetime) -> None:
        self.fortune = random.Random(seed)
        # Ids of another run of this seed on the same database are others.
        self.ids = random.SystemRandom()
        self.now = now
        self.holds: list[UUID] = []
        self.moved: list[UUID] = []

    def id(self) -> UUID:
        """Make an id."""
        return UUID(int=self.ids.getrandbits(128), version=4)

    def account(self, bound: Bound) -> NewAccount:
        """Draw an account."""
        return NewAccount(
            id=self.id(),
            owner_id=PLATFORM_TENANT,
            subject_id=PLATFORM_TENANT,
            kind=AccountKind.BUDGET,
            currency="CNY",
            bound=bound,
        )

    def move(self, kind: type[Single | Hold], accounts: list[NewAccount]) -> Transfer:
        """Draw a movement between two accounts."""
        debit, credit = self.fortune.sample(accounts, 2)
        made = kind(
            id=self.id(),
            debit_id=debit.id,
            credit_id=credit.id,
            amount=Money(self.fortune.randint(1, _AMOUNT_MAX), "CNY"),
            event="soak.moved",
        )
        (self.holds if kind is Hold else self.moved).append(made.id)
        return made

    def transfer(self, accounts: list[NewAccount]) -> Transfer:
        """Draw a transfer of any kind; what there is nothing yet to settle of holds something."""
        [kind] = self.fortune.choices(list(_KINDS), list(_KINDS.values()))
        if kind is Single or not self.holds:
            return self.move(Single if kind is Single else Hold, accounts)
        if kind is Hold:
            return self.move(Hold, accounts)
        hold_id = self.fortune.choice(self.holds[:-_JUST_ASKED] or self.holds)
        if kind is Post:
            part = self.fortune.choice([None, None, self.fortune.randint(1, _AMOUNT_MAX)])
            made = Post(id=self.id(), pending_id=hold_id, event="soak.posted", amount_minor=part)
            self.moved.append(made.id)
            return made
        if kind is Void:
            return Void(id=self.id(), pending_id=hold_id, event="soak.voided")
        if kind is Expire:
            return Expire(id=self.id(), pending_id=hold_id, event="soak.expired")
        target = self.fortune.choice(self.moved[:-_JUST_ASKED] or self.holds)
        return Reversal(id=self.id(), reversal_of=target, event="soak.undone")

    def journal(self, transfers: list[Transfer]) -> Journal:
        """Write a journal of something that happened in the last days."""
        late = timedelta(days=self.fortune.choice([0, 0, 0, 1, 9]))
        return Journal(
            owner_id=PLATFORM_TENANT,
            key=self.id(),
            group_id=self.id(),
            transfers=transfers,
            actor_id=PLATFORM_TENANT,
            effective_at=self.now - late,
        )

    def order(self, accounts: list[NewAccount]) -> Order:
        """Draw an order."""
        transfers = [
            self.transfer(accounts) for _ in range(self.fortune.choice([1, 1, 1, 1, 2, 3]))
        ]
        return Order(
            journal=self.journal(transfers),
            twins=self.fortune.choice([1, 1, 1, 2, 3]),
            is_altered=self.fortune.random() < _ALTERED_SHARE,
            dies=self.fortune.choice([0, 0, 0, 0, 1, 2]),
        )


def from_seed(seed: int, *, orders: int, now: datetime) -> Plan:
    """Draw the plan of a seed."""
    drawing = _Drawing(seed, now)
    accounts = [drawing.account(bound) for bound in _BOUNDS]
    source = accounts[0]
    funding = [
        drawing.journal(
            [
                Single(
                    id=drawing.id(),
                    debit_id=other.id if is_mirrored else source.id,
                    credit_id=source.id if is_mirrored else other.id,
                    amount=Money(_SEED_MINOR, "CNY"),
                    event="soak.funded",
                )
            ]
        )
        for other in accounts[1:]
        for is_mirrored in [other.bound is Bound.CREDITS_WITHIN_DEBITS]
    ]
    drawn = [drawing.order(accounts) for _ in range(orders)]
    return Plan(seed, accounts, funding, drawn)


def naming(journal: Journal, known: Mapping[UUID, UUID]) -> Journal:
    """Name what a journal settles or undoes by the ids under which it was recorded."""
    transfers: list[Transfer] = []
    for one in journal.transfers:
        match one:
            case Post(pending_id=target) | Void(pending_id=target) | Expire(pending_id=target):
                held = known.get(target, target)
                transfers.append(msgspec.structs.replace(one, pending_id=held))
            case Reversal(reversal_of=target):
                held = known.get(target, target)
                transfers.append(msgspec.structs.replace(one, reversal_of=held))
            case _:
                transfers.append(one)
    return msgspec.structs.replace(journal, transfers=transfers)


def again(journal: Journal, fortune: random.Random) -> Journal:
    """Give a journal as another attempt sends it: the same key and content, under new ids."""

    def new() -> UUID:
        return UUID(int=fortune.getrandbits(128), version=4)

    transfers: list[Transfer] = [
        msgspec.structs.replace(one, id=new()) for one in journal.transfers
    ]
    return msgspec.structs.replace(journal, group_id=new(), transfers=transfers)
