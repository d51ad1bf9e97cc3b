"""What is open while two books are compared: a line is taken once, by a match or by a break."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from billing.reconciliation.rules.findings import (
    Break,
    Cause,
    Kind,
    Match,
    Reconciled,
    Step,
    Taken,
    Terms,
    month_after,
)
from billing.reconciliation.rules.lines import ACTIVE, STATES, Book, LineState, Side

Places = Sequence[int]
Key = Callable[[Book, int], Hashable]
"""What lines must have in common; None for a line that has it with nobody."""


class Work:
    """Two books, and which of their lines are still open. Places are positions in a book."""

    def __init__(self, here: Book, there: Book, terms: Terms) -> None:
        assert here.words is there.words, "both books write their texts as the same numbers"
        self.terms = terms
        self._days = terms.days
        self.found = Reconciled(here, there)
        self.books = {Side.HERE: here, Side.THERE: there}
        self._taken = self.found.taken
        for at, code in enumerate(here.ids):
            if code in here.elsewhere:
                self._taken[Side.HERE][at] = Taken.ELSEWHERE

    @property
    def here(self) -> Book:
        """This side's book."""
        return self.books[Side.HERE]

    @property
    def there(self) -> Book:
        """The other side's book."""
        return self.books[Side.THERE]

    def is_open(self, side: Side, at: int) -> bool:
        """Say whether a line is neither matched nor broken yet."""
        return not self._taken[side][at]

    def open(self, side: Side, *, is_active: bool = True) -> list[int]:
        """List the open lines of a side that count, or those that do not."""
        taken, states = self._taken[side], self.books[side].states
        return [
            at
            for at, state in enumerate(states)
            if not taken[at] and (state == ACTIVE) is is_active
        ]

    def may_be_one(self, here: int, there: int) -> bool:
        """Say whether two lines that fit may be the same: not if each has an id of its own."""
        return not (self.here.ids[here] and self.there.ids[there])

    def days_apart(self, here: int, there: int) -> int:
        """Count the days between two lines."""
        return abs(self.here.days[here] - self.there.days[there])

    def are_near(self, here: int, there: int) -> bool:
        """Say whether two lines are as near in time as the terms ask."""
        return self.days_apart(here, there) <= self.terms.window_days

    def is_of_month(self, here: int) -> bool:
        """Say whether this side booked a line in the month that is compared, or near it."""
        return self._days is None or self.here.days[here] in self._days

    def is_wanted(self, side: Side, at: int) -> bool:
        """Say whether the other side should have a line: not what is booked around the month."""
        month = self.terms.month
        if side is Side.THERE or month is None:
            return True
        return month.toordinal() <= self.here.days[at] < month_after(month).toordinal()

    # ---- taking

    def match(self, step: Step, here: Places, there: Places, score: int = 100) -> None:
        """Take lines that are the same."""
        self._take(here, there, Taken.MATCHED)
        if len(here) == len(there) == 1:
            self.found.pair(step, here[0], there[0], score)
        else:
            self.found.groups.append(
                Match(step, self._numbers(Side.HERE, here), self._numbers(Side.THERE, there))
            )

    def break_(
        self,
        kind: Kind,
        cause: Cause,
        here: Places = (),
        there: Places = (),
        *,
        owner: Side,
        also: Sequence[Kind] = (),
        says: tuple[str, str] = ("", ""),
    ) -> None:
        """Take lines that differ."""
        self._take(here, there, Taken.BROKEN)
        self.found.breaks.append(
            Break(
                kind=kind,
                here=self._numbers(Side.HERE, here),
                there=self._numbers(Side.THERE, there),
                cause=cause,
                also=tuple(also),
                here_says=says[0],
                there_says=says[1],
                here_minor=self.here.counting_minor(here),
                there_minor=self.there.counting_minor(there),
                owner=owner,
            )
        )

    def _take(self, here: Places, there: Places, by: Taken) -> None:
        """Close lines."""
        for side, places in ((Side.HERE, here), (Side.THERE, there)):
            for at in places:
                assert not self._taken[side][at], "a line is taken once"
                self._taken[side][at] = by

    def _numbers(self, side: Side, places: Places) -> tuple[int, ...]:
        """Name lines."""
        return tuple(sorted(self.books[side].numbers[at] for at in places))

    # ---- looking

    def in_common(
        self, key: Key, here: Iterable[int], there: Iterable[int]
    ) -> list[tuple[list[int], list[int]]]:
        """Bring lines together that have a key in common, each side by day."""
        kept: defaultdict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for at in here:
            if (common := key(self.here, at)) is not None:
                kept[common][0].append(at)
        for at in there:
            # Nothing is kept of what only the other side has.
            if (common := key(self.there, at)) is not None and common in kept:
                kept[common][1].append(at)
        groups = [group for group in kept.values() if group[1]]
        for ours, theirs in groups:
            ours.sort(key=self._by_day(self.here))
            theirs.sort(key=self._by_day(self.there))
        return groups

    @staticmethod
    def _by_day(book: Book) -> Callable[[int], tuple[int, int]]:
        """Order lines by their day, among equals as they stand in the book."""
        return lambda at: (book.days[at], book.numbers[at])

    def differences(self, here: int, there: int) -> list[tuple[Kind, str, str]]:
        """Say in what two lines differ, the gravest first, with what each of them says.

        What a side says nothing of is no difference; two lines that are worth nothing agree.
        """
        ours, theirs, texts = self.here, self.there, self.here.words.texts
        one, other = STATES[ours.states[here]], STATES[theirs.states[there]]
        is_dead, is_dead_there = one is not LineState.ACTIVE, other is not LineState.ACTIVE
        if is_dead and is_dead_there:
            return []
        found: list[tuple[Kind, str, str]] = []
        if is_dead or is_dead_there:
            over = one if is_dead else other
            kind = Kind.EXPIRED if over is LineState.EXPIRED else Kind.REVERSED
            found.append((kind, one, other))
        for kind, columns in (
            (Kind.CURRENCY_DIFFERS, (ours.currencies, theirs.currencies)),
            (Kind.PROGRAM_DIFFERS, (ours.programs, theirs.programs)),
            (Kind.CUSTOMER_DIFFERS, (ours.customers, theirs.customers)),
        ):
            a, b = columns[0][here], columns[1][there]
            if a != b and a and b:
                found.append((kind, texts[a], texts[b]))
        if ours.amounts[here] != theirs.amounts[there]:
            found.append((Kind.AMOUNT_DIFFERS, str(ours.amounts[here]), str(theirs.amounts[there])))
        if not self.are_near(here, there):
            days = (ours.line(here).on, theirs.line(there).on)
            found.append((Kind.PERIOD_DIFFERS, days[0].isoformat(), days[1].isoformat()))
        elif not self.is_of_month(here):
            found.append((Kind.PERIOD_DIFFERS, *self.months(here)))
        return found

    def months(self, here: int) -> tuple[str, str]:
        """Give the month that this side booked a line in, and the one that is compared."""
        assert self.terms.month is not None, "a line is of another month than one"
        return f"{self.here.line(here).on:%Y-%m}", f"{self.terms.month:%Y-%m}"

    def break_pair(self, cause: Cause, here: int, there: int) -> None:
        """Take two lines that are one and say different things.

        Where one of them is over, whoever still counts it acts; else this side looks first.
        """
        (kind, one, other), *also = self.differences(here, there)
        is_over_here = kind in (Kind.EXPIRED, Kind.REVERSED) and not self.here.is_active(here)
        self.break_(
            kind,
            cause,
            [here],
            [there],
            owner=Side.THERE if is_over_here else Side.HERE,
            also=[each for each, *_ in also],
            says=(one, other),
        )
