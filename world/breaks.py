"""Two books of the same benefits that agree but for planted breaks, and which these are.

Whoever reconciles them must find the breaks and nothing else. Benefits are booked as they are in
life: most under one id, some without on one side, some as a sum of parts, some by name alone.
"""

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import islice, pairwise
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.reconciliation.rules.findings import MIRRORED, Kind
from billing.reconciliation.rules.lines import Line, LineState

_FIRST_DAY: Final = date(2026, 1, 5)
_DAYS: Final = 80
_MONTH: Final = 28
"""So many days has every month."""
_WINDOW: Final = 3
_PROGRAMS: Final = tuple(str(UUID(int=n)) for n in range(1, 7))
_NO_PROGRAM: Final = str(UUID(int=99))
_PLACES: Final = ("杭州", "宁波", "绍兴", "苏州", "南京", "合肥", "无锡", "嘉兴")
_SIGNS: Final = "云水金木春秋龙凤江河湖海松柏竹梅星辰日月山川天地明远博文思源鼎盛恒泰安康瑞祥华美"
_TRADES: Final = ("科技", "贸易", "物流", "餐饮", "建材", "医药", "食品", "机械")

Lines = list[Line]
Truth = tuple[Kind, frozenset[int], frozenset[int]]
"""A kind of break, and the numbers of the lines here and there."""


class Planted(msgspec.Struct, frozen=True):
    """Two books and their breaks."""

    here: Lines
    there: Lines
    truth: frozenset[Truth]


class _Case(msgspec.Struct, frozen=True):
    """One benefit as each side books it, and what is wrong with it."""

    here: Lines
    there: Lines
    kind: Kind | None = None
    broken_here: tuple[int, ...] | None = None
    """Which of the lines are the break; all, unless it is said."""
    broken_there: tuple[int, ...] | None = None

    @property
    def is_booked_there(self) -> bool:
        """Say whether the other side's lines could be the platform's."""
        ids = {line.id for line in self.there}
        is_kind = self.kind is not Kind.DUPLICATE_THERE
        return is_kind and "" not in ids and len(ids) == len(self.there)

    def mirrored(self) -> "_Case":
        """Give it with the sides changed over."""
        kind = MIRRORED.get(self.kind, self.kind) if self.kind else None
        return _Case(self.there, self.here, kind, self.broken_there, self.broken_here)


def plant(seed: int, *, lines: int, of_each: int, month: date | None = None) -> Planted:
    """Make two books of some `lines` each, with `of_each` breaks of every kind.

    :param month: the first day of the one month in which this side books, as the platform does:
        each line under an id of its own, with a token and no name. So 11 of the 12 kinds can come
        up: nothing has one id twice here.
    """
    rng = random.Random(seed)
    maker = _Maker(rng, month)
    kinds = [kind for kind in Kind if month is None or kind is not Kind.DUPLICATE_HERE]
    cases = [maker.broken(kind) for kind in kinds for _ in range(of_each)]
    made = sum(len(case.there) for case in cases)
    while made < lines:
        cases.append(maker.sound())
        made += len(cases[-1].there)
    turned = [
        case.mirrored() if rng.random() < 0.5 and (month is None or case.is_booked_there) else case  # noqa: PLR2004 - half
        for case in cases
    ]
    here = _numbered(rng, [case.here for case in turned])
    there = _numbered(rng, [case.there for case in turned])
    truth = frozenset(
        (
            case.kind,
            _chosen(ours, case.broken_here),
            _chosen(theirs, case.broken_there),
        )
        for case, ours, theirs in zip(turned, here, there, strict=True)
        if case.kind is not None
    )
    return Planted(_in_order(here), _in_order(there), truth)


