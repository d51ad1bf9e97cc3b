"""What about a program's benefits looks like fraud, and who decides about it. Pure.

Nobody is refused by a signal: what is held waits for somebody. A signal carries a weight, and a
benefit is held when its signals weigh enough together; numbers and weights are data of a program.
"""

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.benefits.reviews.clusters import components
from server.kit.errors import Conflict, Forbidden

LOOKS_BACK: Final = timedelta(days=30)
"""How long a benefit counts for others."""
_RECENT: Final = timedelta(days=7)
_NORMAL: Final = 0.6745
"""Makes a median deviation a standard one, where values are spread normally."""

Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Share = Annotated[int, msgspec.Meta(ge=0, le=100)]


class BenefitInReview(Conflict):
    """The benefit waits for somebody of the platform to look at it."""

    code = "benefit_in_review"


def in_review() -> BenefitInReview:
    """Give the refusal to use what is held."""
    return BenefitInReview("The platform looks at this benefit; it can be used afterwards.")


class ReviewDecided(Conflict):
    """Somebody has decided about it, or it is not at this point."""

    code = "review_decided"


class OwnReview(Forbidden):
    """Who asked for a benefit, approved it or decided about it does not decide."""

    code = "own_review"


class AppealMade(Conflict):
    """The owner answers a rejection once."""

    code = "appeal_made"


class Signal(StrEnum):
    """What about a benefit looks like fraud."""

    SELF_DEALING = "self_dealing"
    """The customer's phone is one of the agent's own people's."""
    SHARED_PHONE = "shared_phone"
    """More customers have this phone than one person has shops."""
    RING = "ring"
    """Customers that share phones or devices hang together, further than one phone reaches."""
    SHARED_DEVICE = "shared_device"
    """More people asked from this device than share one."""
    BURST_PERSON = "burst_person"
    """One person asked for more than people do in the window."""
    BURST_DEVICE = "burst_device"
    BURST_AGENT = "burst_agent"
    BURST_CUSTOMER = "burst_customer"
    """One phone received more in the window, under whatever names."""
    INSTANT_USE = "instant_use"
    """What this person asks for is used the moment it is there."""
    OUTLIER = "outlier"
    """The agent asks for far more than its peers."""
    BEYOND_LIMIT = "beyond_limit"
    """The customer had received all that one may have: several promised while offline."""


_WEIGHTS: Final[Mapping[Signal, int]] = {
    Signal.SELF_DEALING: 100,
    Signal.SHARED_PHONE: 100,
    Signal.RING: 100,
    Signal.SHARED_DEVICE: 60,
    Signal.BURST_PERSON: 60,
    Signal.BURST_DEVICE: 30,
    Signal.BURST_AGENT: 60,
    Signal.BURST_CUSTOMER: 60,
    Signal.INSTANT_USE: 60,
    Signal.OUTLIER: 40,
    Signal.BEYOND_LIMIT: 100,
}


_BURSTS: Final = {
    Signal.BURST_PERSON,
    Signal.BURST_DEVICE,
    Signal.BURST_AGENT,
    Signal.BURST_CUSTOMER,
}


class Guards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when on what counts as a signal in a program, and from what weight on it is held."""

    window_minutes: Annotated[int, msgspec.Meta(ge=1, le=43_200)] = 60
    person_max: Count = 15
    """In the window, by one person; rows of a batch that the platform approved do not count."""
    device_max: Count = 15
    agent_max: Count = 60
    customer_max: Count = 3
    phone_customers_max: Count = 3
    ring_customers_min: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 5
    device_people_max: Count = 3
    instant_minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)] = 10
    instant_share: Share = 80
    """Percent of what was used of this person's, of those issued within one window."""
    instant_uses_min: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5
    outlier_deviations: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 6
    """Robust standard deviations above the median of the agents, within seven days."""
    outlier_benefits_min: Count = 30
    outlier_peers_min: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 8
    weights: dict[Signal, Share] = {}
    """What differs from the usual weights; 0 leaves a signal out."""
    hold_at: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    hours_to_decide: Annotated[int, msgspec.Meta(ge=1, le=720)] = 48

    def weight(self, signal: Signal) -> int:
        """Give how much a signal counts."""
        return self.weights.get(signal, _WEIGHTS[signal])


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a benefit that was issued: tokens and opaque ids, no name and no phone."""

    id: UUID
    agent_id: UUID
    person_id: UUID
    customer: str
    phones: tuple[str, ...]
    device: str | None
    is_staff: bool
    """The customer's phone is one of the agent's own people's."""
    is_approved: bool
    """A batch that the platform approved."""
    issued_at: datetime
    used_at: datetime | None = None
    """When it was first used."""
    received: int = 0
    """Benefits of the customer before this one, none of them withdrawn; 0 where it is screened."""
    limit_per_customer: int = 1


