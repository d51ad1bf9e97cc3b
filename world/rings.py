"""A seeded channel whose agents give out benefits, some of them to rings of fraud, and the truth.

Honest people have shops that share a phone, busy hours, colleagues on one device and customers in a
hurry, too. Five sorts of rings: one phone behind many names, names over several agents that hang
together by their phones, bursts that are used at once, staff who are their own customers, and
accounts that all come from one device.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.benefits.reviews.rules import Guards, Trace, held, screen

BEGINS: Final = datetime.fromisoformat("2026-11-02T00:00:00+00:00")
DAYS: Final = 10
_TRIES: Final = 6
"""So many of a burst are used at once, to see whether it works."""
_IN_A_BATCH: Final = 0.3
_IN_A_BUSY_HOUR: Final = 0.3
_ON_ONE_DEVICE: Final = 0.02
_USED_AT_ONCE: Final = 0.06
_USED: Final = 0.7
_STEP: Final = timedelta(hours=2)
_RINGS_EACH: Final = 2


class Channel(msgspec.Struct, frozen=True):
    """What was issued, with when it would be used, and of which ring the false ones are."""

    traces: list[Trace]
    rings: dict[UUID, int]
    """By benefit; honest ones are absent."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What screening made of a channel."""

    honest: int
    held_falsely: int
    false: int
    held_rightly: int
    """Before they were used."""
    rings: int
    rings_found: int

    @property
    def recall(self) -> float:
        """Give the share of false benefits that were held before they were used."""
        return self.held_rightly / self.false

    @property
    def false_holds(self) -> float:
        """Give the share of honest benefits that were held."""
        return self.held_falsely / self.honest


class _Maker:
    """Makes traces out of one source of fortune."""

    def __init__(self, seed: int, agents: int) -> None:
        self.rng = random.Random(seed)
        self.agents = [self.uuid() for _ in range(agents)]
        self.people = {
            each: [self.uuid() for _ in range(self.rng.randint(2, 6))] for each in self.agents
        }
        self.traces: list[Trace] = []
        self.rings: dict[UUID, int] = {}
        self._numbers = iter(range(10**9))

    def uuid(self) -> UUID:
        """Draw an id."""
        return UUID(int=self.rng.getrandbits(128))

    def name(self, what: str) -> str:
        """Give a token that is nobody else's."""
        return f"{what}{next(self._numbers)}"

    def moment(self) -> datetime:
        """Draw a moment at work."""
        day = timedelta(days=self.rng.randrange(DAYS), hours=1 + self.rng.betavariate(2, 2) * 9)
        return BEGINS + day

    def add(
        self,
        person: tuple[UUID, UUID],
        at: datetime,
        *,
        ring: int | None = None,
        phones: tuple[str, ...] = (),
        used_after: timedelta | None = None,
        **more: Any,
    ) -> None:
        """Issue a benefit to a new customer, whose phone is nobody else's unless it is given."""
        agent_id, person_id = person
        trace = Trace(
            id=self.uuid(),
            agent_id=agent_id,
            person_id=person_id,
            customer=self.name("c"),
            phones=phones or (self.name("p"),),
            device=more.pop("device", None) or f"d{person_id}",
            issued_at=at,
            used_at=None if used_after is None else at + used_after,
            **{"is_staff": False, "is_approved": False, **more},
        )
        self.traces.append(trace)
        if ring is not None:
            self.rings[trace.id] = ring

    def somebody(self) -> tuple[UUID, UUID]:
        """Draw a person of some agent."""
        agent = self.rng.choice(self.agents)
        return agent, self.rng.choice(self.people[agent])

    def later(self) -> timedelta | None:
        """Draw when an honest customer uses a benefit: seldom at once, some never."""
        drawn = self.rng.random()
        if drawn < _USED_AT_ONCE:
            return timedelta(minutes=self.rng.uniform(1, 10))
        return timedelta(hours=self.rng.expovariate(1 / 60)) if drawn < _USED else None


def channel(seed: int, *, agents: int = 24) -> Channel:
    """Make a channel; the same of the same seed."""
    make = _Maker(seed, agents)
    _honest(make)
    number = 0
    for sort in (_one_phone, _chain, _burst, _own, _one_device):
        for _ in range(_RINGS_EACH):
            sort(make, number)
            number += 1
    make.traces.sort(key=lambda each: each.issued_at)
    return Channel(make.traces, make.rings)