def _numbered(rng: random.Random, cases: list[Lines]) -> list[Lines]:
    """Give numbers to a side's lines as if they were shuffled; those of a case stay in order."""
    numbers = list(range(1, sum(map(len, cases)) + 1))
    rng.shuffle(numbers)
    taken = iter(numbers)
    return [
        [
            msgspec.structs.replace(line, number=number)
            for line, number in zip(case, sorted(islice(taken, len(case))), strict=True)
        ]
        for case in cases
    ]


def _chosen(lines: Lines, chosen: tuple[int, ...] | None) -> frozenset[int]:
    """Name the lines that are meant."""
    places = range(len(lines)) if chosen is None else chosen
    return frozenset(lines[at].number for at in places)


def _in_order(cases: list[Lines]) -> Lines:
    """Give a side's lines by number."""
    return sorted((line for case in cases for line in case), key=lambda line: line.number)


def _over(line: Line, state: LineState) -> Line:
    """Let a line be worth nothing."""
    return msgspec.structs.replace(line, state=state)


class _Maker:
    """Makes benefits. Each customer is new, or has had another program's benefit before."""

    def __init__(self, rng: random.Random, month: date | None = None) -> None:
        self._rng = rng
        self._is_booked = month is not None
        # Days apart from the month's ends: what is booked beyond them is another month's.
        self._first_day = month + timedelta(days=_WINDOW) if month else _FIRST_DAY
        self._days = _MONTH - 2 * _WINDOW if month else _DAYS
        self._customers = 0
        self._ids = 0
        self._last: tuple[str, str, list[str]] = ("", "", [])

    def sound(self) -> _Case:
        """Make a benefit that both sides book alike."""
        makers: list[tuple[Callable[[], _Case], int]] = [
            (self._by_id, 78),
            (self._without_id, 12),
            (self._split, 3),
            (self._split_under_one_id, 1),
            (self._merged, 1),
            (self._by_name, 0 if self._is_booked else 3),
            (self._dead, 1),
            (self._dead_here_alone, 1),
        ]
        [make] = self._rng.choices([m for m, _ in makers], [weight for _, weight in makers])
        return make()

    def broken(self, kind: Kind) -> _Case:
        """Make a benefit that is booked with one kind of break."""
        has_id = self._rng.random() < 0.6 or kind is Kind.CUSTOMER_DIFFERS  # noqa: PLR2004 - most
        one = self._new()
        other = self._jittered(one) if has_id else self._jittered(one, id="")
        return {
            Kind.MISSING_HERE: lambda: _Case([], [other], kind),
            Kind.MISSING_THERE: lambda: _Case([one], [], kind),
            Kind.DUPLICATE_HERE: lambda: _Case([other, other], [one], kind, (1,), ()),
            Kind.DUPLICATE_THERE: lambda: _Case([one], [other, other], kind, (), (1,)),
            Kind.SUM_DIFFERS: lambda: _Case([one], self._wrong_parts(one, has_id=has_id), kind),
            Kind.EXPIRED: lambda: _Case([_over(one, LineState.EXPIRED)], [other], kind),
            Kind.REVERSED: lambda: _Case([_over(one, LineState.REVERSED)], [other], kind),
        }.get(kind, lambda: _Case([one], [self._wrong(other, kind)], kind))()

    def _wrong(self, line: Line, kind: Kind) -> Line:
        """Change what a kind of break is about."""
        late = timedelta(days=2 * _WINDOW + self._rng.randint(1, 40))
        match kind:
            case Kind.CURRENCY_DIFFERS:
                changes: dict[str, Any] = {"currency": "USD"}
            case Kind.PROGRAM_DIFFERS:
                changes = {"program": _NO_PROGRAM}
            case Kind.CUSTOMER_DIFFERS:
                changes = {"customer": self._token()}
            case Kind.PERIOD_DIFFERS:
                changes = {"on": line.on + late}
            case _:
                wrong = line.amount_minor + self._rng.choice([-1, 1, 90_00])
                changes = {"amount_minor": wrong}
        return msgspec.structs.replace(line, **changes)

    def _wrong_parts(self, line: Line, *, has_id: bool) -> Lines:
        """Cut a line into parts that do not add up."""
        first, *rest = self._parts(line, has_id=has_id)
        return [msgspec.structs.replace(first, amount_minor=first.amount_minor + 7), *rest]

    # ---- the ways in which both sides book a benefit

    def _by_id(self) -> _Case:
        one = self._new(is_regular=True)
        return _Case([one], [self._jittered(one)])

    def _without_id(self) -> _Case:
        one = self._new(is_regular=True)
        return _Case([one], [self._jittered(one, id="")])

    def _split(self) -> _Case:
        one = self._new()
        return _Case([one], self._parts(one, has_id=False))

    def _split_under_one_id(self) -> _Case:
        one = self._new()
        return _Case([one], self._parts(one, has_id=True))

    def _merged(self) -> _Case:
        one = self._new()
        parts = [
            msgspec.structs.replace(part, id=self._id()) for part in self._parts(one, has_id=False)
        ]
        return _Case(parts, [msgspec.structs.replace(one, id="")])

    def _by_name(self) -> _Case:
        one = self._new()
        return _Case(
            [one], [self._jittered(one, id="", customer="", name=self._misspelt(one.name))]
        )

    def _dead(self) -> _Case:
        one = self._new()
        states = [LineState.EXPIRED, LineState.REVERSED]
        one = msgspec.structs.replace(one, state=self._rng.choice(states))
        return _Case([one], [self._jittered(one, state=self._rng.choice(states))])

    def _dead_here_alone(self) -> _Case:
        return _Case([msgspec.structs.replace(self._new(), state=LineState.REVERSED)], [])

    # ---- what they are made of

    def _new(self, *, is_regular: bool = False) -> Line:
        """Make a benefit; a regular customer may have had one of another program."""
        rng = self._rng
        customer, name, programs = self._last
        if not (is_regular and programs and rng.random() < 0.6):  # noqa: PLR2004 - most
            customer, name, programs = self._token(), self._name(), list(_PROGRAMS)
            rng.shuffle(programs)
        program = programs.pop()
        self._last = (customer, name, programs if is_regular else [])
        return Line(
            number=0,
            id=self._id(),
            customer=customer,
            name=name,
            program=program,
            amount_minor=rng.choice([50_00, 100_00, 188_00, 300_00, rng.randint(1_000, 500_000)]),
            currency="CNY",
            on=self._first_day + timedelta(days=rng.randrange(self._days)),
        )

    def _jittered(self, line: Line, **changes: Any) -> Line:
        """Book a line a few days away."""
        days = self._rng.randint(-_WINDOW, _WINDOW)
        return msgspec.structs.replace(line, on=line.on + timedelta(days=days), **changes)

    def _parts(self, line: Line, *, has_id: bool) -> Lines:
        """Cut a line into parts that add up."""
        count = self._rng.randint(2, 4)
        cuts = sorted(self._rng.sample(range(1, line.amount_minor), count - 1))
        edges = [0, *cuts, line.amount_minor]
        return [
            self._jittered(line, id=line.id if has_id else "", amount_minor=high - low)
            for low, high in pairwise(edges)
        ]

    def _id(self) -> str:
        self._ids += 1
        return str(UUID(int=self._rng.getrandbits(96) << 32 | self._ids))

    def _token(self) -> str:
        self._customers += 1
        return f"{self._rng.getrandbits(96):024x}{self._customers:08x}"

    def _name(self) -> str:
        rng = self._rng
        signs = "".join(rng.choices(_SIGNS, k=6))
        return f"{rng.choice(_PLACES)}{signs}{rng.choice(_TRADES)}有限公司"

    def _misspelt(self, name: str) -> str:
        """Write a name as somebody else would."""
        core = name.removesuffix("有限公司")
        ways = [core, f"{core}有限责任公司", f" {core[:2]}({core[2:]}) ", f"{core}部", core[:-1]]
        return self._rng.choice(ways)