class Raised(msgspec.Struct, frozen=True):
    """A signal, with what was counted and from what number on it counts."""

    signal: Signal
    count: int
    limit: int

    @property
    def is_far_beyond(self) -> bool:
        """Say whether it is more than twice as much as people may."""
        return self.signal in _BURSTS and self.count > 2 * self.limit


def token(key: bytes, what: str, value: str) -> str:
    """Give the name of a phone or device in one program: the platform can compare, not read it.

    :param key: the program's own, which the platform's role is not granted.
    """
    return hmac.digest(key, f"{what}:{value}".encode(), hashlib.sha256).hex()[:32]


def held(raised: Iterable[Raised], guards: Guards) -> bool:
    """Say whether signals weigh enough together; what is more than twice its limit weighs double.

    A busy hour alone is none of fraud; twice as many as anybody's is.
    """
    weights = (guards.weight(each.signal) * (1 + each.is_far_beyond) for each in raised)
    return sum(weights) >= guards.hold_at


def screen(traces: Sequence[Trace], guards: Guards, *, now: datetime) -> dict[UUID, list[Raised]]:
    """Give what looks like fraud of each benefit of one program; those without a signal are absent.

    Looked at all together, so that the first of a ring are found with the last.
    """
    found: defaultdict[UUID, list[Raised]] = defaultdict(list)
    for check in (_own_people, _shared, _rings, _bursts, _instant, _outliers, _beyond):
        for trace_id, raised in check(traces, guards, now):
            if guards.weight(raised.signal):
                found[trace_id].append(raised)
    return dict(found)


Found = Iterable[tuple[UUID, Raised]]


def _own_people(traces: Sequence[Trace], _: Guards, __: datetime) -> Found:
    """Find customers that are the agent's own people."""
    return [(each.id, Raised(Signal.SELF_DEALING, 1, 0)) for each in traces if each.is_staff]


def _shared(traces: Sequence[Trace], guards: Guards, _: datetime) -> Found:
    """Find phones of too many customers, and devices of too many people."""
    customers: defaultdict[str, set[str]] = defaultdict(set)
    people: defaultdict[str, set[UUID]] = defaultdict(set)
    for each in traces:
        for phone in each.phones:
            customers[phone].add(each.customer)
        if each.device:
            people[each.device].add(each.person_id)
    for each in traces:
        most = max((len(customers[phone]) for phone in each.phones), default=0)
        if most > guards.phone_customers_max:
            yield each.id, Raised(Signal.SHARED_PHONE, most, guards.phone_customers_max)
        if each.device and len(people[each.device]) > guards.device_people_max:
            count = len(people[each.device])
            yield each.id, Raised(Signal.SHARED_DEVICE, count, guards.device_people_max)


def _rings(traces: Sequence[Trace], guards: Guards, _: datetime) -> Found:
    """Find customers that hang together over phones, and devices that several people use.

    A device of one person links nobody: all that person's customers would be a ring.
    """
    people: defaultdict[str, set[UUID]] = defaultdict(set)
    for each in traces:
        if each.device:
            people[each.device].add(each.person_id)
    links = [
        (("customer", each.customer), ("phone", phone)) for each in traces for phone in each.phones
    ] + [
        (("customer", each.customer), ("device", each.device))
        for each in traces
        if each.device and len(people[each.device]) > guards.device_people_max
    ]
    sizes: dict[tuple[str, str], int] = {}
    for component in components(links):
        members = [one for one in component if one[0] == "customer"]
        sizes |= dict.fromkeys(members, len(members))
    for each in traces:
        size = sizes.get(("customer", each.customer), 0)
        if size >= guards.ring_customers_min:
            yield each.id, Raised(Signal.RING, size, guards.ring_customers_min - 1)


def _bursts(traces: Sequence[Trace], guards: Guards, _: datetime) -> Found:
    """Find who asks for, or receives, more within the window than people do."""
    by: list[tuple[Signal, int, Callable[[Trace], Iterable[object]]]] = [
        (Signal.BURST_PERSON, guards.person_max, lambda each: [each.person_id]),
        (Signal.BURST_DEVICE, guards.device_max, lambda each: [each.device] * bool(each.device)),
        (Signal.BURST_AGENT, guards.agent_max, lambda each: [each.agent_id]),
        (Signal.BURST_CUSTOMER, guards.customer_max, lambda each: each.phones),
    ]
    asked = sorted(
        (each for each in traces if not each.is_approved), key=lambda each: each.issued_at
    )
    for signal, limit, whose in by:
        runs: defaultdict[object, list[Trace]] = defaultdict(list)
        for each in asked:
            for one in whose(each):
                runs[one].append(each)
        for run in runs.values():
            crowd, most = _crowd(run, limit, timedelta(minutes=guards.window_minutes))
            yield from ((each.id, Raised(signal, most, limit)) for each in crowd)