def _honest(make: _Maker) -> None:
    """Let honest people work: large and small agents, chains of shops, batches, busy hours."""
    for agent in make.agents:
        for _ in range(int(make.rng.lognormvariate(4, 0.5))):
            person = (agent, make.rng.choice(make.people[agent]))
            phones = (make.name("p"),)
            shops = make.rng.choices((1, 2, 3), (95, 4, 1))[0]
            device = f"d{agent}" if make.rng.random() < _ON_ONE_DEVICE else None
            at = make.moment()
            for _ in range(shops):
                make.add(person, at, phones=phones, device=device, used_after=make.later())
        if make.rng.random() < _IN_A_BATCH:
            at, person = make.moment(), (agent, make.people[agent][0])
            for _ in range(make.rng.randint(20, 60)):
                make.add(person, at, is_approved=True, used_after=make.later())
        if make.rng.random() < _IN_A_BUSY_HOUR:
            at, person = make.moment(), (agent, make.people[agent][0])
            for _ in range(make.rng.randint(8, 24)):
                at += timedelta(minutes=make.rng.uniform(0.5, 5))
                make.add(person, at, used_after=make.later())


def _one_phone(make: _Maker, ring: int) -> None:
    """Let one phone stand behind many names of one agent."""
    person, phone, at = make.somebody(), make.name("p"), make.moment()
    for _ in range(make.rng.randint(5, 12)):
        at += timedelta(minutes=make.rng.uniform(5, 300))
        make.add(person, at, ring=ring, phones=(phone,), used_after=timedelta(days=2))


def _chain(make: _Maker, ring: int) -> None:
    """Let names over several agents hang together: each shares one of its phones with the next."""
    phone, at = make.name("p"), make.moment()
    for _ in range(make.rng.randint(6, 14)):
        following = make.name("p")
        at += timedelta(minutes=make.rng.uniform(5, 240))
        make.add(
            *(make.somebody(), at),
            ring=ring,
            phones=(phone, following),
            used_after=timedelta(days=2),
        )
        phone = following


def _burst(make: _Maker, ring: int) -> None:
    """Let somebody ask for many within an hour, and use them at once or the next day."""
    person, at = make.somebody(), make.moment()
    for n in range(make.rng.randint(40, 60)):
        at += timedelta(seconds=make.rng.uniform(15, 60))
        soon = timedelta(minutes=2) if n < _TRIES else timedelta(hours=20)
        make.add(person, at, ring=ring, used_after=soon)


def _own(make: _Maker, ring: int) -> None:
    """Let staff be their own customers."""
    person, at = make.somebody(), make.moment()
    for _ in range(make.rng.randint(3, 8)):
        at += timedelta(hours=make.rng.uniform(1, 20))
        make.add(person, at, ring=ring, is_staff=True, used_after=timedelta(hours=30))


def _one_device(make: _Maker, ring: int) -> None:
    """Let accounts of several agents come from one device."""
    device, at = make.name("farm"), make.moment()
    for _ in range(make.rng.randint(8, 20)):
        at += timedelta(minutes=make.rng.uniform(5, 120))
        make.add(make.somebody(), at, ring=ring, device=device, used_after=timedelta(days=2))


def screened(made: Channel, guards: Guards) -> Found:
    """Screen a channel every other hour, as known by then; what is held is not used any more."""
    caught: set[UUID] = set()
    unused = [msgspec.structs.replace(each, used_at=None) for each in made.traces]
    looked_at = 0
    for now in _steps():
        issued = sum(each.issued_at <= now for each in unused)
        if issued == looked_at:
            # As in the product, nothing is looked at before something new was issued.
            continue
        looked_at = issued
        known = [
            trace if _is_used(trace, now) and trace.id not in caught else bare
            for trace, bare in zip(made.traces[:issued], unused, strict=False)
        ]
        for trace_id, raised in screen(known, guards, now=now).items():
            caught.update([trace_id] * held(raised, guards))
        caught -= {each.id for each in known if each.used_at is not None}
    rightly = caught & made.rings.keys()
    return Found(
        honest=len(made.traces) - len(made.rings),
        held_falsely=len(caught - made.rings.keys()),
        false=len(made.rings),
        held_rightly=len(rightly),
        rings=len(set(made.rings.values())),
        rings_found=len({made.rings[each] for each in rightly}),
    )


def _steps() -> Iterator[datetime]:
    """Give when it is looked, in the days of the story, and of the days after it."""
    now = BEGINS
    while now < BEGINS + timedelta(days=2 * DAYS):
        now += _STEP
        yield now


def _is_used(trace: Trace, now: datetime) -> bool:
    """Say whether a benefit would be used by then."""
    return trace.used_at is not None and trace.used_at <= now
