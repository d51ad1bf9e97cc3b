"""Decide what becomes of each thing of a leaver's: exactly one state for each. Pure.

The platform knows customers by keyed references. What is a customer's goes with the customer: where
the customer is not handed over, nothing of it is.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Final, assert_never
from uuid import UUID

import msgspec

from server.kit.errors import Conflict, Invalid
from sync_protocol.registering import LIVE


class Kind(StrEnum):
    """What somebody has to be the successor of."""

    CUSTOMER = "customer"
    REGISTRATION = "registration"
    BENEFIT = "benefit"


class Fate(StrEnum):
    """What becomes of a thing; each kind has its own."""

    KEPT = "kept"
    """Of a customer: it stays with the leaver, in its data."""
    HANDED = "handed"
    """Of a customer: it goes to another agent, as the customer has said itself."""
    RELEASED = "released"
    """Of a customer or registration: nobody's; whoever comes first may have it."""
    PASSED = "passed"
    """Of a registration: the successor has it for the days that were left."""
    EXPIRED = "expired"
    """Of a registration: it ends by itself before the last day."""
    REDEEMED = "redeemed"
    """Of a benefit: the customer has used it."""
    STAYS = "stays"
    """Of a benefit: it holds until its own end, whoever the agent was."""
    REVOKED = "revoked"
    """Of a benefit: withdrawn, and its amount is back in the budget."""
    TRANSFERRED = "transferred"
    """Of a benefit: withdrawn, and issued anew through the successor."""


class Carries(StrEnum):
    """How much of a customer goes along when it is handed over, as it has said itself."""

    CARD = "card"
    """What it is and where."""
    HISTORY = "history"
    """Its places, its people, what was noted of it, and what is still to be done for it, too."""


USED_IN_PART: Final = "used_in_part"
"""How a benefit stands of which the customer has used something, and not all."""
BOUND: Final = frozenset({USED_IN_PART, "in_review"})
"""How a benefit stands that is not issued anew."""
ORDER: Final = tuple(Kind)
"""What is a customer's comes after the customer."""


class FateImpossible(Invalid):
    """This cannot become of it: of another kind, or the customer did not name a successor."""

    code = "fate_impossible"


class PlanChanged(Conflict):
    """The plan is another than the one that was looked at."""

    code = "exit_plan_changed"


class ConsentTooLate(Conflict):
    """The leaver's last day is over; no word changes its plan any more."""

    code = "consent_too_late"


class NothingDrawnUp(Conflict):
    """The exit's plan was not drawn up yet, or the company is not frozen."""

    code = "exit_not_drawn_up"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A thing of the leaver's, as the platform may know it."""

    kind: Kind
    ref: UUID
    customer_ref: UUID
    stands: str
    until: datetime | None = None
    amount_minor: int = 0
    successor_id: UUID | None = None
    """Whom the customer has named."""
    chosen: Fate | None = None
    """What the operator wants of it instead of the rule."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a thing."""

    kind: Kind
    ref: UUID
    stands: str
    fate: Fate
    successor_id: UUID | None
    amount_minor: int
    is_chosen: bool
    choices: tuple[Fate, ...] = ()
    """What else may be chosen, while the plan may change."""
    is_done: bool = False

    @property
    def place(self) -> tuple[bool, int, UUID]:
        """Say where it stands in a list: what only stays as it is, last."""
        return self.fate in _PLAIN, ORDER.index(self.kind), self.ref