def _crowd(run: Sequence[Trace], limit: int, window: timedelta) -> tuple[list[Trace], int]:
    """Give those of a run, in order, that lie in a window with too many, and the most of one."""
    crowd: list[Trace] = []
    first = told = most = 0
    for last, each in enumerate(run):
        while run[first].issued_at <= each.issued_at - window:
            first += 1
        if (size := last - first + 1) > limit:
            crowd += run[max(first, told) : last + 1]
            told, most = last + 1, max(most, size)
    return crowd, most


def _instant(traces: Sequence[Trace], guards: Guards, _: datetime) -> Found:
    """Find people whose benefits of a window are used the moment they are there."""
    window, soon = (timedelta(minutes=n) for n in (guards.window_minutes, guards.instant_minutes))
    runs: defaultdict[UUID, list[Trace]] = defaultdict(list)
    for each in sorted(traces, key=lambda each: each.issued_at):
        runs[each.person_id].append(each)
    for run in runs.values():
        first = used = quick = 0
        for each in run:
            while run[first].issued_at <= each.issued_at - window:
                used -= run[first].used_at is not None
                quick -= _is_quick(run[first], soon)
                first += 1
            used += each.used_at is not None
            quick += _is_quick(each, soon)
            share = quick * 100 // max(1, used)
            if used >= guards.instant_uses_min and share >= guards.instant_share:
                yield each.id, Raised(Signal.INSTANT_USE, share, guards.instant_share)


def _is_quick(trace: Trace, soon: timedelta) -> bool:
    """Say whether a benefit was used the moment it was there."""
    return trace.used_at is not None and trace.used_at <= trace.issued_at + soon


def _outliers(traces: Sequence[Trace], guards: Guards, now: datetime) -> Found:
    """Find agents far above the median of all, by robust deviations; batches do not count."""
    recent = [each for each in traces if not each.is_approved and each.issued_at > now - _RECENT]
    counts = Counter(each.agent_id for each in recent)
    if len(counts) < guards.outlier_peers_min:
        return
    middle = median(counts.values())
    spread = max(1.0, median(abs(count - middle) for count in counts.values()))
    for each in recent:
        count = counts[each.agent_id]
        deviations = int(_NORMAL * (count - middle) / spread)
        if count >= guards.outlier_benefits_min and deviations > guards.outlier_deviations:
            yield each.id, Raised(Signal.OUTLIER, deviations, guards.outlier_deviations)


def _beyond(traces: Sequence[Trace], _: Guards, __: datetime) -> Found:
    """Find what was kept as promised though the customer had received all that one may have."""
    return [
        (each.id, Raised(Signal.BEYOND_LIMIT, each.received + 1, each.limit_per_customer))
        for each in traces
        if each.received >= each.limit_per_customer
    ]


# ------------------------------------------------------------------------------- deciding


class ReviewState(StrEnum):
    """How far a review has come."""

    WAITING = "waiting"
    """The benefit is held and cannot be used."""
    RELEASED = "released"
    """It may be used; what was seen has a reason."""
    REJECTED = "rejected"
    """It is withdrawn; the agent's owner may answer once."""
    APPEALED = "appealed"
    UPHELD = "upheld"
    """It stays withdrawn, for good."""
    GRANTED = "granted"
    """It was withdrawn in error: the customer's next one is not held."""


class Verdict(StrEnum):
    """What who looked at it says."""

    RELEASE = "release"
    REJECT = "reject"


_OUTCOMES: Final[Mapping[tuple[ReviewState, Verdict], ReviewState]] = {
    (ReviewState.WAITING, Verdict.RELEASE): ReviewState.RELEASED,
    (ReviewState.WAITING, Verdict.REJECT): ReviewState.REJECTED,
    (ReviewState.APPEALED, Verdict.RELEASE): ReviewState.GRANTED,
    (ReviewState.APPEALED, Verdict.REJECT): ReviewState.UPHELD,
}


def outcome(state: ReviewState, verdict: Verdict) -> ReviewState:
    """Give what becomes of a review.

    :raises ReviewDecided: nothing is to be decided now.
    """
    if (state, verdict) not in _OUTCOMES:
        raise ReviewDecided(f"This review is {state}; look at it again.")
    return _OUTCOMES[state, verdict]


def ensure_may_decide(person_id: UUID, involved: Iterable[UUID | None]) -> None:
    """Refuse who had a hand in it.

    :param involved: who asked for the benefit, approved it, or decided about it before.
    :raises OwnReview: it is one of them.
    """
    if person_id in set(involved):
        raise OwnReview("Somebody else has to look at this; you had a hand in it.")