_PLAIN: Final = frozenset({Fate.KEPT, Fate.REDEEMED})


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a kind become the same, and what they are worth."""

    kind: Kind
    fate: Fate
    count: int
    amount_minor: int


def possible(item: Item, *, ends_at: datetime, is_handed: bool) -> tuple[Fate, ...]:
    """Say what may become of a thing; what the rule chooses comes first.

    :param ends_at: when the leaver's last day is over.
    :param is_handed: whether its customer is handed over; of a customer, whether it may be.
    """
    match item.kind:
        case Kind.CUSTOMER:
            heirs = (Fate.HANDED,) if is_handed else ()
            return (*heirs, Fate.KEPT, Fate.RELEASED)
        case Kind.REGISTRATION:
            if item.stands not in LIVE or item.until is None:
                return (Fate.RELEASED,)
            if item.until <= ends_at:
                return (Fate.EXPIRED, Fate.RELEASED)
            return (Fate.PASSED, Fate.RELEASED) if is_handed else (Fate.RELEASED,)
        case Kind.BENEFIT:
            if item.stands == Fate.REDEEMED:
                return (Fate.REDEEMED,)
            # Issued anew it would be whole again, and nobody would look at it.
            is_free = item.stands not in BOUND
            heirs = (Fate.TRANSFERRED,) if is_handed and is_free else ()
            return (*heirs, Fate.STAYS, Fate.REVOKED)
        case _:
            assert_never(item.kind)


def plan(items: Iterable[Item], *, ends_at: datetime) -> list[Planned]:
    """Give each thing its one state: what was chosen where that is possible, else by the rule."""
    planned: list[Planned] = []
    in_order = sorted(items, key=_place)
    for _, group in groupby(in_order, key=lambda item: item.customer_ref):
        things = list(group)
        heirs = {each.successor_id for each in things if each.kind is Kind.CUSTOMER}
        heir = heirs.pop() if heirs else None
        for item in things:
            choices = possible(item, ends_at=ends_at, is_handed=heir is not None)
            fate = item.chosen if item.chosen in choices else None
            given = _planned(item, fate or choices[0], heir, choices)
            planned.append(given)
            if item.kind is Kind.CUSTOMER and given.fate is not Fate.HANDED:
                heir = None
    return planned


def _planned(item: Item, fate: Fate, heir: UUID | None, choices: tuple[Fate, ...]) -> Planned:
    """Write down what becomes of a thing."""
    is_heirs = fate in {Fate.HANDED, Fate.PASSED, Fate.TRANSFERRED}
    return Planned(
        kind=item.kind,
        ref=item.ref,
        stands=item.stands,
        fate=fate,
        successor_id=heir if is_heirs else None,
        amount_minor=item.amount_minor,
        is_chosen=item.chosen in choices,
        choices=tuple(each for each in choices if each is not fate),
    )


def _place(item: Item) -> tuple[UUID, int, UUID]:
    """Say where a thing comes: with its customer, and after it."""
    return item.customer_ref, ORDER.index(item.kind), item.ref


def totals(planned: Iterable[Planned]) -> list[Total]:
    """Count what becomes of each kind."""
    counts: dict[tuple[Kind, Fate], tuple[int, int]] = {}
    for each in planned:
        count, amount = counts.get((each.kind, each.fate), (0, 0))
        counts[each.kind, each.fate] = (count + 1, amount + each.amount_minor)
    return [
        Total(kind=kind, fate=fate, count=count, amount_minor=amount)
        for (kind, fate), (count, amount) in sorted(
            counts.items(), key=lambda each: (ORDER.index(each[0][0]), each[0][1])
        )
    ]


def digest(exit_id: UUID, planned: Sequence[Planned]) -> str:
    """Give the hash of a plan, to which its carrying out is bound."""
    return hashlib.sha256(msgspec.json.encode([exit_id, planned])).hexdigest()


def ensure_seen(seen: str, held: str) -> None:
    """Refuse to carry out another plan than the one that was looked at.

    :raises PlanChanged: it changed since.
    """
    if seen != held:
        raise PlanChanged("The plan has changed; look at it again, and carry that one out.")


def ensure_possible(fate: Fate, item: Item, *, ends_at: datetime, heir: UUID | None) -> None:
    """Refuse what cannot become of a thing.

    :raises FateImpossible: naming what can.
    """
    choices = possible(item, ends_at=ends_at, is_handed=heir is not None)
    if fate not in choices:
        raise FateImpossible(f"Of this may become: {', '.join(choices)}.", field="fate")


SETTLED_BY_WORD: Final[Mapping[Kind, frozenset[Fate]]] = {
    Kind.CUSTOMER: frozenset({Fate.KEPT, Fate.RELEASED}),
    Kind.REGISTRATION: frozenset({Fate.EXPIRED}),
    Kind.BENEFIT: frozenset({Fate.REDEEMED, Fate.STAYS}),
}
"""What is done once it is written down; all else moves something."""
